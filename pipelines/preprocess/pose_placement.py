"""A target pose brought to a person: in their size, and where they stand.

A pose to take comes from anywhere: a larger photo, another person, another camera. What of it is
meant is how the limbs are held, so it is scaled until its torso is as long as the person's, and
moved until its neck is where theirs is (our choice; the published data shows one person twice in
pictures of one scale).
"""

from __future__ import annotations

import numpy as np

from pipelines.body import TORSO_PER_SHOULDERS, Body25
from pipelines.errors import ItemError
from pipelines.preprocess.agnostic_shapes import Joints, torso_completed
from pipelines.types import Keypoints, Pose

_FORESHORTENED = 0.6
"""A torso is taken to be at least this share of what the shoulders' width says of its length:
one that leans towards the camera looks short, and is none."""

LOWER_BODY = (
    Body25.MID_HIP, Body25.RIGHT_HIP, Body25.RIGHT_KNEE, Body25.RIGHT_ANKLE, Body25.LEFT_HIP,
    Body25.LEFT_KNEE, Body25.LEFT_ANKLE, Body25.LEFT_BIG_TOE, Body25.LEFT_SMALL_TOE,
    Body25.LEFT_HEEL, Body25.RIGHT_BIG_TOE, Body25.RIGHT_SMALL_TOE, Body25.RIGHT_HEEL,
)  # fmt: skip
"""Joints from the hips down."""


def placed(target: Pose, person: Pose) -> Pose:
    """The body of ``target`` with the person's torso length and neck, in the person's pixels.

    Hips or a neck that were not seen are where the other joints say. Joints that the target does
    not show stay unseen. Raises ``ItemError`` (``uncertain_pose``) where either shows no shoulder.
    """
    try:
        wanted = torso_completed(target)
    except ItemError:
        raise ItemError(
            "the target pose shows no shoulder, so there is no telling how large it is",
            code="uncertain_pose",
            hint="Give a pose of a person who is seen from head to hips.",
        ) from None
    own = torso_completed(person)
    factor = torso_length(own) / torso_length(wanted)
    seen = target.body.score > 0
    moved = (target.body.xy - wanted[Body25.NECK]) * factor + own[Body25.NECK]
    xy = np.where(seen[:, None], moved, 0).astype(np.float32)
    return Pose(Keypoints(xy, target.body.score))


def torso_length(joints: Joints) -> float:
    """Neck to middle of the hips in pixels, at least 1; ``joints`` are ``torso_completed``."""
    hips = (joints[Body25.RIGHT_HIP] + joints[Body25.LEFT_HIP]) / 2
    across = np.hypot(*(joints[Body25.LEFT_SHOULDER] - joints[Body25.RIGHT_SHOULDER]))
    trunk = np.hypot(*(hips - joints[Body25.NECK]))
    return max(1.0, float(trunk), _FORESHORTENED * TORSO_PER_SHOULDERS * float(across))


def with_joints_of(pose: Pose, other: Pose, joints: tuple[int, ...]) -> Pose:
    """The body of ``pose`` with some joints as ``other`` has them, unseen ones included."""
    index = list(joints)
    xy, score = pose.body.xy.copy(), pose.body.score.copy()
    xy[index], score[index] = other.body.xy[index], other.body.score[index]
    return Pose(Keypoints(xy, score))
