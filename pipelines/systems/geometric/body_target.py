"""Where on a body a top's collar, shoulders, armpits, sleeves, sides and hem belong.

Lengths that joints or label map do not show are taken in proportion to the distance between the
shoulder joints (medians over upright photographs).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.body import Body25
from pipelines.errors import ItemError
from pipelines.labels import LIP20, LIP20_ARMS, LIP20_TOPS
from pipelines.types import Keypoints, ParseMap, Pose

Point = NDArray[np.float64]
"""``float64 [2]``, (x, y) in pixels of the person image."""

TORSO_LENGTH = 1.5
"""Neck to mid-hip, in shoulder distances."""

LEVELS = np.linspace(0.25, 1.35, 23)
"""Heights of ``BodyTarget.levels``: shares of the way from shoulder line to hip line."""

_UPPER_ARM, _FOREARM = 0.84, 0.79
_SHOULDER_OUT, _SHOULDER_UP = 0.06, 0.13
_NECK_OUT, _NECK_UP = 0.42, 0.2
_ARMPIT_DOWN = 0.28
_ARM_HALF_WIDTHS = (0.15, 0.12, 0.085)
_WIDTH_AT = ((0.25, 0.6, 1.0, 1.35), (0.5, 0.45, 0.52, 0.56))


@dataclass(frozen=True, eq=False)
class SideTarget:
    """One side of the body; points ``float64 [2]`` in pixels of the person image.

    ``neck`` is the foot of the neck on the shoulder line, ``shoulder`` the end of the shoulder
    line (above and a little outside the joint), ``joint`` the shoulder joint. ``arm_half_widths``
    are those of the arm at shoulder, elbow and wrist, in pixels. An unseen elbow or wrist
    (``elbow_seen``, ``wrist_seen`` false) continues the arm downward at average length.
    """

    neck: Point
    shoulder: Point
    joint: Point
    armpit: Point
    elbow: Point
    wrist: Point
    arm_half_widths: tuple[float, float, float]
    elbow_seen: bool
    wrist_seen: bool


@dataclass(frozen=True, eq=False)
class BodyTarget:
    """A body as a top sees it, in pixels of the person image.

    ``left`` and ``right`` are the person's own sides; ``back_view`` says that the person's right
    is on the right of the image. ``unit`` is the distance between the shoulder joints as it would
    be seen from the front. ``origin`` is the middle of the shoulder line, ``down`` the unit vector
    from it to the middle of the hips, ``torso`` the length between the two.

    ``levels`` ``float64 [L]`` are distances from ``origin`` along ``down``; ``left_width`` and
    ``right_width`` ``float64 [L]`` those from the spine to the torso's edge there; where arms or
    the picture's edge hide it they are estimates. ``hem_level`` is the level of the lower edge of
    the top worn in the photo, ``None`` where it wears none or it is cut off by the picture.
    """

    left: SideTarget
    right: SideTarget
    back_view: bool
    unit: float
    origin: Point
    down: Point
    torso: float
    levels: NDArray[np.float64]
    left_width: NDArray[np.float64]
    right_width: NDArray[np.float64]
    hem_level: float | None


def body_target(pose: Pose, parse: ParseMap) -> BodyTarget:
    """Measure a body. ``parse`` holds LIP20 ids of the same image.

    Raises ``ItemError`` (code ``uncertain_pose``) where no shoulder was seen, or
    only one and neither neck nor nose.
    """
    right, left, unit = _shoulders(pose.body)
    back_view = bool(right[0] > left[0])
    hip, torso = _hips(pose.body, (left + right) / 2, unit)
    joints_down = (hip - (left + right) / 2) / max(float(np.hypot(*(hip - (left + right) / 2))), 1)
    sides = {
        name: _side(pose.body, name, joint, other, joints_down, unit)
        for name, joint, other in (("LEFT", left, right), ("RIGHT", right, left))
    }
    origin = (sides["LEFT"].shoulder + sides["RIGHT"].shoulder) / 2
    torso = float(np.hypot(*(hip - origin)))
    down = (hip - origin) / torso
    levels = LEVELS * torso
    widths = [_edge(parse, sides[name], origin, down, levels, unit) for name in ("LEFT", "RIGHT")]
    return BodyTarget(
        left=sides["LEFT"],
        right=sides["RIGHT"],
        back_view=back_view,
        unit=unit,
        origin=origin,
        down=down,
        torso=torso,
        levels=levels,
        left_width=widths[0],
        right_width=widths[1],
        hem_level=_hem_level(parse, origin, down, unit),
    )


def _shoulders(body: Keypoints) -> tuple[Point, Point, float]:
    """Right and left shoulder joint and the frontal distance between them."""
    xy = body.xy.astype(np.float64)
    right, left = body.seen(Body25.RIGHT_SHOULDER), body.seen(Body25.LEFT_SHOULDER)
    middles = [xy[j] for j in (Body25.NECK, Body25.NOSE) if body.seen(j)]
    if not (right or left) or not (middles or (right and left)):
        raise ItemError(
            "the shoulders were not found",
            code="uncertain_pose",
            hint="Use a photo that shows the upper body.",
        )
    r, le = xy[Body25.RIGHT_SHOULDER], xy[Body25.LEFT_SHOULDER]
    if not (right and left):
        one = r if right else le
        mirrored = np.array([2 * middles[0][0] - one[0], one[1]])
        r, le = (one, mirrored) if right else (mirrored, one)
    unit = float(np.hypot(*(le - r)))
    hips = [xy[j] for j in (Body25.RIGHT_HIP, Body25.LEFT_HIP) if body.seen(j)]
    if hips:
        height = float(np.hypot(*(np.mean(hips, axis=0) - (r + le) / 2)))
        unit = max(unit, 0.8 * height / TORSO_LENGTH)
    return r, le, max(unit, 4.0)


def _hips(body: Keypoints, middle: Point, unit: float) -> tuple[Point, float]:
    hips = [
        body.xy[j].astype(np.float64) for j in (Body25.RIGHT_HIP, Body25.LEFT_HIP) if body.seen(j)
    ]
    if len(hips) == 2:
        hip = np.mean(hips, axis=0)
    elif body.seen(Body25.MID_HIP):
        hip = body.xy[Body25.MID_HIP].astype(np.float64)
    else:
        hip = middle + (0, TORSO_LENGTH * unit)
    length = float(np.hypot(*(hip - middle)))
    if length < 0.6 * unit:
        hip = middle + (hip - middle) / max(length, 1e-6) * TORSO_LENGTH * unit
    return hip, length


def _side(
    body: Keypoints, name: str, joint: Point, other: Point, down: Point, unit: float
) -> SideTarget:
    middle = (joint + other) / 2
    across = joint - middle
    out = across / max(float(np.hypot(*across)), 1e-6)
    turned = min(1.0, float(np.hypot(*across)) * 2 / unit)
    shoulder = joint + unit * (_SHOULDER_OUT * turned * out - _SHOULDER_UP * down)
    elbow_joint, wrist_joint = Body25[f"{name}_ELBOW"], Body25[f"{name}_WRIST"]
    elbow_seen, wrist_seen = body.seen(elbow_joint), body.seen(wrist_joint)
    elbow = (
        body.xy[elbow_joint].astype(np.float64)
        if elbow_seen
        else joint + unit * _UPPER_ARM * (0.99 * down + 0.14 * out)
    )
    upper = (elbow - joint) / max(float(np.hypot(*(elbow - joint))), 1e-6)
    wrist_seen = wrist_seen and elbow_seen
    wrist = (
        body.xy[wrist_joint].astype(np.float64) if wrist_seen else elbow + unit * _FOREARM * upper
    )
    neck = middle + _NECK_OUT * (joint - middle) - unit * _NECK_UP * down
    armpit = joint - unit * 0.04 * turned * out + unit * _ARMPIT_DOWN * down
    first, second, third = (w * unit for w in _ARM_HALF_WIDTHS)
    widths = (first, second, third)
    return SideTarget(neck, shoulder, joint, armpit, elbow, wrist, widths, elbow_seen, wrist_seen)


def _edge(
    parse: ParseMap,
    side: SideTarget,
    origin: Point,
    down: Point,
    levels: NDArray[np.float64],
    unit: float,
) -> NDArray[np.float64]:
    """Distance from the spine to the torso's edge at each level."""
    across = np.array([down[1], -down[0]])
    if across @ (side.joint - origin) < 0:
        across = -across
    turned = abs(float(across @ (side.joint - origin))) / (0.5 * unit)
    usual = np.interp(LEVELS, *_WIDTH_AT) * unit * min(1.0, max(0.6, turned))
    steps = np.arange(0.0, 1.1 * unit, max(0.5, unit / 60))
    points = origin + levels[:, None, None] * down + steps[None, :, None] * across
    ids = _sample(parse, points)
    trunk = np.isin(
        ids,
        [*LIP20_TOPS, LIP20.NECK, LIP20.PANTS, LIP20.SKIRT,
         LIP20.LEFT_LEG, LIP20.RIGHT_LEG, LIP20.SCARF],
    )  # fmt: skip
    arm = _near_arm(points, side) | np.isin(ids, [*LIP20_ARMS, LIP20.GLOVE])
    widths = np.full(len(levels), np.nan)
    for i in range(len(levels)):
        empty = np.flatnonzero((ids[i] == LIP20.BACKGROUND) & (steps > 0.15 * unit))
        end = int(empty[0]) if len(empty) else len(steps)
        clear = np.flatnonzero(trunk[i, :end] & ~arm[i, :end])
        if not len(clear) or not len(empty):
            continue
        last = int(clear[-1])
        seen = last + 1 >= end
        widths[i] = steps[last] if seen else max(steps[last], 0.92 * usual[i])
    return _filled(widths, usual)


