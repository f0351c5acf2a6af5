"""MediaPipe's 33 landmarks as BODY_25 joints; imports no network."""

from __future__ import annotations

import numpy as np

from pipelines.body import Body25
from pipelines.preprocess.landmarks import Landmarks
from pipelines.types import Array, Keypoints, Size

SOURCES = {
    Body25.NOSE: 0, Body25.RIGHT_EYE: 5, Body25.LEFT_EYE: 2, Body25.RIGHT_EAR: 8,
    Body25.LEFT_EAR: 7, Body25.RIGHT_SHOULDER: 12, Body25.RIGHT_ELBOW: 14, Body25.RIGHT_WRIST: 16,
    Body25.LEFT_SHOULDER: 11, Body25.LEFT_ELBOW: 13, Body25.LEFT_WRIST: 15, Body25.RIGHT_HIP: 24,
    Body25.RIGHT_KNEE: 26, Body25.RIGHT_ANKLE: 28, Body25.LEFT_HIP: 23, Body25.LEFT_KNEE: 25,
    Body25.LEFT_ANKLE: 27, Body25.LEFT_BIG_TOE: 31, Body25.LEFT_HEEL: 29,
    Body25.RIGHT_BIG_TOE: 32, Body25.RIGHT_HEEL: 30,
}  # fmt: skip
"""MediaPipe's landmark of each joint that has one."""

MIN_PRESENCE = 0.1
"""Below this a joint is not in the photo, whatever its coordinates."""

MIN_SCORE = 0.1
"""Score of a joint that is in the photo but hidden: OpenPose reports and draws those, too."""

OVERSHOOT = 0.04
"""A joint this far outside the photo (in torso lengths) is put on its border, not dropped."""

NECK_ABOVE_SHOULDERS = 0.005
"""OpenPose's neck above the middle of the shoulders, in torso lengths."""

FAR_EAR = 0.77
"""The nose has come this share of the way from one ear to the other: the other is hidden."""

SMALL_TOE_ASIDE = 0.3
"""Small toe beside the big toe, outwards, in foot lengths."""


def to_body25(landmarks: Landmarks, size: Size) -> Keypoints:
    """The 25 joints that are in a photo of this size; the others are (0, 0) with score 0.

    The score is MediaPipe's visibility, at least ``MIN_SCORE`` for joints in the photo. Neck and
    middle of the hips are derived from shoulders and hips, small toes from the big ones.
    """
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for joint, source in SOURCES.items():
        xy[joint] = landmarks.xyz[source, :2]
        if landmarks.presence[source] >= MIN_PRESENCE:
            score[joint] = max(MIN_SCORE, float(landmarks.visibility[source]))
    torso = torso_length(landmarks.xyz)
    _derive_middles(xy, score, torso)
    _derive_small_toes(xy, score)
    if seen_from_behind(landmarks):
        score[[Body25.NOSE, Body25.RIGHT_EYE, Body25.LEFT_EYE]] = 0
    else:
        _hide_far_ear(xy, score)
    return _inside(xy, score, size, OVERSHOOT * torso)


def seen_from_behind(landmarks: Landmarks) -> bool:
    """Whether the person's left shoulder and hip are on the left of the picture."""
    xyz = landmarks.xyz
    across = (xyz[12] - xyz[11])[0], (xyz[24] - xyz[23])[0]
    return bool(across[0] > 0 and across[1] > 0 and across[0] > 0.2 * torso_length(xyz))


def torso_length(xyz: Array) -> float:
    """Middle of the shoulders to middle of the hips in the picture, at least 0.001 px."""
    return max(float(np.linalg.norm((xyz[11] + xyz[12] - xyz[23] - xyz[24])[:2]) / 2), 1e-3)


def _derive_middles(xy: Array, score: Array, torso: float) -> None:
    for joint, right, left in (
        (Body25.NECK, Body25.RIGHT_SHOULDER, Body25.LEFT_SHOULDER),
        (Body25.MID_HIP, Body25.RIGHT_HIP, Body25.LEFT_HIP),
    ):
        xy[joint] = (xy[right] + xy[left]) / 2
        score[joint] = min(score[right], score[left])
    up = xy[Body25.NECK] - xy[Body25.MID_HIP]
    xy[Body25.NECK] += NECK_ABOVE_SHOULDERS * torso * up / max(float(np.hypot(*up)), 1e-6)


def _derive_small_toes(xy: Array, score: Array) -> None:
    across = xy[Body25.LEFT_HIP] - xy[Body25.RIGHT_HIP]
    across = across / max(float(np.hypot(*across)), 1e-6)
    for small, big, heel, sign in (
        (Body25.LEFT_SMALL_TOE, Body25.LEFT_BIG_TOE, Body25.LEFT_HEEL, 1),
        (Body25.RIGHT_SMALL_TOE, Body25.RIGHT_BIG_TOE, Body25.RIGHT_HEEL, -1),
    ):
        foot = float(np.linalg.norm(xy[big] - xy[heel]))
        xy[small] = xy[big] + sign * SMALL_TOE_ASIDE * foot * across
        score[small] = score[big] / 2


def _hide_far_ear(xy: Array, score: Array) -> None:
    """Drop the ear on the far side of a turned head: MediaPipe guesses it, OpenPose does not."""
    ears = xy[Body25.LEFT_EAR] - xy[Body25.RIGHT_EAR]
    width = float(np.hypot(*ears))
    if width < 1e-3:
        return
    turn = float((xy[Body25.NOSE] - xy[Body25.RIGHT_EAR]) @ ears) / width**2
    if turn > FAR_EAR:
        score[Body25.LEFT_EAR] = 0
    elif turn < 1 - FAR_EAR:
        score[Body25.RIGHT_EAR] = 0


def _inside(xy: Array, score: Array, size: Size, overshoot: float) -> Keypoints:
    limit = np.array((size.width - 1, size.height - 1), np.float32)
    placed = np.clip(xy, 0, limit)
    gone = (np.abs(xy - placed).max(1) > overshoot) | (score <= 0) | ~np.isfinite(xy).all(1)
    placed[gone], score[gone] = 0, 0
    return Keypoints(placed.astype(np.float32), score.astype(np.float32))
