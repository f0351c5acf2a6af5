"""A bent garment laid on a picture by a mask: how CP-VTON, CP-VTON+ and the multi-pose TOG compose.

Sources: Wang et al., "Toward Characteristic-Preserving Image-based Virtual Try-On Network" (ECCV
2018); Sandagdorj, Thai and Ahn (2020), equation 8: M C + (1 - M) I_coarse.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Composed:
    """A network's ``raw`` ``float32 [B, 4, H, W]``, and the bent garment that it was shown."""

    raw: Tensor
    garment: Tensor

    @property
    def rendered(self) -> Tensor:
        """The network's own, coarse picture of the dressed person ``[B, 3, H, W]`` in -1..1."""
        return torch.tanh(self.raw[:, :3])

    @property
    def share(self) -> Tensor:
        """The composition mask ``[B, 1, H, W]``: how much of the bent garment is taken, 0..1."""
        return torch.sigmoid(self.raw[:, 3:])

    @property
    def picture(self) -> Tensor:
        """The dressed person ``[B, 3, H, W]`` in -1..1."""
        return self.garment * self.share + self.rendered * (1 - self.share)
