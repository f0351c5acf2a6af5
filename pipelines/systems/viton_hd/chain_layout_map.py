"""Where a layout is the same all around a pixel, its scale and shift are that label's constants.

``ALIASNorm`` reads scale and shift from the layout by two 3x3 convolutions. A pixel whose 5x5
neighbourhood has one label gets the same values everywhere in the picture, so that they are looked
up; only pixels near an outline (at 1024x768 a few in a hundred) are computed, and those by the
published formula. The result is the same up to rounding, for a small part of the work.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.networks.alias import ALIASNorm

_AT_A_TIME = 8192
"""Pixels near outlines whose neighbourhoods are held in memory at a time."""
_FEWEST = 64


@dataclass(frozen=True, eq=False)
class LayoutMap:
    """A layout at one size, made ready for lookups once for all normalisations of that size.

    ``labels`` ``int64 [P]`` is each pixel's channel (row after row); at ``mixed`` ``int64 [S]``
    it does not decide. For these, ``patches`` ``[T, 9 * C]`` are the 3x3 neighbourhoods of the
    pixels around, and ``around`` ``int64 [S, 9]`` are rows of ``patches``; T stands for a place
    outside of the picture.
    """

    labels: Tensor
    mixed: Tensor
    patches: Tensor
    around: Tensor

    @classmethod
    def of(cls, layout: Tensor) -> LayoutMap:
        """From channels ``[1, C, H, W]``, mostly 0 or 1, of which one is 1."""
        height, width = layout.shape[-2:]
        strongest, labels = layout[0].max(0)
        code = torch.where(strongest == 1, labels + 1, 0).float()[None, None]
        around = F.pad(code, (2, 2, 2, 2))
        same = F.max_pool2d(around, 5, 1) == -F.max_pool2d(-around, 5, 1)
        decided = same & (code > 0)
        near = F.max_pool2d((~decided).float(), 3, 1, 1) > 0
        mixed = _rounded_up((~decided).flatten().nonzero()[:, 0])
        wanted = _rounded_up(near.flatten().nonzero()[:, 0])
        rows = torch.full((height + 2, width + 2), len(wanted), device=layout.device)
        rows[wanted // width + 1, wanted % width + 1] = torch.arange(
            len(wanted), device=layout.device
        )
        return cls(
            labels=labels.flatten(),
            mixed=mixed,
            patches=_patches(layout, wanted),
            around=_neighbours(rows, mixed, width),
        )


def _rounded_up(places: Tensor) -> Tensor:
    """Places, the last of them so often that few lengths occur.

    Matrix products keep what they have prepared for each size they meet: every layout has others,
    and a run of thousands would need gigabytes.
    """
    count = len(places)
    step = max(_FEWEST, 1 << max(0, count.bit_length() - 3))
    more = -count % step
    return torch.cat((places, places[-1:].expand(more))) if count and more else places


def _patches(layout: Tensor, wanted: Tensor) -> Tensor:
    """3x3 neighbourhoods ``[T, 9 * C]`` of some pixels, row by row, channels last."""
    width = layout.shape[-1]
    padded = F.pad(layout[0], (1, 1, 1, 1)).permute(1, 2, 0).contiguous()
    flat = padded.view(-1, padded.shape[-1])
    places = _places(wanted, width)
    return flat[places].flatten(1)


def _neighbours(rows: Tensor, pixels: Tensor, width: int) -> Tensor:
    return rows.flatten()[_places(pixels, width)]


def _places(pixels: Tensor, width: int) -> Tensor:
    """Flat places ``[N, 9]`` of 3x3 neighbourhoods in a picture with a rim of one pixel."""
    corner = pixels // width * (width + 2) + pixels % width
    steps = torch.arange(3, device=pixels.device)
    window = (steps[:, None] * (width + 2) + steps).flatten()
    return corner[:, None] + window


class LookupModulation:
    """Scale and shift of one ``ALIASNorm``, by lookup where a layout allows it."""

    def __init__(self, norm: ALIASNorm, dtype: torch.dtype) -> None:
        shared, both = norm.conv_shared[0], (norm.conv_gamma, norm.conv_beta)
        assert isinstance(shared, nn.Conv2d)  # noqa: S101 - what the norm is made of
        weight = torch.cat([conv.weight.detach() for conv in both])
        bias = torch.cat([_bias(conv) for conv in both])
        bias[: len(bias) // 2] += 1
        # of a flat neighbourhood each 3x3 convolution sees its weights' sums
        hidden = shared.weight.detach().sum((2, 3)).T + _bias(shared)
        self.table = (hidden.clamp(min=0) @ weight.sum((2, 3)).T + bias).detach()
        """``float32 [C, 2 * channels]``: 1 + gamma and beta of each label."""
        self._shared = _as_matrix(shared.weight, dtype), _bias(shared).to(dtype)
        self._weight, self._bias = _as_matrix(weight, dtype), bias.to(dtype)

    def hidden(self, layout: LayoutMap) -> Tensor:
        """What lies between the two convolutions, ``[T + 1, hidden]``; the last row is 0."""
        made = F.linear(layout.patches.to(self._weight.dtype), *self._shared).relu_()
        return torch.cat((made, made.new_zeros(1, made.shape[1])))

    def from_hidden(self, hidden: Tensor, around: Tensor) -> Tensor:
        """1 + gamma and beta, from ``hidden`` and rows of ``LayoutMap.around``."""
        return F.linear(hidden[around].flatten(1), self._weight, self._bias).float()

    def modulate(
        self,
        x: Tensor,
        layout: LayoutMap,
        scale: Tensor,
        shift: Tensor,
    ) -> Tensor:
        """``(x * scale + shift) * (1 + gamma) + beta``; ``x`` ``[P, channels]``.

        ``scale`` and ``shift`` are ``[1 or P, channels]``. The result has the type of ``x``.
        """
        made = torch.empty_like(x)
        for rows in _slices(len(x), _AT_A_TIME):
            factor, plus = self.table[layout.labels[rows]].chunk(2, 1)
            # half precision times single is single: no copy between
            normal = (x[rows] * _rows(scale, rows)).add_(_rows(shift, rows))
            made[rows] = torch.addcmul(plus, normal, factor)
        if not len(layout.mixed):
            return made
        hidden = self.hidden(layout)
        for part in _slices(len(layout.mixed), _AT_A_TIME):
            places = layout.mixed[part]
            factor, plus = self.from_hidden(hidden, layout.around[part]).chunk(2, 1)
            normal = x[places].float() * _rows(scale, places) + _rows(shift, places)
            made[places] = torch.addcmul(plus, normal, factor).to(made)
        return made


def _rows(values: Tensor, wanted: slice | Tensor) -> Tensor:
    return values if len(values) == 1 else values[wanted]


def _slices(length: int, step: int) -> list[slice]:
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None  # noqa: S101 - all convolutions of a norm have one
    return conv.bias.detach()


def _as_matrix(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """``[O, I, 3, 3]`` as ``[O, 9 * I]`` for neighbourhoods with channels last."""
    return weight.detach().permute(0, 2, 3, 1).flatten(1).to(dtype).contiguous()
