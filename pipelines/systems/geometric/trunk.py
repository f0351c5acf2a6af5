"""The map of a garment's trunk onto a torso.

Collar, shoulders, armpits and hem go where the body has them. What lies between armpit and hem goes
where the shape contexts of both outlines agree (waist to waist), tempered by equal steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.garments.landmarks import SidePoints
from pipelines.garments.prepare import PreparedGarment
from pipelines.garments.silhouette import Point, Points
from pipelines.networks.shape_context import match, matching_cost, resample
from pipelines.networks.tps import ThinPlateSpline, fit_tps
from pipelines.systems.geometric.body_target import BodyTarget, SideTarget

CHEST = 1.0
"""Width of the body at the armpits, in shoulder distances."""

_OWN = 0.5
"""Share of the garment's own width in the width it gets; the rest is the body's."""

_SLIM, _WIDE = 0.88, 1.2
"""Narrowest and widest garment, in widths of the body."""

_SEAM = 1.0
"""Least distance of a sleeve's seam from the spine, in those of the shoulder's end."""

_LOW_ARMPIT = 1.8
"""Lowest armhole, in distances from the shoulder line to the body's armpit."""

_STRAP, _STRAP_AT = 0.15, 0.6
"""Widest strap in shoulder distances, and the end of its way out from neck to shoulder."""

_AS_WORN = (0.8, 1.4)
"""Lengths, in those of the top worn in the photo, that are taken to end where that one ends."""

_SHAPE = 0.5
"""Share of the shape contexts in the heights of the flanks' points; the rest is equal steps."""

_CALM = ((0.2, 0.6), (0.0, 1.0))
"""How the shape contexts' share grows down the flank: near the armhole a sleeve needs the cloth."""

_POSITION = 0.3
"""Cost of a distance between matched points, beside that of their shape contexts."""

_OUTLIER = 0.6
"""Cost above which two points of the outlines do not match."""

_STEPS = 32
"""Points of each flank that are matched."""

_EDGES = (6, 6, 8, 12)
"""Points of half an outline on neck, shoulder line, armhole and hem; they complete the flank's."""

_BEND = 0.004
"""Smoothing of the spline, in units of the square of the garment's width."""


@dataclass(frozen=True, eq=False)
class TrunkFit:
    """The trunk's map (garment photo to person image) and its scale."""

    spline: ThinPlateSpline
    scale: float


def fit_trunk(garment: PreparedGarment, target: BodyTarget) -> TrunkFit:
    """Carry collar, shoulders, armpits, flanks and hem to the body."""
    marks = garment.landmarks
    pairs = _pairs(garment, target)
    middle = (marks.left.shoulder + marks.right.shoulder) / 2
    chest = max(1.0, abs(float(marks.left.armpit[0] - marks.right.armpit[0])))
    scale = CHEST * target.unit / chest
    axis_x = (marks.left.armpit[0] + marks.right.armpit[0]) / 2
    hem = _hem_level(garment, target, scale, float(middle[1]))
    sides = [_laid(m, b, target, scale, (axis_x, float(middle[1])), hem) for m, b in pairs]
    share = _flank_shares(sides, target, axis_x)
    points = [_side_points(side, share, target, scale, axis_x) for side in sides]
    source, placed = [p[0] for p in points], [p[1] for p in points]
    half = len(source[0])
    source.append((source[0] + source[1])[4:half] / 2)
    placed.append((placed[0] + placed[1])[4:half] / 2)
    src, dst = np.concatenate(source), np.concatenate(placed)
    return TrunkFit(fit_tps(src, dst, smoothing=_BEND * chest**2), scale)


@dataclass(frozen=True, eq=False)
class _Side:
    """One side of the garment with its place on the body.

    ``across`` is the unit vector from the spine outward; ``levels`` ``[2]`` are those of armpit and
    hem on the body, ``widths`` ``[L]`` the body's at ``BodyTarget.levels``. ``ends`` ``[2, 2]`` are
    collar and shoulder on the body.
    """

    marks: SidePoints
    across: Points
    levels: tuple[float, float]
    widths: NDArray[np.float64]
    ends: Points


def _pairs(
    garment: PreparedGarment, target: BodyTarget
) -> tuple[tuple[SidePoints, SideTarget], tuple[SidePoints, SideTarget]]:
    marks = garment.landmarks
    if target.back_view:
        return (marks.left, target.right), (marks.right, target.left)
    return (marks.left, target.left), (marks.right, target.right)


def _hem_level(garment: PreparedGarment, target: BodyTarget, scale: float, top: float) -> float:
    """Level of the hem: where the garment's length puts it, or the worn hem if that is near."""
    marks = garment.landmarks
    hem_y = (marks.left.hem[1] + marks.right.hem[1] + marks.hem_centre[1]) / 3
    own = scale * (hem_y - top)
    worn = target.hem_level
    if worn is not None and _AS_WORN[0] < own / worn < _AS_WORN[1]:
        return worn
    return float(np.clip(own, 0.55 * target.torso, 1.5 * target.torso))


def _laid(
    marks: SidePoints,
    body: SideTarget,
    target: BodyTarget,
    scale: float,
    origin: tuple[float, float],
    hem: float,
) -> _Side:
    across = np.array([target.down[1], -target.down[0]])
    if across @ (body.joint - target.origin) < 0:
        across = -across
    widths = target.left_width if body is target.left else target.right_width
    ends = []
    inward = _strap_shift(marks, body, target, scale, origin[0])
    for point in (marks.collar, marks.shoulder):
        distance = scale * abs(point[0] - origin[0]) - inward
        if point is marks.shoulder and marks.cuff_outer is not None:
            # a sleeve begins where the arm does, however wide the garment is
            distance = max(distance, _SEAM * float(np.hypot(*(body.shoulder - target.origin))))
        ends.append(_on_shoulder_line(body, target, distance))
    body_armpit = float((body.armpit - target.origin) @ target.down)
    armpit = float(
        np.clip(scale * (marks.armpit[1] - origin[1]), 0.9 * body_armpit, _LOW_ARMPIT * body_armpit)
    )
    levels = (armpit, armpit + max(hem - armpit, 0.1 * target.unit))
    return _Side(marks, across, levels, widths, np.stack(ends))


