"""Shape contexts: what the points of an outline see of it, and which of two outlines' points agree.

Source: S. Belongie, J. Malik, J. Puzicha, "Shape Matching and Object Recognition Using Shape
Contexts", 2002. The assignment is SciPy's (Hungarian problem, section 3.2 of the paper).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

Points = NDArray[np.float64]
"""``float64 [N, 2]``, (x, y) in any unit of length."""

_INNER, _OUTER = 1 / 8, 2.0
"""First and last edge of the radial bins, in mean distances between the points."""


@dataclass(frozen=True, eq=False)
class Matching:
    """Matched points: ``source`` and ``target`` ``int64 [K]`` are indices, ``source`` ascending.

    ``cost`` is ``float64 [K]``, that of each pair.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    cost: NDArray[np.float64]

    def in_order(self) -> Matching:
        """The longest part in which ``target`` ascends too; of equally long ones the cheapest.

        Outlines that were walked in the same sense meet in the same order: pairs that cross others
        are mistakes.
        """
        count = len(self.source)
        length, total = np.ones(count, np.int64), self.cost.astype(np.float64)
        before = np.full(count, -1)
        for i in range(count):
            lower = np.flatnonzero(self.target[:i] < self.target[i])
            if len(lower):
                best = lower[np.lexsort((total[lower], -length[lower]))[0]]
                before[i] = best
                length[i] += length[best]
                total[i] += total[best]
        kept = []
        at = int(np.lexsort((total, -length))[0]) if count else -1
        while at >= 0:
            kept.append(at)
            at = int(before[at])
        kept.reverse()
        return Matching(self.source[kept], self.target[kept], self.cost[kept])


def resample(line: NDArray[np.floating[Any]], count: int, *, closed: bool) -> Points:
    """``count`` points at equal steps of arc length along a polyline ``[N, 2]``.

    An open line keeps both ends; a closed one (its last point joins its first) keeps the first
    point. Raises ``ValueError`` for a line without length or fewer than two points.
    """
    points = np.asarray(line, np.float64)
    if closed:
        points = np.vstack([points, points[:1]])
    along = np.r_[0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
    if count < 2 or along[-1] <= 0:
        raise ValueError("resampling needs a line of some length and two or more points")
    at = np.linspace(0, along[-1], count, endpoint=not closed)
    return np.stack([np.interp(at, along, points[:, i]) for i in (0, 1)], axis=1)


def shape_contexts(
    points: NDArray[np.floating[Any]],
    *,
    radial_bins: int = 5,
    angle_bins: int = 12,
    direction: NDArray[np.floating[Any]] | None = None,
) -> NDArray[np.float64]:
    """Log-polar histograms of where the other points lie, seen from each point ``[N, 2]``.

    Distances are divided by their mean over all pairs, so size does not matter. The bins' outer
    edges are ``radial_bins`` radii spaced evenly in their logarithm from 1/8 to 2; the first bin
    is the whole disc inside 1/8, and what is beyond 2 is not counted. Angles are counted from
    ``direction`` (``[2]`` for all points or ``[N, 2]``, of any length; the x axis if not given)
    towards the y axis: a direction that turns with the shape, such as an outline's tangent, makes
    the histograms independent of rotation.

    Returns ``float64 [N, radial_bins * angle_bins]``, radius-major, each row with the sum 1 (or 0
    where a point has none within reach). Raises ``ValueError`` for fewer than two different points.
    """
    p = np.asarray(points, np.float64)
    count = len(p)
    away = p[None] - p[:, None]
    radius = np.hypot(away[..., 0], away[..., 1])
    mean = float(radius.sum()) / max(count * (count - 1), 1)
    if mean <= 0:
        raise ValueError("shape contexts need two or more different points")
    angle = np.arctan2(away[..., 1], away[..., 0])
    if direction is not None:
        d = np.broadcast_to(np.asarray(direction, np.float64), p.shape)
        angle = angle - np.arctan2(d[:, 1], d[:, 0])[:, None]
    edges = np.geomspace(_INNER, _OUTER, radial_bins)
    ring = np.searchsorted(edges, radius / mean, side="right")
    sector = np.floor(np.mod(angle, 2 * np.pi) * angle_bins / (2 * np.pi)).astype(np.int64)
    bins = radial_bins * angle_bins
    cell = ring * angle_bins + sector % angle_bins + np.arange(count)[:, None] * bins
    counted = (ring < radial_bins) & ~np.eye(count, dtype=bool)
    histogram = np.bincount(cell[counted], minlength=count * bins).reshape(count, bins)
    total = histogram.sum(axis=1, keepdims=True)
    share: NDArray[np.float64] = histogram / np.maximum(total, 1)
    return share


def chi_square(a: NDArray[np.floating[Any]], b: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Distances between histograms ``[N, B]`` and ``[M, B]``: ``float64 [N, M]`` in 0..1.

    ``sum_k (a_k - b_k)^2 / (a_k + b_k) / 2`` (equation 2 of the paper); 0/0 counts as 0.
    """
    x, y = np.asarray(a, np.float64)[:, None], np.asarray(b, np.float64)[None]
    total = x + y
    cost: NDArray[np.float64] = 0.5 * ((x - y) ** 2 / np.where(total > 0, total, 1)).sum(axis=-1)
    return cost


def matching_cost(
    source: NDArray[np.floating[Any]],
    target: NDArray[np.floating[Any]],
    *,
    position_weight: float = 0.0,
) -> NDArray[np.float64]:
    """Cost ``float64 [N, M]`` of matching ``source`` ``[N, 2]`` with ``target`` ``[M, 2]``.

    The chi-square distance of their shape contexts plus ``position_weight`` times the distance of
    the points themselves after both shapes were centred and divided by their mean distance from
    the centre. Both shapes stand upright: what is turned is matched by ``chi_square`` of shape
    contexts with directions.
    """
    cost = chi_square(shape_contexts(source), shape_contexts(target))
    if position_weight:
        cost = cost + position_weight * cdist(_centred(source), _centred(target))
    return cost


def match(
    cost: NDArray[np.floating[Any]], *, outlier: float, dummies: int | None = None
) -> Matching:
    """The cheapest one-to-one matching under a cost ``[N, M]``.

    A pair that would cost more than ``outlier`` is left out: both of its points stay alone, as
    with the paper's dummy points of constant cost. There are ``dummies`` of them for each shape
    (None: as many as are wanted); where they are used up, dearer pairs are matched.
    """
    price = np.asarray(cost, np.float64)
    rows, columns = price.shape
    if dummies is None:
        price = np.minimum(price, outlier)
    else:
        price = np.pad(price, ((0, dummies), (0, dummies)), constant_values=outlier)
    source, target = linear_sum_assignment(price)
    if dummies is None:
        kept = price[source, target] < outlier
    else:
        kept = (source < rows) & (target < columns)
    source, target = source[kept], target[kept]
    return Matching(source, target, price[source, target])


def _centred(points: NDArray[np.floating[Any]]) -> Points:
    centred: Points = np.asarray(points, np.float64) - np.mean(points, axis=0)
    centred /= max(float(np.hypot(centred[:, 0], centred[:, 1]).mean()), 1e-12)
    return centred
