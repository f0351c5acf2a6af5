"""The U-Net of pix2pix, as CP-VTON's try-on module has it: each level holds the next smaller one.

Layers and key names are those of the published checkpoints of CP-VTON and CP-VTON+. Source of the
form: Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks" (CVPR 2017),
with instance normalisation, and bilinear steps up instead of transposed convolutions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_FACTORS = (1, 2, 4, 8, 8, 8)
"""Channels of the levels, in units of the width."""

STRIDE = 2 ** len(_FACTORS)
"""Height and width of the input must be multiples of this."""


class SkipUNet(nn.Module):
    """``[B, in_channels, H, W]`` to ``[B, out_channels, H, W]``; H and W multiples of 64.

    Six levels of ``width`` x 1, 2, 4, 8, 8 and 8 channels; the default is the published size.
    Raises ``ValueError`` for another size.
    """

    def __init__(self, in_channels: int, out_channels: int, *, width: int = 64) -> None:
        super().__init__()
        inner = [width * factor for factor in _FACTORS]
        level = _Level(inner[-2], inner[-1])
        for number in range(len(inner) - 2, 0, -1):
            level = _Level(inner[number - 1], inner[number], level)
        self.model = _Outermost(in_channels, inner[0], out_channels, level)

    def forward(self, x: Tensor) -> Tensor:
        """Maps of the input's size, each of mean 0 and deviation 1, without an activation."""
        if x.shape[-2] % STRIDE or x.shape[-1] % STRIDE:
            found = "x".join(map(str, x.shape[-2:]))
            raise ValueError(f"height and width must be multiples of {STRIDE}, got {found}")
        made: Tensor = self.model(x)
        return made


class _Outermost(nn.Module):
    def __init__(self, inside: int, channels: int, outside: int, below: nn.Module) -> None:
        super().__init__()
        # parity: the result is normalised as well
        self.model = nn.Sequential(_down(inside, channels), below, *_up(2 * channels, outside))

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.model(x)
        return made


class _Level(nn.Module):
    """``[B, outside, h, w]`` to twice as many channels: what came in, then what was made of it."""

    def __init__(self, outside: int, channels: int, below: nn.Module | None = None) -> None:
        super().__init__()
        down: list[nn.Module] = [nn.LeakyReLU(0.2), _down(outside, channels)]
        if below is not None:
            down += [nn.InstanceNorm2d(channels), below]
        self.model = nn.Sequential(*down, *_up(channels * (2 if below else 1), outside))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, self.model(x)), 1)


def _down(inside: int, outside: int) -> nn.Module:
    return nn.Conv2d(inside, outside, 4, 2, 1)


def _up(inside: int, outside: int) -> tuple[nn.Module, ...]:
    return (
        nn.ReLU(),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.Conv2d(inside, outside, 3, padding=1),
        nn.InstanceNorm2d(outside),
    )
