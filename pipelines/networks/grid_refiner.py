"""A network that corrects a sampling grid where a spline of few control points is too stiff.

Our choice, for warps of garments: coarse offsets are added to the spline's grid, each level of the
decoder corrects what the level before found, as in appearance flow (Han et al., "ClothFlow", ICCV
2019; Ge et al., "PF-AFN", CVPR 2021), which warp once instead of at every level here.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.types import Size

REFINED = Size(128, 96)
"""Height and width that the network sees; it answers at half of them."""

_WIDTHS = (1, 2, 3, 4, 4)
"""Channels of the levels, in units of the width."""
_GROUPS = 8
_SMOOTH = 2.0
"""Blur of the offsets, in their cells: without it letters of a print are bent one by one."""
_UNIT = 0.1
"""Offset, in the coordinates of ``grid_sample``, that an output of 1 means."""


class GridRefiner(nn.Module):
    """``[B, in_channels, 128, 96]`` to offsets ``float32 [B, 2, 64, 48]`` (x, y) of a grid.

    Offsets are in the coordinates of ``grid_sample``; those of a new network are 0. ``width`` is
    the number of channels of the first level and a multiple of 8. Raises ``ValueError`` for
    another width.
    """

    def __init__(self, in_channels: int, *, width: int = 32) -> None:
        super().__init__()
        if width % _GROUPS:
            raise ValueError(f"width {width}: wanted a multiple of {_GROUPS}")
        widths = [width * factor for factor in _WIDTHS]
        self.downs = nn.ModuleList(
            _double(before, after, stride=2)
            for before, after in zip([in_channels, *widths[:-1]], widths, strict=True)
        )
        self.ups = nn.ModuleList(
            _double(widths[k + 1] + widths[k], widths[k], stride=1)
            for k in reversed(range(len(widths) - 1))
        )
        self.heads = nn.ModuleList(
            nn.Conv2d(widths[k], 2, 3, padding=1) for k in reversed(range(len(widths) - 1))
        )
        for head in self.heads:
            for parameter in head.parameters():
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """The offsets."""
        levels = []
        for down in self.downs:
            x = down(x)
            levels.append(x)
        x = levels.pop()
        offsets = torch.zeros(1, device=x.device)
        for up, head in zip(self.ups, self.heads, strict=True):
            beside = levels.pop()
            x = up(torch.cat((_enlarged(x, beside), beside), 1))
            correction = _UNIT * head(x).float()
            offsets = correction + (_enlarged(offsets, beside) if offsets.dim() == 4 else 0)
        return _blurred(offsets)


def refined_grid(grid: Tensor, offsets: Tensor) -> Tensor:
    """A grid ``[B, H, W, 2]`` and offsets ``[B, 2, h, w]``, added at the grid's size."""
    size = [int(side) for side in grid.shape[1:3]]
    large = F.interpolate(offsets.float(), size=size, mode="bilinear", align_corners=False)
    return grid + large.permute(0, 2, 3, 1)


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


def _blurred(offsets: Tensor) -> Tensor:
    reach = round(3 * _SMOOTH)
    steps = torch.arange(-reach, reach + 1, device=offsets.device)
    kernel = torch.exp(-(steps**2) / (2 * _SMOOTH**2))
    kernel = (kernel / kernel.sum()).expand(2, 1, 1, -1)
    with torch.autocast(offsets.device.type, enabled=False):
        padded = F.pad(offsets, (reach,) * 4, mode="replicate")
        rows = F.conv2d(padded, kernel, groups=2)
        return F.conv2d(rows, kernel.transpose(2, 3), groups=2)


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    size = [int(side) for side in like.shape[-2:]]
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def _double(inside: int, outside: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride, 1),
        nn.GroupNorm(_GROUPS, outside),
        nn.ReLU(),
        nn.Conv2d(outside, outside, 3, padding=1),
        nn.GroupNorm(_GROUPS, outside),
        nn.ReLU(),
    )
