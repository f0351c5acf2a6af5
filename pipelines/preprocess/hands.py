"""Hands: 21 points each, by MediaPipe Hands on crops that wrist and elbow point to.

Working on crops settles which hand is whose, and finds hands that are small in the photo.
"""

from __future__ import annotations

import os
import threading
from functools import cache
from typing import Any

import cv2
import numpy as np

from pipelines.body import Body25
from pipelines.preprocess.native_logs import silenced
from pipelines.types import Array, Image, Keypoints

CROP = 192
"""Side of the crop in pixels; MediaPipe's palm detector looks at 192."""

CROP_PER_FOREARM = 1.6
CROP_PER_TORSO = 0.5
"""The crop's side is the larger of these multiples of forearm and torso."""

BEYOND_WRIST = 0.35
"""The crop's centre lies this share of the forearm beyond the wrist."""

MIN_WRIST_SCORE = 0.3
"""Below this the wrist is hidden or guessed, and no hand is looked for."""

FARTHEST = 0.35
"""A hand whose own wrist is farther from the body's than this share of the crop is another's."""

_LOCK = threading.RLock()
_SIDES = {
    "left": (Body25.LEFT_WRIST, Body25.LEFT_ELBOW),
    "right": (Body25.RIGHT_WRIST, Body25.RIGHT_ELBOW),
}


def find_hands(image: Image, body: Keypoints) -> tuple[Keypoints | None, Keypoints | None]:
    """The person's left and right hand, each None where it is not seen.

    Points are those of MediaPipe and OpenPose (the same 21, wrist first, thumb to little finger),
    in pixels of the image; all points of a hand carry the certainty of the hand as score.
    """
    left, right = (find_hand(image, body, side) for side in ("left", "right"))
    if left is not None and right is not None and _same(left, right):
        # one hand seen twice, as with folded hands: it belongs to the nearer wrist
        gap_left = _gap(left, body, Body25.LEFT_WRIST)
        return (left, None) if gap_left <= _gap(right, body, Body25.RIGHT_WRIST) else (None, right)
    return left, right


def find_hand(image: Image, body: Keypoints, side: str) -> Keypoints | None:
    """The hand at the ``"left"`` or ``"right"`` wrist, or None."""
    wrist, elbow = _SIDES[side]
    if body.score[wrist] < MIN_WRIST_SCORE or not body.seen(elbow):
        return None
    forearm = body.xy[wrist] - body.xy[elbow]
    edge = max(CROP_PER_FOREARM * float(np.hypot(*forearm)), CROP_PER_TORSO * _torso(body))
    if edge < 8:
        return None
    edge = round(edge)
    corner = np.floor(body.xy[wrist] + BEYOND_WRIST * forearm - edge / 2).astype(int)
    with _LOCK:
        found = _detect(_crop(image, corner, edge))
    if found is None:
        return None
    points, certainty = found
    xy = (points * edge + corner - 0.5).astype(np.float32)
    if np.linalg.norm(xy[0] - body.xy[wrist]) > FARTHEST * edge:
        return None
    return Keypoints(xy, np.full(21, certainty, np.float32))


def _crop(image: Image, corner: Array, edge: int) -> Array:
    """A square of ``edge`` pixels from ``corner`` on, at ``CROP`` pixels, border repeated."""
    left, top = (int(v) for v in corner)
    right, bottom = left + edge, top + edge
    height, width = image.shape[:2]
    # crop first, then shrink with area averaging: warping straight to the small size would alias
    part = image[max(top, 0) : max(bottom, 1), max(left, 0) : max(right, 1)]
    if part.size == 0:
        return np.zeros((CROP, CROP, 3), np.uint8)
    padded = cv2.copyMakeBorder(
        part, max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0),
        cv2.BORDER_REPLICATE,
    )  # fmt: skip
    way = cv2.INTER_AREA if edge > CROP else cv2.INTER_LINEAR
    return cv2.resize(padded, (CROP, CROP), interpolation=way)


def _detect(crop: Array) -> tuple[Array, float] | None:
    """Points ``[21, 2]`` in shares of the crop, and certainty."""
    key = os.getpid()
    if key in _SPOKEN:
        found = _model(key).process(crop)
    else:
        with silenced():
            found = _model(key).process(crop)
    if not found.multi_hand_landmarks:
        return None
    _SPOKEN.add(key)
    points = np.array([(p.x, p.y) for p in found.multi_hand_landmarks[0].landmark], np.float32)
    return points, float(found.multi_handedness[0].classification[0].score)


_SPOKEN: set[int] = set()
"""Processes whose model has found a hand, and so has written all its warnings."""


@cache
def _model(_pid: int) -> Any:
    from mediapipe.python.solutions.hands import Hands

    return Hands(
        static_image_mode=True, max_num_hands=1, model_complexity=0, min_detection_confidence=0.4
    )


def _torso(body: Keypoints) -> float:
    if body.seen(Body25.NECK) and body.seen(Body25.MID_HIP):
        return float(np.linalg.norm(body.xy[Body25.NECK] - body.xy[Body25.MID_HIP]))
    return 0.0


def _same(a: Keypoints, b: Keypoints) -> bool:
    size = float(np.ptp(a.xy, axis=0).max())
    return float(np.linalg.norm(a.xy - b.xy, axis=1).mean()) < 0.25 * size


def _gap(hand: Keypoints, body: Keypoints, wrist: int) -> float:
    return float(np.linalg.norm(hand.xy[0] - body.xy[wrist]))
