"""A small U-Net whose answer is found coarse to fine, each level correcting the one before.

Our choice where something smooth is wanted of a whole picture: on a processor it sees many times
the examples that a network at the picture's own size does.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_WIDTHS = (1, 2, 3, 4, 4)
"""Channels of the levels, in units of the width."""
_GROUPS = 8


class Pyramid(nn.Module):
    """``[B, in_channels, H, W]`` to ``float32 [B, out_channels, H / 2, W / 2]``.

    A new network answers 0. ``width`` is the number of channels of the first level and a multiple
    of 8. Raises ``ValueError`` for another width.
    """

    def __init__(self, in_channels: int, out_channels: int, *, width: int = 32) -> None:
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
            nn.Conv2d(widths[k], out_channels, 3, padding=1)
            for k in reversed(range(len(widths) - 1))
        )
        for head in self.heads:
            for parameter in head.parameters():
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """The sum of what the levels say."""
        levels = []
        x = x.to(next(self.parameters()).dtype)
        for down in self.downs:
            x = down(x)
            levels.append(x)
        x = levels.pop()
        answer: Tensor | None = None
        for up, head in zip(self.ups, self.heads, strict=True):
            beside = levels.pop()
            x = up(torch.cat((_enlarged(x, beside), beside), 1))
            correction = head(x).float()
            answer = correction if answer is None else correction + _enlarged(answer, beside)
        assert answer is not None  # noqa: S101 - there is a first level
        return answer


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
