"""The garment in its photo: from a catalogue, or taken with a phone on a floor or a bed.

The mask follows the published VITON masks: everything of the garment that the photo shows,
including the inside of the back seen through the neck opening and its label; background seen
through openings is left out. Needs no weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from scipy import ndimage

from pipelines.errors import ItemError
from pipelines.flags import Flag
from pipelines.layout import Artifact
from pipelines.preprocess.cloth_background import Background, fit_background
from pipelines.preprocess.cloth_clutter import clutter_mask
from pipelines.preprocess.cloth_shape import shrink
from pipelines.preprocess.cloth_studio import studio_mask
from pipelines.stage import Outputs
from pipelines.types import Image, Mask

UNCERTAIN_BELOW = 0.5
"""A confidence below this raises ``uncertain_garment_mask``."""

_SMALLEST_PHOTO = 32
_SMALLEST_SHARE = 0.01  # of the photo: less is a speck, not a garment
_LARGEST_SHARE = 0.97
_ABSURD = 0.3  # plausibility of what is found where no garment lies
_WORKING = 1024  # longer side at which a cluttered photo is looked at


@dataclass(frozen=True, eq=False)
class GarmentMask:
    """``mask`` is ``bool [H, W]`` of the photo; ``confidence`` is 0..1, 1 = no doubt."""

    mask: Mask
    confidence: float
    flags: tuple[Flag, ...]


class ClothMaskStage:
    """Stage ``cloth-mask``: garment photo to garment mask."""

    def __call__(self, batch: Sequence[Mapping[Artifact, Any]]) -> list[Outputs | ItemError]:
        """One mask per photo, in order; photos without a garment give an ``ItemError``."""
        results: list[Outputs | ItemError] = []
        for inputs in batch:
            try:
                found = garment_mask(inputs[Artifact.CLOTH])
            except ItemError as error:
                results.append(error)
                continue
            values = {Artifact.CLOTH_MASK: found.mask}
            results.append(Outputs(values, found.flags, found.confidence))
        return results


def garment_mask(image: Image) -> GarmentMask:
    """Find the garment in ``uint8 [H, W, 3]`` RGB of any size; equal inputs give equal masks.

    Raises ``ItemError`` with code ``no_garment`` where nothing looks like one, and ``too_small``
    for photos with a side under 32 pixels.
    """
    if min(image.shape[:2]) < _SMALLEST_PHOTO:
        height, width = image.shape[:2]
        raise ItemError(
            f"the garment photo has {width}x{height} pixels, at least "
            f"{_SMALLEST_PHOTO}x{_SMALLEST_PHOTO} are needed",
            code="too_small",
        )
    image = np.ascontiguousarray(image)
    mask, confidence = _find(image)
    share = float(mask.mean())
    if not _SMALLEST_SHARE <= share <= _LARGEST_SHARE:
        raise ItemError(
            "no garment was found in the garment photo: "
            + ("it is empty" if share < _SMALLEST_SHARE else "nothing in it is background"),
            code="no_garment",
            hint="Use a photo of one garment that stands out from what it lies on.",
        )
    flags = []
    if confidence < UNCERTAIN_BELOW:
        flags.append(Flag.UNCERTAIN_GARMENT_MASK)
    if is_cut_off(mask):
        flags.append(Flag.GARMENT_CUT_OFF)
    if has_legs(mask):
        flags.append(Flag.GARMENT_IS_NOT_A_TOP)
    return GarmentMask(mask, round(confidence, 4), tuple(flags))


def _find(image: Image) -> tuple[Mask, float]:
    background = fit_background(image)
    if background is not None and background.is_studio():
        mask = studio_mask(image, background)
        return mask, _studio_confidence(image, background, mask)
    height, width = image.shape[:2]
    scale = min(1.0, _WORKING / max(height, width))
    size = (round(width * scale), round(height * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
    guess = clutter_mask(np.asarray(small))
    if guess is None or guess.score < _ABSURD:
        return np.zeros((height, width), bool), 0.0
    level = cv2.resize(guess.mask.astype(np.float32), (width, height))
    if scale < 1:
        level = cv2.GaussianBlur(level, (0, 0), 0.5 / scale)
    return np.asarray(level > 0.5), float(np.clip(0.5 * guess.score - 0.3, 0, 1))


def _studio_confidence(image: Image, background: Background, mask: Mask) -> float:
    """1 where the whole outline is clear and the garment differs from the background."""
    if not mask.any():
        return 0.0
    away = cv2.absdiff(image, np.rint(background.color).astype(np.uint8)).max(2)
    rim = mask & ~shrink(mask, 1)
    contrast = cv2.dilate(away * mask, np.ones((5, 5), np.uint8))[rim]
    faint = float((contrast < 16 + 4 * background.noise).mean())
    same = float((away[mask] <= 3 + background.noise).mean())
    near = float((away[mask] <= 8 + background.noise).mean())
    frame = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    doubt = 0.6 * faint + 2 * same + 0.8 * near + 1.5 * float(frame.mean())
    return float(np.clip(1 - doubt, 0, 1))


def is_cut_off(mask: Mask) -> bool:
    """Whether the garment runs out of the photo: a wide crossing of the border, not a touch."""
    height, width = mask.shape
    depth = max(2, round(0.03 * max(height, width)))
    for side in (mask, mask[::-1], mask.T, mask.T[::-1]):
        labels, count = ndimage.label(side[0])
        for index in range(1, count + 1):
            run = labels == index
            if run.sum() >= 0.08 * max(height, width) and side[depth][run].mean() > 0.7:
                return True
    return False


def has_legs(mask: Mask) -> bool:
    """Whether the lower part is two legs side by side: trousers or an overall, not a top."""
    rows, columns = np.nonzero(mask)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    if height < 1.1 * width:
        return False
    split = 0
    looked_at = np.linspace(rows.min() + 0.6 * height, rows.min() + 0.95 * height, 20)
    for row in looked_at.astype(int):
        labels, count = ndimage.label(mask[row])
        runs = [np.nonzero(labels == index)[0] for index in range(1, count + 1)]
        runs = [run for run in runs if len(run) > 0.08 * width]
        if len(runs) == 2:
            narrow, wide = sorted(len(run) for run in runs)
            gap = runs[1][0] - runs[0][-1]
            split += gap < 1.2 * narrow and narrow > 0.6 * wide
    return bool(split >= 0.6 * len(looked_at))
