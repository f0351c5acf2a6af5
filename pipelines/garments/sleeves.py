"""A sleeve as a strip: how far along and how far across it a point lies, and back onto an arm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""``float64 [N, 2]``, (x, y) in pixels."""


_FIRST = 0.15


@dataclass(frozen=True, eq=False)
class SleeveAxis:
    """The middle line of a sleeve in its photo.

    It starts at ``origin`` (the middle of the armhole), runs ``length`` pixels along the unit
    vector ``along``, and bows sideways by the polynomial ``bow`` of t = 0 (armhole) .. 1 (cuff);
    ``width`` is the polynomial of its half width. Both in pixels, highest power first. ``outward``
    is the unit vector across, on the side of the shoulder.
    """

    origin: Points
    along: Points
    outward: Points
    length: float
    bow: Points
    width: Points

    def strip(self, points: Points) -> Points:
        """Strip coordinates ``[N, 2]`` of photo points: (t, u), u = 1 on the outer edge."""
        offset = points - self.origin
        t = offset @ self.along / self.length
        inside = np.clip(t, _FIRST, 1)
        u = (offset @ self.outward - np.polyval(self.bow, inside)) / self.half_width(inside)
        return np.stack([t, u], axis=1)

    def half_width(self, t: Points) -> Points:
        """Half width in pixels at t; constant before the first measured place."""
        floor = 0.02 * self.length
        half: Points = np.maximum(np.polyval(self.width, np.clip(t, _FIRST, 1)), floor)
        return half


def fit_sleeve(
    points: Points, shoulder: Points, armpit: Points, cuff_outer: Points, cuff_inner: Points
) -> SleeveAxis:
    """Fit the middle line to a sleeve's pixels ``[N, 2]`` and its four corners ``[2]``."""
    origin, end = (shoulder + armpit) / 2, (cuff_outer + cuff_inner) / 2
    length = max(float(np.hypot(*(end - origin))), 1e-6)
    along = (end - origin) / length
    outward = np.array([along[1], -along[0]])
    if outward @ (shoulder - armpit) < 0:
        outward = -outward
    t = (points - origin) @ along / length
    across = (points - origin) @ outward
    rows = []
    # near the armhole the pixels belong to the shoulder, not to the tube
    for a in np.linspace(_FIRST, 0.95, 11)[:-1]:
        here = across[(t >= a) & (t < a + 0.08)]
        if len(here) > 2:
            rows.append((a + 0.04, *np.percentile(here, [3, 97])))
    stop = abs(float((cuff_outer - cuff_inner) @ outward)) / 2
    table = np.array([*rows, (1.0, -stop, stop)])
    degree = min(2, len(table) - 1)
    bow = np.polyfit(table[:, 0], (table[:, 1] + table[:, 2]) / 2, degree)
    width = np.polyfit(table[:, 0], (table[:, 2] - table[:, 1]) / 2, degree)
    return SleeveAxis(origin, along, outward, length, bow, width)
