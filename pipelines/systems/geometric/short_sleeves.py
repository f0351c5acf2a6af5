"""A short sleeve, laid from the armhole along the upper arm.

A short sleeve is hardly longer than its armhole is high, so it has no middle line to speak of.
It is a patch with four edges: the armhole, where it meets the trunk, the cuff, and the seams
between them. The armhole goes where the trunk's map puts it, the cuff across the arm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipelines.garments.landmarks import SidePoints
from pipelines.systems.geometric.body_target import SideTarget

Point = NDArray[np.float64]
"""``float64 [2]``, (x, y) in pixels."""

Points = NDArray[np.float64]
"""``float64 [N, 2]``, (x, y) in pixels."""

TABLE = 12
"""Steps at which the outline is measured."""

SHORT = 0.7
"""Sleeves up to this length, in distances of the shoulder joints, are laid as a patch."""

_LOOSE = (1.12, 1.32)
"""Narrowest and widest cuff, in widths of the arm: a wide one hangs in folds."""

_LOWEST = 0.97
"""Lowest cuff, in lengths of the upper arm."""

_BENDS = ((0.1, 0.75), (0.5, 1.0))
"""Control points of the outer edge: shares of its way along the arm and out from the shoulder."""

_BOXY = 0.1
"""A seam under the arm that leaves the line from cuff to armpit by less than this share of it is
none: the cuff reaches the armpit, and the patch takes its last corner from both edges."""

_FLAT = 0.25
"""Least sum of the distances from opposite edges, in those at their ends."""

_LEAST_CUFF = 0.3
"""Least share of the cuff outside the armhole's line."""

_SLACK = 0.3
"""Scale of what lies beyond the patch."""

_STANDS_OUT = 0.25
"""Least distance of the cuff from the armhole, in lengths of the armhole."""

_UNDER = 0.12
"""Least length of the seam under the arm, in distances of the shoulder joints."""


@dataclass(frozen=True, eq=False)
class SleeveEdges:
    """The outline of a sleeve in the coordinates of its corners.

    ``lower`` and ``upper`` ``[TABLE]`` are the places across at steps of t = 0 (armhole) .. 1
    (cuff), ``cuff`` ``[TABLE]`` those along at steps of u = 0 (lower edge) .. 1 (upper edge).
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    cuff: NDArray[np.float64]

    def straighten(
        self, t: NDArray[np.float64], u: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coordinates in which the outline is a unit square."""
        steps = np.linspace(0, 1, TABLE)
        low, high = np.interp(t, steps, self.lower), np.interp(t, steps, self.upper)
        u = (u - low) / (high - low)
        t = t / np.interp(u, steps, self.cuff)
        # at the armhole everything lies as the trunk does
        slack = 1 - (1 - _SLACK) * np.clip(3 * t, 0, 1)
        inside = np.clip(u, 0, 1)
        return np.minimum(t, 1 + _SLACK * (t - 1)), inside + slack * (u - inside)


@dataclass(frozen=True, eq=False)
class ShortSleeve:
    """Where the patch lies.

    ``corners`` ``[4, 2]`` are shoulder, outer cuff, inner cuff and armpit in the garment photo;
    ``edges`` says how far the sleeve's outline lies from the straight lines between them.
    ``trunk`` is the trunk's map. ``bends`` ``[2, 2]`` and ``outer`` are the control points and
    the end of the cubic curve on which the outer edge lies, ``inner`` the end of the lower edge,
    in the person image.
    """

    corners: Points
    edges: SleeveEdges
    trunk: Callable[[Points], Points]
    bends: Points
    outer: Point
    inner: Point

    def place(self, points: Points) -> Points:
        """Points ``[N, 2]`` of the garment photo in the person image."""
        shoulder, armpit = self.corners[[0, 3]]
        t, u = self.edges.straighten(*_patch_coordinates(points, self.corners))
        top, under = self.trunk(np.stack([shoulder, armpit]))
        s = np.clip(t, 0, None)[:, None]
        r = 1 - s
        curve = r**3 * top + 3 * r**2 * s * self.bends[0] + 3 * r * s**2 * self.bends[1]
        curve += s**3 * self.outer
        end = self.outer + (s - 1) * 3 * (self.outer - self.bends[1])
        lower = under + s * (self.inner - under)
        patch = lower + u[:, None] * (np.where(s > 1, end, curve) - lower)
        seam = armpit + u[:, None] * (shoulder - armpit)
        gap = self.trunk(seam) - (under + u[:, None] * (top - under))
        patch += np.clip(1 - s, 0, 1) ** 2 * gap
        placed: Points = np.where(t[:, None] > 0, patch, self.trunk(points))
        return placed


