"""From beliefs at working size to clean regions at the photo's own size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.preprocess.body_regions import Floats
from pipelines.preprocess.region_solver import GuidedFilter
from pipelines.types import Array, Image, Mask

_SPECK_SHARE = 0.0012
_SURE = 0.97
_NOTCH = 128
_GAP = 0.7
_FRINGE = 400
_COLUMNS = 4096


def drop_specks(beliefs: Floats) -> Floats:
    """The beliefs ``float32 [K, H, W]`` with tiny separate pieces given to their surroundings."""
    winner = beliefs.argmax(0).astype(np.uint8)
    made, least = beliefs.copy(), _SPECK_SHARE * winner.size
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
    ys, xs = np.nonzero(band)
    if len(ys) == 0:
        return regions
    place = (_as_picture(xs) + 0.5, _as_picture(ys) + 0.5)
    colours = np.ones((len(xs), 4), np.float32)
    colours[:, :3] = image[band].astype(np.float32) / 255
    values = {}
    for region in np.unique(small):
        planes = np.stack(smooth.coefficients(beliefs[region]), -1)
        found = _sampled(planes, place, (height, width)).reshape(-1, 4)[: len(xs)]
        values[int(region)] = np.einsum("nc,nc->n", found, colours)
    behind = values.pop(0, np.full(len(xs), -np.inf))
    if not values:
        return regions
    names = np.array(list(values), np.uint8)
    stack = np.stack(list(values.values()))
    person = names[stack.argmax(0)]
    regions[band] = np.where(behind > stack.max(0), 0, person)
    # stripes as light as the wall behind them tooth the silhouette: close what is narrow there,
    # unless it was background at working size, as the gap between arm and body is
    coarse = _sampled(beliefs[0], place, (height, width)).ravel()[: len(xs)]
    notch = _narrow(regions == 0)[band] & (coarse < _GAP)
    regions[band] = np.where(notch, person, regions[band])
    # single pixels of mixed colours; the median of an odd number of ids is one of them
    side = 2 * (height // _FRINGE) + 1
    return np.asarray(cv2.medianBlur(regions, side), np.uint8) if side > 1 else regions


def _narrow(area: Mask) -> Mask:
    """The parts of an area that are too narrow for a square of 1/64 of the photo's height."""
    side = 2 * (area.shape[0] // _NOTCH) + 1
    opened = cv2.morphologyEx(
        area.astype(np.uint8), cv2.MORPH_OPEN, np.ones((side, side), np.uint8)
    )
    made: Mask = area & (opened == 0)
    return made


def _as_picture(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """A list as rows and columns, filled up: OpenCV takes no list, and limits both sides."""
    return np.resize(values, (-(-len(values) // _COLUMNS), _COLUMNS))


def _sampled(planes: Floats, place: tuple[Array, Array], size: tuple[int, int]) -> Floats:
    """``planes`` of any size, interpolated at edge-based places of a picture of ``size``."""
    height, width = planes.shape[:2]
    map_x = (place[0] * (width / size[1]) - 0.5).astype(np.float32)
    map_y = (place[1] * (height / size[0]) - 0.5).astype(np.float32)
    made: Array = cv2.remap(planes, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return made
