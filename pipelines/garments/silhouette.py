"""A garment's outline made ready for the search of landmarks: one piece, one size, its axis."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.types import Mask

Point = NDArray[np.float64]
"""``float64 [2]``, (x, y) in pixels."""

Points = NDArray[np.float64]
"""``float64 [N, 2]``, (x, y) in pixels."""

WORK_SIDE = 320
"""Landmarks are sought on the mask scaled so that the garment's longer side has this length."""

_MARGIN = 4


@dataclass(frozen=True, eq=False)
class Silhouette:
    """A garment mask prepared for the search.

    ``mask`` is ``bool [h, w]``: one piece, about ``WORK_SIDE`` pixels on its longer side, with a
    margin; ``axis`` is the x of the trunk's middle line in it. ``to_photo`` takes its pixels to
    those of the garment photo.
    """

    mask: Mask
    axis: float
    origin: Point
    step: Point

    def to_photo(self, points: Points) -> Points:
        """Points ``[..., 2]`` of the silhouette in the garment photo."""
        moved: Points = (points - _MARGIN + 0.5) * self.step - 0.5 + self.origin
        return moved

    def from_photo(self, points: Points) -> Points:
        """Points ``[..., 2]`` of the garment photo in the silhouette."""
        moved: Points = (points - self.origin + 0.5) / self.step - 0.5 + _MARGIN
        return moved


def silhouette(mask: Mask) -> Silhouette:
    """Prepare the mask ``bool [H, W]`` of a garment photo. Raises ``ValueError`` if it is empty."""
    ys, xs = np.nonzero(mask)
    if not len(ys):
        raise ValueError("the mask is empty")
    x0, y0 = int(xs.min()), int(ys.min())
    box = mask[y0 : ys.max() + 1, x0 : xs.max() + 1].astype(np.uint8)
    scale = WORK_SIDE / max(box.shape)
    width, height = (max(8, round(s * scale)) for s in box.shape[::-1])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(box * 255, (width, height), interpolation=interpolation) > 127
    small = _tidy(np.pad(small, _MARGIN))
    step = np.array([box.shape[1] / width, box.shape[0] / height])
    return Silhouette(small, _axis(small), np.array([x0, y0], float), step)


def _tidy(mask: Mask) -> Mask:
    """The largest piece; gaps between sleeve and trunk opened downward, other holes filled."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    piece = labels == 1 + int(np.argmax(stats[1:count, cv2.CC_STAT_AREA]))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    tidy = cv2.morphologyEx(piece.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    count, labels, stats, centres = cv2.connectedComponentsWithStats(1 - tidy, connectivity=4)
    outside = labels[0, 0]
    middle, height = mask.shape[1] / 2, mask.shape[0]
    for i in range(1, count):
        if i == outside:
            continue
        left, top, width, tall, area = stats[i]
        between = abs(centres[i][0] - middle) > 0.12 * mask.shape[1] and top > 0.25 * height
        tidy[labels == i] = 1
        if area > 12 and tall > 6 and between:
            tidy[labels == i] = 0
            rows, columns = np.nonzero(labels == i)
            x = int(columns[rows.argmax()])
            tidy[rows.max() :, max(0, x - 1) : x + 2] = 0
    count, labels, stats, _ = cv2.connectedComponentsWithStats(tidy)
    largest: Mask = labels == 1 + int(np.argmax(stats[1:count, cv2.CC_STAT_AREA]))
    return largest


def _axis(mask: Mask) -> float:
    """x of the trunk's middle line."""
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    middles, weights = [], []
    for step in (-1, 1):
        column, row = int(x), int(y)
        while 0 <= row < mask.shape[0] and mask[row, column]:
            left, right = run(mask[row], column)
            middles.append((left + right) / 2)
            weights.append(row)
            column, row = (left + right) // 2, row + step
    return float(np.median(middles))


def run(row: NDArray[np.bool_], x: int) -> tuple[int, int]:
    """First and last x of the run of mask pixels that contains ``x``."""
    off = np.flatnonzero(~row)
    i = int(np.searchsorted(off, x))
    return int(off[i - 1]) + 1 if i else 0, int(off[i]) - 1 if i < len(off) else len(row) - 1
