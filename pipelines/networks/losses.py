"""Losses of try-on networks: adversarial, feature matching, label maps, and smoothness of warps.

Each is a function of tensors that gives a scalar, computed in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

GanKind = Literal["lsgan", "hinge"]

Features = Sequence[Sequence[Tensor]]
"""What a multi-scale discriminator gives: per scale the outputs of its layers; the last one is
the map of scores ``[B, 1, h, w]``."""

CONTROL_POINTS = 5
"""Control points of a warp along each axis."""

ROUGHNESS_FLOOR, SLOPE_FLOOR = 0.08, 0.02
"""Below these the released second-order constraint of ACGPN gives no gradient."""

_LEAST_LEFT = 1e-6
"""What the most likely label leaves to the others, at least."""


def discriminator_loss(kind: GanKind, real: Features, fake: Features) -> Tensor:
    """What a discriminator minimises: the mean over the scales and over real and made pictures.

    ``lsgan``: squared distance of the scores from 1 and from 0 (Mao et al. 2017); ``hinge``:
    ``max(0, 1 - real)`` and ``max(0, 1 + fake)`` (Lim and Ye 2017).
    """
    losses = []
    for good, bad in zip(_scores(real), _scores(fake), strict=True):
        if kind == "hinge":
            pair = F.relu(1 - good).mean() + F.relu(1 + bad).mean()
        else:
            pair = (good - 1).square().mean() + bad.square().mean()
        losses.append(pair / 2)
    return torch.stack(losses).mean()


def generator_loss(kind: GanKind, fake: Features) -> Tensor:
    """What a generator minimises of the scores of its pictures: the mean over the scales."""
    if kind == "hinge":
        return torch.stack([-scores.mean() for scores in _scores(fake)]).mean()
    return torch.stack([(scores - 1).square().mean() for scores in _scores(fake)]).mean()


def feature_matching_loss(real: Features, fake: Features, layer_weight: float = 1.0) -> Tensor:
    """L1 between a discriminator's inner activations of real and made pictures.

    Summed over the layers but the last, mean over the scales; the real side gets no gradient.
    Source: Wang et al., pix2pixHD (CVPR 2018), whose code has the ``layer_weight``
    ``4 / (layers + 1)``.
    """
    losses = [
        F.l1_loss(found.float(), wanted.detach().float())
        for wanted_scale, found_scale in zip(real, fake, strict=True)
        for wanted, found in zip(wanted_scale[:-1], found_scale[:-1], strict=True)
    ]
    return layer_weight * torch.stack(losses).sum() / len(real)


def label_cross_entropy(
    logits: Tensor, ids: Tensor, weight: Tensor | None = None, ignored: int = 255
) -> Tensor:
    """Cross entropy of ``logits [B, C, H, W]`` and label ``ids int64 [B, H, W]``, mean over pixels.

    Pixels with the id ``ignored`` are left out. ``weight [C]`` weighs the labels.
    """
    return F.cross_entropy(logits.float(), ids, weight, ignore_index=ignored)


def label_binary_cross_entropy(
    logits: Tensor, ids: Tensor, weight: Tensor | None = None, ignored: int = 255
) -> Tensor:
    """Binary cross entropy of each label's share, summed over the labels, mean over pixels.

    Shares are the softmax of ``logits [B, C, H, W]``; ``ids int64 [B, H, W]``, those that are
    ``ignored`` are left out. ``weight [C]`` weighs pixels by their true label, and the mean is
    divided by the weights' sum, so that the scale stays. Source: Sandagdorj, Thai and Ahn (2020),
    equation 3.
    """
    # a share of exactly 1 would have no finite loss where it is wrong
    shares = logits.float().log_softmax(1).clamp(max=-_LEAST_LEFT)
    known = (ids != ignored).to(shares)
    labels = torch.where(ids != ignored, ids, 0)
    others = torch.log(-torch.expm1(shares))
    true = torch.zeros_like(shares).scatter_(1, labels[:, None], 1.0)
    of_pixels = -torch.where(true > 0, shares, others).sum(1)
    counted = known if weight is None else known * weight.to(shares)[labels]
    return (of_pixels * counted).sum() / counted.sum().clamp(min=_LEAST_LEFT)


def second_order_constraint(
    points: Tensor, *, distance_weight: float = 1.0, slope_weight: float = 1.0, slack: float = 0.0
) -> Tensor:
    """How far the control points of a warp are from a grid that is evenly stretched and straight.

    ``points [B, 25, 2]`` of 5 x 5 control points, in either order. For each three neighbours
    ``a, p, b`` of a row or column, in a row of the grid or a column of it::

        distance_weight * | |pa| - |pb| |  +  slope_weight * |(ya - y)(xb - x) - (yb - y)(xa - x)|

    summed over all 30 of them; the mean over the batch of ``max(sum - slack, 0)``. It is 0 for
    every affine image of the lattice. Source: ACGPN (Yang et al., CVPR 2020), equations 3 and 4,
    and the text below them for ``slack`` (their capital delta).
    """
    total = points.new_zeros(len(points), dtype=torch.float32)
    for before, after in _neighbours(points.float()):
        lengths = torch.linalg.vector_norm(before, dim=-1), torch.linalg.vector_norm(after, dim=-1)
        # the slope towards a neighbour as a product, which has no poles (equation 4)
        turn = before[..., 1] * after[..., 0] - after[..., 1] * before[..., 0]
        terms = distance_weight * (lengths[0] - lengths[1]).abs() + slope_weight * turn.abs()
        total = total + terms.flatten(1).sum(1)
    return F.relu(total - slack).mean()


@dataclass(frozen=True)
class ReleasedConstraint:
    """The six terms of ACGPN's second-order constraint as released."""

    row_x: Tensor
    row_y: Tensor
    column_x: Tensor
    column_y: Tensor
    """Scalars: change of the squared steps along rows and columns, in x and in y."""
    row_slope: Tensor
    column_slope: Tensor
    """``[B]``: how far rows and columns are from straight."""

    def loss(self, weight: float = 0.1) -> Tensor:
        """Their weighted sum, mean over the batch; at least 0.036 with the default weight."""
        return weight * torch.stack([getattr(self, f.name).mean() for f in fields(self)]).sum()


