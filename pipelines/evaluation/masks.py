"""Scores of label maps and masks: accuracy, intersection over union (IoU), boundary F.

Counts are summed over photos before they are divided, so each pixel counts once, whichever photo
it lies in. "Accuracy" of a label is hit pixels / true pixels (its recall), the figure that
publications on parsing print beside IoU. Labels are numbered from 0; ``IGNORED`` marks pixels of
the truth that are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.clothing_labels import IGNORED
from pipelines.types import Mask

Ids = NDArray[np.uint8]
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LabelScores:
    """Scores of n labels, each array ``float64 [n]``; NaN where a score is not defined."""

    accuracy: Floats
    """Hit pixels / true pixels; NaN for a label that the truth does not have."""
    iou: Floats
    """NaN for a label that neither map has."""
    miou: float
    """Mean of ``iou`` over the labels that either map has."""
    pixel_accuracy: float
    """Hit pixels / all pixels that count."""


def regrouped(ids: Ids, table: Mapping[int, int], default: int = IGNORED) -> Ids:
    """Map ids ``uint8 [H, W]`` by ``table``; what the table does not name becomes ``default``."""
    lookup = np.full(256, default, np.uint8)
    lookup[list(table)] = list(table.values())
    made: Ids = lookup[ids]
    return made


def confusion(predicted: Ids, truth: Ids, labels: int) -> Counts:
    """Count pixels: ``int64 [labels, labels + 1]``, rows truth, columns prediction.

    The last column counts predictions that are none of the labels. Pixels whose truth is none of
    them (``IGNORED``) are left out. Raises ``ValueError`` for maps of different sizes.
    """
    if predicted.shape != truth.shape:
        raise ValueError(f"label maps of different sizes: {predicted.shape} and {truth.shape}")
    counted = truth < labels
    columns = np.minimum(predicted[counted], labels).astype(np.int64)
    rows = truth[counted].astype(np.int64)
    flat = np.bincount(rows * (labels + 1) + columns, minlength=labels * (labels + 1))
    return flat.reshape(labels, labels + 1)


def label_scores(counts: Counts) -> LabelScores:
    """Scores from counts as ``confusion`` gives them, of one photo or summed over many."""
    labels = counts.shape[0]
    hit = np.diag(counts[:, :labels]).astype(np.float64)
    true = counts.sum(1)
    union = true + counts[:, :labels].sum(0) - hit
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy = np.where(true > 0, hit / true, np.nan)
        iou = np.where(union > 0, hit / union, np.nan)
    total = counts.sum()
    return LabelScores(
        accuracy=accuracy,
        iou=iou,
        miou=float(np.nanmean(iou)) if (union > 0).any() else float("nan"),
        pixel_accuracy=float(hit.sum() / total) if total else float("nan"),
    )


def mask_iou(first: Mask, second: Mask) -> float:
    """IoU of two masks ``bool [H, W]``; 1 where both are empty."""
    union = np.logical_or(first, second).sum()
    return float(np.logical_and(first, second).sum() / union) if union else 1.0


def boundary_f(
    predicted: Mask, truth: Mask, tolerance_px: float = 2.0, left_out: Mask | None = None
) -> float:
    """F-score of two outlines; a point counts as hit within ``tolerance_px`` of the other outline.

    Masks are ``bool [H, W]``. An outline is the mask's own border pixels; the edge of the photo
    is no outline. Points inside or beside ``left_out`` are not judged, as the outline there is
    that of what is left out. 1 where neither mask has an outline, 0 where only one has.
    """
    first, second = _outline(predicted), _outline(truth)
    near_first, near_second = _within(first, tolerance_px), _within(second, tolerance_px)
    if left_out is not None and left_out.any():
        judged = ~cv2.dilate(left_out.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        first, second = first & judged, second & judged
    if not first.any() or not second.any():
        return 1.0 if first.any() == second.any() else 0.0
    precision, recall = float(near_second[first].mean()), float(near_first[second].mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _outline(mask: Mask) -> Mask:
    pixels = mask.astype(np.uint8)
    padded = cv2.copyMakeBorder(pixels, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    inner = cv2.erode(padded, np.ones((3, 3), np.uint8))[1:-1, 1:-1]
    outline: Mask = pixels > inner
    return outline


def _within(outline: Mask, distance_px: float) -> Mask:
    """``bool [H, W]``: where an outline is that near; nowhere for one without points."""
    if not outline.any():
        return outline
    away = cv2.distanceTransform((~outline).astype(np.uint8), cv2.DIST_L2, 5)
    near: Mask = away <= distance_px
    return near
