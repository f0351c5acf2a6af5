"""Shapes in garment masks: parts, floods and where an edge really runs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipelines.types import Image, Mask


def disc(radius: int) -> NDArray[np.uint8]:
    """A round structuring element, ``uint8 [2 radius + 1, 2 radius + 1]``."""
    side = 2 * radius + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)).astype(np.uint8)


def grow(mask: Mask, radius: int) -> Mask:
    """``mask`` dilated by a disc."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc(radius)) > 0)


def shrink(mask: Mask, radius: int, *, beyond_border: bool = True) -> Mask:
    """``mask`` eroded by a disc; what lies beyond the border counts as ``beyond_border``."""
    eroded = cv2.erode(
        mask.astype(np.uint8),
        disc(radius),
        borderType=cv2.BORDER_CONSTANT,
        borderValue=(float(beyond_border),),
    )
    return np.asarray(eroded > 0)


def largest_parts(mask: Mask, share: float = 0.03) -> Mask:
    """The connected parts that have at least ``share`` of the area of the largest one."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    area = np.bincount(labels.ravel())
    area[0] = 0
    kept = area >= share * area.max()
    kept[0] = False
    return np.asarray(kept[labels])


def reached_from_outside(free: Mask, radius: int) -> Mask:
    """The part of ``free`` that a ball of ``radius`` pixels covers, rolling in from outside."""
    pad = radius + 1
    wide = np.pad(free, pad, constant_values=True)
    labels, _ = ndimage.label(shrink(wide, radius))
    rolled = grow(labels == labels[0, 0], radius) & wide
    return np.asarray(rolled[pad:-pad, pad:-pad])


def parts_with_margin(mask: Mask, margin: int) -> list[tuple[Mask, tuple[slice, slice]]]:
    """Each connected part of ``mask``, cut out with ``margin`` pixels around it, and where."""
    labels, _ = ndimage.label(mask)
    found = []
    for index, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        box = (
            slice(max(0, rows.start - margin), rows.stop + margin),
            slice(max(0, columns.start - margin), columns.stop + margin),
        )
        found.append((labels[box] == index, box))
    return found


def colored_outline(image: Image, mask: Mask, reach: int) -> Mask:
    """Move the outline of ``mask`` by up to ``reach`` pixels to where the colour changes.

    Each pixel near the outline goes to the nearer of the mean colours inside and outside of it.
    """
    inner, outer = shrink(mask, reach), grow(mask, reach)
    band = outer & ~inner
    if not band.any():
        return mask
    rows, columns = np.nonzero(band)
    box = (
        slice(max(0, rows.min() - 4 * reach), rows.max() + 4 * reach + 1),
        slice(max(0, columns.min() - 4 * reach), columns.max() + 4 * reach + 1),
    )
    color = image[box].astype(np.float32)
    inside = _local_color(color, inner[box], 6 * reach + 1)
    outside = _local_color(color, ~outer[box], 6 * reach + 1)
    axis = inside - outside
    length = (axis * axis).sum(2)
    covered = ((color - outside) * axis).sum(2) / np.maximum(length, 1)
    soft = cv2.GaussianBlur(np.clip(covered, 0, 1), (0, 0), max(0.7, 0.4 * reach))
    known = (length > 400) & (np.abs(inside).sum(2) > 0) & (np.abs(outside).sum(2) > 0)
    result = mask.copy()
    result[box] = np.where(band[box] & known, soft > 0.5, mask[box])
    calm = cv2.medianBlur(result.astype(np.uint8), 5) > 0
    return largest_parts(np.asarray(calm), 0.1)


def _local_color(color: NDArray[np.float32], where: Mask, side: int) -> NDArray[np.float32]:
    """Mean colour of the pixels ``where`` in a square window; 0 where there are none."""
    weight = where.astype(np.float32)
    count = cv2.boxFilter(weight, -1, (side, side), normalize=False)
    total = cv2.boxFilter(color * weight[..., None], -1, (side, side), normalize=False)
    mean = total / np.maximum(count, 1)[..., None]
    return np.asarray(mean, np.float32)