def released_second_order_constraint(points: Tensor) -> ReleasedConstraint:
    """ACGPN's second-order constraint as its code computes it, of ``points [B, 25, 2]``.

    ``points`` are (x, y), x the fast index. Unlike the paper's equation it compares the squares
    of the steps in x and in y by themselves, and has floors: 0.08 and 0.02.
    """
    rows, columns = _neighbours(points.float())
    # parity: steps are squared for each coordinate, not lengths
    change = [(b.square() - a.square()).abs() for a, b in (rows, columns)]
    turn = [(a[..., 1] * b[..., 0] - b[..., 1] * a[..., 0]).abs() for a, b in (rows, columns)]
    # parity: one floor under each change, the other under an example's mean
    rough = [c[..., axis].clamp(min=ROUGHNESS_FLOOR).mean() for c in change for axis in (0, 1)]
    slopes = [t.flatten(1).mean(1).clamp(min=SLOPE_FLOOR) for t in turn]
    return ReleasedConstraint(*rough, *slopes)


def grid_regularisation(grid: Tensor) -> Tensor:
    """CP-VTON+'s grid interval consistency of a sampling ``grid [B, H, W, 2]``, of its dtype.

    The sum over the inner points of the changes of the horizontal step in x and of the vertical
    step in y, divided by the number of all points. Also equation 6 of the multi-pose paper.
    """
    across = grid[..., 0].diff(dim=2).abs()
    down = grid[..., 1].diff(dim=1).abs()
    change_x = across.diff(dim=2).abs()[:, 1:-1].sum()
    change_y = down.diff(dim=1).abs()[:, :, 1:-1].sum()
    return (change_x + change_y) / grid[..., 0].numel()


def _scores(features: Features) -> list[Tensor]:
    return [scale[-1].float() for scale in features]


def _neighbours(points: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Steps from the middle one of three neighbours to the other two, in rows and in columns."""
    lattice = points.reshape(-1, CONTROL_POINTS, CONTROL_POINTS, 2)
    middle_of_row, middle_of_column = lattice[:, :, 1:-1], lattice[:, 1:-1]
    return [
        (lattice[:, :, :-2] - middle_of_row, lattice[:, :, 2:] - middle_of_row),
        (lattice[:, :-2] - middle_of_column, lattice[:, 2:] - middle_of_column),
    ]
