"""The noise channel of VITON-HD's and ACGPN's networks."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pipelines.types import Size

NOISE_SHARE = 0.159
"""Share of ones.

parity: the published code draws Gaussian numbers into an 8-bit array, where nearly all of them
saturate; what is left is a binary mask with so many ones.
"""


def binary_noise(seed: int, size: Size) -> Tensor:
    """``float32 [1, 1, H, W]``, 0 or 1, the same for a seed everywhere."""
    drawn = np.random.Generator(np.random.PCG64(seed)).random(size)
    return torch.from_numpy((drawn < NOISE_SHARE).astype(np.float32))[None, None]


def drawn_noise(count: int, size: Size, generator: torch.Generator) -> Tensor:
    """``float32 [count, 1, H, W]``, 0 or 1, where the generator is."""
    drawn = torch.rand((count, 1, *size), generator=generator, device=generator.device)
    return (drawn < NOISE_SHARE).float()