def _flank_shares(sides: list[_Side], target: BodyTarget, axis_x: float) -> NDArray[np.float64]:
    """How far down the body's flank each point of the garment's goes: ``[FLANK]`` in 0..1.

    Ascending from 0 to 1. Both sides take their mean, so that a level stripe stays level.
    """
    even = np.linspace(0, 1, len(sides[0].marks.flank))
    if any(np.ptp(s.marks.flank[:, 1]) < 1 for s in sides):
        return even
    own, worn = (
        _outline(halves)
        for halves in (
            [_half(s.marks.collar, s.marks.shoulder, s.marks.flank, axis_x) for s in sides],
            [_worn_half(s, target) for s in sides],
        )
    )
    cost = matching_cost(own, worn, position_weight=_POSITION)
    shares = []
    top = sum(_EDGES[:3])
    down = np.arange(top, top + _STEPS)
    for flank in (down, len(own) - 1 - down):
        found = match(cost[np.ix_(flank, flank)], outlier=_OUTLIER).in_order()
        before, after = (_depth(points[flank]) for points in (own, worn))
        # armpit and hem are landmarks and stay paired, whatever the contexts say
        inner = np.all(np.isin([found.source, found.target], (0, _STEPS - 1), invert=True), axis=0)
        x, y = before[found.source[inner]], after[found.target[inner]]
        shares.append(np.interp(even, np.r_[0, x, 1], np.r_[0, y, 1]))
    matched: NDArray[np.float64] = np.mean(shares, axis=0)
    return even + _SHAPE * np.interp(even, *_CALM) * (matched - even)


def _worn_half(side: _Side, target: BodyTarget) -> Points:
    """Half of the body's outline, x to the right of the spine and y down along it."""
    frame = np.stack([np.array([target.down[1], -target.down[0]]), target.down], axis=1)
    collar, shoulder = (side.ends - target.origin) @ frame
    levels = np.linspace(*side.levels, _STEPS)
    width = np.interp(levels, target.levels, side.widths)
    sign = np.sign(side.across @ frame[:, 0])
    return _half(collar, shoulder, np.stack([sign * width, levels], axis=1), 0.0)


def _half(collar: Point, shoulder: Point, flank: Points, axis_x: float) -> Points:
    """Half of an outline from the middle of the neck to that of the hem."""
    corners = [np.array([axis_x, collar[1]]), collar, shoulder, flank[0]]
    edges = [
        np.linspace(a, b, count, endpoint=False)
        for a, b, count in zip(corners[:-1], corners[1:], _EDGES, strict=False)
    ]
    hem = np.linspace(flank[-1], (axis_x, flank[-1, 1]), _EDGES[3] + 1)[1:]
    return np.vstack([*edges, resample(flank, _STEPS, closed=False), hem])


def _outline(halves: list[Points]) -> Points:
    """A closed outline: down one half and up the other."""
    return np.vstack([halves[0], halves[1][::-1]])


def _depth(flank: Points) -> NDArray[np.float64]:
    """How far down a flank its points lie, 0 at the armpit and 1 at the hem."""
    share: NDArray[np.float64] = (flank[:, 1] - flank[0, 1]) / (flank[-1, 1] - flank[0, 1])
    return share


def _side_points(
    side: _Side, share: NDArray[np.float64], target: BodyTarget, scale: float, axis_x: float
) -> tuple[Points, Points]:
    """Control points of one side in the garment photo and on the body."""
    marks = side.marks
    levels = side.levels[0] + share * (side.levels[1] - side.levels[0])
    seen = np.interp(levels, target.levels, side.widths)
    own = scale * np.abs(marks.flank[:, 0] - axis_x)
    # without sleeves the edge below the arm lies on the body
    wide = _WIDE if marks.cuff_outer is not None else np.interp(share, (0, 0.4), (1.0, _WIDE))
    half = np.clip(_OWN * own + (1 - _OWN) * seen, _SLIM * seen, wide * seen)
    flank = target.origin + levels[:, None] * target.down + half[:, None] * side.across
    return np.vstack([marks.collar, marks.shoulder, marks.flank]), np.vstack([side.ends, flank])


def _strap_shift(
    side: SidePoints, body: SideTarget, target: BodyTarget, scale: float, axis_x: float
) -> float:
    """How much nearer to the neck a strap lies than the garment's scale would put it."""
    if side.cuff_outer is not None:
        return 0.0
    if scale * abs(side.collar[0] - side.shoulder[0]) > _STRAP * target.unit:
        return 0.0
    near, far = (float(np.hypot(*(p - target.origin))) for p in (body.neck, body.shoulder))
    highest = near + _STRAP_AT * (far - near)
    return max(0.0, float(scale * abs(side.collar[0] - axis_x) - highest))


def _on_shoulder_line(body: SideTarget, target: BodyTarget, distance: float) -> Points:
    """The point of the line from neck to shoulder at a distance from the spine."""
    out = body.shoulder - target.origin
    reach = max(float(np.hypot(*out)), 1e-6)
    out = out / reach
    near, far = float((body.neck - target.origin) @ out), reach
    share = np.clip((distance - near) / max(far - near, 1e-6), -0.5, 1.05)
    point: Points = body.neck + share * (body.shoulder - body.neck)
    return point
