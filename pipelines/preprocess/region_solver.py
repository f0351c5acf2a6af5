"""Which region each pixel belongs to: colour models, and inference that keeps to image edges.

Nothing here knows about bodies. Regions are numbered 0..K-1; costs and beliefs are
``float32 [K, H, W]``.

Sources: colour histograms as in Boykov and Jolly 2001; mean-field inference as in Krahenbuhl and
Koltun 2011, with the guided filter of He, Sun and Tang (2010) as the edge-aware message.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.types import Array, Image

Floats = NDArray[np.float32]

_BINS = 32
_FLOOR = 1e-6
_SHADES = (0.45, 0.65, 0.85, 1.15)


class Colours:
    """The colours of one picture, sorted into 32 x 32 x 32 bins of CIE Lab."""

    def __init__(self, image: Image) -> None:
        lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.int32)
        self._lab, self._index = lab, _bin(lab)
        rough = np.clip((lab[..., 1:] - 64) >> 4, 0, 7)
        self.coarse = ((lab[..., 0] >> 5) * 8 + rough[..., 0]) * 8 + rough[..., 1]
        """``int32 [H, W]``: the colour as one of 8 x 8 x 8 = 512."""

    def histogram(self, weight: Floats) -> Floats:
        """Smoothed, normalised ``float32 [32768]`` histogram of the pixels, by weight [H, W]."""
        return _smoothed(np.bincount(self._index.ravel(), weight.ravel(), _BINS**3))

    def shaded(self, weight: Floats) -> Floats:
        """The histogram of the pixels together with darker and lighter copies of them."""
        seen = weight > 0
        lab, share = self._lab[seen], weight[seen]
        mixed = 0.75 * np.bincount(self._index[seen], share, _BINS**3)
        for shade in _SHADES:
            darker = lab * np.float32(shade)
            darker[:, 1:] += np.float32(128 * (1 - shade))
            index = _bin(np.clip(darker, 0, 255, out=darker).astype(np.int32))
            mixed += 0.25 / len(_SHADES) * np.bincount(index, share, _BINS**3)
        return _smoothed(mixed)

    def log_likelihood(self, histogram: Floats) -> Floats:
        """``float32 [H, W]``: log of the histogram at each pixel's colour, never below a floor."""
        table: Floats = np.log(histogram + np.float32(_FLOOR))
        found: Floats = table[self._index]
        return found


def _bin(lab: Array) -> Array:
    """The bin of each Lab colour ``int32 [..., 3]``."""
    # a and b of real photos stay near the middle, so the bins cover 64..191 there
    chroma = np.clip((lab[..., 1:] - 64) >> 2, 0, _BINS - 1)
    made: Array = ((lab[..., 0] >> 3) * _BINS + chroma[..., 0]) * _BINS + chroma[..., 1]
    return made


def _smoothed(counts: Array) -> Floats:
    """Counts per bin as a smoothed distribution ``float32 [32768]``."""
    cube = counts.astype(np.float32).reshape(_BINS, _BINS, _BINS)
    for _ in range(3):  # smooths the last axis and makes it the first: all three in turn
        rows: Array = cv2.GaussianBlur(cube.reshape(-1, _BINS), (7, 1), sigmaX=1.1)
        cube = np.ascontiguousarray(rows.reshape(cube.shape).transpose(2, 0, 1))
    return cube.ravel() / np.float32(max(float(cube.sum()), 1e-6))


class GuidedFilter:
    """Smoothing that keeps to the edges of a guide ``uint8 [H, W, 3]``.

    The coefficients are found at half size and enlarged (He and Sun 2015); ``radius`` counts
    pixels of that half size.
    """

    def __init__(self, guide: Image, radius: int, softness: float) -> None:
        self._size = (2 * radius + 1, 2 * radius + 1)
        # planes, not pixels: single planes stay in the processor's cache
        self._full = [np.ascontiguousarray(guide[..., c], np.float32) / 255 for c in range(3)]
        self._guide = [_halved(plane) for plane in self._full]
        self._mean = [self._box(plane) for plane in self._guide]
        i, m = self._guide, self._mean
        pairs = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
        covariance = [self._box(i[a] * i[b]) - m[a] * m[b] for a, b in pairs]
        self._inverse = _inverse_3x3(covariance, softness)

    def coefficients(self, plane: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Of a plane ``float32 [H, W]``: slopes for red, green and blue, and offset, half size."""
        plane = _halved(plane)
        mean, v = self._box(plane), self._inverse
        c0, c1, c2 = (
            self._box(g * plane) - m * mean for g, m in zip(self._guide, self._mean, strict=True)
        )
        slopes = (
            v[0] * c0 + v[1] * c1 + v[2] * c2,
            v[1] * c0 + v[3] * c1 + v[4] * c2,
            v[2] * c0 + v[4] * c1 + v[5] * c2,
        )
        offset = mean
        for slope, m in zip(slopes, self._mean, strict=True):
            offset = offset - slope * m
        red, green, blue = (self._box(slope) for slope in slopes)
        return red, green, blue, self._box(offset)

    def __call__(self, planes: Floats) -> Floats:
        """The filtered ``float32 [K, H, W]``."""
        made = np.empty_like(planes)
        for k, plane in enumerate(planes):
            red, green, blue, offset = (
                cv2.resize(c, plane.shape[::-1]) for c in self.coefficients(plane)
            )
            r, g, b = self._full
            made[k] = red * r + green * g + blue * b + offset
        return made

    def _box(self, plane: Floats) -> Floats:
        made: Array = cv2.blur(plane, self._size, borderType=cv2.BORDER_REFLECT)
        return made


def _halved(plane: Floats) -> Floats:
    height, width = plane.shape
    made: Array = cv2.resize(
        plane, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA
    )
    return made


def _inverse_3x3(covariance: list[Floats], softness: float) -> tuple[Floats, ...]:
    """The six distinct entries of the inverse of symmetric matrices (xx, xy, xz, yy, yz, zz)."""
    xx, xy, xz, yy, yz, zz = covariance
    xx, yy, zz = xx + softness, yy + softness, zz + softness
    a, b, c = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    d, e, f = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    det = xx * a + xy * b + xz * c
    return a / det, b / det, c / det, d / det, e / det, f / det


def softmax(scores: Floats) -> Floats:
    """Beliefs that add up to 1 over the first axis."""
    e = np.exp(scores - scores.max(0))
    made: Floats = e / e.sum(0)
    return made


def infer(scores: Floats, smooth: GuidedFilter, strength: float, rounds: int) -> Floats:
    """Beliefs ``float32 [K, H, W]`` from log scores: neighbours of like colour agree."""
    beliefs = softmax(scores)
    # a region that is nowhere likely costs as much time as any other and changes nothing
    present = np.flatnonzero(beliefs.reshape(len(beliefs), -1).max(1) > 0.05)
    few, held = scores[present], beliefs[present]
    for _ in range(rounds):
        held = softmax(few + np.float32(strength) * smooth(held))
    made = np.zeros_like(beliefs)
    made[present] = held
    return made
