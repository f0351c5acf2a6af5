"""How certain a pose is, and what about it deserves a human's look."""

from __future__ import annotations

import numpy as np

from pipelines.flags import Flag
from pipelines.preprocess.body_joints import seen_from_behind, torso_length
from pipelines.preprocess.landmarks import Landmarks
from pipelines.types import Array, Size

DOUBTFUL_CERTAINTY = 0.8
DOUBTFUL_SPREAD = 0.12
"""Two looks at the photo put shoulders and hips this far apart, in torso lengths."""

DISAGREEMENT = 0.2
"""Spread that halves the certainty."""

SIDE_WIDTH = 0.36
"""Shoulders narrower than this in the picture, in torso lengths; about 0.65 seen from the front."""

NEAR_ELBOW = 0.35
"""A wrist this near the other arm's elbow, in torso lengths."""


def certainty(landmarks: Landmarks) -> float:
    """0..1: how sure the model is of shoulders and face, and how little two looks disagree."""
    upper = landmarks.presence[[11, 12]].mean() * 0.7 + landmarks.presence[[0, 7, 8]].mean() * 0.3
    agreement = 1.0 / (1.0 + (landmarks.spread / DISAGREEMENT) ** 2)
    return float(np.clip(upper * agreement, 0, 1))


def flags(landmarks: Landmarks, size: Size) -> tuple[Flag, ...]:
    """Doubts about a pose on a photo of this size, in the order of ``Flag``."""
    found = {
        Flag.UNCERTAIN_POSE: certainty(landmarks) < DOUBTFUL_CERTAINTY
        or landmarks.spread > DOUBTFUL_SPREAD,
        Flag.BACK_VIEW: seen_from_behind(landmarks),
        Flag.SIDE_VIEW: _side_view(landmarks),
        Flag.ARMS_CROSSED: _arms_crossed(landmarks),
        Flag.TORSO_CUT_OFF: _torso_cut_off(landmarks, size),
    }
    return tuple(flag for flag, holds in found.items() if holds)


def _side_view(landmarks: Landmarks) -> bool:
    xyz = landmarks.xyz
    width = abs(float(xyz[11, 0] - xyz[12, 0])) / torso_length(xyz)
    return width < SIDE_WIDTH


def _arms_crossed(landmarks: Landmarks) -> bool:
    """Each wrist on the other side of the body, at the other arm's elbow or forearm."""
    xy, torso = landmarks.xyz[:, :2], torso_length(landmarks.xyz)
    middle = xy[[11, 12, 23, 24]].mean(0)
    across = xy[11] - xy[12]
    right_over = float((xy[16] - middle) @ across) > 0
    left_over = float((xy[15] - middle) @ across) < 0
    near = (
        _to_segment(xy[16], xy[13], xy[15]) < NEAR_ELBOW * torso
        and _to_segment(xy[15], xy[14], xy[16]) < NEAR_ELBOW * torso
    )
    above_hips = max(xy[15, 1], xy[16, 1]) < xy[[23, 24], 1].max()
    return right_over and left_over and near and bool(above_hips)


def _to_segment(point: Array, start: Array, end: Array) -> float:
    way = end - start
    share = np.clip((point - start) @ way / max(float(way @ way), 1e-6), 0, 1)
    return float(np.linalg.norm(point - start - share * way))


def _torso_cut_off(landmarks: Landmarks, size: Size) -> bool:
    """Both hips, or one shoulder, outside the photo."""
    xy = landmarks.xyz[:, :2]
    outside = (xy < 0).any(1) | (xy[:, 0] > size.width - 1) | (xy[:, 1] > size.height - 1)
    return bool((outside[23] and outside[24]) or outside[11] or outside[12])
