"""The map of a garment's trunk onto a torso."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.networks.tps import ThinPlateSpline, fit_tps
from pipelines.systems.geometric.body_target import BodyTarget, SideTarget
from pipelines.systems.geometric.garment import PreparedGarment
from pipelines.systems.geometric.landmarks import SidePoints

Points = NDArray[np.float64]
"""``float64 [N, 2]``, (x, y) in pixels."""

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
    source, placed = [], []
    for side, body in pairs:
        src, dst = _side_points(side, body, target, scale, (axis_x, float(middle[1])), hem)
        source.append(src)
        placed.append(dst)
    half = len(source[0])
    source.append((source[0] + source[1])[4:half] / 2)
    placed.append((placed[0] + placed[1])[4:half] / 2)
    src, dst = np.concatenate(source), np.concatenate(placed)
    return TrunkFit(fit_tps(src, dst, smoothing=_BEND * chest**2), scale)


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


def _side_points(
    side: SidePoints,
    body: SideTarget,
    target: BodyTarget,
    scale: float,
    origin: tuple[float, float],
    hem: float,
) -> tuple[Points, Points]:
    """Control points of one side in the garment photo and on the body."""
    across = np.array([target.down[1], -target.down[0]])
    if across @ (body.joint - target.origin) < 0:
        across = -across
    widths = target.left_width if body is target.left else target.right_width
    source, placed = [side.collar, side.shoulder], []
    inward = _strap_shift(side, body, target, scale, origin[0])
    for point in (side.collar, side.shoulder):
        distance = scale * abs(point[0] - origin[0]) - inward
        if point is side.shoulder and side.cuff_outer is not None:
            # a sleeve begins where the arm does, however wide the garment is
            distance = max(distance, _SEAM * float(np.hypot(*(body.shoulder - target.origin))))
        placed.append(_on_shoulder_line(body, target, distance))
    body_armpit = float((body.armpit - target.origin) @ target.down)
    armpit = float(
        np.clip(scale * (side.armpit[1] - origin[1]), 0.9 * body_armpit, _LOW_ARMPIT * body_armpit)
    )
    share = (side.flank[:, 1] - side.flank[0, 1]) / max(float(np.ptp(side.flank[:, 1])), 1e-6)
    levels = armpit + share * max(hem - armpit, 0.1 * target.unit)
    seen = np.interp(levels, target.levels, widths)
    own = scale * np.abs(side.flank[:, 0] - origin[0])
    # without sleeves the edge below the arm lies on the body
    wide = _WIDE if side.cuff_outer is not None else np.interp(share, (0, 0.4), (1.0, _WIDE))
    half = np.clip(_OWN * own + (1 - _OWN) * seen, _SLIM * seen, wide * seen)
    flank = target.origin + levels[:, None] * target.down + half[:, None] * across
    return np.vstack([*source, side.flank]), np.vstack([*placed, flank])


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
