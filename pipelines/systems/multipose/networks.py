"""The three networks: segmentation (SHS), bent garment (GWC), picture (TOG).

Source: Sandagdorj, Thai and Ahn, "A Segmentation Guided Coarse to Fine Virtual Tryon Network for a
new Clothing and Pose" (2020), equations 1, 7 and 8. Constructors load no weights. Layers that the
text does not tell are in ``config``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pipelines.labels import LIP20
from pipelines.networks.composition import Composed
from pipelines.networks.correlation import MATCHING_SIZE
from pipelines.networks.resnet_generator import ResNetGenerator
from pipelines.networks.spline_matcher import SplineMatcher

WORKING_SIZE = MATCHING_SIZE
"""256x192: the size of all inputs and results."""

LABELS = len(LIP20)
"""Channels of a segmentation: the 20 classes of the text, whose "neck" is LIP's id 10."""

POSE_CHANNELS = 18
BODY_CHANNELS = 3
"""Of what SHS always sees of the person: face, hair, shape."""
BOTTOM_CHANNELS = {"mask": 3, "colour": 5, "none": 0}
"""Of the bottom parts: two legs, and the lower clothes."""

TOG_CHANNELS = LABELS + POSE_CHANNELS + 3 + 3
"""Of what TOG sees: segmentation, pose, bent garment, source photo."""


def shs_channels(bottom: str) -> int:
    """Channels of what SHS sees: of the source, the garment and the pose."""
    return BODY_CHANNELS + BOTTOM_CHANNELS[bottom] + 3 + POSE_CHANNELS


class SHS(ResNetGenerator):
    """Segmentation of the dressed person in the target pose (equation 1): logits."""

    def __init__(
        self, *, bottom: str = "mask", width: int = 32, downs: int = 3, blocks: int = 6
    ) -> None:
        channels = shs_channels(bottom)
        super().__init__(channels, LABELS, width=width, downs=downs, dilations=(1,) * blocks)

    # a generator whose input the text names part by part
    def forward(self, body: Tensor, garment: Tensor, pose: Tensor) -> Tensor:  # type: ignore[override]
        """``[B, 20, H, W]`` logits, in the order of LIP20.

        ``body`` ``[B, 6 or 8, H, W]`` is face mask, hair mask, body shape, left leg, right leg in
        0..1 and the lower clothes; the first three without the bottom parts. ``garment`` ``[B, 3,
        H, W]`` is in -1..1, ``pose`` ``[B, 18, H, W]`` 0 or 1.
        """
        return super().forward(torch.cat((body, garment, pose), 1))


class GWC(SplineMatcher):
    """The garment's warp: CP-VTON+'s module on the target pose and the synthesised body shape.

    ``a`` is pose ``[B, 18, 256, 192]`` 0 or 1 and shape ``[B, 1, 256, 192]`` in 0..1, ``b`` the
    garment's mask ``[B, 1, 256, 192]``.
    """

    def __init__(self, *, width: int = 32, align_corners: bool = False) -> None:
        super().__init__(POSE_CHANNELS + 1, 1, width=width, align_corners=align_corners)


class TOG(ResNetGenerator):
    """Composition mask and coarse result (equation 7), dilated in the innermost layers."""

    def __init__(
        self,
        *,
        width: int = 32,
        downs: int = 2,
        dilations: Sequence[int] = (1, 2, 4, 8, 8, 4, 2, 1),
    ) -> None:
        super().__init__(TOG_CHANNELS, 4, width=width, downs=downs, dilations=dilations)

    def forward(  # type: ignore[override]  # a generator whose input the text names part by part
        self, segmentation: Tensor, pose: Tensor, garment: Tensor, without_clothes: Tensor
    ) -> Composed:
        """From what the text calls S_t, P_t, C_warped and I_woc.

        ``segmentation`` ``[B, 20, H, W]`` in 0..1, ``pose`` ``[B, 18, H, W]`` 0 or 1; the bent
        garment and the source photo with upper clothes and background painted white ``[B, 3, H,
        W]`` in -1..1.
        """
        seen = torch.cat((segmentation, pose, garment, without_clothes), 1)
        return Composed(super().forward(seen).float(), garment)
