"""The front neckline of a top, and what shows of the garment's inside above it.

Photographs of empty tops show the inside of the back collar and its label within the neckline. On
a body the neck is there, so this region is removed. The front edge is sought as a curve from one
collar point to the other, ``y = depth (1 - |x|^shape)``, across which the colour changes most
evenly.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.systems.geometric.landmarks import Landmarks
from pipelines.systems.geometric.silhouette import Point, Points
from pipelines.types import Image, Mask

_HALF = 60
"""Half the distance between the collar points in the patch that is searched, in pixels."""

_ABOVE, _BELOW, _BESIDE = 1.0, 3.4, 1.25
"""Reach of the patch around the middle of the collar points, in half neck widths."""

_DEPTHS = np.concatenate([np.arange(0.24, 1.2, 0.04), np.arange(1.2, 3.0, 0.07)])
_SHAPES = (1.0, 1.25, 1.6, 2.0, 2.6, 3.6)
_NARROW = (1.0, 0.9)
_BACK_BAND = (0.42, 0.58)
_LEAST_CHANGE, _CLEAR_CHANGE = 2.2, 12.0
_USUAL_DEPTH, _USUAL_SHAPE = 0.62, 2.2


@dataclass(frozen=True, eq=False)
class Neckline:
    """The front neckline of a garment photo.

    ``inner`` is ``bool [H, W]``: garment pixels above the front edge between the collar points.
    ``front`` is the edge's lowest point. ``certain`` is false where no edge was found and a usual
    one was taken.
    """

    inner: Mask
    front: Point
    certain: bool


def find_neckline(image: Image, mask: Mask, marks: Landmarks) -> Neckline:
    """Find the front neckline in a garment photo ``uint8 [H, W, 3]`` with its mask."""
    left, right = marks.right.collar, marks.left.collar
    middle, half = (left + right) / 2, float(np.hypot(*(right - left))) / 2
    nothing = np.zeros_like(mask)
    trunk = abs(float(marks.left.armpit[0] - marks.right.armpit[0]))
    if half < 0.06 * trunk or half < 2:
        return Neckline(nothing, marks.neck_top, False)
    across = (right - left) / (2 * half)
    down = np.array([-across[1], across[0]])
    patch, cover = _patch(image, mask, middle, across, down, half)
    notch = float((marks.neck_top - middle) @ down) / half
    standing = notch < -0.3
    found = _search(patch, cover, notch + 0.6 if notch > 0.5 else np.inf)
    # a roll neck has no opening to see into; a shirt collar opens in a V
    if standing and (found is None or found[0] < 0.6 or found[1] > 1.7):
        return Neckline(nothing, marks.neck_top, found is not None)
    if found is None and notch > 0.6:
        return Neckline(nothing, marks.neck_top, False)
    depth, shape, narrow = found or (max(_USUAL_DEPTH, notch + 0.3), _USUAL_SHAPE, 1.0)
    inner = _above(mask.shape, mask, middle, across, down, half, (depth, shape, narrow))
    front = middle + depth * half * down
    return Neckline(inner, front, found is not None)


def _patch(
    image: Image, mask: Mask, middle: Point, across: Point, down: Point, half: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lab colours ``float32 [h, w, 3]`` around the neck and the mask there, upright."""
    step = half / _HALF
    ys, xs = np.mgrid[-_ABOVE * _HALF : _BELOW * _HALF, -_BESIDE * _HALF : _BESIDE * _HALF]
    at = middle + step * (xs[..., None] * across + ys[..., None] * down)
    x, y = at[..., 0].astype(np.float32), at[..., 1].astype(np.float32)
    margin = 3 * step + 2
    low = np.maximum([y.min() - margin, x.min() - margin], 0).astype(int)
    high = np.minimum([y.max() + margin, x.max() + margin], image.shape[:2]).astype(int)
    part = (slice(low[0], high[0]), slice(low[1], high[1]))
    calm = cv2.GaussianBlur(image[part], (0, 0), max(0.5, 0.5 * step))
    x, y = x - np.float32(low[1]), y - np.float32(low[0])
    colours = cv2.remap(calm, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    patch = cv2.cvtColor(colours.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    cover = cv2.remap(mask[part].astype(np.float32), x, y, cv2.INTER_LINEAR)
    return patch.astype(np.float32), cover.astype(np.float32)


def _search(
    patch: NDArray[np.float32], cover: NDArray[np.float32], deepest: float
) -> tuple[float, float, float] | None:
    """Depth, shape and width of the curve with the most even change of colour across it."""
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
    weighted[score < np.maximum(least, noise)] = 0
    best = int(np.argmax(weighted))
    if weighted[best] == 0:
        return None
    found = curves[best]
    return float(found[0]), float(found[1]), float(found[2])


def _look(patch: NDArray[np.float32], x: Points, y: Points) -> NDArray[np.float32]:
    """Patch values at points in half neck widths from the middle of the collar points."""
    column = np.clip(np.round((x + _BESIDE) * _HALF), 0, patch.shape[1] - 1).astype(np.int64)
    row = np.clip(np.round((y + _ABOVE) * _HALF), 0, patch.shape[0] - 1).astype(np.int64)
    values: NDArray[np.float32] = patch[row, column]
    return values


def _above(
    size: tuple[int, ...],
    mask: Mask,
    middle: Point,
    across: Point,
    down: Point,
    half: float,
    curve: tuple[float, float, float],
) -> Mask:
    """Mask pixels above the curve, between its ends."""
    depth, shape, narrow = curve
    reach = 1.3 * half * max(1.0, depth)
    x0, y0 = np.maximum(np.floor(middle - reach).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(middle + reach).astype(int), size[::-1])
    ys, xs = np.mgrid[y0:y1, x0:x1]
    offset = np.stack([xs, ys], axis=-1) - middle
    x, y = offset @ across / (half * narrow), offset @ down / half
    inside = (np.abs(x) < 1) & (y < depth * (1 - np.minimum(np.abs(x), 1) ** shape))
    above = np.zeros(size, np.bool_)
    above[y0:y1, x0:x1] = inside
    return above & mask
