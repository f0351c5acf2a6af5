"""Guided filter: smooth a mask so that its edges follow those of the photo.

Source: He, Sun and Tang, "Guided Image Filtering" (ECCV 2010), with a colour guide; computed on a
small copy and enlarged as coefficients ("Fast Guided Filter", He and Sun 2015).
"""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.types import Alpha, Array, Image


def guided_filter(
    guide: Image, mask: Alpha, *, radius: int, epsilon: float, shrink: int = 1
) -> Alpha:
    """``mask`` as a locally linear function of the guide's colours, ``float32 [H, W]`` in 0..1.

    ``radius`` of the windows is in pixels of the guide, ``epsilon`` in squared colour units of
    0..1: edges weaker than its root are smoothed over. With ``shrink`` above 1 the coefficients
    are computed on a copy that many times smaller. ``mask`` may have any size.
    """
    height, width = guide.shape[:2]
    small_size = (max(1, width // shrink), max(1, height // shrink))
    small = cv2.resize(guide, small_size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    wanted = cv2.resize(mask.astype(np.float32), small_size, interpolation=cv2.INTER_LINEAR)
    a, b = _coefficients(small, wanted, max(1, radius // shrink), epsilon)
    if shrink > 1:
        a = cv2.resize(a, (width, height), interpolation=cv2.INTER_LINEAR)
        b = cv2.resize(b, (width, height), interpolation=cv2.INTER_LINEAR)
    each = cv2.multiply(a, guide, scale=1 / 255, dtype=cv2.CV_32F)
    out = cv2.transform(each, np.ones((1, 3), np.float32)) + b
    return np.clip(out, 0, 1, out=out)


def _coefficients(guide: Array, mask: Array, radius: int, epsilon: float) -> tuple[Array, Array]:
    """``a [H, W, 3]`` and ``b [H, W]`` of ``mask = a . guide + b``, averaged over windows."""

    def mean(values: Array) -> Array:
        side = 2 * radius + 1
        return cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT)

    mean_guide, mean_mask = mean(guide), mean(mask)
    covariance = mean(guide * mask[..., None]) - mean_guide * mean_mask[..., None]
    spread = {
        (i, j): mean(guide[..., i] * guide[..., j])
        - mean_guide[..., i] * mean_guide[..., j]
        + (epsilon if i == j else 0)
        for i in range(3)
        for j in range(i, 3)
    }
    a = _solved(spread, covariance)
    b = mean_mask - (a * mean_guide).sum(-1)
    return mean(a), mean(b)


def _solved(matrix: dict[tuple[int, int], Array], right: Array) -> Array:
    """Solve a symmetric 3x3 system at each pixel, by its adjugate (fast where LAPACK is not)."""
    xx, xy, xz = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    yy, yz, zz = matrix[1, 1], matrix[1, 2], matrix[2, 2]
    axx: Array = yy * zz - yz * yz
    axy: Array = xz * yz - xy * zz
    axz: Array = xy * yz - xz * yy
    ayy: Array = xx * zz - xz * xz
    ayz: Array = xy * xz - xx * yz
    azz: Array = xx * yy - xy * xy
    determinant = xx * axx + xy * axy + xz * axz
    x, y, z = right[..., 0], right[..., 1], right[..., 2]
    solution = (
        axx * x + axy * y + axz * z,
        axy * x + ayy * y + ayz * z,
        axz * x + ayz * y + azz * z,
    )
    out: Array = np.stack(solution, axis=-1) / determinant[..., None]
    return out.astype(np.float32)
