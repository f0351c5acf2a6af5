"""Light and shadow: folds carried over from the old garment, and shadows of what lies on what."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.rendering.fill import Floats, shrunk
from pipelines.systems.geometric.regions import Regions

_FOLD_LIMIT = 0.2
_NO_FOLD = 0.6
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def fold_map(regions: Regions) -> Floats:
    """Log brightness of the old garment's folds and large shading, ``float32 [H, W]``.

    Zero outside the old garment and where it is printed, patterned or too dark to tell (a print
    must not show through). At working size, clipped to +-0.2.
    """
    unit = regions.unit_px
    inner = shrunk(regions.old, max(1.0, unit / 40))
    empty = np.zeros(regions.old.shape, np.float32)
    if inner.sum() < unit * unit / 8:
        return empty
    light = np.log(np.maximum(regions.image.astype(np.float32) @ _LUMA, 12.0))
    # what differs this much is no fold but background or skin in the label's corners
    inner &= np.abs(light - float(np.median(light[inner]))) < _NO_FOLD
    weight = inner.astype(np.float32)
    small = _masked_blur(light, weight, max(1.0, unit * 0.035))
    large = _masked_blur(light, weight, unit * 0.4)
    mean = float(light[inner].mean())
    folds = np.clip(small - large + 0.6 * (large - mean), -_FOLD_LIMIT, _FOLD_LIMIT)
    depth = cv2.distanceTransform(inner.astype(np.uint8), cv2.DIST_L2, 5)
    edge = np.clip(depth / (0.1 * unit), 0, 1)
    plainness = _plainness(regions, inner, light, small)
    return np.asarray(folds * edge * plainness, np.float32)


def _plainness(regions: Regions, inner: NDArray[np.bool_], light: Floats, small: Floats) -> float:
    """1 for a garment of one colour, 0 for a print, a pattern or a nearly black one."""
    lab = cv2.cvtColor(regions.image, cv2.COLOR_RGB2LAB)[inner].astype(np.float32)
    colours = np.percentile(lab[:, 1:], (8, 92), axis=0)
    chroma_range = float((colours[1] - colours[0]).max())
    texture = float(np.abs(light - small)[inner].mean())
    contrast = float(np.subtract(*np.percentile(light[inner], (95, 5))))
    dark = float(np.exp(light[inner].mean()))
    return float(
        _falling(chroma_range, 9, 18)
        * _falling(texture, 0.03, 0.07)
        * _falling(contrast, 0.7, 1.3)
        * (1 - _falling(dark, 32, 70))
    )


def _falling(value: float, full: float, none: float) -> float:
    return float(np.clip((none - value) / (none - full), 0, 1))


def _masked_blur(values: Floats, weight: Floats, sigma: float) -> Floats:
    factor = max(1, int(sigma / 4))
    size = (max(2, values.shape[1] // factor), max(2, values.shape[0] // factor))
    down = [cv2.resize(v, size, interpolation=cv2.INTER_AREA) for v in (values * weight, weight)]
    top, bottom = (cv2.GaussianBlur(d, (0, 0), sigma / factor) for d in down)
    blurred = cv2.resize(top / np.maximum(bottom, 1e-4), values.shape[::-1])
    return np.asarray(blurred, np.float32)


def shadow(caster: Floats, radius_px: float, drop_px: float) -> Floats:
    """Soft shadow ``float32 [H, W]`` in 0..1 of a soft mask, ending ``2 * radius_px`` from it.

    It falls ``drop_px`` downward; the caster itself is left out.
    """
    factor = max(1, int(radius_px / 3))
    size = (max(2, caster.shape[1] // factor), max(2, caster.shape[0] // factor))
    small = cv2.resize(caster, size, interpolation=cv2.INTER_AREA)
    side = 2 * max(1, round(radius_px / factor)) + 1
    soft = cv2.blur(cv2.blur(small, (side, side)), (side, side))
    soft = cv2.resize(soft, caster.shape[::-1], interpolation=cv2.INTER_LINEAR)
    move = np.array([[1, 0, 0], [0, 1, drop_px]], np.float32)
    soft = cv2.warpAffine(soft, move, caster.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(soft, 0, 1) * (1 - caster), np.float32)


def rounded(alpha: Floats, half_px: float, strength: float) -> Floats:
    """Factor on brightness that lets a flat garment photo fall off towards its sides."""
    factor = max(1, int(half_px / 12))
    size = (max(2, alpha.shape[1] // factor), max(2, alpha.shape[0] // factor))
    inside = (cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) > 0.5).astype(np.uint8)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5) * factor
    rim = 1 - np.clip(depth / half_px, 0, 1)
    soft = cv2.GaussianBlur((1 - strength * rim**2).astype(np.float32), (0, 0), 1.5)
    return np.asarray(cv2.resize(soft, alpha.shape[::-1]), np.float32)


def relight(image: Floats, alpha: Floats, factor: Floats) -> Floats:
    """Multiply brightness, keeping the mean colour under ``alpha``; levels ``[H, W, 3]``."""
    weight = alpha * (image @ _LUMA)
    total = float(weight.sum())
    if total <= 0:
        return image
    kept = factor * min(1.03, total / max(float((weight * factor).sum()), 1e-6))
    return np.asarray(image * kept[..., None], np.float32)
