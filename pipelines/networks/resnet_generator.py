"""The residual generator of pix2pixHD: steps down, residual blocks at the smallest size, steps up.

Sources: Johnson, Alahi and Fei-Fei, "Perceptual Losses for Real-Time Style Transfer" (ECCV 2016);
Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs"
(CVPR 2018); dilation in the blocks after Yu and Koltun, "Multi-Scale Context Aggregation by Dilated
Convolutions" (ICLR 2016). Steps up are bilinear with a convolution behind, which leaves no
checkerboard (our choice).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

_OUTER = 7


class ResNetGenerator(nn.Module):
    """``[B, in_channels, H, W]`` to ``[B, out_channels, H, W]``, not squashed.

    H and W are multiples of ``2 ** downs``; ``width`` channels at full size, doubled at each of
    ``downs`` steps. ``dilations`` holds one number for each residual block, in their order. Raises
    ``ValueError`` for numbers below 1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        width: int,
        downs: int,
        dilations: Sequence[int],
    ) -> None:
        super().__init__()
        if min(width, downs, *dilations) < 1:
            raise ValueError(f"width {width}, downs {downs}, dilations {dilations}: all from 1 on")
        self.stride = 2**downs
        layers: list[nn.Module] = [_convolution(in_channels, width, _OUTER)]
        for level in range(downs):
            layers.append(_convolution(width << level, width << (level + 1), 3, stride=2))
        layers += [ResidualBlock(width << downs, dilation) for dilation in dilations]
        for level in reversed(range(downs)):
            layers.append(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False))
            layers.append(_convolution(width << (level + 1), width << level, 3))
        layers.append(_padded(width, out_channels, _OUTER))
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Raises ``ValueError`` for another size."""
        height, width = x.shape[-2:]
        if height % self.stride or width % self.stride:
            raise ValueError(f"sides must be multiples of {self.stride}, got {height}x{width}")
        made: Tensor = self.model(x)
        return made


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions of one dilation with instance normalisation, added to their input."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.norm = nn.InstanceNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, channels, H, W]`` of the same shape."""
        inside = F.relu(self.norm(self.first(x)))
        added: Tensor = x + self.norm(self.second(inside))
        return added


def _convolution(inside: int, outside: int, kernel: int, *, stride: int = 1) -> nn.Sequential:
    made = _padded(inside, outside, kernel, stride)
    return nn.Sequential(made, nn.InstanceNorm2d(outside), nn.ReLU())


def _padded(inside: int, outside: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, kernel, stride, padding=kernel // 2, padding_mode="reflect")
