"""Landmarks of a top in its photo, found on the outline of its mask.

Garments are photographed from the front, so the wearer's right is on the left of the image. Each
side is found by the same routine on the mask and on its mirror image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipelines.types import Mask

Point = NDArray[np.float64]
"""``float64 [2]``, (x, y) in pixels."""

Points = NDArray[np.float64]
"""``float64 [N, 2]``, (x, y) in pixels."""

WORK_SIDE = 320
"""Landmarks are sought on the mask scaled so that the garment's longer side has this length."""

FLANK = 6
"""Number of points on each flank."""

_MARGIN = 4


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

    ``neck_top`` is the upper edge of the outline on the axis, ``hem_centre`` its lower edge.
    """

    left: SidePoints
    right: SidePoints
    neck_top: Point
    hem_centre: Point


@dataclass(frozen=True, eq=False)
class Silhouette:
    """A garment mask prepared for the search.

    ``mask`` is ``bool [h, w]``: one piece, about ``WORK_SIDE`` pixels on its longer side, with a
    margin; ``axis`` is the x of the trunk's middle line in it. ``to_photo`` takes its pixels to
    those of the garment photo.
    """

    mask: Mask
    axis: float
    origin: Point
    step: Point

    def to_photo(self, points: Points) -> Points:
        """Points ``[..., 2]`` of the silhouette in the garment photo."""
        moved: Points = (points - _MARGIN + 0.5) * self.step - 0.5 + self.origin
        return moved

    def from_photo(self, points: Points) -> Points:
        """Points ``[..., 2]`` of the garment photo in the silhouette."""
        moved: Points = (points - self.origin + 0.5) / self.step - 0.5 + _MARGIN
        return moved


def silhouette(mask: Mask) -> Silhouette:
    """Prepare the mask ``bool [H, W]`` of a garment photo. Raises ``ValueError`` if it is empty."""
    ys, xs = np.nonzero(mask)
    if not len(ys):
        raise ValueError("the mask is empty")
    x0, y0 = int(xs.min()), int(ys.min())
    box = mask[y0 : ys.max() + 1, x0 : xs.max() + 1].astype(np.uint8)
    scale = WORK_SIDE / max(box.shape)
    width, height = (max(8, round(s * scale)) for s in box.shape[::-1])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(box * 255, (width, height), interpolation=interpolation) > 127
    small = _tidy(np.pad(small, _MARGIN))
    step = np.array([box.shape[1] / width, box.shape[0] / height])
    return Silhouette(small, _axis(small), np.array([x0, y0], float), step)


def find_landmarks(shape: Silhouette) -> Landmarks:
    """Landmarks of a top, in pixels of its photo."""
    small, axis = shape.mask, shape.axis
    right = _side(small, axis)
    left = _mirrored(_side(small[:, ::-1], small.shape[1] - 1 - axis), small.shape[1])
    column = np.flatnonzero(small[:, round(axis)])
    return Landmarks(
        left=moved(left, shape.to_photo),
        right=moved(right, shape.to_photo),
        neck_top=shape.to_photo(np.array([axis, column[0]], float)),
        hem_centre=shape.to_photo(np.array([axis, column[-1]], float)),
    )


def sleeve_masks(shape: Silhouette, marks: Landmarks) -> tuple[Mask, Mask]:
    """Left and right sleeve (wearer's sides) as ``bool [h, w]`` in the silhouette's pixels."""
    left, right = (moved(s, shape.from_photo) for s in (marks.left, marks.right))
    mask, width = shape.mask, shape.mask.shape[1]
    flipped = _mirrored(left, width)
    empty = np.zeros_like(mask)
    return (
        _sleeve_region(mask[:, ::-1], flipped.shoulder, flipped.flank)[:, ::-1]
        if left.cuff_outer is not None
        else empty,
        _sleeve_region(mask, right.shoulder, right.flank)
        if right.cuff_outer is not None
        else empty,
    )


def moved(side: SidePoints, move: Callable[[Points], Points]) -> SidePoints:
    """The landmarks with ``move`` applied to each."""
    points = {n: None if p is None else move(p) for n, p in vars(side).items()}
    return SidePoints(**points)  # type: ignore[arg-type]


def _mirrored(side: SidePoints, width: int) -> SidePoints:
    return moved(side, lambda p: (width - 1, 0) + p * (-1, 1))


def _tidy(mask: Mask) -> Mask:
    """The largest piece; gaps between sleeve and trunk opened downward, other holes filled."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    piece = labels == 1 + int(np.argmax(stats[1:count, cv2.CC_STAT_AREA]))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    tidy = cv2.morphologyEx(piece.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    count, labels, stats, centres = cv2.connectedComponentsWithStats(1 - tidy, connectivity=4)
    outside = labels[0, 0]
    middle, height = mask.shape[1] / 2, mask.shape[0]
    for i in range(1, count):
        if i == outside:
            continue
        left, top, width, tall, area = stats[i]
        between = abs(centres[i][0] - middle) > 0.12 * mask.shape[1] and top > 0.25 * height
        tidy[labels == i] = 1
        if area > 12 and tall > 6 and between:
            tidy[labels == i] = 0
            rows, columns = np.nonzero(labels == i)
            x = int(columns[rows.argmax()])
            tidy[rows.max() :, max(0, x - 1) : x + 2] = 0
    count, labels, stats, _ = cv2.connectedComponentsWithStats(tidy)
    largest: Mask = labels == 1 + int(np.argmax(stats[1:count, cv2.CC_STAT_AREA]))
    return largest


def _axis(mask: Mask) -> float:
    """x of the trunk's middle line."""
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    middles, weights = [], []
    for step in (-1, 1):
        column, row = int(x), int(y)
        while 0 <= row < mask.shape[0] and mask[row, column]:
            left, right = _run(mask[row], column)
            middles.append((left + right) / 2)
            weights.append(row)
            column, row = (left + right) // 2, row + step
    return float(np.median(middles))


def _run(row: NDArray[np.bool_], x: int) -> tuple[int, int]:
    """First and last x of the run of mask pixels that contains ``x``."""
    off = np.flatnonzero(~row)
    i = int(np.searchsorted(off, x))
    return int(off[i - 1]) + 1 if i else 0, int(off[i]) - 1 if i < len(off) else len(row) - 1


def _side(mask: Mask, axis: float) -> SidePoints:
    """Landmarks of the side on the left of the image."""
    edge = _trunk_edge(mask, axis)
    rows = np.flatnonzero(edge >= 0)
    top, bottom = int(rows[0]), int(rows[-1])
    tall = bottom - top
    half = _half_width(mask, edge, axis)
    collar = _collar(mask, axis, half)
    armpit = _gap_top(mask, edge, collar[1], tall)
    loose = _loose_cuff(mask, edge, axis) if armpit is None else None
    if loose is not None and loose[1] > collar[1] + 1.3 * half:
        return _side(_parted(mask, loose, int(collar[1] + 0.85 * half)), axis)
    outline = _outline(mask, collar, half, axis)
    shoulder: Point | None = None
    if armpit is None:
        shoulder, armpit = _armhole(outline, collar, half)
    hem = _hem(edge, axis, top + tall // 2)
    if armpit is None:
        armpit = _underarm(mask, edge, axis, outline, hem, half)
    if shoulder is None and _touches(mask, armpit, collar, half, tall):
        return _side(_parted(mask, armpit, int(collar[1] + 0.85 * half)), axis)
    flank = _flank(edge, armpit, hem)
    if shoulder is not None:
        return SidePoints(collar, shoulder, armpit, hem, flank, None, None)
    shoulder = _shoulder(mask, collar, armpit, half)
    outer, inner = _cuff(mask, shoulder, flank, half)
    if outer is None:
        bulge = _off_chord(outline, collar, armpit)
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
    if armpit[1] - collar[1] < max(1.5 * half, 0.6 * tall):
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


def _trunk_edge(mask: Mask, axis: float) -> NDArray[np.int64]:
    """Left end of each row's run at the axis, -1 where the axis is outside the mask."""
    x = round(axis)
    return np.array([_run(r, x)[0] if r[x] else -1 for r in mask], np.int64)


def _top_edge(mask: Mask, columns: NDArray[np.int64]) -> NDArray[np.float64]:
    """First mask row of each column, NaN for empty columns."""
    picked = mask[:, columns]
    return np.where(picked.any(axis=0), picked.argmax(axis=0), np.nan).astype(float)


def _off_chord(points: Points, a: Point, b: Point) -> NDArray[np.float64]:
    """Signed distance of points from the line a -> b; positive on the right of the direction."""
    d = (b - a) / max(float(np.hypot(*(b - a))), 1e-9)
    return (points[:, 1] - a[1]) * d[0] - (points[:, 0] - a[0]) * d[1]


def _collar(mask: Mask, axis: float, half: float) -> Point:
    columns = np.arange(round(axis), max(1, round(axis - 1.3 * half)), -1)
    top = _top_edge(mask, columns)
    keep = np.isfinite(top)
    line = np.stack([columns[keep], ndimage.gaussian_filter1d(top[keep], 1.5)], axis=1)
    # a wide neckline rises all the way to the end of the shoulder
    peak = axis - line[int(line[:, 1].argmin()), 0]
    line = line[line[:, 0] >= axis - max(0.97 * half, min(peak + 0.15 * half, 1.3 * half))]
    above = -_off_chord(line, line[-1], line[0])
    corner = int(np.argmax(above[: max(2, int(0.95 * len(line)))]))
    beyond = line[corner:]
    if len(beyond) > 4:
        below = _off_chord(beyond, beyond[-1], beyond[0])
        i = int(np.argmax(below))
        foot, run = beyond[i], beyond[-1] - beyond[i]
        standing = below[i] > 0.04 * half and foot[1] - line[corner][1] < 0.7 * half
        if standing and axis - foot[0] < 0.66 * half and -run[0] > max(run[1], 0.2 * half):
            return foot
    return line[corner]


def _gap_top(mask: Mask, edge: NDArray[np.int64], start: float, tall: int) -> Point | None:
    """Top of the gap between sleeve and trunk, ``None`` where there is none."""
    gap = [y > start and e > 1 and bool(mask[y, : e - 1].any()) for y, e in enumerate(edge)]
    labels, count = ndimage.label(gap)
    spans = [np.flatnonzero(labels == i + 1) for i in range(count)]
    spans = [s for s in spans if len(s) >= 0.03 * WORK_SIDE and s[0] < start + 0.6 * tall]
    if not spans:
        return None
    y = int(max(spans, key=len)[0])
    return np.array([edge[y] - 0.5, y - 0.5], float)


def _outline(mask: Mask, collar: Point, half: float, axis: float) -> Points:
    """Outermost mask point of each row from the collar down, in order."""
    top, reach = int(collar[1]), int(collar[1] + 2.1 * half)
    rows = [y for y in range(top, min(reach, len(mask))) if mask[y, : round(axis)].any()]
    xs = ndimage.gaussian_filter1d(np.array([mask[y].argmax() for y in rows], float), 1.5)
    outline = np.stack([xs, np.array(rows, float)], axis=1)
    columns = np.arange(round(collar[0]), int(xs[0]), -1)
    if len(columns) < 2:
        return outline
    # a flat shoulder lies in one row: walk it column by column
    flat = np.stack([columns, _top_edge(mask, columns)], axis=1)
    return np.vstack([flat[np.isfinite(flat[:, 1])], outline])


def _armhole(outline: Points, collar: Point, half: float) -> tuple[Point | None, Point | None]:
    """Shoulder and armpit of a sleeveless side, ``(None, None)`` if its outline has no armhole."""
    first = int(np.argmin(np.hypot(*(outline - collar).T)))
    line = outline[first:]
    low = line[:, 1] > collar[1] + 0.5 * half
    end = int(np.argmin(np.where(low, line[:, 0], np.inf)))
    if end < 6 or _turns_in(line[end:], half):
        return None, None
    bulge = _off_chord(line[: end + 1], collar, line[end])
    high = line[: end + 1, 1] < collar[1] + 0.5 * half
    bulge = np.where(high, bulge, 0)
    tip = int(np.argmax(bulge)) if bulge.max() > 0.05 * half else 0
    dip = -_off_chord(line[tip : end + 1], line[tip], line[end])
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


def _turns_in(below: Points, half: float) -> bool:
    """Whether the outline runs inward below its outermost point as the underside of a sleeve."""
    step = max(3, round(0.12 * half))
    near = below[: 10 * step, 0]
    return len(near) > step and bool((near[step:] - near[:-step]).max() > 1.2 * step)


def _hem(edge: NDArray[np.int64], axis: float, start: int) -> Point:
    rows = np.flatnonzero(edge >= 0)
    rows = rows[rows >= start]
    corner = rows[int(np.argmax(0.6 * (axis - edge[rows]) + rows))]
    return np.array([edge[corner], corner], float)


def _underarm(
    mask: Mask, edge: NDArray[np.int64], axis: float, outline: Points, hem: Point, half: float
) -> Point:
    """Armpit of a sleeve that points outward: the deepest inward corner below its tip."""
    tip = outline[int(np.argmin(outline[:, 0]))]
    rows = np.arange(int(tip[1]), int(min(tip[1] + 0.8 * half, max(hem[1], tip[1] + 3))))
    rows = rows[(rows < len(mask)) & (edge[np.minimum(rows, len(mask) - 1)] >= 0)]
    line = np.stack([edge[rows].astype(float), rows.astype(float)], axis=1)
    if len(line) > 3:
        dip = -_off_chord(line, tip, hem)
        if dip.max() > 0.05 * half:
            return line[int(np.argmax(dip))]
    y = min(int(outline[0, 1] + 0.75 * half), int(hem[1]))
    return np.array([max(float(edge[y]), axis - half), y], float)


def _shoulder(mask: Mask, collar: Point, armpit: Point, half: float) -> Point:
    """End of a sleeved side's shoulder line: the top edge a little inside the armpit."""
    x = int(np.clip(armpit[0] + 0.04 * half, 0, collar[0] - 0.1 * half))
    y = _top_edge(mask, np.array([x]))[0]
    return np.array([x, y if np.isfinite(y) else collar[1]], float)


def _cuff(
    mask: Mask, shoulder: Point, flank: Points, half: float
) -> tuple[Point | None, Point | None]:
    """Outer and inner end of the sleeve's opening, ``None`` where there is no sleeve to speak of."""
    armpit = flank[0]
    sleeve = _sleeve_region(mask, shoulder, flank)
    ys, xs = np.nonzero(sleeve)
    points = np.stack([xs, ys], axis=1).astype(float)
    if not len(ys) or _off_chord(points, shoulder, armpit).max() < 0.2 * half:
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


def _sleeve_region(mask: Mask, shoulder: Point, flank: Points) -> Mask:
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
    outside = (_off_chord(points, shoulder, armpit) > 0).reshape(mask.shape)
    beyond = (labels > 0) & (labels != trunk)
    beyond &= outside | (np.arange(mask.shape[1]) < armpit[0])
    counts = np.bincount(labels[beyond], minlength=count)
    sleeve: Mask = beyond & (labels == int(counts.argmax()))
    return sleeve
