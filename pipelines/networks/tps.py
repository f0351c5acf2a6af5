"""Thin-plate splines in NumPy: smooth maps of the plane that pass through or near given points.

Source: F. L. Bookstein, "Principal Warps: Thin-Plate Splines and the Decomposition of
Deformations", 1989; the smoothing term is that of G. Wahba, "Spline Models for Observational
Data", 1990.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""``float64 [N, 2]``, (x, y)."""


@dataclass(frozen=True, eq=False)
class ThinPlateSpline:
    """A fitted map; call it with ``[M, 2]`` points to get their images ``float64 [M, 2]``.

    ``f(p) = a + B p + sum_i w_i U(|p - c_i|)`` with ``U(r) = r^2 log r``: ``affine`` is
    ``[3, 2]`` (a, then the rows of B), ``centres`` and ``weights`` are ``[N, 2]``.
    """

    centres: Points
    weights: Points
    affine: Points

    def __call__(self, points: NDArray[np.floating[Any]]) -> Points:
        """Map ``[M, 2]`` points."""
        p = np.asarray(points, np.float64)
        bent: Points = _kernel(p, self.centres) @ self.weights
        bent += self.affine[0] + p @ self.affine[1:]
        return bent


def fit_tps(
    source: NDArray[np.floating[Any]],
    target: NDArray[np.floating[Any]],
    *,
    smoothing: float | NDArray[np.floating[Any]] = 0.0,
) -> ThinPlateSpline:
    """Fit the spline that carries ``source`` to ``target``, both ``[N, 2]``, N >= 3.

    ``smoothing`` >= 0 (one number, or one for each point) is added to the kernel's diagonal, as
    ``scipy.interpolate.RBFInterpolator`` does: 0 passes through every point, more lets the points
    go for less bending, infinity tends to the least-squares affine map. Its unit is the square of
    the source's. Raises ``ValueError`` for fewer than three points or points on one line.
    """
    src, dst = np.asarray(source, np.float64), np.asarray(target, np.float64)
    n = len(src)
    if n < 3 or src.shape != dst.shape or src.shape[1:] != (2,):
        raise ValueError(f"a spline needs 3 or more pairs of points, got {src.shape}, {dst.shape}")
    shift, scale = src.mean(axis=0), float(np.ptp(src, axis=0).max()) or 1.0
    poly = np.hstack([np.ones((n, 1)), (src - shift) / scale])
    if np.linalg.matrix_rank(poly, tol=1e-6) < 3:
        raise ValueError("the points of a spline must not lie on one line")
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = _kernel(src, src) + np.diag(np.broadcast_to(smoothing, n))
    system[:n, n:], system[n:, :n] = poly, poly.T
    solved = np.linalg.solve(system, np.vstack([dst, np.zeros((3, 2))]))
    linear = solved[n + 1 :] / scale
    affine = np.vstack([solved[n] - shift @ linear, linear])
    return ThinPlateSpline(src, solved[:n], affine)


def _kernel(points: Points, centres: Points) -> Points:
    squared = ((points[:, None] - centres[None]) ** 2).sum(axis=-1)
    return np.where(squared > 0, 0.5 * squared * np.log(np.maximum(squared, 1e-300)), 0.0)
