"""A U-Net on residual blocks that takes an image and, at a quarter of its size, guide maps.

Blocks are torchvision's (``BasicBlock``, ``Conv2dNormActivation``). Sources: Ronneberger, Fischer
and Brox, "U-Net" (MICCAI 2015); He et al., "Deep Residual Learning" (CVPR 2016); the last step up
is a sub-pixel convolution (Shi et al., CVPR 2016) beside a thin branch at full size, which sees
the edges of the photo.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock
from torchvision.ops import Conv2dNormActivation

DEPTH = 5
STRIDE = 2**DEPTH
"""Height and width of the input must be multiples of this."""

GUIDE_STRIDE = 4
"""Guide maps have the input's size divided by this."""


class ResNetUNet(nn.Module):
    """Image ``[B, image_channels, H, W]`` and guide ``[B, guide_channels, H/4, W/4]`` to
    ``[B, out_channels, H, W]`` logits; H and W multiples of 32.

    ``widths`` are the channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size, ``blocks`` the
    residual blocks of the last four, ``fine_channels`` those of the branch at full size. Raises
    ``ValueError`` for other numbers of levels and an odd first width.
    """  # noqa: D205 - shapes belong together

    def __init__(
        self,
        *,
        out_channels: int,
        guide_channels: int = 0,
        image_channels: int = 3,
        widths: Sequence[int] = (32, 48, 96, 160, 256),
        blocks: Sequence[int] = (2, 2, 2, 2),
        fine_channels: int = 8,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(widths) != DEPTH or len(blocks) != DEPTH - 1:
            raise ValueError(f"5 widths and 4 numbers of blocks wanted, got {widths}, {blocks}")
        half = widths[0]
        if half % 2:
            raise ValueError(f"the first width must be even, got {half}")
        self.fine = Conv2dNormActivation(image_channels, fine_channels, 3)
        self.stem = Conv2dNormActivation(image_channels, half, 3, 2)
        self.downs = nn.ModuleList(_block(widths[k], widths[k + 1], 2) for k in range(DEPTH - 1))
        self.rests = nn.ModuleList(
            _blocks(widths[k + 1], blocks[k] - 1, joined=0 if k else guide_channels)
            for k in range(DEPTH - 1)
        )
        self.ups = nn.ModuleList(
            Conv2dNormActivation(widths[k + 1] + widths[k], widths[k], 3)
            for k in reversed(range(DEPTH - 1))
        )
        self.dropout = nn.Dropout2d(dropout)
        self.expand = nn.Conv2d(half, 4 * half // 2, 1)
        self.head = nn.Conv2d(half // 2 + fine_channels, out_channels, 3, padding=1)

    def encode(self, image: Tensor, guide: Tensor | None = None) -> list[Tensor]:
        """Activations at 1/2, 1/4, 1/8, 1/16 and 1/32 of the image's size."""
        levels = [self.stem(image)]
        for number, (down, rest) in enumerate(zip(self.downs, self.rests, strict=True)):
            x = down(levels[-1])
            if number == 0 and guide is not None:
                x = torch.cat([x, guide.to(x.dtype)], 1)
            levels.append(rest(x))
        return levels

    def forward(self, image: Tensor, guide: Tensor | None = None) -> Tensor:
        """Logits of the image's size."""
        levels = self.encode(image, guide)
        x = self.dropout(levels.pop())
        for up in self.ups:
            beside = levels.pop()
            x = up(torch.cat([F.interpolate(x, size=beside.shape[-2:]), beside], 1))
        wide = F.pixel_shuffle(self.expand(x), 2)
        logits: Tensor = self.head(torch.cat([F.relu(wide), self.fine(image)], 1))
        return logits


def _blocks(channels: int, count: int, *, joined: int) -> nn.Sequential:
    """Blocks of one size; the first takes ``joined`` more channels than it gives."""
    if joined and count < 1:
        raise ValueError("guide maps need two blocks in the first stage")
    return nn.Sequential(
        *(_block(channels + (0 if k else joined), channels, 1) for k in range(count))
    )


def _block(inside: int, outside: int, stride: int) -> nn.Module:
    shortcut = None
    if stride != 1 or inside != outside:
        shortcut = nn.Sequential(
            nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
        )
    made: nn.Module = BasicBlock(inside, outside, stride, shortcut)
    return made
