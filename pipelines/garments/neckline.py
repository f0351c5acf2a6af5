"""The front neckline of a top, and what shows of the garment's inside above it.

Photographs of empty tops show the inside of the back collar and its label within the neckline. On
a body the neck is there, so this region is removed. The front edge is sought as a curve from one
collar point to the other, ``y = depth (1 - |x|^shape)``, across which the colour changes most
evenly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.garments.collar_patch import (
    ABOVE,
    BESIDE,
    HALF,
    LABEL_MARGIN,
    CollarFrame,
    find_label,
    is_plain,
    lining_beyond,
)
from pipelines.garments.landmarks import Landmarks
from pipelines.garments.silhouette import Point, Points
from pipelines.types import Image, Mask

_DEPTHS = np.concatenate([np.arange(0.24, 1.2, 0.04), np.arange(1.2, 3.0, 0.07)])
_SHAPES = (1.0, 1.25, 1.6, 2.0, 2.6, 3.6)
_NARROW = (1.0, 0.9)
_BACK_BAND = (0.42, 0.58)
_BELOW_LABEL = 0.05
_CUT, _SHARP = 0.1, 1.7
"""What a curve may leave of a label, in half neck widths; a V, up to a sharp shape, nothing."""

_LEAST_CHANGE, _CLEAR_CHANGE = 2.2, 12.0
_USUAL_DEPTH, _USUAL_SHAPE = 0.62, 2.2


@dataclass(frozen=True, eq=False)
class Neckline:
    """The front neckline of a garment photo.

    ``inner`` is ``bool [H, W]``: garment pixels above the front edge between the collar points,
    and what goes on beyond it in the same lining. ``label`` is ``bool [H, W]``: the label sewn
    into the back collar, wherever one was seen. ``front`` is the edge's lowest point. ``certain``
    is false where no edge was found and a usual one was taken.
    """

    inner: Mask
    label: Mask
    front: Point
    certain: bool


def find_neckline(image: Image, mask: Mask, marks: Landmarks) -> Neckline:
    """Find the front neckline in a garment photo ``uint8 [H, W, 3]`` with its mask."""
    left, right = marks.right.collar, marks.left.collar
    half = float(np.hypot(*(right - left))) / 2
    nothing = np.zeros_like(mask)
    trunk = abs(float(marks.left.armpit[0] - marks.right.armpit[0]))
    if half < 0.06 * trunk or half < 2:
        return Neckline(nothing, nothing, marks.neck_top, False)
    frame = CollarFrame.between(left, right)
    patch, cover = frame.patch(image, mask)
    label = find_label(patch, cover)
    seen = frame.unpatch(label, mask.shape) & mask
    notch = frame.height(marks.neck_top)
    standing = notch < -0.3
    if standing:
        return _standing(image, mask, marks, frame, seen)
    low = _lowest(label)
    found, certain = _below(patch, cover, notch + 0.6 if notch > 0.5 else np.inf, low)
    if found is None and notch > 0.6 and not seen.any():
        return Neckline(nothing, seen, marks.neck_top, False)
    depth = max(_USUAL_DEPTH, notch + 0.3, low + _BELOW_LABEL)
    curve = found or (depth, _USUAL_SHAPE, 1.0)
    inner = _above(mask, frame, curve)
    above = _under(patch.shape[:2], curve)
    more = lining_beyond(patch, cover, above, label, certain)
    inner |= frame.unpatch(more, mask.shape) & mask
    middle = np.flatnonzero((more | above)[:, round(BESIDE * HALF)])
    deepest = max(curve[0], float(middle[-1]) / HALF - ABOVE if len(middle) else -np.inf)
    front = frame.middle + deepest * frame.half * frame.down
    return Neckline(inner, seen, front, certain)


def _below(
    patch: NDArray[np.float32], cover: NDArray[np.float32], deepest: float, low: float
) -> tuple[tuple[float, float, float] | None, bool]:
    """The best curve, and whether it was seen.

    Where the best one cuts the label, the best one like it that does not is taken; a last resort
    is a curve just below the label.
    """
    free = _search(patch, cover, deepest, -np.inf)
    if free is None or free[0] > low + (-_CUT if free[1] > _SHARP else _CUT):
        return free, free is not None
    bound = _search(patch, cover, deepest, low)
    if bound is not None and bound[0] < free[0] + 0.5 and bound[1] > free[1] - 0.5:
        return bound, True
    return (low + _BELOW_LABEL, max(free[1], _USUAL_SHAPE), free[2]), False


def _standing(
    image: Image, mask: Mask, marks: Landmarks, frame: CollarFrame, label: Mask
) -> Neckline:
    """The neckline of a collar that stands up: a roll neck, or a shirt collar open in a V."""
    patch, cover = frame.patch(image, mask)
    found = _search(patch, cover, np.inf, -np.inf)
    if found is not None and found[0] >= 0.6 and found[1] <= _SHARP:
        front = frame.middle + found[0] * frame.half * frame.down
        return Neckline(_above(mask, frame, found), label, front, True)
    top = _top_corners(mask, frame)
    spot = frame.to_patch(label) > 0.5
    if top is not None and label.any() and is_plain(patch, cover, spot):
        # what can be seen into is the fold at the top, narrower than the collar's foot
        frame = CollarFrame.between(*top)
        patch, cover = frame.patch(image, mask)
        low = _lowest(frame.to_patch(label) > 0.5)
        found = _search(patch, cover, np.inf, low + _BELOW_LABEL, _SHARP)
        if found is not None and found[0] >= 0.6:
            front = frame.middle + found[0] * frame.half * frame.down
            return Neckline(_above(mask, frame, found), label, front, True)
    nothing = np.zeros_like(mask)
    return Neckline(nothing, label, marks.neck_top, found is not None)


def _top_corners(mask: Mask, frame: CollarFrame) -> tuple[Point, Point] | None:
    """The ends of the upper edge of a collar that stands up."""
    cover = frame.to_patch(mask) > 0.5
    rows = np.flatnonzero(cover.any(axis=1))
    if not len(rows):
        return None
    row = rows[0] + round(0.14 * HALF)
    columns = np.flatnonzero(cover[min(row, len(cover) - 1)])
    if len(columns) < 0.5 * HALF:
        return None
    ends = frame.to_photo(np.array([[columns[0], row], [columns[-1], row]], float))
    return ends[0], ends[1]


def _lowest(label: Mask) -> float:
    """Lower end of a label in half neck widths below the collar points, -inf without one."""
    rows = np.flatnonzero(label.any(axis=1))
    return float(rows[-1] - LABEL_MARGIN) / HALF - ABOVE if len(rows) else -np.inf


def _search(
    patch: NDArray[np.float32],
    cover: NDArray[np.float32],
    deepest: float,
    low: float,
    blunt: float = np.inf,
) -> tuple[float, float, float] | None:
    """Depth, shape and width of the curve with the most even change of colour across it.

    ``deepest`` is the depth beyond which the change must be clear; ``low`` is the lower end of the
    label, which no curve cuts, and ``blunt`` the greatest shape.
    """
    x = np.linspace(-0.95, 0.95, 41)
    curves = np.array([(d, p, s) for s in _NARROW for p in _SHAPES for d in _DEPTHS])
    depth, shape, narrow = curves.T[:, :, None]
    run = np.abs(x)[None] ** shape
    px, py = x[None] * narrow, depth * (1 - run)
    slope = -depth * shape * np.sign(x) * np.abs(x)[None] ** (shape - 1) / narrow
    length = np.sqrt(1 + slope**2)
    nx, ny = -slope / length, 1 / length
    reach = 0.07
    inside = _look(patch, px + reach * nx, py + reach * ny)
    outside = _look(patch, px - reach * nx, py - reach * ny)
    change = inside - outside
    mean = np.median(change, axis=1, keepdims=True)
    mean = mean / np.maximum(np.linalg.norm(mean, axis=2, keepdims=True), 1e-6)
    along = (change * mean).sum(axis=2)
    score = np.percentile(along, 30, axis=1)
    # both sides must be garment: the outline against the background is no neckline
    held = [_look(cover[..., None], px + s * nx, py + s * ny)[..., 0] for s in (reach, -reach)]
    core = np.abs(x) < 0.85
    score = np.where((held[0].mean(axis=1) > 0.9) & (held[1][:, core].mean(axis=1) > 0.9), score, 0)
    noise = float(np.median(np.abs(along)))
    # the lower seam of the back collar is often the stronger line, but never that deep
    weighted = score * np.interp(curves[:, 0], (*_BACK_BAND, 1.3, 2.8), (0.3, 1.0, 1.0, 0.75))
    weighted[curves[:, 0] > np.interp(curves[:, 1], (1.7, 2.6, 3.6), (3.0, 1.8, 1.1))] = 0
    least = np.where(curves[:, 0] > deepest, _CLEAR_CHANGE, _LEAST_CHANGE)
    weighted[(curves[:, 0] < low) | (curves[:, 1] > blunt)] = 0
    weighted[score < np.maximum(least, noise)] = 0
    best = int(np.argmax(weighted))
    if weighted[best] == 0:
        return None
    found = curves[best]
    return float(found[0]), float(found[1]), float(found[2])


def _look(patch: NDArray[np.float32], x: Points, y: Points) -> NDArray[np.float32]:
    """Patch values at points in half neck widths from the middle of the collar points."""
    column = np.clip(np.round((x + BESIDE) * HALF), 0, patch.shape[1] - 1).astype(np.int64)
    row = np.clip(np.round((y + ABOVE) * HALF), 0, patch.shape[0] - 1).astype(np.int64)
    values: NDArray[np.float32] = patch[row, column]
    return values


def _under(size: tuple[int, ...], curve: tuple[float, float, float]) -> Mask:
    """Patch pixels above the curve, between its ends."""
    ys, xs = np.indices(size)
    return _within(xs / HALF - BESIDE, ys / HALF - ABOVE, curve)


def _within(x: Points, y: Points, curve: tuple[float, float, float]) -> Mask:
    depth, shape, narrow = curve
    run = np.abs(x) / narrow
    inside: Mask = (run < 1) & (y < depth * (1 - np.minimum(run, 1) ** shape))
    return inside


def _above(mask: Mask, frame: CollarFrame, curve: tuple[float, float, float]) -> Mask:
    """Mask pixels above the curve, between its ends."""
    reach = 1.3 * frame.half * max(1.0, curve[0])
    x0, y0 = np.maximum(np.floor(frame.middle - reach).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(frame.middle + reach).astype(int), mask.shape[::-1])
    ys, xs = np.mgrid[y0:y1, x0:x1]
    offset = np.stack([xs, ys], axis=-1) - frame.middle
    x, y = offset @ frame.across / frame.half, offset @ frame.down / frame.half
    above = np.zeros(mask.shape, np.bool_)
    above[y0:y1, x0:x1] = _within(x, y, curve)
    return above & mask
