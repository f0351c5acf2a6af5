"""Skeletons: joint orders, limbs, and conversions between them.

Sources: OpenPose's BODY_25 and COCO-18 orders, COCO-17 (torchvision, YOLO), MediaPipe-33.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from pipelines.pose_colours import BODY_LIMBS
from pipelines.types import Keypoints, Pose

TORSO_PER_SHOULDERS = 1.5
"""Length of the torso, neck to middle of the hips, in widths of the shoulders."""


class Body25(IntEnum):
    """OpenPose's BODY_25 joints in file order; left and right are the person's own."""

    NOSE = 0
    NECK = 1
    RIGHT_SHOULDER = 2
    RIGHT_ELBOW = 3
    RIGHT_WRIST = 4
    LEFT_SHOULDER = 5
    LEFT_ELBOW = 6
    LEFT_WRIST = 7
    MID_HIP = 8
    RIGHT_HIP = 9
    RIGHT_KNEE = 10
    RIGHT_ANKLE = 11
    LEFT_HIP = 12
    LEFT_KNEE = 13
    LEFT_ANKLE = 14
    RIGHT_EYE = 15
    LEFT_EYE = 16
    RIGHT_EAR = 17
    LEFT_EAR = 18
    LEFT_BIG_TOE = 19
    LEFT_SMALL_TOE = 20
    LEFT_HEEL = 21
    RIGHT_BIG_TOE = 22
    RIGHT_SMALL_TOE = 23
    RIGHT_HEEL = 24


class Coco18(IntEnum):
    """COCO-18 joints in file order, as CP-VTON, ACGPN and MPV poses have them."""

    NOSE = 0
    NECK = 1
    RIGHT_SHOULDER = 2
    RIGHT_ELBOW = 3
    RIGHT_WRIST = 4
    LEFT_SHOULDER = 5
    LEFT_ELBOW = 6
    LEFT_WRIST = 7
    RIGHT_HIP = 8
    RIGHT_KNEE = 9
    RIGHT_ANKLE = 10
    LEFT_HIP = 11
    LEFT_KNEE = 12
    LEFT_ANKLE = 13
    RIGHT_EYE = 14
    LEFT_EYE = 15
    RIGHT_EAR = 16
    LEFT_EAR = 17


class Coco17(IntEnum):
    """COCO-17 joints in order (torchvision, YOLO): left before right, no neck."""

    NOSE = 0
    LEFT_EYE = 1
    RIGHT_EYE = 2
    LEFT_EAR = 3
    RIGHT_EAR = 4
    LEFT_SHOULDER = 5
    RIGHT_SHOULDER = 6
    LEFT_ELBOW = 7
    RIGHT_ELBOW = 8
    LEFT_WRIST = 9
    RIGHT_WRIST = 10
    LEFT_HIP = 11
    RIGHT_HIP = 12
    LEFT_KNEE = 13
    RIGHT_KNEE = 14
    LEFT_ANKLE = 15
    RIGHT_ANKLE = 16


MEDIAPIPE33_TO_BODY25 = {
    0: 0, 12: 2, 14: 3, 16: 4, 11: 5, 13: 6, 15: 7, 24: 9, 26: 10, 28: 11, 23: 12, 25: 13, 27: 14,
    5: 15, 2: 16, 8: 17, 7: 18, 31: 19, 29: 21, 32: 22, 30: 24,
}  # fmt: skip
"""BODY_25 joint of each MediaPipe landmark that has one (neck, mid-hip, small toes have none)."""

BODY25_TO_COCO18 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
"""BODY_25 index of each COCO-18 joint. Joints 9 and 12 are hips in BODY_25, knees in COCO-18."""

COCO17_TO_BODY25 = (0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11)
"""BODY_25 index of each COCO-17 joint (which lists left before right and has no neck)."""

BODY25_LIMBS = BODY_LIMBS
"""Limbs in the order OpenPose draws them; a limb takes the colour of its second joint."""

COCO18_LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12),
    (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
"""Limbs of COCO-18 in drawing order."""

BODY25_SWAP = (
    0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, 10, 11, 16, 15, 18, 17, 22, 23, 24, 19, 20, 21,
)  # fmt: skip
"""BODY_25 index of each joint's mirror image."""


