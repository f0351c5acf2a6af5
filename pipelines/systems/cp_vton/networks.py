"""The two networks of CP-VTON and of CP-VTON+, with their published sizes and key names.

Sources: Wang et al., "Toward Characteristic-Preserving Image-based Virtual Try-On Network" (ECCV
2018); Minar et al., "CP-VTON+: Clothing Shape and Texture Preserving Image-Based Virtual Try-On"
(CVPR Workshops 2020). Constructors load no weights.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pipelines.networks.composition import Composed
from pipelines.networks.correlation import MATCHING_SIZE
from pipelines.networks.skip_unet import SkipUNet
from pipelines.networks.spline_matcher import SplineMatcher

PUBLISHED_SIZE = MATCHING_SIZE
"""256x192: the size of all inputs and results."""

AGNOSTIC_CHANNELS = 22
"""Of what both networks see of the person: body shape 1, kept part of the photo 3, pose 18."""


class GMM(SplineMatcher):
    """The garment's warp: person ``[B, 22, 256, 192]`` and garment to theta and a sampling grid.

    The garment is its photo ``[B, 3, 256, 192]``, or with ``plus`` its mask ``[B, 1, 256, 192]``.
    ``align_corners`` is that of the sampling, see ``config.CPVTONConfig``.
    """

    def __init__(self, *, plus: bool = False, width: int = 64, align_corners: bool = True) -> None:
        channels = 1 if plus else 3
        super().__init__(AGNOSTIC_CHANNELS, channels, width=width, align_corners=align_corners)
        self.plus = plus


class TOM(SkipUNet):
    """The dressed person, from what is known of the person and the bent garment.

    ``plus``: whether it is shown the bent garment's mask as well.
    """

    def __init__(self, *, plus: bool = False, width: int = 64) -> None:
        super().__init__(AGNOSTIC_CHANNELS + (4 if plus else 3), 4, width=width)
        self.plus = plus

    # the published network is a U-Net whose input and output the published scripts take apart
    def forward(self, agnostic: Tensor, garment: Tensor, mask: Tensor) -> Composed:  # type: ignore[override]
        """From ``[B, 22, H, W]``, ``[B, 3, H, W]`` and ``[B, 1, H, W]``, multiples of 64."""
        seen = (agnostic, garment, mask) if self.plus else (agnostic, garment)
        return Composed(super().forward(torch.cat(seen, 1)).float(), garment)
