"""Filling holes in pictures: smooth membranes, and grain borrowed from the surroundings."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.types import Mask

Floats = NDArray[np.float32]

_COARSEST = 4
_SWEEPS = 8


def membrane(image: Floats, known: Floats) -> Floats:
    """Continue ``image`` smoothly from where it is known over the rest.

    ``image`` is ``float32 [H, W, C]``, ``known`` ``float32 [H, W]`` in 0..1 (how far each pixel
    can be trusted). Where nothing at all is known the result is 0. Known pixels are kept. The
    fill is nearly harmonic: a coarse fill from a pyramid of weighted means (Burt 1988), relaxed
    by a few Jacobi sweeps of the Laplace equation at each level.
    """
    height, width = known.shape
    weight = known[..., None]
    if min(height, width) <= _COARSEST:
        total = max(float(known.sum()), 1e-6)
        mean = (image * weight).sum((0, 1)) / total
        return np.asarray(image * weight + (1 - weight) * mean, np.float32)
    small_weight = cv2.pyrDown(known)
    small_image = (
        cv2.pyrDown(np.ascontiguousarray(image * weight)).reshape(*small_weight.shape, -1)
        / np.maximum(small_weight, 1e-4)[..., None]
    )
    coarse = membrane(
        np.asarray(small_image, np.float32), np.clip(small_weight * 4, 0, 1).astype(np.float32)
    )
    filled = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    filled = filled.reshape(height, width, -1)
    kept = image * weight
    out = np.asarray(kept + (1 - weight) * filled, np.float32)
    for _ in range(_SWEEPS):
        around = cv2.blur(out, (3, 3), borderType=cv2.BORDER_REPLICATE).reshape(filled.shape)
        out = np.asarray(kept + (1 - weight) * around, np.float32)
    return out


def reflected(unknown: Mask) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """For each unknown pixel, where its mirror image across the nearest known pixel lies.

    Returns ``(x, y)`` maps ``float32 [H, W]`` for ``cv2.remap``; known pixels map to themselves.
    At least one pixel must be known.
    """
    height, width = unknown.shape
    _, label = cv2.distanceTransformWithLabels(
        unknown.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    known_y, known_x = np.nonzero(~unknown)
    of_label = np.zeros((int(label.max()) + 1, 2), np.float32)
    of_label[label[known_y, known_x]] = np.stack([known_x, known_y], -1)
    nearest = of_label[label]
    grid_y, grid_x = np.mgrid[0:height, 0:width].astype(np.float32)
    mirror_x = np.clip(2 * nearest[..., 0] - grid_x, 0, width - 1)
    mirror_y = np.clip(2 * nearest[..., 1] - grid_y, 0, height - 1)
    return mirror_x, mirror_y


def grain(image: NDArray[np.uint8], usable: Mask, sigma: float, limit: float) -> Floats:
    """Fine detail of ``image`` continued over the unusable rest, in levels, ``[H, W, C]``.

    Detail is what a blur of ``sigma`` pixels removes, clipped to +-``limit``.
    """
    weight = usable.astype(np.float32)
    spread = cv2.GaussianBlur(weight, (0, 0), sigma) + 1e-4
    low = cv2.GaussianBlur(image * weight[..., None], (0, 0), sigma) / spread[..., None]
    detail = np.clip((image - low) * weight[..., None], -limit, limit).astype(np.float32)
    x, y = reflected(~usable)
    moved = cv2.remap(detail, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def nearest_ids(ids: NDArray[np.uint8], known: Mask) -> NDArray[np.uint8]:
    """The label of the nearest known pixel, everywhere; the labels themselves if none is known."""
    if not known.any():
        return ids
    _, label = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_label = np.zeros(int(label.max()) + 1, np.uint8)
    of_label[label[known]] = ids[known]
    return np.asarray(of_label[label], np.uint8)


def fill_holes(mask: Mask) -> Mask:
    """Fill what is enclosed by ``mask`` and does not reach the border of the picture."""
    height, width = mask.shape
    padded = np.zeros((height + 2, width + 2), np.uint8)
    padded[1:-1, 1:-1] = mask
    cv2.floodFill(padded, None, (0, 0), (2,))
    return np.asarray(padded[1:-1, 1:-1] != 2, bool)


def disc(radius: float) -> NDArray[np.uint8]:
    """A disc-shaped structuring element of this radius in pixels (at least 1)."""
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def grown(mask: Mask, radius: float) -> Mask:
    """Dilate by a disc."""
    return cv2.dilate(mask.astype(np.uint8), disc(radius)).astype(bool)


def shrunk(mask: Mask, radius: float) -> Mask:
    """Erode by a disc; the border of the picture is no edge."""
    return cv2.erode(mask.astype(np.uint8), disc(radius)).astype(bool)


def opened(mask: Mask, radius: float) -> Mask:
    """Remove what is thinner than the disc."""
    return grown(shrunk(mask, radius), radius)


def closed(mask: Mask, radius: float) -> Mask:
    """Close gaps thinner than the disc."""
    return shrunk(grown(mask, radius), radius)


def closed_wide(mask: Mask, radius: float) -> Mask:
    """The same by distances, at a cost that does not grow with the radius."""
    if not mask.any():
        return mask.copy()
    near = _distance_to(mask) <= radius
    return near if near.all() else np.asarray(_distance_to(~near) > radius, bool)


def _distance_to(mask: Mask) -> Floats:
    """Pixels to the nearest one of a mask, which has some."""
    away = (~mask).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


def parts(mask: Mask, least: int) -> Mask:
    """Keep connected parts of at least ``least`` pixels."""
    count, label, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    keep = np.zeros(count, bool)
    keep[1:] = stats[1:, cv2.CC_STAT_AREA] >= least
    return np.asarray(keep[label], bool)
