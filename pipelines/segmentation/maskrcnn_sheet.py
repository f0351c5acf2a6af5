"""Pictures of detected instances beside the labels."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pipelines.clothing_labels import FASHION15
from pipelines.labels import palette
from pipelines.segmentation.instances import Instances
from pipelines.segmentation.maskrcnn_data import LabelledPhoto
from pipelines.segmentation.maskrcnn_merge import MIN_SCORE, fashion15_of_instances
from pipelines.types import Image, Size

_TILE_HEIGHT = 288
_ALPHA = 0.6


def contact_sheet(
    photos: Sequence[LabelledPhoto], found: Sequence[Instances], *, min_score: float = MIN_SCORE
) -> Image:
    """RGB ``uint8 [H, W, 3]``: of each photo itself, its labels and what was found, side by side.

    Instances of at least ``min_score`` are shown as the merged map, with their boxes.
    """
    rows = []
    for photo, instances in zip(photos, found, strict=True):
        size = Size(*photo.parse.ids.shape)
        merged = fashion15_of_instances(instances, size, min_score=min_score).ids
        boxed = _tinted(photo.image, merged)
        for box, label, score in zip(
            instances.boxes, instances.labels, instances.scores, strict=True
        ):
            if score >= min_score:
                left, top, right, bottom = (round(float(edge)) for edge in box)
                colour = palette(FASHION15)[int(label)]
                cv2.rectangle(boxed, (left, top), (right - 1, bottom - 1), colour)
        tiles = (photo.image, _tinted(photo.image, photo.parse.ids), boxed)
        rows.append(np.concatenate([_tile(tile) for tile in tiles], axis=1))
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows]
    half = (len(padded) + 1) // 2
    columns = [np.concatenate(part) for part in (padded[:half], padded[half:]) if part]
    height = max(column.shape[0] for column in columns)
    return np.concatenate(
        [np.pad(column, ((0, height - column.shape[0]), (0, 0), (0, 0))) for column in columns], 1
    )


def _tinted(image: Image, ids: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Image:
    colours = np.array(palette(FASHION15), np.float32)[ids]
    mixed = _ALPHA * colours + (1 - _ALPHA) * image
    made: Image = np.where(ids[..., None] > 0, mixed, 0.5 * image).astype(np.uint8)
    return np.ascontiguousarray(made)


def _tile(image: Image) -> Image:
    width = round(image.shape[1] * _TILE_HEIGHT / image.shape[0])
    return np.asarray(cv2.resize(image, (width, _TILE_HEIGHT)), np.uint8)
