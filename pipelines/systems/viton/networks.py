"""The two networks of VITON: the multi-task encoder-decoder and the refinement.

Source: Han et al., "VITON: An Image-based Virtual Try-on Network" (CVPR 2018), sections 3.2 and
3.3; what the paper leaves open (channels, normalisation, initial values) is that of the published
TensorFlow code, whose arithmetic these networks have. The names of their tensors are our own.
Constructors load no weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.types import Size

PUBLISHED_SIZE = Size(256, 192)
"""The size of all inputs and results."""

PERSON_CHANNELS = 22
"""Of what is known of a person: body shape 1, head 3, pose 18."""

COARSE_CHANNELS = 3 + PERSON_CHANNELS
"""Of what the encoder-decoder sees: the garment's photo, then the person."""

DROPOUT = 0.5
"""Share of the innermost features that is left out in training."""

_FACTORS = (1, 2, 4, 8, 8, 8)
"""Channels of the encoder's layers, in units of the width."""

STRIDE = 2 ** len(_FACTORS)
"""Height and width of the encoder-decoder's input must be multiples of this."""

_EPSILON, _LAYER_EPSILON = 1e-5, 1e-12
"""Added to a variance by TensorFlow's batch and layer normalisation."""


@dataclass(frozen=True, eq=False)
class Coarse:
    """What the encoder-decoder makes: ``raw`` ``float32 [B, 4, H, W]`` in -1..1."""

    raw: Tensor

    @property
    def mask(self) -> Tensor:
        """Where the garment will be ``[B, 1, H, W]``; trained to 0 or 1, but -1..1."""
        return self.raw[:, :1]

    @property
    def picture(self) -> Tensor:
        """The coarse picture of the dressed person ``[B, 3, H, W]`` in -1..1."""
        return self.raw[:, 1:]


class EncoderDecoder(nn.Module):
    """G_C: ``[B, 25, H, W]`` to a ``Coarse`` of that size; H and W multiples of 64.

    The input is the garment's photo 3 (-1..1), the body's shape 1 (0..1), the head 3 (-1..1, 0
    around it) and the pose 18 (0 or 1), in this order. Six convolutions 4x4 of stride 2 down and
    six transposed ones up, without biases; all of them but the first and the last are
    batch-normalised. ``width`` 64 is the published size (29,269,632 numbers), ``decay`` is that of
    ``StatedBatchNorm``. Raises ``ValueError`` for another size.
    """

    def __init__(self, *, width: int = 64, decay: float = 0.999) -> None:
        super().__init__()
        channels = [width * factor for factor in _FACTORS]
        self.encoder = nn.ModuleList([_down(COARSE_CHANNELS, channels[0])])
        for inside, outside in zip(channels[:-1], channels[1:], strict=True):
            norm = StatedBatchNorm(outside, decay=decay)
            self.encoder.append(nn.Sequential(nn.LeakyReLU(0.2), _down(inside, outside), norm))
        # from the inside out; each is shown what was made and the encoder's features of its size
        inside = channels[-1]
        self.decoder = nn.ModuleList()
        for outside, skipped in zip(channels[-2::-1], channels[-2::-1], strict=True):
            layers = [nn.ReLU(), _up(inside, outside), StatedBatchNorm(outside, decay=decay)]
            if not len(self.decoder):
                layers.append(nn.Dropout(DROPOUT))
            self.decoder.append(nn.Sequential(*layers))
            inside = outside + skipped
        self.decoder.append(nn.Sequential(nn.ReLU(), _up(inside, 4)))
        _normal_started(self)

    def forward(self, x: Tensor) -> Coarse:
        """Mask and picture of the person in the garment."""
        if x.shape[-2] % STRIDE or x.shape[-1] % STRIDE:
            found = "x".join(map(str, x.shape[-2:]))
            raise ValueError(f"height and width must be multiples of {STRIDE}, got {found}")
        seen: list[Tensor] = []
        for layer in self.encoder:
            x = layer(x)
            seen.append(x)
        made = self.decoder[0](seen.pop())
        for layer in self.decoder[1:]:
            made = layer(torch.cat((made, seen.pop()), 1))
        return Coarse(torch.tanh(made.float()))


class RefinementNetwork(nn.Module):
    """G_R: how much of the bent garment is taken at each pixel, ``float32 [B, 1, H, W]`` in 0..1.

    Three convolutions 3x3 with layer normalisation, then one 1x1. ``width`` 64 is the published
    size (77,633 numbers).
    """

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inside in (6, width, width):
            conv = nn.Conv2d(inside, width, 3, padding=1, bias=False)
            # TensorFlow's layer normalisation: one mean for all of an example, one scale and shift
            # for each channel
            norm = nn.GroupNorm(1, width, eps=_LAYER_EPSILON)
            layers += [conv, norm, nn.LeakyReLU(0.2)]
        self.model = nn.Sequential(*layers, nn.Conv2d(width, 1, 1))
        for module in self.model:
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, warped: Tensor, coarse: Tensor) -> Tensor:
        """From the bent garment and the coarse picture, both ``[B, 3, H, W]`` in -1..1."""
        return torch.sigmoid(self.model(torch.cat((warped, coarse), 1)).float())


class StatedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation whose kept statistics are those that TensorFlow keeps.

    Each step of training keeps the share ``decay`` of the mean and variance before it. The
    variance kept is that of the batch itself (its squares divided by their number n), where torch
    keeps the estimate with n - 1.
    """

    def __init__(self, channels: int, *, decay: float) -> None:
        super().__init__(channels, eps=_EPSILON, momentum=1 - decay)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised features of the same shape."""
        if not self.training:
            return super().forward(x)
        kept: tuple[Any, Any] = (self.running_mean, self.running_var)
        with torch.no_grad():
            variance, mean = torch.var_mean(x.float(), (0, 2, 3), correction=0)
            for old, new in zip(kept, (mean, variance), strict=True):
                old.lerp_(new.to(old), float(self.momentum or 0))
        return F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)


def composed(share: Tensor, warped: Tensor, coarse: Tensor) -> Tensor:
    """The paper's composition, alpha c' + (1 - alpha) I', of pictures ``[B, 3, H, W]`` in -1..1."""
    return share * warped + (1 - share) * coarse


def _down(inside: int, outside: int) -> nn.Module:
    """Half the size; for even sizes TensorFlow's padding SAME is one pixel on each side."""
    return nn.Conv2d(inside, outside, 4, 2, 1, bias=False)


def _up(inside: int, outside: int) -> nn.Module:
    """Twice the size, with TensorFlow's padding SAME."""
    return nn.ConvTranspose2d(inside, outside, 4, 2, 1, bias=False)


def _normal_started(network: nn.Module) -> None:
    """The published initial values of convolutions: a normal distribution of deviation 0.02."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
