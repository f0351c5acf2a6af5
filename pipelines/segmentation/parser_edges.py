"""From labels at a network's size to labels at a photo's size, with the photo's edges."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.preprocess.guided_filter import Box, GuidedFilter, enlarge_part
from pipelines.types import Image

GUIDED_FROM = 1.25
"""Enlargement from which the photo knows more about edges than the network has seen."""

WORKING = 2.0
"""Edges are fitted at this multiple of the network's size; beyond, they are smooth curves."""

_RADIUS = 4
_EPSILON = 4e-4
_PRESENT = 0.3


def label_photo(photo: Image, beliefs: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The most probable label of each pixel, ``uint8 [H, W]`` of the photo's size.

    ``photo`` is ``uint8 [H, W, 3]``, ``beliefs`` ``float32 [K, h, w]`` shows the same at the
    network's size, the first label being the background. Where the photo is larger, each label's
    probability is enlarged with the photo as the guide, so that outlines run along its edges.
    """
    height, width = photo.shape[:2]
    rows, columns = beliefs.shape[1:]
    if (rows, columns) == (height, width):
        same: NDArray[np.uint8] = beliefs.argmax(0).astype(np.uint8)
        return same
    parts = _guided if height / rows >= GUIDED_FROM else _smooth
    best = np.zeros((height, width), np.float32)
    rest = np.ones((height, width), np.float32)
    ids = np.zeros((height, width), np.uint8)
    for label, belief, (left, top, right, bottom) in parts(photo, beliefs):
        place = np.s_[top:bottom, left:right]
        ids[place][belief > best[place]] = label
        np.maximum(best[place], belief, out=best[place])
        rest[place] -= belief
    # both ways of enlarging are linear: what the others leave is the background's
    ids[rest > best] = 0
    return ids


def _present(beliefs: NDArray[np.float32]) -> list[int]:
    return [k for k in range(1, len(beliefs)) if float(beliefs[k].max()) > _PRESENT]


def _smooth(
    photo: Image, beliefs: NDArray[np.float32]
) -> Iterator[tuple[int, NDArray[np.float32], Box]]:
    height, width = photo.shape[:2]
    for label in _present(beliefs):
        belief = cv2.resize(beliefs[label], (width, height), interpolation=cv2.INTER_LINEAR)
        yield label, np.asarray(belief, np.float32), (0, 0, width, height)


def _guided(
    photo: Image, beliefs: NDArray[np.float32]
) -> Iterator[tuple[int, NDArray[np.float32], Box]]:
    (height, width), (rows, columns) = photo.shape[:2], beliefs.shape[1:]
    guide = photo
    if height / rows > WORKING:
        shape = (round(columns * WORKING), round(rows * WORKING))
        guide = np.asarray(cv2.resize(photo, shape, interpolation=cv2.INTER_AREA), np.uint8)
    shrink = max(1, round(guide.shape[0] / rows))
    edges = GuidedFilter(guide, radius=_RADIUS * shrink, epsilon=_EPSILON, shrink=shrink)
    ratio = (width / guide.shape[1], height / guide.shape[0])
    for label in _present(beliefs):
        belief, box = edges.where_it_is(beliefs[label])
        yield label, *enlarge_part(belief, box, ratio, (width, height))
