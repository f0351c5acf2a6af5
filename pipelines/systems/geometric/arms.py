"""The arm as a bent axis on which a sleeve is laid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipelines.garments.sleeves import SleeveAxis
from pipelines.systems.geometric.body_target import SideTarget

Points = NDArray[np.float64]
"""``float64 [N, 2]``, (x, y) in pixels of the person image."""

LONG_RATIO = 1.15
"""Sleeves at least this long in shoulder widths are meant to reach the wrist."""

_SAMPLES = 160
_EASE, _BAGGY = 1.05, 2.4
_UPPER_SHARE = 0.515
_ARM_LENGTH = 1.63


@dataclass(frozen=True, eq=False)
class ArmPath:
    """A sleeve's middle line on the arm, sampled at t = -0.5 .. 1.5 in equal steps.

    ``points`` ``[N, 2]`` lie on it, ``normals`` ``[N, 2]`` point to the sleeve's outer side,
    ``outer`` and ``inner`` ``[N]`` are half widths in pixels to that side and the other.
    """

    t: NDArray[np.float64]
    points: Points
    normals: Points
    outer: NDArray[np.float64]
    inner: NDArray[np.float64]

    def place(self, strip: Points) -> Points:
        """Points ``[N, 2]`` of the person image for strip coordinates (t, u)."""
        t, u = strip[:, 0], strip[:, 1]
        at = np.stack([np.interp(t, self.t, v) for v in self.points.T], axis=1)
        normal = np.stack([np.interp(t, self.t, v) for v in self.normals.T], axis=1)
        width = np.where(u > 0, np.interp(t, self.t, self.outer), np.interp(t, self.t, self.inner))
        # beyond the ends of the table the line goes on straight
        over = t - np.clip(t, self.t[0], self.t[-1])
        ends = np.where(over[:, None] > 0, self._slope(-1), self._slope(0))
        placed: Points = at + over[:, None] * ends + (u * width)[:, None] * normal
        return placed

    def _slope(self, end: int) -> Points:
        a, b = (-2, -1) if end else (0, 1)
        slope: Points = (self.points[b] - self.points[a]) / (self.t[b] - self.t[a])
        return slope


def arm_path(
    axis: SleeveAxis, arm: SideTarget, start: Points, scale: float, unit: float
) -> ArmPath:
    """Lay a sleeve's axis along an arm.

    ``start`` is where the trunk's map puts the middle of the armhole; the path begins beside it on
    the arm's own axis. ``scale`` is the garment's scale, ``unit`` the shoulder joints' distance.
    """
    upper = arm.elbow - arm.joint
    first = float((start - arm.joint) @ upper) / max(float(upper @ upper), 1e-9)
    first = float(np.clip(first, -0.3, 0.6)) * _UPPER_SHARE
    reach = axis.length * scale / (_ARM_LENGTH * unit)
    if axis.length * scale > LONG_RATIO * unit:
        reach = 1.0 - first
    t = np.linspace(-0.5, 1.5, _SAMPLES)
    share = first + t * reach
    points = _along_arm(share, arm)
    half = _half_widths(t, share, axis, arm, scale)
    spacing = float(np.hypot(*np.diff(points, axis=0).T).mean())
    sigma = 1.2 * float(half.max()) * _bend(arm) / 2.5 / max(spacing, 1e-6)
    points = ndimage.gaussian_filter1d(points, max(1.0, sigma), axis=0, mode="nearest")
    slope = np.gradient(points, t, axis=0)
    speed = np.maximum(np.hypot(slope[:, 0], slope[:, 1]), 1e-9)
    along = slope / speed[:, None]
    turn = np.sign(axis.along[0] * axis.outward[1] - axis.along[1] * axis.outward[0]) or 1.0
    normals = turn * np.stack([-along[:, 1], along[:, 0]], axis=1)
    # on the inside of a bend the sleeve must not reach the centre of curvature
    toward = (np.gradient(along, t, axis=0) * normals).sum(axis=1) / speed
    limit = 0.9 / np.maximum(np.abs(toward), 1e-9)
    outer = np.where(toward > 0, np.minimum(half, limit), half)
    inner = np.where(toward < 0, np.minimum(half, limit), half)
    return ArmPath(t, points, normals, outer, inner)


def _bend(arm: SideTarget) -> float:
    """Angle at the elbow in radians, 0 = straight."""
    a, b = arm.elbow - arm.joint, arm.wrist - arm.elbow
    lengths = max(float(np.hypot(*a) * np.hypot(*b)), 1e-9)
    return float(np.arccos(np.clip(a @ b / lengths, -1, 1)))


def _along_arm(share: NDArray[np.float64], arm: SideTarget) -> Points:
    """Points at shares of the arm's length (0 = shoulder, 1 = wrist); straight on beyond."""
    first = np.minimum(share, _UPPER_SHARE)[:, None] / _UPPER_SHARE
    rest = np.maximum(share - _UPPER_SHARE, 0)[:, None] / (1 - _UPPER_SHARE)
    points: Points = arm.joint + first * (arm.elbow - arm.joint) + rest * (arm.wrist - arm.elbow)
    return points


def _half_widths(
    t: NDArray[np.float64],
    share: NDArray[np.float64],
    axis: SleeveAxis,
    arm: SideTarget,
    scale: float,
) -> NDArray[np.float64]:
    """The sleeve's own half width, at least a little more than the arm's."""
    body = np.interp(share, [0.0, _UPPER_SHARE, 1.0], arm.arm_half_widths)
    own = scale * axis.half_width(t)
    fitted = np.clip(own, _EASE * body, _BAGGY * body)
    # at the armhole the sleeve is as wide as the trunk's map makes it
    half = own + np.clip((t - 0.05) / 0.3, 0, 1) * (fitted - own)
    smooth: NDArray[np.float64] = ndimage.gaussian_filter1d(half, 4.0, mode="nearest")
    return smooth
