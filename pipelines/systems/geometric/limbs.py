"""The bare arms of a person: their outlines, from the pose and what can be seen of them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from pipelines.body import Body25
from pipelines.systems.geometric.body_frame import shoulders
from pipelines.systems.geometric.regions import Regions
from pipelines.types import Mask

_SAMPLES = 25
_RADIUS_AT = ((0.0, 0.105), (0.12, 0.14), (0.25, 0.15), (0.5, 0.112), (0.62, 0.115), (1.0, 0.072))
"""Half width of an arm / width of the shoulders, along shoulder (0), elbow (0.5), wrist (1)."""


@dataclass(frozen=True, eq=False)
class Arm:
    """One arm from shoulder to wrist.

    ``axis`` is ``float32 [N, 2]`` in working pixels, ``half`` its half width ``float32 [N]``,
    ``along`` runs from 0 at the shoulder over 0.5 at the elbow to 1 at the wrist, a little beyond
    which the axis goes on under a visible hand. ``shown`` says whether the forearm is in front of
    the body or beside it, rather than behind the back; ``hand_seen`` whether the wrist was found.
    """

    axis: NDArray[np.float32]
    half: NDArray[np.float32]
    along: NDArray[np.float32]
    shown: bool
    hand_seen: bool

    def outline(self, scale: float, first: float = 0.0) -> NDArray[np.float32]:
        """Closed outline ``float32 [M, 2]``, times ``scale``, from ``along`` >= ``first``."""
        keep = self.along >= first
        axis, half = self.axis[keep], self.half[keep]
        if len(axis) < 2:
            return np.zeros((0, 2), np.float32)
        tangent = np.gradient(axis, axis=0)
        tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-3)
        normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1) * half[:, None]
        closed = np.concatenate([axis + normal, (axis - normal)[::-1]])
        return np.asarray((closed + 0.5) * scale - 0.5, np.float32)

    def across(self, shape: tuple[int, ...], inner: NDArray[np.float32]) -> NDArray[np.float32]:
        """For each pixel, how far it lies from the axis towards the point ``inner``.

        ``float32 [H, W]`` in half widths: -1 on the arm's outer edge, 1 on its inner edge.
        """
        rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
        pixels = np.stack([columns.ravel(), rows.ravel()], 1)
        _, nearest = KDTree(self.axis).query(pixels)
        tangent = np.gradient(self.axis, axis=0)
        tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-3)
        normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
        upper = slice(0, len(self.axis) // 2)
        side = np.sign(((inner - self.axis[upper]) * normal[upper]).sum())
        offset = ((pixels - self.axis[nearest]) * normal[nearest]).sum(1) * (side or 1.0)
        return np.asarray((offset / self.half[nearest]).reshape(shape[:2]), np.float32)

    def position(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """For each pixel, ``along`` of the nearest point of the axis, ``float32 [H, W]``."""
        seed = np.ones(shape[:2], np.uint8)
        order = np.zeros(shape[:2], np.float32)
        for i in range(len(self.axis) - 1):
            a, b = (tuple(round(float(v)) for v in self.axis[k]) for k in (i, i + 1))
            cv2.line(seed, a, b, (0,), 1)
            cv2.line(order, a, b, (float(self.along[i]),), 1)
        if seed.all():
            return order
        _, label = cv2.distanceTransformWithLabels(
            seed, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
        )
        table = np.zeros(int(label.max()) + 1, np.float32)
        table[label[seed == 0]] = order[seed == 0]
        # the axis is sampled coarsely
        return np.asarray(cv2.GaussianBlur(table[label], (0, 0), float(self.half.mean()) * 0.4))


def find_arm(regions: Regions, *, left: bool) -> Arm | None:
    """One arm (the person's own left or right), or ``None`` where its elbow was not seen."""
    names = ("LEFT_SHOULDER", "LEFT_ELBOW", "LEFT_WRIST")
    if not left:
        names = ("RIGHT_SHOULDER", "RIGHT_ELBOW", "RIGHT_WRIST")
    _, elbow, wrist = (Body25[name] for name in names)
    body, unit = regions.body, regions.unit_px
    if not body.seen(elbow):
        return None
    start = shoulders(body, unit)[1 if left else 0]
    points = [start, body.xy[elbow]]
    stops = [0.0, 0.5]
    if body.seen(wrist):
        points.append(body.xy[wrist])
        stops.append(1.0)
    along = np.linspace(0, stops[-1], _SAMPLES).astype(np.float32)
    axis = np.stack([np.interp(along, stops, np.array(points)[:, k]) for k in (0, 1)], 1)
    axis = ndimage.gaussian_filter1d(axis, 1.0, axis=0, mode="nearest")
    seen = regions.left_arm if left else regions.right_arm
    axis, half = _fit(regions, axis, along, seen)
    shown = bool(seen.any())
    if body.seen(wrist):
        x, y = body.xy[wrist]
        height, width = seen.shape
        near = np.hypot(*(np.mgrid[0:height, 0:width] - np.array([y, x])[:, None, None]))
        inside = 0 <= x < width and 0 <= y < height
        shown = not inside or bool((regions.arms & (near < 0.3 * unit)).sum() > 0.01 * unit * unit)
    wrist_seen = body.seen(wrist)
    if wrist_seen:
        ahead = axis[-1] + _to_hand(axis[-1], axis[-1] - axis[-3], seen if shown else None, unit)
        axis, half = np.vstack([axis, ahead]), np.append(half, 0.85 * half[-1])
        along = np.append(along, np.float32(1))
    return Arm(axis.astype(np.float32), half.astype(np.float32), along, shown, wrist_seen)


def _to_hand(
    wrist: NDArray[np.float64], direction: NDArray[np.float64], seen: Mask | None, unit: float
) -> NDArray[np.float64]:
    """How far an arm goes on beyond its wrist: into the visible hand, or into the old cuff."""
    if seen is not None:
        rows, columns = np.nonzero(seen)
        offsets = np.stack([columns, rows], 1) - wrist
        near = offsets[np.hypot(*offsets.T) < 0.6 * unit]
        if len(near):
            hand = near.mean(0)
            length = float(np.linalg.norm(hand))
            if length > 0.1 * unit and hand @ direction > 0:
                return np.asarray(hand * min(1.0, 0.5 * unit / length))
    # a hand in a pocket leaves its wrist in the old cuff
    beyond = (0.1 if seen is not None else 0.25) * unit
    return np.asarray(direction / max(float(np.linalg.norm(direction)), 1e-3) * beyond)


def _fit(
    regions: Regions, axis: NDArray[np.float64], along: NDArray[np.float32], seen: Mask
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shift the axis to the middle of what is visible and measure its half width there."""
    unit = regions.unit_px
    expected = np.interp(along, *np.array(_RADIUS_AT).T) * unit
    tangent = np.gradient(axis, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-3)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
    reach = 2.2
    bare = _edges(seen, axis, normal, reach * expected)
    sleeve = _edges(regions.old | seen, axis, normal, reach * expected)
    shift, half, trust = np.zeros(len(along)), expected.copy(), np.full(len(along), 0.05)
    for i in range(len(along)):
        low, high = bare[i]
        width = (high - low) / 2
        if np.isfinite(width) and 0.55 * expected[i] < width < 1.6 * expected[i]:
            shift[i], half[i], trust[i] = (low + high) / 2, width, 1.0
            continue
        low, high = sleeve[i]
        width = (high - low) / 2
        if np.isfinite(width) and width < 2.0 * expected[i]:
            shift[i] = (low + high) / 2
            half[i], trust[i] = min(0.93 * width, 1.06 * expected[i]), 0.15
        elif np.isfinite(low) and -low < 1.5 * expected[i]:
            shift[i] = low + min(expected[i], 0.5 * expected[i] - low)
        elif np.isfinite(high) and high < 1.5 * expected[i]:
            shift[i] = high - min(expected[i], 0.5 * expected[i] + high)
    ratio = half / expected
    visible = trust == 1.0
    if visible.any():
        # the rest of an arm is as slim as what is seen of it
        ratio = np.where(visible, ratio, np.minimum(ratio, 1.03 * np.median(ratio[visible])))
    ratio = _smooth(ratio, trust)
    shift = _smooth(np.clip(shift, -0.8 * expected, 0.8 * expected), trust)
    # the shoulder itself stays where the pose has it
    shift *= np.clip(along / 0.2, 0, 1)
    return axis + normal * shift[:, None], expected * np.clip(ratio, 0.6, 1.45)


def _smooth(values: NDArray[np.float64], trust: NDArray[np.float64]) -> NDArray[np.float64]:
    total = ndimage.gaussian_filter1d(trust, 3.5, mode="nearest")
    smooth: NDArray[np.float64] = (
        ndimage.gaussian_filter1d(values * trust, 3.5, mode="nearest") / total
    )
    return smooth


def _edges(
    mask: Mask, axis: NDArray[np.float64], normal: NDArray[np.float64], reach: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Where the run of ``mask`` around each axis point ends, as signed offsets ``[N, 2]``.

    An end farther away than ``reach`` is infinite; both are where the axis lies outside.
    """
    steps = np.linspace(-1, 1, 81)
    offsets = steps[None] * reach[:, None]
    x = axis[:, :1] + normal[:, :1] * offsets
    y = axis[:, 1:] + normal[:, 1:] * offsets
    value = cv2.remap(
        mask.astype(np.uint8), x.astype(np.float32), y.astype(np.float32), cv2.INTER_NEAREST
    )
    out = np.full((len(axis), 2), np.inf)
    out[:, 0] = -np.inf
    middle = len(steps) // 2
    for i, row in enumerate(value):
        inside = np.flatnonzero(row)
        if not len(inside):
            continue
        start = int(inside[np.argmin(np.abs(inside - middle))])
        if abs(start - middle) > 14:
            continue
        off = np.flatnonzero(row == 0)
        before, after = off[off < start], off[off > start]
        if len(before):
            out[i, 0] = offsets[i, before[-1]]
        if len(after):
            out[i, 1] = offsets[i, after[0]]
    return out
