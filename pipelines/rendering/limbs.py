"""Limbs of a body, and the angles by which they turn about their joints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipelines.body import Body25
from pipelines.labels import LIP20
from pipelines.types import Keypoints

Point = NDArray[np.float32]


@dataclass(frozen=True)
class Turns:
    """Degrees by which limbs turn about their upper joint, clockwise in the picture; legs about the
    hip, as a whole.
    """  # noqa: D205 - one sentence

    right_shoulder: float = 0.0
    right_elbow: float = 0.0
    left_shoulder: float = 0.0
    left_elbow: float = 0.0
    right_hip: float = 0.0
    left_hip: float = 0.0


@dataclass(frozen=True)
class Limb:
    """Joints from the body outwards, labels that are its own, and the fields of ``Turns``."""

    joints: tuple[Body25, Body25, Body25]
    labels: tuple[LIP20, ...]
    turns: tuple[str, ...]
    arm: bool


LIMBS = (
    Limb(
        (Body25.RIGHT_HIP, Body25.RIGHT_KNEE, Body25.RIGHT_ANKLE),
        (LIP20.RIGHT_LEG, LIP20.RIGHT_SHOE),
        ("right_hip",),
        arm=False,
    ),
    Limb(
        (Body25.LEFT_HIP, Body25.LEFT_KNEE, Body25.LEFT_ANKLE),
        (LIP20.LEFT_LEG, LIP20.LEFT_SHOE),
        ("left_hip",),
        arm=False,
    ),
    Limb(
        (Body25.RIGHT_SHOULDER, Body25.RIGHT_ELBOW, Body25.RIGHT_WRIST),
        (LIP20.RIGHT_ARM,),
        ("right_shoulder", "right_elbow"),
        arm=True,
    ),
    Limb(
        (Body25.LEFT_SHOULDER, Body25.LEFT_ELBOW, Body25.LEFT_WRIST),
        (LIP20.LEFT_ARM,),
        ("left_shoulder", "left_elbow"),
        arm=True,
    ),
)
"""In the order in which they are laid on one another."""

FEET = {
    Body25.RIGHT_ANKLE: (Body25.RIGHT_BIG_TOE, Body25.RIGHT_SMALL_TOE, Body25.RIGHT_HEEL),
    Body25.LEFT_ANKLE: (Body25.LEFT_BIG_TOE, Body25.LEFT_SMALL_TOE, Body25.LEFT_HEEL),
}


def turns_between(own: Keypoints, target: Keypoints) -> Turns:
    """The turns after which each limb of ``own`` points where ``target``'s does.

    Both are BODY_25 in pictures of one orientation; only directions count. A forearm that either
    does not show keeps its angle at the elbow, a limb its place; so does a leg whose ankle either
    does not show, as a photo that ends at the knees gives no legs to turn.
    """
    found = {}
    for limb in LIMBS:
        bones = pairwise(limb.joints) if limb.arm else [(limb.joints[0], limb.joints[2])]
        if not limb.arm and not _shown(limb.joints, own, target):
            continue
        before = 0.0
        for name, bone in zip(limb.turns, bones, strict=True):
            if not _shown(bone, own, target):
                break
            turn = (_direction(target, bone) - _direction(own, bone) - before + 180) % 360 - 180
            found[name] = turn
            before += turn
    return Turns(**found)


def legs_cross(body: Keypoints) -> bool:
    """Whether a bone of one leg crosses one of the other, joints that are not seen aside."""
    right, left = (
        [(body.xy[a], body.xy[b]) for a, b in pairwise(limb.joints) if _shown((a, b), body)]
        for limb in LIMBS
        if not limb.arm
    )
    return any(_cross(*one, *other) for one in right for other in left)


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether the lines from ``a`` to ``b`` and from ``c`` to ``d`` have a point in common."""

    def side(start: Point, end: Point, of: Point) -> float:
        (x, y), (u, v) = end - start, of - start
        return float(x * v - y * u)

    return side(a, b, c) * side(a, b, d) <= 0 and side(c, d, a) * side(c, d, b) <= 0


def _shown(joints: Iterable[int], *bodies: Keypoints) -> bool:
    return all(body.seen(joint) for joint in joints for body in bodies)


def _direction(body: Keypoints, bone: tuple[int, int]) -> float:
    """Degrees clockwise from the right."""
    x, y = (float(value) for value in body.xy[bone[1]] - body.xy[bone[0]])
    return float(np.rad2deg(np.arctan2(y, x)))
