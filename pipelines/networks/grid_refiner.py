"""A network that corrects a sampling grid where a spline of few control points is too stiff.

Our choice, for warps of garments: coarse offsets are added to the spline's grid, each level of the
decoder corrects what the level before found, as in appearance flow (Han et al., "ClothFlow", ICCV
2019; Ge et al., "PF-AFN", CVPR 2021), which warp once instead of at every level here.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines.networks.pictures import blurred
from pipelines.networks.pyramid import Pyramid
from pipelines.types import Size

REFINED = Size(128, 96)
"""Height and width that the network sees; it answers at half of them."""

_SMOOTH = 2.0
"""Blur of the offsets, in their cells: without it letters of a print are bent one by one."""
_SIDE = 13
_LEAST = 0.2
"""Share of its area that a cell keeps at least, see ``unfolded``."""
_AROUND = (9, 1.5)
"""Side and deviation of the window through which cells that fold are seen."""
_PASSES = 30
"""How often the offsets are blurred at most."""
_UNIT = 0.1
"""Offset, in the coordinates of ``grid_sample``, that an output of 1 means."""


class GridRefiner(Pyramid):
    """``[B, in_channels, 128, 96]`` to offsets ``float32 [B, 2, 64, 48]`` (x, y) of a grid.

    Offsets are in the coordinates of ``grid_sample``, and smooth; those of a new network are 0.
    ``width`` is as in ``Pyramid``.
    """

    def __init__(self, in_channels: int, *, width: int = 32) -> None:
        super().__init__(in_channels, 2, width=width)

    def forward(self, x: Tensor) -> Tensor:
        """The offsets."""
        offsets = _UNIT * super().forward(x)
        with torch.autocast(x.device.type, enabled=False):
            return blurred(offsets, _SIDE, _SMOOTH, border="reflect")

    def corrected(self, grid: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """A better grid ``[B, H, W, 2]`` for what is ``seen``, and the offsets added to it.

        A network in training may fold the grid, which costs it more than what is ``unfolded``.
        """
        offsets = self(seen)
        if not self.training:
            offsets = unfolded(grid, offsets)
        return refined_grid(grid, offsets), offsets


def refined_grid(grid: Tensor, offsets: Tensor) -> Tensor:
    """A grid ``[B, H, W, 2]`` and offsets ``[B, 2, h, w]``, added at the grid's size."""
    size = [int(side) for side in grid.shape[1:3]]
    large = F.interpolate(offsets.float(), size=size, mode="bilinear", align_corners=False)
    return grid + large.permute(0, 2, 3, 1)


def unfolded(grid: Tensor, offsets: Tensor) -> Tensor:
    """Offsets ``[B, 2, h, w]`` that do not fold a grid ``[B, H, W, 2]``, which does not by itself.

    Where they would, a print is seen twice or swirls. Around cells that would keep less than a
    fifth of their area the offsets are blurred, again and again (at most 30 times; 2 to 5 are
    usual), until there are none; the others stay as they are.
    """
    size = [int(side) for side in offsets.shape[-2:]]
    places = grid.permute(0, 3, 1, 2).float()
    own = F.interpolate(places, size=size, mode="bilinear", align_corners=False)
    least = _LEAST * _areas(own)
    for _ in range(_PASSES):
        folded = (_areas(own + offsets) < least).float()
        if not folded.any():
            break
        around = (2 * blurred(folded, *_AROUND)).clamp(max=1)
        smooth = blurred(offsets, _SIDE, _SMOOTH, border="reflect")
        offsets = offsets + around * (smooth - offsets)
    return offsets


def _areas(places: Tensor) -> Tensor:
    """Signed areas ``[B, 1, h, w]`` of the cells around places ``[B, 2, h, w]``."""
    wide = F.pad(places, (1, 1, 1, 1), mode="replicate")
    right = wide[:, :, 1:-1, 2:] - wide[:, :, 1:-1, :-2]
    down = wide[:, :, 2:, 1:-1] - wide[:, :, :-2, 1:-1]
    return right[:, :1] * down[:, 1:] - right[:, 1:] * down[:, :1]


def bending(offsets: Tensor) -> Tensor:
    """How far offsets ``[B, 2, h, w]`` are from affine: a scalar.

    The mean size of their second differences along rows, along columns and across both; 0 for
    offsets that are linear in the place.
    """
    found = [
        offsets.diff(n=2, dim=-1).abs().mean(),
        offsets.diff(n=2, dim=-2).abs().mean(),
        offsets.diff(dim=-1).diff(dim=-2).abs().mean(),
    ]
    return torch.stack(found).sum()
