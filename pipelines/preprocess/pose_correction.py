"""From MediaPipe's joints to where OpenPose would put them: shoulders, elbows, wrists, hips.

The two disagree by convention: OpenPose's elbow lies higher, its hips and shoulders a little
apart from MediaPipe's, and the wrist of a hidden hand nearer to the last visible part of the
forearm. The correction of each joint is linear in 49 numbers that describe the pose: positions
of landmarks, depths, visibilities, and the forearm weighted by how hidden its hand is. All are
taken in a body frame: origin between the shoulders, y towards the middle of the hips, unit the
torso length. The person's left side is corrected as the mirror image of the right side.

How it was fitted: on 1,800 studio photos of the VITON training list (VITON, Han et al. 2018),
with OpenPose's COCO-18 files as target, by regularised linear regression (ridge, weight 20 on
standardised features) with redescending weights (Geman-McClure, scale 0.12 torso lengths), so
that joints where one of the two is plainly wrong do not count. ``tests/bench/fit_pose.py``
repeats it and prints the table in ``pose_correction_table``. Features outside their 1st to 99th
percentile on those photos are clipped and corrections end at ``LARGEST``, so that a sitting or
distant person is not moved by extrapolation.
"""

from __future__ import annotations

import numpy as np

from pipelines.preprocess.body_joints import torso_length
from pipelines.preprocess.landmarks import MIRROR_33, Landmarks
from pipelines.preprocess.pose_correction_table import TABLE
from pipelines.types import Array

LARGEST = 0.12
"""No joint is moved farther than this, in torso lengths."""

LEFT = (11, 13, 15, 23)
RIGHT = (12, 14, 16, 24)
"""Landmarks that are corrected, in the table's order: shoulder, elbow, wrist, hip."""

_PLACES = (0, 7, 8, 11, 12, 13, 14, 15, 16, 24, 25, 26, 27, 28)
_DEPTHS = (0, 11, 12, 14, 16, 24, 26, 25)
_VISIBLE = (23, 24, 25, 26, 14, 16)
_PRESENT = (24, 26)


def correct(landmarks: Landmarks) -> Landmarks:
    """The landmarks with shoulders, elbows, wrists and hips where OpenPose would put them."""
    if torso_length(landmarks.xyz) < 0.4 * _shoulders(landmarks.xyz):
        return landmarks  # seen from above or lying: no body frame to speak of
    table = np.array(TABLE, np.float32)
    xyz = landmarks.xyz.copy()
    for side, mirrored in ((RIGHT, False), (LEFT, True)):
        values = np.clip(features(landmarks, mirrored=mirrored), table[:, 0], table[:, 1])
        offsets = (values @ table[:, 2:]).reshape(4, 2)
        size = np.linalg.norm(offsets, axis=1, keepdims=True)
        offsets *= np.minimum(1, LARGEST / np.maximum(size, 1e-6))
        xyz[list(side), :2] += _to_image(landmarks.xyz, offsets, mirrored=mirrored)
    return Landmarks(xyz, landmarks.visibility, landmarks.presence, landmarks.spread)


def features(landmarks: Landmarks, *, mirrored: bool) -> Array:
    """``float32 [49]``: the pose as the table wants it, first a 1; ``mirrored``: left side."""
    index = list(MIRROR_33) if mirrored else list(range(33))
    points = to_body(landmarks.xyz, landmarks.xyz[:, :2], mirrored=mirrored)[index]
    depth = landmarks.xyz[index, 2] / torso_length(landmarks.xyz)
    visible, present = landmarks.visibility[index], landmarks.presence[index]
    forearm = points[16] - points[14]
    parts = (
        np.ones(1), points[list(_PLACES)].ravel(), depth[list(_DEPTHS)], visible[list(_VISIBLE)],
        present[list(_PRESENT)], forearm * (1 - visible[16]), forearm * (1 - visible[20]),
    )  # fmt: skip
    joined: Array = np.concatenate(parts).astype(np.float32)
    return joined


def to_body(xyz: Array, points: Array, *, mirrored: bool) -> Array:
    """Image points ``[N, 2]`` in the body frame of the landmarks ``xyz``."""
    neck, axes = _frame(xyz)
    placed: Array = (points - neck) @ axes.T / torso_length(xyz)
    if mirrored:
        placed[:, 0] *= -1
    return placed


def _to_image(xyz: Array, offsets: Array, *, mirrored: bool) -> Array:
    if mirrored:
        offsets = offsets * np.array((-1, 1), np.float32)
    moved: Array = offsets @ _frame(xyz)[1] * torso_length(xyz)
    return moved


def _frame(xyz: Array) -> tuple[Array, Array]:
    neck = (xyz[11, :2] + xyz[12, :2]) / 2
    down = (xyz[23, :2] + xyz[24, :2]) / 2 - neck
    down = down / max(float(np.hypot(*down)), 1e-6)
    return neck, np.array(((down[1], -down[0]), down), np.float32)


def _shoulders(xyz: Array) -> float:
    return float(np.linalg.norm((xyz[11] - xyz[12])[:2]))
