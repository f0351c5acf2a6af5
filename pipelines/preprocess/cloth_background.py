"""What a studio background looks like: a smooth light, fitted to the border of the photo."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.types import Array, Image, Mask

_BAND = 0.015  # width of the border that is read, as a share of the longer side
_FIRST_TOLERANCE = 30.0  # levels around the border's median that may still be background
_FIT_ROUNDS = 6
_GRID = 64  # the fitted light is this smooth


@dataclass(frozen=True, eq=False)
class Background:
    """A background without the garment.

    ``color`` is ``float32 [H, W, 3]``, ``noise`` the standard deviation around it in levels
    (0 for a flat fill), ``share`` the part of the border that agrees with it.
    """

    color: NDArray[np.float32]
    noise: float
    share: float

    def is_studio(self) -> bool:
        """Whether this is an even, bright or very clean background, as in a catalogue."""
        darkest = float(self.color.min())
        clean = self.noise <= (3.0 if darkest > 190 else 1.2)
        return clean and self.share >= 0.45


def fit_background(image: Image) -> Background | None:
    """Fit a quadratic light to the border of ``image``; None if the border has no one colour.

    Each side may be hidden by the garment in part: pixels that do not fit are dropped and the fit
    is repeated (least trimmed squares).
    """
    height, width = image.shape[:2]
    rows, columns = np.nonzero(border_band((height, width)))
    color = image[rows, columns].astype(np.float32)
    terms = _terms(columns / width - 0.5, rows / height - 0.5)
    keep = np.abs(color - np.median(color, axis=0)).max(1) <= _FIRST_TOLERANCE
    noise = 0.0
    fit = np.zeros((6, 3), np.float32)
    for _ in range(_FIT_ROUNDS):
        if keep.mean() < 0.3:
            return None
        fit = np.linalg.lstsq(terms[keep], color[keep], rcond=None)[0].astype(np.float32)
        residual = np.abs(terms @ fit - color).max(1)
        noise = float(1.4826 * np.median(residual[keep]))
        agreed = residual <= max(2.0, 3.5 * noise)
        if (agreed == keep).all():
            break
        keep = agreed
    y, x = np.mgrid[0.5:_GRID, 0.5:_GRID].astype(np.float32) / _GRID - 0.5
    surface = cv2.resize(_terms(x, y) @ fit, (width, height), interpolation=cv2.INTER_LINEAR)
    return Background(np.clip(surface, 0, 255), noise, float(keep.mean()))


def border_band(size_hw: tuple[int, int]) -> Mask:
    """``bool [H, W]``: the band along the four sides that is read as background."""
    height, width = size_hw
    band = np.ones((height, width), bool)
    inset = max(2, round(_BAND * max(height, width)))
    band[inset:-inset, inset:-inset] = False
    return band


def _terms(x: Array, y: Array) -> NDArray[np.float32]:
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)
    return np.asarray(terms, np.float32)
