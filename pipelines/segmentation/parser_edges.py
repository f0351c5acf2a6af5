"""From labels at a network's size to labels at a photo's size, with the photo's edges."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.preprocess.guided_filter import guided_filter
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
    network's size. Where the photo is larger, each label's probability is enlarged with the photo
    as the guide, so that outlines run along its edges.
    """
    height, width = photo.shape[:2]
    rows, columns = beliefs.shape[1:]
    if (rows, columns) == (height, width):
        same: NDArray[np.uint8] = beliefs.argmax(0).astype(np.uint8)
        return same
    enlarged = height / rows
    present = [k for k in range(len(beliefs)) if float(beliefs[k].max()) > _PRESENT]
    guide = photo
    if enlarged > WORKING:
        shape = (round(columns * WORKING), round(rows * WORKING))
        guide = np.asarray(cv2.resize(photo, shape, interpolation=cv2.INTER_AREA), np.uint8)
    best = np.full((height, width), -1, np.float32)
    ids = np.zeros((height, width), np.uint8)
    for label in present or [0]:
        belief = beliefs[label]
        if enlarged >= GUIDED_FROM:
            shrink = max(1, round(guide.shape[0] / rows))
            belief = guided_filter(
                guide, belief, radius=_RADIUS * shrink, epsilon=_EPSILON, shrink=shrink
            )
        if belief.shape != ids.shape:
            belief = cv2.resize(belief, (width, height), interpolation=cv2.INTER_LINEAR)
        better = belief > best
        ids[better] = label
        np.maximum(best, belief, out=best)
    return ids
