"""The garment bent to a mask by shape contexts: VITON's warp, which learns nothing.

Source: Han et al. 2018, section 3.3; Belongie, Malik and Puzicha, "Shape Matching and Object
Recognition Using Shape Contexts", 2002, whose published constants these are. Points of both
outlines are matched and a regularised thin-plate spline is fitted to the matches, six times, each
time with the points where the last spline has put them. What is handed on is where a lattice of
10x10 control points of the dressed person lies in the garment's photo.

The published code searches these places among those of a dense lattice that it has bent forward;
here (our choice) they are those of a spline that is fitted backward to the same matches. Points
that stay unmatched remain in the histograms (our choice).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from pipelines.networks.shape_context import (
    Points,
    chi_square,
    match,
    resample,
    shape_contexts,
)
from pipelines.networks.tps import ThinPlateSpline, fit_tps
from pipelines.networks.tps_grid import TpsConvention
from pipelines.types import Mask, Size

GRID_SIZE = 10
"""Control points across and down."""

VITON = TpsConvention(control=1.0, pixels=1.0, x_slow=False, offsets=False)
"""Places of the control points in pictures whose outermost pixels' centres are at -1 and 1."""

POINTS = 100
"""Points of each outline."""

_ITERATIONS = 6
_DUMMIES, _OUTLIER = 25, 0.25
"""Points of an outline that may stay unmatched, and the cost of each."""
_DIRECTION = 0.1
"""Share of the outlines' directions in the cost of a match; the rest is the shape contexts'."""
_STIFF, _BENDING = 1000.0, 1.0
"""Regularisation of the first spline, which is nearly affine, and of those after it, in squares of
the mean distance between the target's points (for a kernel r^2 log r^2)."""
_LEAST = 0.002
"""Smallest share of a picture that a region with an outline takes up."""


@dataclass(frozen=True, eq=False)
class Matches:
    """Points ``source`` of one outline and ``target`` of another that belong together, [N, 2]."""

    source: Points
    target: Points


def control_points(garment: Mask, target: Mask) -> NDArray[np.float32] | None:
    """Where the control points lie in the garment's photo, so that it fills the target's region.

    Both masks are ``bool [H, W]``; ``float32 [100, 2]``, (x, y), row by row, in the units of
    ``VITON``. None where a mask has no region worth the name.
    """
    source, wanted = outline(garment), outline(target)
    if source is None or wanted is None:
        return None
    at = backward(matched(source, wanted))(lattice(Size(*target.shape)))
    height, width = garment.shape
    return (at * (2 / np.array([width - 1, height - 1])) - 1).astype(np.float32)


def outline(mask: Mask) -> Points | None:
    """``POINTS`` points at equal steps around the largest piece of a mask; None if it is tiny."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not found:
        return None
    largest = max(found, key=cv2.contourArea)
    if cv2.contourArea(largest) < _LEAST * mask.size:
        return None
    return resample(largest[:, 0].astype(np.float64), POINTS, closed=True)


def matched(source: Points, target: Points) -> Matches:
    """The points of two outlines ``[POINTS, 2]`` that agree, three quarters of them or more.

    Both outlines are walked in the same sense.
    """
    seen, direction = shape_contexts(target), _directions(target)
    unit = float(pdist(target).mean()) ** 2
    placed, matches = source, Matches(source, target)
    for turn in range(_ITERATIONS):
        apart = 0.5 * (1 - _directions(placed) @ direction.T)
        cost = (1 - _DIRECTION) * chi_square(shape_contexts(placed), seen) + _DIRECTION * apart
        pairs = match(cost, outlier=_OUTLIER, dummies=_DUMMIES)
        matches = Matches(source[pairs.source], target[pairs.target])
        stiffness = _STIFF if turn == 0 else _BENDING
        # half of it: the spline's kernel is r^2 log r
        forward = fit_tps(matches.source, matches.target, smoothing=0.5 * stiffness * unit)
        placed = forward(source)
    return matches


def backward(matches: Matches) -> ThinPlateSpline:
    """The spline from the target's points to the source's."""
    unit = float(pdist(matches.source).mean()) ** 2
    return fit_tps(matches.target, matches.source, smoothing=0.5 * _BENDING * unit)


def _directions(points: Points) -> Points:
    """Unit vectors along a closed outline."""
    along = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    unit: Points = along / np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-12)[:, None]
    return unit


def lattice(size: Size) -> Points:
    """The control points in pixels of a picture, row by row."""
    x, y = (np.linspace(0, side - 1, GRID_SIZE) for side in (size.width, size.height))
    across, down = np.meshgrid(x, y)
    return np.stack([across.ravel(), down.ravel()], axis=1)
