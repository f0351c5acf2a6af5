"""How much a mask looks like one whole garment in its photo, whatever found it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.preprocess.cloth_shape import shrink
from pipelines.types import Image, Mask

_WINDOW = 9  # side of the window in which colours on both sides of the outline are compared
_NO_EDGE = 7.0  # a smaller colour difference (CIE Lab) across the outline is no edge
_CLEAR_EDGE = 25.0


@dataclass(frozen=True, eq=False)
class Scene:
    """A photo scaled down to ``[h, w]``.

    ``small`` is RGB, ``lab`` CIE Lab (float), ``calm`` the same with its texture smoothed away;
    ``unlike`` is the distance to the border's colours in standard deviations, ``levels`` its 85th,
    90th, 92nd and 95th percentile on the border; ``center`` is 1 in the middle and falls outwards.
    """

    small: Image
    lab: NDArray[np.float32]
    calm: NDArray[np.float32]
    unlike: NDArray[np.float32]
    center: NDArray[np.float32]
    levels: tuple[float, ...]


def plausibility(mask: Mask, scene: Scene) -> float:
    """About 0 (absurd) to 2.7 (certain); -9 for an empty or a full mask.

    The weights were set by hand on photos of garments on floors and beds: a clear edge all round,
    nothing unlike the border left outside, a compact, roughly symmetric shape in the middle.
    """
    height, width = mask.shape
    area = float(mask.mean())
    if not 0.03 <= area <= 0.9:
        return -9.0
    contrast = _edge_contrast(mask, scene.lab)
    edge = float(np.clip(contrast / _CLEAR_EDGE, 0, 1).mean())
    no_edge = float((contrast < _NO_EDGE).mean())
    frame = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    foreign = scene.unlike > max(3.0, scene.levels[1])
    left_out = float((foreign & ~mask).sum() / (~mask).sum())
    taken_in = float((~foreign & mask).sum() / mask.sum())
    middle = float(scene.center[mask].sum() / scene.center.sum())
    rows, columns = np.nonzero(mask)
    off_center = abs(columns.mean() / width - 0.5) + 0.5 * abs(rows.mean() / height - 0.5)
    too_small = 0.7 * max(0.0, float(np.log(0.16 / area)))
    too_large = 1.5 * max(0.0, area - 0.6)
    shape = 0.5 * min(_solidity(mask), 0.85) + 0.5 * _symmetry(mask)
    surroundings = -1.2 * left_out - 0.5 * taken_in - 1.6 * float(frame.mean())
    place = 0.9 * middle - 1.0 * float(off_center) - too_small - too_large
    return edge - 0.8 * no_edge + surroundings + place + shape


def _edge_contrast(mask: Mask, lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colour difference across the outline, for each of its pixels."""
    rim = mask & ~shrink(mask, 1)
    inside = _mean_color(lab, mask)[rim]
    outside = _mean_color(lab, ~mask)[rim]
    return np.asarray(np.linalg.norm(inside - outside, axis=1), np.float32)


def _mean_color(lab: NDArray[np.float32], where: Mask) -> NDArray[np.float32]:
    weight = where.astype(np.float32)
    side = (_WINDOW, _WINDOW)
    zero = cv2.BORDER_CONSTANT
    total = cv2.boxFilter(lab * weight[..., None], -1, side, normalize=False, borderType=zero)
    count = cv2.boxFilter(weight, -1, side, normalize=False, borderType=zero)
    return np.asarray(total / np.maximum(count, 1)[..., None], np.float32)


def _solidity(mask: Mask) -> float:
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    hull = cv2.contourArea(cv2.convexHull(np.concatenate(contours)))
    return float(mask.sum()) / max(hull, 1.0)


def _symmetry(mask: Mask) -> float:
    """Overlap of the mask with its mirror image about the upright line through its middle."""
    width = mask.shape[1]
    middle = round(float(np.nonzero(mask)[1].mean()))
    reach = min(middle, width - 1 - middle)
    if reach <= width * 0.06:
        return 0.0
    part = mask[:, middle - reach : middle + reach + 1]
    mirrored = part[:, ::-1]
    overlap = (part & mirrored).sum() / max((part | mirrored).sum(), 1)
    return float(overlap * part.sum() / mask.sum())