def short_sleeve(
    pixels: Points,
    side: SidePoints,
    arm: SideTarget,
    trunk: Callable[[Points], Points],
    scale: float,
    unit: float,
) -> ShortSleeve | None:
    """Lay a sleeve on an arm; ``None`` where its four corners span no patch, or none fits the arm.

    ``pixels`` ``[N, 2]`` are the sleeve's in the garment photo, ``scale`` is the garment's scale,
    ``unit`` the distance of the shoulder joints.
    """
    if side.cuff_outer is None or not len(pixels):
        return None
    corners = _corners(pixels, side.shoulder, side.cuff_outer, side.armpit)
    out = abs(float(_off(side.cuff_outer[None], (side.shoulder, side.armpit), side.armpit)[0]))
    hole = float(np.hypot(*(side.shoulder - side.armpit)))
    if not _convex(corners) or out < _STANDS_OUT * hole:
        return None
    top, under = trunk(corners[[0, 3]])
    upper = float(np.hypot(*(arm.elbow - arm.joint)))
    along = (arm.elbow - arm.joint) / max(upper, 1e-6)
    if (under - top) @ along < -0.5 * np.hypot(*(under - top)):
        # the arm is raised overhead
        return None
    across = np.array([along[1], -along[0]])
    if across @ (top - under + arm.shoulder - arm.neck) < 0:
        across = -across
    body = float(np.interp(0.6, (0, 1), arm.arm_half_widths[:2]))
    own = scale * float(np.hypot(*(corners[1] - corners[2]))) / 2
    half = float(np.clip(own, _LOOSE[0] * body, _LOOSE[1] * body))
    start, aside = (top - arm.joint) @ along, (top - arm.joint) @ across
    length = scale * float(np.hypot(*(side.cuff_outer - side.shoulder)))
    reach = start + np.sqrt(max(length**2 - (half - aside) ** 2, (0.3 * length) ** 2))
    lowest = trunk(side.armpit[None])[0] if side.armpit is not corners[3] else under
    least = float((lowest - arm.joint) @ along) + _UNDER * unit
    reach = min(max(reach, least), max(_LOWEST * upper, 0.3 * unit))
    bends = [
        arm.joint + (start + a * (reach - start)) * along + (aside + b * (half - aside)) * across
        for a, b in _BENDS
    ]
    outer = arm.joint + reach * along + half * across
    inner = _inner_end(outer, -2 * half * across, top, under)
    if inner is None:
        return None
    return ShortSleeve(
        corners,
        _edges(*_patch_coordinates(pixels, corners)),
        trunk,
        bends=np.array(bends),
        outer=outer,
        inner=inner,
    )


def _inner_end(outer: Point, cuff: Point, top: Point, under: Point) -> Point | None:
    """Inner end of a cuff that starts at ``outer``, on the sleeve's side of the armhole's line.

    ``None`` where that line passes so far out on the arm that little of the cuff is left.
    """
    seam = under - top
    side = cuff[0] * seam[1] - cuff[1] * seam[0]
    ahead = (top[0] - outer[0]) * seam[1] - (top[1] - outer[1]) * seam[0]
    share = ahead / side if abs(side) > 1e-9 else 1.0
    if 0 < share < _LEAST_CUFF:
        return None
    end: Point = outer + cuff * (min(0.93 * share, 1.0) if share > 0 else 1.0)
    return end


