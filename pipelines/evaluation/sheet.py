"""A contact sheet of photos with predicted and true labels in colour, worst first."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pipelines.clothing_labels import IGNORED
from pipelines.evaluation.groups import Grouping
from pipelines.evaluation.masks import Ids
from pipelines.evaluation.parse import ParseCase, judged_maps
from pipelines.labels import voc_palette
from pipelines.types import Image, Mask

TILE_HEIGHT = 288
_BAR, _GAP = 22, 6
_OPACITY = 0.6
_NO_LABEL = (128, 128, 128)
_PAPER = 255


def contact_sheet(
    cases: Sequence[ParseCase], scores: Sequence[float], grouping: Grouping, columns: int = 3
) -> Image:
    """``uint8 [H, W, 3]``: for each case the photo, the prediction and the truth over it.

    Names and scores stand above. Labels have the same colour in both; pixels that are left out
    show the photo, predictions of no label are gray. A failed prediction shows the photo alone.
    """
    tiles = [_tile(*pair, grouping) for pair in zip(cases, scores, strict=True)]
    if not tiles:
        return np.full((TILE_HEIGHT, TILE_HEIGHT, 3), _PAPER, np.uint8)
    height, width = (max(tile.shape[axis] for tile in tiles) + _GAP for axis in (0, 1))
    across = min(columns, len(tiles))
    down = -(-len(tiles) // across)
    sheet = np.full((down * height, across * width, 3), _PAPER, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // across * height, number % across * width
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return sheet


def _tile(case: ParseCase, score: float, grouping: Grouping) -> Image:
    height, width = case.truth.ids.shape
    photo = np.zeros((height, width, 3), np.uint8) if case.image is None else case.image
    if photo.shape[:2] != (height, width):
        photo = np.asarray(cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA))
    predicted = case.predicted
    if predicted is not None and predicted.ids.shape == (height, width):
        made, true = judged_maps(grouping, predicted, case.truth)
        row = [photo, _over(photo, made, true == IGNORED), _over(photo, true, true == IGNORED)]
    else:
        _, true = judged_maps(grouping, None, case.truth)
        row = [photo, photo, _over(photo, true, true == IGNORED)]
    shape = (max(1, round(width * TILE_HEIGHT / height)), TILE_HEIGHT)
    pictures = [cv2.resize(picture, shape, interpolation=cv2.INTER_AREA) for picture in row]
    bar = np.full((_BAR, 3 * shape[0], 3), _PAPER, np.uint8)
    words = f"{case.item} {score:.3f}" + (f" {case.error.code}" if case.error else "")
    for place, text in enumerate((words, "predicted", "true")):
        at = (4 + place * shape[0], _BAR - 7)
        cv2.putText(bar, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([bar, np.hstack(pictures)]).astype(np.uint8)


def _over(photo: Image, numbers: Ids, left_out: Mask) -> Image:
    palette = np.full((256, 3), _NO_LABEL, np.uint8)
    palette[:IGNORED] = voc_palette(IGNORED)
    mixed = (1 - _OPACITY) * photo + _OPACITY * palette[numbers]
    shown = np.where(left_out[..., None], photo, mixed)
    return shown.astype(np.uint8)
