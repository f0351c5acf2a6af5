"""The plain U-Net of VITON-HD's and ACGPN's generators.

Layers and key names are those of the published checkpoints (VITON-HD's segmentation generator;
ACGPN's G1, G2, G and the refinement of its warp). Source of the form: Ronneberger, Fischer and
Brox, "U-Net" (MICCAI 2015), with instance normalisation and nearest-neighbour steps up.
"""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.networks.pyramid import Pyramid

STRIDE = 16
"""Height and width of the input must be multiples of this."""


class UNet(nn.Module):
    """``[B, in_channels, H, W]`` to ``[B, out_channels, H, W]``; H and W multiples of 16.

    Five levels of ``width`` x 1, 2, 4, 8 and 16 channels; the default is the published size.
    ``dropout`` acts behind the two deepest levels, in training only. With ``coarse_width`` a
    ``Pyramid`` of that width sees the input at half its size, and a learnt share of its answer is
    taken (our choice); with a ``width`` of 0 there is nothing but that. Raises ``ValueError`` for
    another size or width.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        width: int = 64,
        dropout: float = 0.5,
        coarse_width: int = 0,
    ) -> None:
        super().__init__()
        if not width and not coarse_width:
            raise ValueError("width = 0 needs a coarse_width")
        self.fine = width > 0
        if self.fine:
            self._build(in_channels, out_channels, width, dropout)
        self.coarse: Pyramid | None = None
        if coarse_width:
            self.coarse = Pyramid(in_channels, out_channels, width=coarse_width)
        if self.fine and self.coarse:
            self.coarse_share = nn.Parameter(torch.full((1,), 0.5))

    def _build(self, in_channels: int, out_channels: int, width: int, dropout: float) -> None:
        w1, w2, w3, w4, w5 = (width * factor for factor in (1, 2, 4, 8, 16))
        self.conv1 = _double(in_channels, w1)
        self.conv2 = _double(w1, w2)
        self.conv3 = _double(w2, w3)
        self.conv4 = _double(w3, w4)
        self.conv5 = _double(w4, w5)
        self.up6, self.conv6 = _up(w5, w4), _double(w5, w4)
        self.up7, self.conv7 = _up(w4, w3), _double(w4, w3)
        self.up8, self.conv8 = _up(w3, w2), _double(w3, w2)
        self.up9 = _up(w2, w1)
        self.conv9 = _double(w2, w1).append(nn.Conv2d(w1, out_channels, 3, padding=1))
        self.pool = nn.MaxPool2d(2)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Maps of the input's size, without an activation."""
        if x.shape[-2] % STRIDE or x.shape[-1] % STRIDE:
            found = "x".join(map(str, x.shape[-2:]))
            raise ValueError(f"height and width must be multiples of {STRIDE}, got {found}")
        if not self.fine:
            return self.coarse_maps(x)
        fine = self._fine(x.to(next(self.conv1.parameters()).dtype))
        if self.coarse is None:
            return fine
        return torch.lerp(fine.float(), self.coarse_maps(x), self.coarse_share.float())

    def coarse_maps(self, x: Tensor) -> Tensor:
        """Those of the coarse network alone, ``float32``."""
        assert self.coarse is not None  # noqa: S101 - asked by the callers
        size = [int(side) for side in x.shape[-2:]]
        found = self.coarse(F.avg_pool2d(x, 2))
        return F.interpolate(found, size=size, mode="bilinear", align_corners=False)

    def _fine(self, x: Tensor) -> Tensor:
        level1 = self.conv1(x)
        level2 = self.conv2(self.pool(level1))
        level3 = self.conv3(self.pool(level2))
        level4 = self.drop(self.conv4(self.pool(level3)))
        level5 = self.drop(self.conv5(self.pool(level4)))
        # parity: what is carried across comes first, what comes from below second
        x = self.conv6(torch.cat((level4, self.up6(level5)), 1))
        x = self.conv7(torch.cat((level3, self.up7(x)), 1))
        x = self.conv8(torch.cat((level2, self.up8(x)), 1))
        made: Tensor = self.conv9(torch.cat((level1, self.up9(x)), 1))
        return made


class DoubledConv(nn.Module):
    """A nearest-neighbour step up and a 3x3 convolution, in 4/9 of the multiplications.

    Each pixel of the larger picture sees 2x2 pixels of the smaller one; the weights of those that
    it sees twice are added.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        with torch.no_grad():
            rows = self._merged(conv.weight.detach().float(), 2)
            # [rows, columns, channels, inside, 2, 2]
            weight = torch.stack([self._merged(each, 3) for each in rows])
        self.register_buffer("weight", weight.flatten(0, 2).to(conv.weight.dtype))
        bias = None if conv.bias is None else conv.bias.detach().repeat(4)
        self.register_buffer("bias", bias)

    @staticmethod
    def _merged(weight: Tensor, axis: int) -> Tensor:
        """What the first and the second of two new pixels see along an axis: ``[2, ...]``."""
        a, b, c = weight.unbind(axis)
        return torch.stack((torch.stack((a, b + c), axis), torch.stack((a + b, c), axis)))

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, H, W]`` to ``[B, C', 2 H, 2 W]``."""
        height, width = x.shape[-2:]
        found = F.conv2d(x, self.get_buffer("weight"), self._buffers["bias"], padding=1)
        parts = found.view(len(x), 2, 2, -1, height + 1, width + 1)
        made = x.new_empty(len(x), parts.shape[3], height, 2, width, 2)
        for row in (0, 1):
            for column in (0, 1):
                part = parts[:, row, column, :, row : row + height, column : column + width]
                made[:, :, :, row, :, column] = part
        return made.flatten(4, 5).flatten(2, 3)


U = TypeVar("U", bound=UNet)


def quickened(network: U, kind: torch.dtype = torch.float32) -> U:
    """A copy for inference in ``kind``: the same function, but for rounding, in less time."""
    made = copy.deepcopy(network)
    for name in ("up6", "up7", "up8", "up9") if network.fine else ():
        up = made.get_submodule(name)
        assert isinstance(up, nn.Sequential) and isinstance(up[1], nn.Conv2d)  # noqa: S101 - see _up
        setattr(made, name, nn.Sequential(DoubledConv(up[1]), *up[2:]))
    return made.to(kind).eval().requires_grad_(False)


def _double(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(*_block(inside, outside), *_block(outside, outside))


def _up(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), *_block(inside, outside))


def _block(inside: int, outside: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inside, outside, 3, padding=1), nn.InstanceNorm2d(outside), nn.ReLU()
