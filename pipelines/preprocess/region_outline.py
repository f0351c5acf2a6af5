"""From beliefs at working size to clean regions at the photo's own size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.preprocess.body_regions import Floats
from pipelines.preprocess.region_solver import GuidedFilter
from pipelines.types import Array, Image, Mask

_SPECK_SHARE = 0.0009
_SURE = 0.97
_NOTCH = 128
_GAP = 0.7
_FRINGE = 400
_COLUMNS = 4096
_SOME = 0.01
_REACH = 15
"""Pixels at working size over which the guided filter spreads a belief."""


def drop_specks(beliefs: Floats) -> Floats:
    """The beliefs ``float32 [K, H, W]`` with tiny separate pieces given to their surroundings."""
    winner = beliefs.argmax(0).astype(np.uint8)
    made, least = beliefs.copy(), _SPECK_SHARE * winner.shape[0] ** 2
    specks = np.zeros(winner.shape, bool)
    for region in range(len(beliefs)):
        _, pieces, stats, _ = cv2.connectedComponentsWithStats(
            (winner == region).astype(np.uint8), connectivity=4
        )
        small = stats[:, cv2.CC_STAT_AREA] < least
        small[0] = False
        specks |= small[pieces]
    if not specks.any() or specks.all():
        return beliefs
    nearest = _nearest_index(specks)
    flat = made.reshape(len(made), -1)
    flat[:, specks.ravel()] = flat[:, nearest[specks]]
    return made


def _nearest_index(holes: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each pixel: the flat index of the nearest pixel that is not a hole."""
    _, labels = cv2.distanceTransformWithLabels(
        holes.astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    index = np.zeros(int(labels.max()) + 1, np.int64)
    index[labels[~holes]] = np.flatnonzero(~holes)
    nearest: NDArray[np.int64] = index[labels]
    return nearest


def full_size_regions(image: Image, beliefs: Floats, smooth: GuidedFilter) -> NDArray[np.uint8]:
    """``uint8 [H, W]``: the winning region at each pixel of ``image``.

    Region 0 is the background. Inside regions the small answer is enlarged. Along their borders
    the guided filter's coefficients are, so that they follow the full photo (He and Sun 2015).
    """
    height, width = image.shape[:2]
    small: NDArray[np.uint8] = beliefs.argmax(0).astype(np.uint8)
    if small.shape == (height, width):
        return small
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    regions = np.asarray(large, np.uint8)
    doubtful = (beliefs.max(0) < _SURE).astype(np.uint8)
    doubtful |= cv2.morphologyEx(small, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    doubtful = cv2.dilate(doubtful, np.ones((3, 3), np.uint8))
    band = cv2.resize(doubtful, (width, height), interpolation=cv2.INTER_NEAREST) > 0
    border = _Border(image, band, small.shape)
    if border.count == 0 or not small.any():
        return regions
    behind, ahead = np.full((2, border.count), -np.inf, np.float32)
    person = np.zeros(border.count, np.uint8)
    for region in np.unique(small):
        here = border.near(beliefs[region])
        value = border.filtered(np.stack(smooth.coefficients(beliefs[region]), -1), here)
        if region == 0:
            behind[here] = value
        else:
            better = value > ahead[here]
            ahead[here[better]], person[here[better]] = value[better], region
    found = np.where(behind > ahead, 0, person)
    regions[band] = found
    # stripes as light as the wall behind them tooth the silhouette: close what is narrow there,
    # unless it was background at working size, as the gap between arm and body is
    coarse = border.sampled(beliefs[0])
    notch = _narrow(regions == 0)[band] & (coarse < _GAP)
    regions[band] = np.where(notch, person, found)
    # single pixels of mixed colours; the median of an odd number of ids is one of them
    side = 2 * (height // _FRINGE) + 1
    return np.asarray(cv2.medianBlur(regions, side), np.uint8) if side > 1 else regions


class _Border:
    """The pixels of a photo where regions meet, in a row, and their places at working size."""

    def __init__(self, image: Image, band: Mask, working: tuple[int, ...]) -> None:
        ys, xs = np.nonzero(band)
        self.count = len(xs)
        self._x = ((xs + 0.5) / image.shape[1]).astype(np.float32)
        self._y = ((ys + 0.5) / image.shape[0]).astype(np.float32)
        self._colours = image[band].astype(np.float32) / 255
        row, column = ys * working[0] // image.shape[0], xs * working[1] // image.shape[1]
        self._cell = row * working[1] + column

    def near(self, belief: Floats) -> NDArray[np.int64]:
        """Which pixels have the region near them; its filtered belief is 0 at all others."""
        around = cv2.dilate((belief > _SOME).astype(np.uint8), np.ones((_REACH, _REACH), np.uint8))
        return np.flatnonzero(around.ravel()[self._cell])

    def filtered(self, planes: Floats, which: NDArray[np.int64]) -> Floats:
        """Slopes and offset, ``float32 [h, w, 4]`` of any size, applied to those pixels."""
        red, green, blue, offset = self._at(planes, which).reshape(-1, 4)[: len(which)].T
        r, g, b = self._colours[which].T
        made: Floats = red * r + green * g + blue * b + offset
        return made

    def sampled(self, plane: Floats) -> Floats:
        """A plane ``float32 [h, w]``, interpolated at all pixels."""
        return self._at(plane, np.arange(self.count)).ravel()[: self.count]

    def _at(self, planes: Floats, which: NDArray[np.int64]) -> Floats:
        height, width = planes.shape[:2]
        map_x = _as_picture(self._x[which] * np.float32(width) - np.float32(0.5))
        map_y = _as_picture(self._y[which] * np.float32(height) - np.float32(0.5))
        made: Array = cv2.remap(
            planes, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return made


def _narrow(area: Mask) -> Mask:
    """The parts of an area that are too narrow for a square of 1/64 of the photo's height."""
    side = 2 * (area.shape[0] // _NOTCH) + 1
    opened = cv2.morphologyEx(
        area.astype(np.uint8), cv2.MORPH_OPEN, np.ones((side, side), np.uint8)
    )
    made: Mask = area & (opened == 0)
    return made


def _as_picture(values: Floats) -> Floats:
    """A list as rows and columns, filled up: OpenCV takes no list, and limits both sides."""
    return np.resize(values, (max(1, -(-len(values) // _COLUMNS)), _COLUMNS))
