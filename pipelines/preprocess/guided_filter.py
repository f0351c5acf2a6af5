"""Guided filter: smooth a mask so that its edges follow those of the photo.

Source: He, Sun and Tang, "Guided Image Filtering" (ECCV 2010), with a colour guide; computed on a
small copy and enlarged as coefficients ("Fast Guided Filter", He and Sun 2015).
"""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.types import Alpha, Array, Image

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in whole pixels."""

_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
_FAINT = 0.004
"""Values of a mask below this do not count as being somewhere."""


def guided_filter(
    guide: Image, mask: Alpha, *, radius: int, epsilon: float, shrink: int = 1
) -> Alpha:
    """``mask`` as a locally linear function of the guide's colours, ``float32 [H, W]`` in 0..1.

    ``radius`` of the windows is in pixels of the guide, ``epsilon`` in squared colour units of
    0..1: edges weaker than its root are smoothed over. With ``shrink`` above 1 the coefficients
    are computed on a copy that many times smaller. ``mask`` may have any size.
    """
    return GuidedFilter(guide, radius=radius, epsilon=epsilon, shrink=shrink)(mask)


class GuidedFilter:
    """The filter of one guide ``uint8 [H, W, 3]``, for several masks; see ``guided_filter``."""

    def __init__(self, guide: Image, *, radius: int, epsilon: float, shrink: int = 1) -> None:
        height, width = guide.shape[:2]
        size = (max(1, width // shrink), max(1, height // shrink))
        small = cv2.resize(guide, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        self._guide, self._radius = guide, max(1, radius // shrink)
        self._planes = [np.ascontiguousarray(small[..., k]) for k in range(3)]
        self._means = [self._mean(plane) for plane in self._planes]
        spread = {pair: self._spread(*pair) for pair in _PAIRS}
        for k in range(3):
            spread[k, k] += epsilon
        self._inverse = _inverted(spread)

    def __call__(self, mask: Alpha) -> Alpha:
        """The filtered mask, ``float32 [H, W]`` of the guide's size."""
        height, width = self._planes[0].shape
        return self._filtered(self._fitting(mask), (0, 0, width, height))[0]

    def where_it_is(self, mask: Alpha) -> tuple[Alpha, Box]:
        """The filtered mask in the part of the guide where it is not zero, and that part's box.

        An empty mask gives an empty part.
        """
        wanted = self._fitting(mask)
        left, top, width, height = cv2.boundingRect((wanted > _FAINT).astype(np.uint8))
        margin = 2 * self._radius + 1
        rows, columns = wanted.shape
        box = (
            max(0, left - margin),
            max(0, top - margin),
            min(columns, left + width + margin),
            min(rows, top + height + margin),
        )
        if not width:
            return np.zeros((0, 0), np.float32), (0, 0, 0, 0)
        return self._filtered(wanted, box)

    def _fitting(self, mask: Alpha) -> Alpha:
        height, width = self._planes[0].shape
        fitting = cv2.resize(
            mask.astype(np.float32, copy=False), (width, height), interpolation=cv2.INTER_LINEAR
        )
        return np.asarray(fitting, np.float32)

    def _mean(self, values: Array) -> Array:
        side = 2 * self._radius + 1
        return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT))

    def _spread(self, i: int, j: int) -> Array:
        """Covariance of two colours in the window of each pixel."""
        both: Array = self._planes[i] * self._planes[j]
        return self._mean(both) - np.asarray(self._means[i] * self._means[j])

    def _filtered(self, mask: Alpha, box: Box) -> tuple[Alpha, Box]:
        """The mask in a box of the small copy, enlarged to the guide; and the box in the guide."""
        left, top, right, bottom = box
        part = np.s_[top:bottom, left:right]
        wanted = mask[part]
        guide = [plane[part] for plane in self._planes]
        means = [plane[part] for plane in self._means]
        level = self._mean(wanted)
        shared = [self._mean(g * wanted) - m * level for g, m in zip(guide, means, strict=True)]
        slopes = [
            sum(self._inverse[min(i, k), max(i, k)][part] * shared[k] for k in range(3))
            for i in range(3)
        ]
        offset = level - sum(a * m for a, m in zip(slopes, means, strict=True))
        coefficients = np.dstack([self._mean(np.asarray(a)) for a in (*slopes, offset)])
        rows, columns = self._planes[0].shape
        height, width = self._guide.shape[:2]
        ratio = (width / columns, height / rows)
        enlarged, place = enlarge_part(coefficients, box, ratio, (width, height))
        shown = self._guide[place[1] : place[3], place[0] : place[2]]
        each = cv2.multiply(np.ascontiguousarray(enlarged[..., :3]), shown, scale=1 / 255,
                            dtype=cv2.CV_32F)  # fmt: skip
        out = cv2.transform(each, np.ones((1, 3), np.float32)) + enlarged[..., 3]
        return np.clip(out, 0, 1, out=out), place


def enlarge_part(
    values: Array, box: Box, ratio: tuple[float, float], limits: tuple[int, int]
) -> tuple[Array, Box]:
    """A part of a picture, and where it lies, after the picture is enlarged by ``ratio`` (x, y).

    ``values`` float32 [h, w] or [h, w, C] are the part in ``box``; ``limits`` is the width and
    height of the enlarged picture. Pixels have their centres where ``cv2.resize`` has them.
    """
    (rx, ry), (left, top, right, bottom) = ratio, box
    place = (
        int(left * rx),
        int(top * ry),
        min(limits[0], int(np.ceil(right * rx))),
        min(limits[1], int(np.ceil(bottom * ry))),
    )
    if ratio == (1.0, 1.0):
        return values, place
    # from a pixel of the enlarged part to a pixel of the part
    matrix = np.array(
        [
            [1 / rx, 0, (place[0] + 0.5) / rx - 0.5 - left],
            [0, 1 / ry, (place[1] + 0.5) / ry - 0.5 - top],
        ]
    )
    size = (place[2] - place[0], place[3] - place[1])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    made = cv2.warpAffine(values, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(made), place


def _inverted(matrix: dict[tuple[int, int], Array]) -> dict[tuple[int, int], Array]:
    """Invert a symmetric 3x3 matrix at each pixel, by its adjugate (fast where LAPACK is not)."""
    xx, xy, xz, yy, yz, zz = [matrix[pair] for pair in _PAIRS]
    adjugate: dict[tuple[int, int], Array] = {
        (0, 0): yy * zz - yz * yz,
        (0, 1): xz * yz - xy * zz,
        (0, 2): xy * yz - xz * yy,
        (1, 1): xx * zz - xz * xz,
        (1, 2): xy * xz - xx * yz,
        (2, 2): xx * yy - xy * xy,
    }
    determinant = xx * adjugate[0, 0] + xy * adjugate[0, 1] + xz * adjugate[0, 2]
    return {pair: values / determinant for pair, values in adjugate.items()}