def _corners(pixels: Points, shoulder: Point, cuff: Point, armpit: Point) -> Points:
    """Shoulder, both ends of the cuff and armpit; the cuff's inner end is the lower corner."""
    chord = armpit - cuff
    length = max(float(np.hypot(*chord)), 1e-6)
    below = -_off(pixels, (cuff, armpit), 2 * shoulder)
    within = np.abs((pixels - cuff) @ chord / length**2 - 0.5) < 0.6
    lowest = int(np.argmax(np.where(within, below, -np.inf))) if within.any() else 0
    if within.any() and below[lowest] > _BOXY * length:
        return np.stack([shoulder, cuff, pixels[lowest], armpit])
    return np.stack([shoulder, cuff, armpit - 0.2 * chord, armpit + 0.2 * (shoulder - armpit)])


def _edges(t: NDArray[np.float64], u: NDArray[np.float64]) -> SleeveEdges:
    """Measure the outline on the coordinates of a sleeve's pixels."""
    steps = np.linspace(0, 1, TABLE)
    lower, upper = _ends(t, u, steps)
    upper, lower = np.clip(upper, 0.6, 1.9), np.clip(lower, -0.7, 0.35)
    # at the armhole the sleeve is as wide as the trunk
    lower[0], upper[0] = 0.0, 1.0
    low, high = np.interp(t, steps, lower), np.interp(t, steps, upper)
    _, cuff = _ends((u - low) / (high - low), t, steps)
    return SleeveEdges(lower, upper, np.clip(cuff, 0.6, 1.6))


def _ends(
    along: NDArray[np.float64], across: NDArray[np.float64], steps: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest ``across`` near each step of ``along``; 0 and 1 without any."""
    ends = np.tile((0.0, 1.0), (len(steps), 1))
    for i, step in enumerate(steps):
        here = across[np.abs(along - step) < 0.6 / TABLE]
        if len(here) > 4:
            ends[i] = np.percentile(here, (1, 99))
    calm = ndimage.gaussian_filter1d(ends, 0.8, axis=0, mode="nearest")
    return calm[:, 0], calm[:, 1]


def _patch_coordinates(
    points: Points, corners: Points
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """t along (0 armhole, 1 cuff) and u across (0 lower, 1 upper edge) between four corners."""
    shoulder, cuff_outer, cuff_inner, armpit = corners
    seam, cuff = (shoulder, armpit), (cuff_outer, cuff_inner)
    upper, lower = (shoulder, cuff_outer), (armpit, cuff_inner)
    return _between(points, seam, cuff, upper), _between(points, lower, upper, (armpit, shoulder))


def _between(
    points: Points, zero: tuple[Point, Point], one: tuple[Point, Point], even: tuple[Point, Point]
) -> NDArray[np.float64]:
    """0 on the line ``zero``, 1 on ``one``, in even steps on the edge ``even`` between them."""
    first = _off(points, zero, one[0] + one[1])
    first /= max(float(_off(even[1][None], zero, one[0] + one[1])[0]), 1e-6)
    second = _off(points, one, zero[0] + zero[1])
    second /= max(float(_off(even[0][None], one, zero[0] + zero[1])[0]), 1e-6)
    share: NDArray[np.float64] = first / np.maximum(first + second, _FLAT)
    return share


def _off(points: Points, line: tuple[Point, Point], inside: Point) -> NDArray[np.float64]:
    """Distance from a line, positive on the side of the middle of two points (their sum)."""
    d = (line[1] - line[0]) / max(float(np.hypot(*(line[1] - line[0]))), 1e-9)
    normal = np.array([-d[1], d[0]])
    if (inside / 2 - line[0]) @ normal < 0:
        normal = -normal
    distance: NDArray[np.float64] = (points - line[0]) @ normal
    return distance


def _convex(corners: Points) -> bool:
    """Whether the four corners go around once without a reflex or a flat one."""
    edges = np.roll(corners, -1, axis=0) - corners
    edges /= np.maximum(np.hypot(edges[:, 0], edges[:, 1]), 1e-9)[:, None]
    nxt = np.roll(edges, -1, axis=0)
    turn = edges[:, 0] * nxt[:, 1] - edges[:, 1] * nxt[:, 0]
    return bool((turn > 0.05).all() or (turn < -0.05).all())
