"""Reading single landmarks off one side of a garment's outline.

All functions look at the side on the left of the image; masks are those of a ``Silhouette``.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipelines.garments.silhouette import WORK_SIDE, Point, Points, run
from pipelines.types import Mask


def trunk_edge(mask: Mask, axis: float) -> NDArray[np.int64]:
    """Left end of each row's run at the axis, -1 where the axis is outside the mask."""
    x = round(axis)
    return np.array([run(r, x)[0] if r[x] else -1 for r in mask], np.int64)


def top_edge(mask: Mask, columns: NDArray[np.int64]) -> NDArray[np.float64]:
    """First mask row of each column, NaN for empty columns."""
    picked = mask[:, columns]
    return np.where(picked.any(axis=0), picked.argmax(axis=0), np.nan).astype(float)


def off_chord(points: Points, a: Point, b: Point) -> NDArray[np.float64]:
    """Signed distance of points from the line a -> b; positive on the right of the direction."""
    d = (b - a) / max(float(np.hypot(*(b - a))), 1e-9)
    distance: NDArray[np.float64] = (points[:, 1] - a[1]) * d[0] - (points[:, 0] - a[0]) * d[1]
    return distance


def find_collar(mask: Mask, axis: float, half: float) -> Point:
    """Where the neckline meets the shoulder; ``half`` is the trunk's half width."""
    columns = np.arange(round(axis), max(1, round(axis - 1.3 * half)), -1)
    top = top_edge(mask, columns)
    keep = np.isfinite(top)
    line = np.stack([columns[keep], ndimage.gaussian_filter1d(top[keep], 1.5)], axis=1)
    # a wide neckline rises all the way to the end of the shoulder
    peak = axis - line[int(line[:, 1].argmin()), 0]
    line = line[line[:, 0] >= axis - max(0.97 * half, min(peak + 0.15 * half, 1.3 * half))]
    # past the end of a sleeveless shoulder the outline drops
    drop = (np.gradient(line[:, 1]) > 1.5) & (axis - line[:, 0] > 0.55 * half)
    if drop.any():
        line = line[: max(3, int(drop.argmax()))]
    above = -off_chord(line, line[-1], line[0])
    corner = int(np.argmax(above[: max(2, int(0.95 * len(line)))]))
    if above[corner] < 0.02 * half and line[0, 1] - line[:, 1].min() > 0.4 * half:
        # a neckline that only rises ends in a strap
        corner = int(line[:, 1].argmin())
    beyond = line[corner:]
    if len(beyond) > 4:
        below = off_chord(beyond, beyond[-1], beyond[0])
        i = int(np.argmax(below))
        foot, rest = beyond[i], beyond[-1] - beyond[i]
        standing = below[i] > 0.04 * half and foot[1] - line[corner][1] < 0.7 * half
        if standing and axis - foot[0] < 0.66 * half and -rest[0] > max(rest[1], 0.2 * half):
            corner += i
    found: Point = line[corner]
    return found


def gap_top(mask: Mask, edge: NDArray[np.int64], start: float, tall: int) -> Point | None:
    """Top of the gap between sleeve and trunk, ``None`` where there is none."""
    gap = [y > start and e > 1 and bool(mask[y, : e - 1].any()) for y, e in enumerate(edge)]
    labels, count = ndimage.label(gap)
    spans = [np.flatnonzero(labels == i + 1) for i in range(count)]
    spans = [s for s in spans if len(s) >= 0.03 * WORK_SIDE and s[0] < start + 0.6 * tall]
    if not spans:
        return None
    y = int(max(spans, key=len)[0])
    return np.array([edge[y] - 0.5, y - 0.5], float)


def outer_line(mask: Mask, collar: Point, half: float, axis: float) -> Points:
    """Outermost mask point of each row from the collar down, in order."""
    top, reach = int(collar[1]), int(collar[1] + 2.1 * half)
    rows = [y for y in range(top, min(reach, len(mask))) if mask[y, : round(axis)].any()]
    xs = ndimage.gaussian_filter1d(np.array([mask[y].argmax() for y in rows], float), 1.5)
    outline: Points = np.stack([xs, np.array(rows, float)], axis=1)
    columns = np.arange(round(collar[0]), int(xs[0]), -1)
    if len(columns) < 2:
        return outline
    # a flat shoulder lies in one row: walk it column by column
    flat = np.stack([columns, top_edge(mask, columns)], axis=1)
    whole: Points = np.vstack([flat[np.isfinite(flat[:, 1])], outline])
    return whole


