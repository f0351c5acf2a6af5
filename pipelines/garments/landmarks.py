"""Landmarks of a top in its photo, found on the outline of its mask.

Garments are photographed from the front, so the wearer's right is on the left of the image. Each
side is found by the same routine on the mask and on its mirror image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipelines.garments.outline import (
    below_strap,
    find_armhole,
    find_collar,
    find_cuff,
    find_underarm,
    gap_top,
    off_chord,
    outer_line,
    sleeve_region,
    top_edge,
    trunk_edge,
)
from pipelines.garments.silhouette import WORK_SIDE, Point, Points, Silhouette
from pipelines.types import Mask

FLANK = 6
"""Number of points on each flank."""

BODYSUIT = 0.4
"""A trunk that reaches this share of its hem's width below the hem goes on as a bodysuit."""


_COLLARS_APART = 0.22
"""Ends of a neckline further apart in their distances from the axis, in widths, disagree."""


@dataclass(frozen=True, eq=False)
class SidePoints:
    """Landmarks of one side: points ``float64 [2]`` in pixels of the garment photo.

    ``collar`` is where the neckline meets the shoulder, ``shoulder`` the end of the shoulder line
    (the top of the armhole), ``armpit`` its lower end, ``hem`` the lower corner of the trunk.
    ``cuff_outer`` and ``cuff_inner`` are the ends of the sleeve's opening, ``None`` without sleeve.
    ``flank`` is ``[FLANK, 2]``: the trunk's edge from armpit to hem in equal steps of y.
    """

    collar: Point
    shoulder: Point
    armpit: Point
    hem: Point
    flank: Points
    cuff_outer: Point | None
    cuff_inner: Point | None


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Landmarks of a top; ``left`` and ``right`` are the wearer's sides.

    ``neck_top`` is the upper edge of the outline on the axis, ``hem_centre`` its lower edge, or
    in a bodysuit the middle of the hip line.
    """

    left: SidePoints
    right: SidePoints
    neck_top: Point
    hem_centre: Point


def find_landmarks(shape: Silhouette) -> Landmarks:
    """Landmarks of a top, in pixels of its photo."""
    small, axis = shape.mask, shape.axis
    right = _side(small, axis)
    flipped, flipped_axis = small[:, ::-1], small.shape[1] - 1 - axis
    left = _side(flipped, flipped_axis)
    if left.cuff_outer is None and right.cuff_outer is not None:
        left = _with_sleeve(left, flipped, flipped_axis, right, flipped_axis - axis)
    elif right.cuff_outer is None and left.cuff_outer is not None:
        right = _with_sleeve(right, small, axis, left, axis - flipped_axis)
    left = _mirrored(left, small.shape[1])
    left, right = _agreed(left, right, axis)
    column = np.flatnonzero(small[:, round(axis)])
    bottom, sides = float(column[-1]), (left.hem[1] + right.hem[1]) / 2
    if bottom - sides > BODYSUIT * abs(left.hem[0] - right.hem[0]):
        bottom = sides
    return Landmarks(
        left=moved(left, shape.to_photo),
        right=moved(right, shape.to_photo),
        neck_top=shape.to_photo(np.array([axis, column[0]], float)),
        hem_centre=shape.to_photo(np.array([axis, bottom], float)),
    )


def sleeve_masks(shape: Silhouette, marks: Landmarks) -> tuple[Mask, Mask]:
    """Left and right sleeve (wearer's sides) as ``bool [h, w]`` in the silhouette's pixels."""
    left, right = (moved(s, shape.from_photo) for s in (marks.left, marks.right))
    mask, width = shape.mask, shape.mask.shape[1]
    flipped = _mirrored(left, width)
    empty = np.zeros_like(mask)
    return (
        sleeve_region(mask[:, ::-1], flipped.shoulder, flipped.flank)[:, ::-1]
        if left.cuff_outer is not None
        else empty,
        sleeve_region(mask, right.shoulder, right.flank) if right.cuff_outer is not None else empty,
    )


def moved(side: SidePoints, move: Callable[[Points], Points]) -> SidePoints:
    """The landmarks with ``move`` applied to each."""
    points = {n: None if p is None else move(p) for n, p in vars(side).items()}
    return SidePoints(**points)  # type: ignore[arg-type]  # its own fields


def _agreed(left: SidePoints, right: SidePoints, axis: float) -> tuple[SidePoints, SidePoints]:
    """Both sides; where those of a sleeveless top disagree, one of them twice.

    The higher shoulder is taken, and the neckline's outer end: in an off-shoulder top a fold
    near the middle may look like an end.
    """
    if left.cuff_outer is not None or right.cuff_outer is not None:
        return left, right
    width = abs(left.armpit[0] - right.armpit[0])
    apart = left.shoulder[1] - right.shoulder[1]
    collars = abs(left.collar[0] - axis) - abs(right.collar[0] - axis)
    if abs(collars) > _COLLARS_APART * width:
        apart = -collars
    elif abs(apart) < 0.25 * width:
        return left, right
    if apart > 0:
        return moved(right, lambda p: (2 * axis, 0) + p * (-1, 1)), right
    return left, moved(left, lambda p: (2 * axis, 0) + p * (-1, 1))


def _with_sleeve(
    side: SidePoints, mask: Mask, axis: float, other: SidePoints, shift: float
) -> SidePoints:
    """A side that was taken for sleeveless, sought again where the other side has a sleeve.

    ``other`` is the other side as found on the mirror image, ``shift`` the distance of the axes.
    Small cap sleeves look like the edge of an armhole; where the mask has a sleeve at the other's
    place, that is taken. Tops with one sleeve keep what was found first.
    """
    again = _side(mask, axis, armpit_at=round(other.armpit[1]))
    if _sleeve_length(again) > 0.5 * _sleeve_length(other):
        return again
    if other.cuff_outer is None or other.cuff_inner is None:
        return side
    corners = np.stack([other.shoulder, other.cuff_outer, other.cuff_inner, other.armpit])
    tip = corners[1:3].mean(axis=0) + (shift, 0)
    inside = tip + np.linspace(0.15, 0.9, 6)[:, None] * (corners.mean(axis=0) + (shift, 0) - tip)
    x, y = np.clip(np.round(inside).astype(int), 0, np.array(mask.shape[::-1]) - 1).T
    return moved(other, lambda p: p + (shift, 0)) if mask[y, x].all() else side


def _sleeve_length(side: SidePoints) -> float:
    """Length of the sleeve's outer edge, 0 without one."""
    return 0.0 if side.cuff_outer is None else float(np.hypot(*(side.cuff_outer - side.shoulder)))


def _mirrored(side: SidePoints, width: int) -> SidePoints:
    return moved(side, lambda p: (width - 1, 0) + p * (-1, 1))


def _side(
    mask: Mask, axis: float, *, parted: bool = False, armpit_at: int | None = None
) -> SidePoints:
    """Landmarks of the side on the left of the image.

    ``parted`` after a sleeve was cut free; ``armpit_at`` is the armpit's row where the other
    side's sleeve shows it.
    """
    edge = trunk_edge(mask, axis)
    rows = np.flatnonzero(edge >= 0)
    top, bottom = int(rows[0]), int(rows[-1])
    tall = bottom - top
    half = _half_width(mask, edge, axis)
    collar = find_collar(mask, axis, half)
    armpit = gap_top(mask, edge, collar[1], tall)
    if armpit_at is not None:
        # a sleeve that hangs lower here opens its gap lower
        near = np.arange(armpit_at - int(0.25 * half), armpit_at + int(0.45 * half))
        near = near[(near > collar[1]) & (near < bottom)]
        inmost = near[edge[near] >= edge[near].max() - 0.04 * half] if len(near) else near
        armpit = np.array([edge[inmost[0]], inmost[0]], float) if len(inmost) else armpit
    loose = _loose_cuff(mask, edge, axis) if armpit is None and not parted else None
    if loose is not None and loose[1] > collar[1] + 1.3 * half:
        return _side(_parted(mask, loose, int(collar[1] + 0.85 * half)), axis, parted=True)
    outline = outer_line(mask, collar, half, axis)
    shoulder: Point | None = None
    if armpit is None:
        shoulder, armpit = find_armhole(outline, collar, half)
    hem = _hem(edge, axis, top + tall // 2, half)
    if armpit is None:
        armpit = find_underarm(mask, edge, axis, outline, hem, half)
    if shoulder is None and not parted and _touches(mask, armpit, collar, half, tall):
        return _side(_parted(mask, armpit, int(collar[1] + 0.85 * half)), axis, parted=True)
    if shoulder is not None:
        armpit = below_strap(mask, collar, armpit, half)
    flank = _flank(edge, armpit, hem)
    if shoulder is not None:
        return SidePoints(collar, shoulder, armpit, hem, flank, None, None)
    shoulder = _shoulder(mask, collar, armpit, half)
    outer, inner = find_cuff(mask, shoulder, flank, half)
    if outer is None:
        bulge = off_chord(outline, collar, armpit)
        above = outline[:, 1] < collar[1] + 0.6 * (armpit[1] - collar[1])
        shoulder = outline[int(np.argmax(np.where(above, bulge, -np.inf)))]
    return SidePoints(collar, shoulder, armpit, hem, flank, outer, inner)


def _loose_cuff(mask: Mask, edge: NDArray[np.int64], axis: float) -> Point | None:
    """Where a sleeve laid along the trunk comes out below the hem, ``None`` if it does not."""
    hem = int(np.flatnonzero(edge >= 0)[-1])
    below = mask[hem + 2 :, : round(axis)]
    if not (below.sum(axis=0) > 0.02 * WORK_SIDE).any():
        return None
    inner = int(np.flatnonzero(below.sum(axis=0) > 0.02 * WORK_SIDE)[-1])
    if axis - inner < 0.12 * mask.shape[1]:
        return None
    return np.array([inner + 1, hem + 1], float)


def _touches(mask: Mask, armpit: Point, collar: Point, half: float, tall: int) -> bool:
    """Whether what was taken for the armpit is only where a sleeve laid on the trunk ends."""
    if armpit[1] - collar[1] < max(1.5 * half, 0.7 * tall):
        return False
    row = mask[min(len(mask) - 1, int(armpit[1] + 0.25 * half)), : max(1, round(armpit[0]))]
    gap = int(row[::-1].argmax()) if row.any() else 0
    return gap < 0.15 * half


def _parted(mask: Mask, armpit: Point, top: int) -> Mask:
    """The mask with a sleeve that touches the trunk cut off it from below."""
    parted = mask.copy()
    x = max(1, round(armpit[0]))
    parted[top : round(armpit[1]) + 2, x - 1 : x + 1] = False
    return parted


def _flank(edge: NDArray[np.int64], armpit: Point, hem: Point) -> Points:
    """Points on the trunk's edge from armpit to hem."""
    y = np.linspace(armpit[1], hem[1], FLANK)
    rows = np.flatnonzero(edge >= 0)
    calm = ndimage.gaussian_filter1d(edge[rows].astype(float), 3.0)
    x = np.interp(y, rows, calm)
    x[0], x[-1] = armpit[0], hem[0]
    return np.stack([x, y], axis=1)


def _half_width(mask: Mask, edge: NDArray[np.int64], axis: float) -> float:
    """Half width of the trunk between chest and hip."""
    rows = np.flatnonzero(mask.any(axis=1))
    top, tall = int(rows[0]), int(np.ptp(rows))
    middle = edge[top + int(0.35 * tall) : top + int(0.8 * tall)]
    middle = middle[middle >= 0]
    half = float(axis - np.percentile(middle, 60)) if len(middle) else 0.0
    return max(half, 0.15 * mask.shape[1], 4.0)


def _hem(edge: NDArray[np.int64], axis: float, start: int, half: float) -> Point:
    rows = np.flatnonzero(edge >= 0)
    rows = rows[rows >= start]
    width = axis - edge[rows]
    trunk = width < 1.6 * half
    if trunk.any() and width[-max(1, len(rows) // 20) :].mean() < 0.45 * half:
        # a bodysuit: what lies below the hips is worn out of sight
        rows = rows[: int(np.flatnonzero(trunk & (width > 0.93 * width[trunk].max()))[-1]) + 1]
    corner = rows[int(np.argmax(0.6 * (axis - edge[rows]) + rows))]
    return np.array([edge[corner], corner], float)


def _shoulder(mask: Mask, collar: Point, armpit: Point, half: float) -> Point:
    """End of a sleeved side's shoulder line: the top edge a little inside the armpit."""
    x = int(np.clip(armpit[0] + 0.04 * half, 0, collar[0] - 0.1 * half))
    y = top_edge(mask, np.array([x]))[0]
    return np.array([x, y if np.isfinite(y) else collar[1]], float)