def to_coco18(body: Keypoints) -> Keypoints:
    """BODY_25 -> COCO-18 (drops mid-hip, toes and heels)."""
    index = list(BODY25_TO_COCO18)
    return Keypoints(body.xy[index], body.score[index])


def from_coco18(coco: Keypoints) -> Keypoints:
    """COCO-18 -> BODY_25; mid-hip is the middle of the hips if both are seen, feet are unseen."""
    if len(coco.score) != 18:
        raise ValueError(f"COCO-18 has 18 joints, got {len(coco.score)}")
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    xy[list(BODY25_TO_COCO18)], score[list(BODY25_TO_COCO18)] = coco.xy, coco.score
    return _with_middle(Keypoints(xy, score), Body25.MID_HIP, Body25.RIGHT_HIP, Body25.LEFT_HIP)


def from_coco17(coco: Keypoints) -> Keypoints:
    """COCO-17 -> BODY_25; neck and mid-hip are middles of shoulders and hips."""
    if len(coco.score) != 17:
        raise ValueError(f"COCO-17 has 17 joints, got {len(coco.score)}")
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    xy[list(COCO17_TO_BODY25)], score[list(COCO17_TO_BODY25)] = coco.xy, coco.score
    body = Keypoints(xy, score)
    body = _with_middle(body, Body25.NECK, Body25.RIGHT_SHOULDER, Body25.LEFT_SHOULDER)
    return _with_middle(body, Body25.MID_HIP, Body25.RIGHT_HIP, Body25.LEFT_HIP)


def _with_middle(body: Keypoints, joint: int, a: int, b: int) -> Keypoints:
    xy, score = body.xy.copy(), body.score.copy()
    if score[a] > 0 and score[b] > 0:
        xy[joint], score[joint] = (xy[a] + xy[b]) / 2, min(score[a], score[b])
    return Keypoints(xy, score)


def mirror(body: Keypoints, width: int) -> Keypoints:
    """The joints of the horizontally flipped image of this width, left and right swapped."""
    index = list(BODY25_SWAP)
    return _flipped(Keypoints(body.xy[index], body.score[index]), width)


def mirror_pose(pose: Pose, width: int) -> Pose:
    """The pose on the horizontally flipped image; the hands change sides, the face is dropped.

    Face points have no mirrored order of their own in the files, and no reader here needs them.
    """
    return Pose(
        mirror(pose.body, width),
        left_hand=None if pose.right_hand is None else _flipped(pose.right_hand, width),
        right_hand=None if pose.left_hand is None else _flipped(pose.left_hand, width),
    )


def scaled(pose: Pose, x: float, y: float) -> Pose:
    """The pose on the image resized by the factors ``x`` and ``y``.

    Pixel centres are kept in place: the left edge of the first pixel stays at -0.5.
    """
    hands_and_face = (
        None if part is None else _scaled(part, x, y)
        for part in (pose.left_hand, pose.right_hand, pose.face)
    )
    return Pose(_scaled(pose.body, x, y), *hands_and_face)


def shifted(pose: Pose, x: float, y: float) -> Pose:
    """The pose moved by (x, y) pixels; unseen joints stay at (0, 0)."""
    hands_and_face = (
        None if part is None else _shifted(part, x, y)
        for part in (pose.left_hand, pose.right_hand, pose.face)
    )
    return Pose(_shifted(pose.body, x, y), *hands_and_face)


def _flipped(points: Keypoints, width: int) -> Keypoints:
    xy = points.xy.copy()
    xy[:, 0] = np.where(points.score > 0, width - 1 - xy[:, 0], 0)
    return Keypoints(xy, points.score)


def _scaled(part: Keypoints, x: float, y: float) -> Keypoints:
    factor = np.array((x, y), np.float32)
    xy = (part.xy + np.float32(0.5)) * factor - np.float32(0.5)
    return Keypoints(np.where(part.score[:, None] > 0, xy, 0).astype(np.float32), part.score)


def _shifted(part: Keypoints, x: float, y: float) -> Keypoints:
    xy = part.xy + np.array((x, y), np.float32)
    return Keypoints(np.where(part.score[:, None] > 0, xy, 0).astype(np.float32), part.score)
