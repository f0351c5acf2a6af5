"""A garment at its own resolution, and drawing it where a small sampling grid says."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.rendering.fill import reflected, shrunk
from pipelines.stage import GarmentInputs
from pipelines.types import Alpha, Image

Floats = NDArray[np.float32]

_SEAM = 1.5
"""Pixels of a photo 768 wide by which a garment's edge is mixed with what lay behind it."""
_SHARP = 1.25
"""Pixels of the garment for each of the result from which it is reduced before it is sampled."""


@dataclass(frozen=True, eq=False)
class RenderGarment:
    """``image`` ``uint8 [H, W, 3]``, its colours continued beyond its edge; ``alpha`` 0..1."""

    image: Image
    alpha: Alpha


def make_garment(garment: GarmentInputs) -> RenderGarment:
    """Make a garment ready. An empty mask gives an alpha of 0."""
    sure = shrunk(garment.mask, max(1.0, _SEAM * garment.mask.shape[1] / 768))
    alpha = cv2.GaussianBlur(garment.mask.astype(np.float32), (0, 0), 0.8)
    if not sure.any():
        return RenderGarment(garment.image, np.asarray(alpha, np.float32))
    x, y = reflected(~sure)
    image = cv2.remap(garment.image, x, y, cv2.INTER_LINEAR)
    return RenderGarment(np.asarray(image, np.uint8), np.asarray(alpha, np.float32))


def draw_garment(
    garment: RenderGarment, grid: Floats, size: tuple[int, int], box: tuple[slice, slice]
) -> tuple[Floats, Alpha]:
    """The garment's colours (levels) and its mask in a box of a picture of ``size`` (w, h).

    ``grid`` ``float32 [h, w, 2]`` is that of ``grid_sample`` at any size, pixel edges being the
    picture's edges. Beyond the garment's photo there is no garment.
    """
    large = cv2.resize(grid, size, interpolation=cv2.INTER_LINEAR)[box]
    image, alpha = garment.image, garment.alpha
    step = _pixels_per_pixel(grid, size, alpha.shape)
    if step > _SHARP:
        shape = (max(1, round(alpha.shape[1] / step)), max(1, round(alpha.shape[0] / step)))
        image = np.asarray(cv2.resize(image, shape, interpolation=cv2.INTER_AREA), np.uint8)
        alpha = np.asarray(cv2.resize(alpha, shape, interpolation=cv2.INTER_AREA), np.float32)
    height, width = alpha.shape
    x = np.ascontiguousarray((large[..., 0] + 1) * (width / 2) - 0.5, np.float32)
    y = np.ascontiguousarray((large[..., 1] + 1) * (height / 2) - 0.5, np.float32)
    drawn = cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    cover = cv2.remap(alpha, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return drawn.astype(np.float32), np.asarray(cover, np.float32)


def _pixels_per_pixel(grid: Floats, size: tuple[int, int], shape: tuple[int, ...]) -> float:
    """Pixels of the garment's photo for each one of the result, in the middle."""
    across = np.abs(np.diff(grid[..., 0], axis=1)).mean() * shape[1] / 2
    down = np.abs(np.diff(grid[..., 1], axis=0)).mean() * shape[0] / 2
    ratio = grid.shape[1] / size[0], grid.shape[0] / size[1]
    return float(max(across * ratio[0], down * ratio[1]))
