"""Bare skin where the old garment was: colour from the visible skin, shading from the shape."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.rendering.fill import Floats, membrane, shrunk
from pipelines.systems.geometric.regions import Regions
from pipelines.types import Mask

_FALLBACK = np.array([205.0, 165.0, 142.0], np.float32)
_FAR_FROM_FACE = ((-10.0, -2.0, -4.0), (7.0, 4.0, 3.0))  # CIE Lab, least and most
_EDGE_DARKENING = 0.24
_GRAIN_LEVELS = 1.3
_STRANGE_LEVELS = 55.0


def skin_colour(regions: Regions, face: Mask, *samples: Mask) -> NDArray[np.float32]:
    """Typical lit skin colour, RGB ``float32 [3]``, of the first sample with enough pixels.

    It is kept near the colour of the face, so that hair or cloth taken for skin does no harm.
    """
    own = _typical(regions, face)
    for sample in samples:
        found = _typical(regions, sample)
        if found is not None:
            return found if own is None else _kept_near(found, own)
    return _FALLBACK.copy() if own is None else own


def _typical(regions: Regions, sample: Mask) -> NDArray[np.float32] | None:
    inner = shrunk(sample, max(1.0, regions.unit_px / 45))
    values = regions.image[inner].astype(np.float32)
    if len(values) < regions.unit_px**2 / 300:
        return None
    light = values @ np.array([0.299, 0.587, 0.114], np.float32)
    low, high = np.percentile(light, (40, 92))
    kept = values[(light >= low) & (light <= high)]
    return np.asarray(np.median(kept, axis=0), np.float32)


def _kept_near(colour: NDArray[np.float32], face: NDArray[np.float32]) -> NDArray[np.float32]:
    pair = np.stack([colour, face])[None] / np.float32(255)
    lab = cv2.cvtColor(pair.astype(np.float32), cv2.COLOR_RGB2LAB)[0]
    offset = np.clip(lab[0] - lab[1], _FAR_FROM_FACE[0], _FAR_FROM_FACE[1])
    near = cv2.cvtColor((lab[1] + offset)[None, None].astype(np.float32), cv2.COLOR_LAB2RGB)
    return np.asarray(near[0, 0] * 255, np.float32)


def continued(
    regions: Regions, visible: Mask, colour: NDArray[np.float32], reach_px: float
) -> Floats:
    """Skin colours of the visible part continued over the picture, ``float32 [H, W, 3]``.

    They fade into ``colour`` over ``reach_px`` pixels.
    """
    height, width = visible.shape
    inner = shrunk(visible, max(1.0, regions.unit_px / 30))
    inner &= np.abs(regions.image - colour).max(-1) < _STRANGE_LEVELS
    flat = np.broadcast_to(colour, (height, width, 3)).astype(np.float32)
    if inner.sum() < 12:
        return flat.copy()
    weight = inner.astype(np.float32)
    sigma = regions.unit_px / 25
    spread = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None] + 1e-4
    low = cv2.GaussianBlur(regions.image * weight[..., None], (0, 0), sigma) / spread
    small = (max(4, width // 2), max(4, height // 2))
    known = cv2.resize(weight, small, interpolation=cv2.INTER_AREA)
    spread_out = membrane(
        np.asarray(cv2.resize(low, small, interpolation=cv2.INTER_AREA), np.float32),
        (known > 0.99).astype(np.float32),
    )
    smooth = cv2.resize(spread_out, (width, height), interpolation=cv2.INTER_LINEAR)
    distance = cv2.distanceTransform((~inner).astype(np.uint8), cv2.DIST_L2, 5)
    near = np.exp(-distance / max(reach_px, 1.0))[..., None]
    return np.asarray(near * smooth + (1 - near) * flat, np.float32)


def light_from_left(regions: Regions, face: Mask) -> float:
    """How much lighter the left half of the face is than the right, relative, -0.3..0.3."""
    rows, columns = np.nonzero(face)
    if len(columns) < 30:
        return 0.0
    middle = float(np.median(columns))
    light = regions.image[rows, columns].astype(np.float32).mean(1)
    left, right = light[columns < middle], light[columns >= middle]
    if not len(left) or not len(right):
        return 0.0
    difference = float(np.median(left) - np.median(right)) / max(float(np.median(light)), 1.0)
    return float(np.clip(difference, -0.3, 0.3))


def edge_darkening(regions: Regions, visible: Mask, half_px: float) -> float:
    """How much darker visible skin is at the edge of a limb than in its middle, 0..0.3."""
    inner = shrunk(visible, 1)
    if inner.sum() < 6 * half_px:
        return _EDGE_DARKENING
    depth = cv2.distanceTransform(visible.astype(np.uint8), cv2.DIST_L2, 5) / half_px
    light = regions.image.astype(np.float32).mean(-1)
    edge, middle = inner & (depth < 0.35), inner & (depth > 0.6)
    if edge.sum() < 8 or middle.sum() < 8:
        return _EDGE_DARKENING
    ratio = float(np.median(light[edge]) / max(float(np.median(light[middle])), 1.0))
    return float(np.clip((1 - ratio) / 0.6, 0.04, 0.3))


def round_shading(
    shape: Mask, half_px: float, from_left: float, darkening: float = _EDGE_DARKENING
) -> NDArray[np.float32]:
    """Factor on brightness for a rounded body whose outline is ``shape``, ``float32 [H, W]``.

    ``half_px`` is its half width; edges fall off by ``darkening``, away from the light more so.
    """
    depth = cv2.distanceTransform(shape.astype(np.uint8), cv2.DIST_L2, 5)
    rim = 1 - np.clip(cv2.GaussianBlur(depth, (0, 0), max(0.6, half_px / 8)) / half_px, 0, 1)
    swelling = cv2.GaussianBlur(shape.astype(np.float32), (0, 0), max(1.0, 0.7 * half_px))
    across = cv2.Sobel(swelling, cv2.CV_32F, 1, 0, ksize=3) / 8 * half_px * 1.75
    factor = 1 - darkening * rim**2.2 + 0.5 * from_left * np.clip(across, -0.5, 0.5)
    return np.asarray(factor, np.float32)


def skin_grain(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A little fixed noise ``float32 [H, W]`` in levels, so that skin is no flat plastic plane."""
    noise = np.random.default_rng(7).standard_normal(shape[:2]).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 0.8)
    return np.asarray(soft / max(float(soft.std()), 1e-6) * _GRAIN_LEVELS, np.float32)
