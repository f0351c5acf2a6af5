"""Alignment-aware segment normalisation: the blocks of VITON-HD's image generator.

Source: Choi et al., "VITON-HD: High-Resolution Virtual Try-On via Misalignment-Aware
Normalization" (CVPR 2021), with the key names of its checkpoints; the form is that of Park et
al., "Semantic Image Synthesis with Spatially-Adaptive Normalization" (CVPR 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

Noise = Callable[[int, int, int], Tensor]
"""Called with batch, height and width; gives a field ``float32 [batch, 1, height, width]``."""

_SLOPE = 0.2
_EPSILON = 1e-5


def seeded_noise(*generators: torch.Generator) -> Noise:
    """Normal noise from one generator for the whole batch, or from one for each item.

    Drawn where the generators are: on the CPU the numbers are the same for every device.
    """

    def drawn(batch: int, height: int, width: int) -> Tensor:
        shares = [batch] if len(generators) == 1 else [1] * batch
        # parity: drawn as (batch, width, height), then turned
        fields = [
            torch.randn(share, width, height, generator=g, device=g.device)
            for share, g in zip(shares, generators, strict=True)
        ]
        return torch.cat(fields).transpose(1, 2)[:, None]

    return drawn


def given_noise(fields: Iterable[Tensor]) -> Noise:
    """Noise that was drawn before: each call takes the next field.

    Fields are ``[batch, width, height, 1]``, as VITON-HD draws them. Within a block the order is
    ``norm_s`` (where there is one), ``norm_0``, ``norm_1``.
    """
    left = iter(fields)

    def taken(batch: int, height: int, width: int) -> Tensor:
        field = next(left)
        if tuple(field.shape) != (batch, width, height, 1):
            wanted = (batch, width, height, 1)
            raise ValueError(f"a field of noise is {tuple(field.shape)}, wanted {wanted}")
        return field.permute(0, 3, 2, 1)

    return taken


class MaskNorm(nn.Module):
    """Instance normalisation of two regions, each with its own mean and deviation.

    ``mask`` is ``[B, 1, H, W]`` in 0..1 (0 and 1 mean no second region), ``x`` ``[B, C, H, W]``.
    """

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """``x`` normalised inside and outside the mask; summed, weighted by the mask."""
        return _normalised_part(x, mask) + _normalised_part(x, 1 - mask)


def _normalised_part(x: Tensor, mask: Tensor) -> Tensor:
    """One region: its mean replaces what lies outside, which then adds nothing."""
    part = mask * x
    area = mask.sum((2, 3), keepdim=True)
    area = torch.where(area == 0, torch.ones_like(area), area)
    # with the region's mean outside it, the mean of the whole is the region's
    centred = part - mask * (part.sum((2, 3), keepdim=True) / area)
    scale = (area / mask[0, 0].numel()).sqrt()
    variance = centred.square().mean((2, 3), keepdim=True)
    return centred * ((variance + _EPSILON).rsqrt() * scale)


class ALIASNorm(nn.Module):
    """Normalisation whose scale and shift are read from the segmentation.

    ``channels`` are those of ``x``, ``semantic_channels`` those of ``seg``; ``masked`` chooses
    ``MaskNorm`` instead of plain instance normalisation. ``hidden`` 128 is the published width.
    """

    def __init__(
        self, channels: int, semantic_channels: int, *, masked: bool, hidden: int = 128
    ) -> None:
        super().__init__()
        self.noise_scale = nn.Parameter(torch.zeros(channels))
        self.param_free_norm = MaskNorm() if masked else nn.InstanceNorm2d(channels)
        shared = nn.Conv2d(semantic_channels, hidden, 3, padding=1)
        self.conv_shared = nn.Sequential(shared, nn.ReLU())
        self.conv_gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.conv_beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(
        self, x: Tensor, seg: Tensor, misalign: Tensor | None = None, noise: Noise | None = None
    ) -> Tensor:
        """``x`` ``[B, C, H, W]`` normalised; ``seg`` and ``misalign`` have its size.

        Without ``noise`` it is drawn from torch's own generator, also in evaluation, as the
        published network does; channels whose scale is 0 take none.
        """
        normal = self.normalised(x, misalign, noise)
        hidden = self.conv_shared(seg)
        scale = 1 + self.conv_gamma(hidden)
        # under autocast in half precision from here on: float32 would cost half of the time
        return torch.addcmul(self.conv_beta(hidden), normal.to(scale.dtype), scale)

    def normalised(self, x: Tensor, misalign: Tensor | None, noise: Noise | None) -> Tensor:
        """``x`` with its noise, normalised, not yet scaled and shifted."""
        if self.training or bool(self.noise_scale.any()):
            x = x + self._field(x, noise) * self.noise_scale[:, None, None]
        parts = (x,) if misalign is None else (x, misalign)
        normal: Tensor = self.param_free_norm(*parts)
        return normal

    def _field(self, x: Tensor, noise: Noise | None) -> Tensor:
        batch, _, height, width = x.shape
        if noise is None:
            drawn = torch.randn(batch, width, height, 1, device=x.device).permute(0, 3, 2, 1)
        else:
            drawn = noise(batch, height, width)
        return drawn.to(x)


class ALIASResBlock(nn.Module):
    """A residual block of spectrally normalised convolutions between ``ALIASNorm``.

    ``[B, inside, H, W]`` to ``[B, outside, H, W]``; ``seg`` and ``misalign`` may have any size.
    """

    def __init__(
        self,
        inside: int,
        outside: int,
        semantic_channels: int,
        *,
        masked: bool,
        hidden: int = 128,
    ) -> None:
        super().__init__()
        middle = min(inside, outside)
        self.conv_0 = spectral_norm(nn.Conv2d(inside, middle, 3, padding=1))
        self.conv_1 = spectral_norm(nn.Conv2d(middle, outside, 3, padding=1))
        self.norm_0 = ALIASNorm(inside, semantic_channels, masked=masked, hidden=hidden)
        self.norm_1 = ALIASNorm(middle, semantic_channels, masked=masked, hidden=hidden)
        self.learned_shortcut = inside != outside
        if self.learned_shortcut:
            self.conv_s = spectral_norm(nn.Conv2d(inside, outside, 1, bias=False))
            self.norm_s = ALIASNorm(inside, semantic_channels, masked=masked, hidden=hidden)

    def forward(
        self, x: Tensor, seg: Tensor, misalign: Tensor | None = None, noise: Noise | None = None
    ) -> Tensor:
        """Features of the size of ``x``; maps of another size are resized (nearest)."""
        seg = resized(seg, x.shape[-2:])
        misalign = None if misalign is None else resized(misalign, x.shape[-2:])
        aside = x
        if self.learned_shortcut:
            aside = self.conv_s(self.norm_s(x, seg, misalign, noise))
        inner = self.conv_0(F.leaky_relu(self.norm_0(x, seg, misalign, noise), _SLOPE))
        inner = self.conv_1(F.leaky_relu(self.norm_1(inner, seg, misalign, noise), _SLOPE))
        made: Tensor = aside + inner
        return made


def resized(x: Tensor, size: Sequence[int]) -> Tensor:
    """``[B, C, H, W]`` at a size, by the nearest neighbour."""
    height, width = size
    return x if (height, width) == x.shape[-2:] else F.interpolate(x, size=(height, width))