def find_armhole(outline: Points, collar: Point, half: float) -> tuple[Point | None, Point | None]:
    """Shoulder and armpit of a sleeveless side, ``(None, None)`` if its outline has no armhole."""
    first = int(np.argmin(np.hypot(*(outline - collar).T)))
    line = outline[first:]
    low = line[:, 1] > collar[1] + 0.5 * half
    end = int(np.argmin(np.where(low, line[:, 0], np.inf)))
    if end < 6 or _turns_in(line[end:], half):
        return None, None
    bulge = off_chord(line[: end + 1], collar, line[end])
    high = line[: end + 1, 1] < collar[1] + 0.5 * half
    bulge = np.where(high, bulge, 0)
    tip = int(np.argmax(bulge)) if bulge.max() > 0.05 * half else 0
    dip = -off_chord(line[tip : end + 1], line[tip], line[end])
    deep = tip + int(np.argmax(dip))
    if dip.max() < 0.055 * half:
        return None, None
    slope = -np.gradient(line[:, 0], line[:, 1] + 1e-3 * np.arange(len(line)))
    going_out = np.flatnonzero(slope[deep:] > 0.4)
    if len(going_out):
        rest = np.flatnonzero(slope[deep + going_out[0] :] < 0.3)
        armpit = deep + int(going_out[0]) + (int(rest[0]) if len(rest) else 0)
    else:
        armpit = deep + int(0.3 * half)
    return line[tip], line[min(armpit, len(line) - 1)]


def below_strap(mask: Mask, collar: Point, armpit: Point, half: float) -> Point:
    """The armpit of a sleeveless side; one that lies too low, just below the strap instead."""
    if armpit[1] - collar[1] < 1.8 * half:
        return armpit
    end = int(collar[1])
    for y in range(end, int(armpit[1])):
        if mask[y].any():
            first = int(mask[y].argmax())
            if run(mask[y], first)[1] - first > 0.35 * half:
                break
            end = y
    y = end + round(0.15 * half)
    if end - collar[1] < 0.15 * half or y >= armpit[1] or not mask[y].any():
        return armpit
    return np.array([float(mask[y].argmax()), float(y)])


def _turns_in(below: Points, half: float) -> bool:
    """Whether the outline runs inward below its outermost point as the underside of a sleeve."""
    step = max(3, round(0.12 * half))
    near = below[: 10 * step, 0]
    return len(near) > step and bool((near[step:] - near[:-step]).max() > 1.2 * step)


def find_underarm(
    mask: Mask, edge: NDArray[np.int64], axis: float, outline: Points, hem: Point, half: float
) -> Point:
    """Armpit of a sleeve that points outward: the deepest inward corner below its tip."""
    tip = outline[int(np.argmin(outline[:, 0]))]
    rows = np.arange(int(tip[1]), int(min(tip[1] + 0.8 * half, max(hem[1], tip[1] + 3))))
    rows = rows[(rows < len(mask)) & (edge[np.minimum(rows, len(mask) - 1)] >= 0)]
    line = np.stack([edge[rows].astype(float), rows.astype(float)], axis=1)
    if len(line) > 3:
        dip = -off_chord(line, tip, hem)
        if dip.max() > 0.05 * half:
            deepest: Point = line[int(np.argmax(dip))]
            return deepest
    y = min(int(outline[0, 1] + 0.75 * half), int(hem[1]))
    return np.array([max(float(edge[y]), axis - half), y], float)


def find_cuff(
    mask: Mask, shoulder: Point, flank: Points, half: float
) -> tuple[Point | None, Point | None]:
    """Outer and inner end of the sleeve's opening, ``None`` without a sleeve to speak of."""
    armpit = flank[0]
    sleeve = sleeve_region(mask, shoulder, flank)
    ys, xs = np.nonzero(sleeve)
    points = np.stack([xs, ys], axis=1).astype(float)
    if not len(ys) or off_chord(points, shoulder, armpit).max() < 0.2 * half:
        return None, None
    base = (shoulder + armpit) / 2
    distance = np.hypot(*(points - base).T)
    far = points[distance > 0.9 * distance.max()].mean(axis=0)
    if far[1] < base[1] - 0.1 * half:
        return None, None
    along = (far - base) / max(float(np.hypot(*(far - base))), 1e-9)
    t = (points - base) @ along
    u = (points - base) @ np.array([along[1], -along[0]])
    band = t > t.max() - max(2.0, 0.08 * t.max())
    outer, inner = points[band][u[band].argmin()], points[band][u[band].argmax()]
    return (outer, inner) if outer[1] <= inner[1] or outer[0] < inner[0] else (inner, outer)


def sleeve_region(mask: Mask, shoulder: Point, flank: Points) -> Mask:
    """The part of a left-of-image sleeve beyond the line from shoulder to armpit and the flank."""
    armpit = flank[0]
    line = np.vstack([shoulder + (shoulder - armpit) * 0.15, flank])
    pixels = np.round(line).astype(np.int32)
    cut = np.ascontiguousarray(mask, np.uint8)
    cv2.polylines(cut, [pixels], False, (0,), 2)
    count, labels = cv2.connectedComponents(cut, connectivity=4)
    depth = cv2.distanceTransform(cut, cv2.DIST_L2, 5)
    depth[:, : round(armpit[0])] = 0
    trunk = labels.flat[int(depth.argmax())]
    points = np.indices(mask.shape)[::-1].reshape(2, -1).T.astype(float)
    outside = (off_chord(points, shoulder, armpit) > 0).reshape(mask.shape)
    beyond = (labels > 0) & (labels != trunk)
    beyond &= outside | (np.arange(mask.shape[1]) < armpit[0])
    counts = np.bincount(labels[beyond], minlength=count)
    sleeve: Mask = beyond & (labels == int(counts.argmax()))
    return sleeve