def _filled(widths: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unknown widths from their neighbours, in proportion to the usual ones; outliers tamed."""
    known = np.flatnonzero(np.isfinite(widths))
    if not len(known):
        return usual
    ratio = np.clip(widths[known] / usual[known], 0.55, 1.7)
    every = np.interp(np.arange(len(widths)), known, ratio)
    padded = np.pad(every, 2, mode="edge")
    calm = np.median(np.stack([padded[i : i + len(every)] for i in range(5)]), axis=0)
    smooth: NDArray[np.float64] = np.convolve(
        np.pad(calm, 1, mode="edge"), [0.25, 0.5, 0.25], "valid"
    )
    return smooth * usual


def _near_arm(points: NDArray[np.float64], side: SideTarget) -> NDArray[np.bool_]:
    widths = side.arm_half_widths
    near = np.zeros(points.shape[:-1], np.bool_)
    bones = ((side.joint, side.elbow, widths[0]), (side.elbow, side.wrist, widths[1]))
    for a, b, width in bones:
        d = b - a
        t = np.clip((points - a) @ d / max(float(d @ d), 1e-9), 0, 1)
        gap = points - (a + t[..., None] * d)
        near |= np.hypot(gap[..., 0], gap[..., 1]) < width
    return near


def _sample(parse: ParseMap, points: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Label ids at points; outside the picture 255."""
    height, width = parse.ids.shape
    x, y = np.round(points[..., 0]).astype(int), np.round(points[..., 1]).astype(int)
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    ids = parse.ids[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return np.where(inside, ids, 255).astype(np.uint8)


def _hem_level(parse: ParseMap, origin: Point, down: Point, unit: float) -> float | None:
    """Level where the worn top ends, over the middle of the trunk."""
    across = np.array([down[1], -down[0]])
    levels = np.arange(0.3 * unit, 3.5 * unit, max(0.5, unit / 60))
    offsets = np.linspace(-0.25, 0.25, 11) * unit
    points = origin + levels[:, None, None] * down + offsets[None, :, None] * across
    ids = _sample(parse, points)
    share = np.isin(ids, LIP20_TOPS).mean(axis=1)
    inside = (ids != 255).mean(axis=1) > 0.5
    rows = np.flatnonzero(share > 0.4)
    if not len(rows) or rows[-1] + 2 >= int(inside.sum()):
        return None
    return float(levels[rows[-1]])
