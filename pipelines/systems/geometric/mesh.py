"""Drawing a bent lattice: which source point lands on each pixel of the target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.types import Size

Points = NDArray[np.float64]
"""``float64 [N, 2]``, (x, y)."""


def lattice(
    box: tuple[float, float, float, float], spacing: float
) -> tuple[Points, NDArray[np.int64]]:
    """A regular lattice over ``box`` = (left, top, right, bottom).

    Returns its vertices ``[N, 2]`` and its cells ``int64 [M, 4]`` as vertex indices (top left,
    top right, bottom right, bottom left).
    """
    left, top, right, bottom = box
    nx, ny = (max(2, int(np.ceil(s / spacing)) + 1) for s in (right - left, bottom - top))
    ys, xs = np.meshgrid(np.linspace(top, bottom, ny), np.linspace(left, right, nx), indexing="ij")
    index = np.arange(nx * ny).reshape(ny, nx)
    cells = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], axis=-1)
    return np.stack([xs.ravel(), ys.ravel()], axis=1), cells.reshape(-1, 4)


def triangles(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Two triangles ``[2 M, 3]`` for each cell, in the cells' order."""
    return cells[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)


def signed_areas(points: Points, faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """Signed area of each triangle; a map that folds changes the sign."""
    a, b, c = points[faces[:, 0]], points[faces[:, 1]], points[faces[:, 2]]
    return 0.5 * _cross(b - a, c - a)


def backward_map(
    source: Points, target: Points, faces: NDArray[np.int64], size: Size
) -> NDArray[np.float32]:
    """The source point of each target pixel, ``float32 [H, W, 2]``; NaN where no triangle lies.

    ``source`` and ``target`` are the vertices ``[N, 2]`` before and after bending. Where triangles
    overlap the later one wins.
    """
    found = np.full((size.height * size.width, 2), np.nan, np.float32)
    corners = target[faces]
    low = np.floor(corners.min(axis=1)).astype(np.int64)
    high = np.ceil(corners.max(axis=1)).astype(np.int64)
    shown = (
        (high >= 0).all(axis=1)
        & (low[:, 0] < size.width)
        & (low[:, 1] < size.height)
        & np.isfinite(corners).all(axis=(1, 2))
    )
    extent = (high - low).max(axis=1) + 1
    order = np.full(len(found), -1, np.int64)
    bucket = 4
    while shown.any():
        pick = np.flatnonzero(shown & (extent <= bucket))
        shown[pick] = False
        for part in np.array_split(pick, max(1, len(pick) * bucket * bucket // 400_000 + 1)):
            _fill(found, order, source, corners, faces, low, part, bucket, size)
        if bucket > 2 * max(size):
            break
        bucket *= 2
    return found.reshape(size.height, size.width, 2)


def _fill(
    found: NDArray[np.float32],
    order: NDArray[np.int64],
    source: Points,
    corners: Points,
    faces: NDArray[np.int64],
    low: NDArray[np.int64],
    part: NDArray[np.int64],
    bucket: int,
    size: Size,
) -> None:
    """Write the pixels of some triangles whose boxes are at most ``bucket`` pixels wide."""
    if not len(part):
        return
    steps = np.arange(bucket)
    x = low[part, 0, None, None] + steps[None, None, :]
    y = low[part, 1, None, None] + steps[None, :, None]
    x, y = np.broadcast_arrays(x, y)
    a, b, c = (corners[part, i][:, None, None] for i in range(3))
    pixel = np.stack([x, y], axis=-1).astype(np.float64)
    area = _cross(b - a, c - a)
    area = np.where(np.abs(area) < 1e-9, np.nan, area)
    wb = _cross(pixel - a, c - a) / area
    wc = _cross(b - a, pixel - a) / area
    wa = 1 - wb - wc
    inside = (wa >= -1e-6) & (wb >= -1e-6) & (wc >= -1e-6)
    inside &= (x >= 0) & (y >= 0) & (x < size.width) & (y < size.height)
    which, row, column = np.nonzero(inside)
    flat = y[which, row, column] * size.width + x[which, row, column]
    rank = part[which]
    np.maximum.at(order, flat, rank)
    wins = order[flat] == rank
    which, row, column, flat = which[wins], row[wins], column[wins], flat[wins]
    weights = np.stack([w[which, row, column] for w in (wa, wb, wc)], axis=1)
    found[flat] = np.einsum("nk,nkd->nd", weights, source[faces[part[which]]])


def _cross(a: Points, b: Points) -> NDArray[np.float64]:
    area: NDArray[np.float64] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return area
