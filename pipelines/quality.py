"""How far a try-on picture can be trusted: a score in 0..1 and flags that say why not.

The score is a product of factors, one for each doubt, so that one bad fault is enough to bring a
picture to the head of the list that a human looks through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pipelines.body import Body25
from pipelines.flags import Flag
from pipelines.types import Mask, Pose, Size

_JOINTS = (
    Body25.LEFT_SHOULDER, Body25.RIGHT_SHOULDER, Body25.LEFT_ELBOW, Body25.RIGHT_ELBOW,
    Body25.LEFT_WRIST, Body25.RIGHT_WRIST, Body25.LEFT_HIP, Body25.RIGHT_HIP,
)  # fmt: skip
_JOINT_WEIGHTS = (3.0, 3.0, 1.0, 1.0, 0.5, 0.5, 1.0, 1.0)
_TORSO_FROM_SHOULDERS = 1.52
_PENALTY: Mapping[Flag, float] = {
    Flag.UNCERTAIN_POSE: 0.6,
    Flag.BACK_VIEW: 0.55,
    Flag.SIDE_VIEW: 0.6,
    Flag.ARMS_CROSSED: 0.75,
    Flag.TORSO_CUT_OFF: 0.92,
    Flag.SEVERAL_PEOPLE: 0.85,
    Flag.GARMENT_CUT_OFF: 0.8,
    Flag.GARMENT_IS_NOT_A_TOP: 0.4,
    Flag.LOW_RESOLUTION: 0.85,
}
"""Factors for doubts that are either there or not."""


@dataclass(frozen=True)
class Evidence:
    """What was measured while a picture was made; shares are in 0..1.

    ``pose`` is the certainty of the joints that matter, ``parse`` how well the old garment's
    region agrees with the pose, ``garment_mask`` how plausible the garment's mask is (1 = fine),
    ``strain`` how far the warp stretches or shears (0 = not at all, 1 = as far as can still look
    right), ``uncovered`` the share of the trunk that the new garment should cover and does not,
    ``leftover`` the amount of the old garment still seen, as a share of its former area.
    """

    pose: float
    parse: float
    garment_mask: float
    strain: float
    uncovered: float
    leftover: float
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True)
class Quality:
    """The verdict: ``score`` in 0..1, 1 = no doubt, with its reasons."""

    score: float
    flags: tuple[Flag, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)


def judge(evidence: Evidence) -> Quality:
    """Score and flags from what was measured."""
    factors = {
        "pose": _rising(evidence.pose, 0.15, 0.55, floor=0.3),
        "parse": _rising(evidence.parse, 0.35, 0.85, floor=0.3),
        "garment_mask": _rising(evidence.garment_mask, 0.2, 0.8, floor=0.35),
        "strain": _rising(1 - evidence.strain, -0.6, 0.75, floor=0.3),
        "uncovered": _rising(1 - evidence.uncovered, 0.45, 0.92, floor=0.25),
        "leftover": _rising(1 - evidence.leftover, 0.7, 0.985, floor=0.3),
    }
    flags = list(evidence.flags)
    for flag, doubtful in (
        (Flag.UNCERTAIN_POSE, evidence.pose < 0.38),
        (Flag.UNCERTAIN_PARSE, evidence.parse < 0.6),
        (Flag.UNCERTAIN_GARMENT_MASK, evidence.garment_mask < 0.5),
        (Flag.STRONG_WARP, evidence.strain > 0.85),
        (Flag.OLD_GARMENT_LEFT, evidence.leftover > 0.06),
    ):
        if doubtful and flag not in flags:
            flags.append(flag)
    score = float(np.prod(list(factors.values())))
    for flag in flags:
        score *= _PENALTY.get(flag, 1.0)
    measures = {
        "pose": evidence.pose, "parse": evidence.parse, "garment_mask": evidence.garment_mask,
        "strain": evidence.strain, "uncovered": evidence.uncovered, "leftover": evidence.leftover,
    }  # fmt: skip
    return Quality(
        score=round(float(np.clip(score, 0, 1)), 4),
        flags=tuple(sorted(set(flags), key=list(Flag).index)),
        measures={name: round(float(value), 4) for name, value in measures.items()},
    )


def pose_certainty(pose: Pose, size: Size) -> float:
    """Weighted mean score of the joints a top hangs on; those outside the picture are left out."""
    total, seen = 0.0, 0.0
    for joint, weight in zip(_JOINTS, _JOINT_WEIGHTS, strict=True):
        x, y = pose.body.xy[joint]
        if pose.body.seen(joint) and not (0 <= x < size.width and 0 <= y < size.height):
            continue
        total += weight
        seen += weight * float(min(1.0, pose.body.score[joint]))
    return seen / total if total else 0.0


def pose_flags(pose: Pose, size: Size) -> tuple[Flag, ...]:
    """Doubts that follow from the pose alone."""
    body, flags = pose.body, []
    left, right = Body25.LEFT_SHOULDER, Body25.RIGHT_SHOULDER
    if body.seen(left) and body.seen(right):
        shoulder = float(np.linalg.norm(body.xy[left] - body.xy[right]))
        if body.xy[right][0] > body.xy[left][0] + 0.2 * shoulder:
            flags.append(Flag.BACK_VIEW)
        if body.seen(Body25.NECK) and body.seen(Body25.MID_HIP):
            torso = float(np.linalg.norm(body.xy[Body25.NECK] - body.xy[Body25.MID_HIP]))
            if shoulder < 0.5 * torso / _TORSO_FROM_SHOULDERS:
                flags.append(Flag.SIDE_VIEW)
        if shoulder < 40:
            flags.append(Flag.LOW_RESOLUTION)
        if _arms_crossed(pose, shoulder):
            flags.append(Flag.ARMS_CROSSED)
    if _torso_cut_off(pose, size):
        flags.append(Flag.TORSO_CUT_OFF)
    return tuple(flags)


def garment_mask_plausibility(mask: Mask) -> float:
    """1 for one solid piece of a sensible size, falling towards 0 for specks, shreds or a box."""
    area = float(mask.mean())
    if area == 0:
        return 0.0
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    solid = float(box.mean())
    size_ok = _rising(area, 0.02, 0.1)
    # nearly the whole bounding box filled: the background was taken for the garment
    shape_ok = min(_rising(solid, 0.18, 0.35), _rising(1 - solid, 0.01, 0.06))
    return min(size_ok, shape_ok)


def garment_cut_off(mask: Mask) -> bool:
    """Whether the garment runs out of its photo: its mask touches a good part of one side."""
    edges = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
    return any(float(edge.mean()) > 0.06 for edge in edges)


def _arms_crossed(pose: Pose, shoulder: float) -> bool:
    # both wrists on the other side of the spine, between shoulders and hips
    body = pose.body
    wrists = (Body25.LEFT_WRIST, Body25.RIGHT_WRIST)
    if not all(body.seen(joint) for joint in wrists):
        return False
    middle = (body.xy[Body25.LEFT_SHOULDER] + body.xy[Body25.RIGHT_SHOULDER]) / 2
    facing = 1.0 if body.xy[Body25.LEFT_SHOULDER][0] > body.xy[Body25.RIGHT_SHOULDER][0] else -1.0
    left, right = ((body.xy[joint] - middle) * [facing, 1] / shoulder for joint in wrists)
    high = max(left[1], right[1]) < 1.35 and min(left[1], right[1]) > 0.0
    return bool(high and left[0] < right[0] + 0.1)


def _torso_cut_off(pose: Pose, size: Size) -> bool:
    hips = (Body25.LEFT_HIP, Body25.RIGHT_HIP)
    seen = [pose.body.xy[joint] for joint in hips if pose.body.seen(joint)]
    if not seen:
        return True
    return bool(max(float(hip[1]) for hip in seen) > size.height)


def _rising(value: float, none: float, full: float, floor: float = 0.0) -> float:
    return floor + (1 - floor) * float(np.clip((value - none) / (full - none), 0, 1))
