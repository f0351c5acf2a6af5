"""Cutting a garment out of its photo: outline, soft edge, colours carried beyond the edge."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.types import Alpha, Image, Mask


def open_gaps(image: Image, mask: Mask) -> Mask:
    """The mask without the background that shows between sleeve and trunk.

    Masks with all holes filled cover it. Opened are upright pieces of the background's own colour
    beside the trunk; nothing is opened in a garment that is itself of that colour.
    """
    share = min(1.0, 400 / max(mask.shape))
    if share < 1:
        size = tuple(max(1, round(s * share)) for s in mask.shape[::-1])
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        rough = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        gaps = (rough & ~open_gaps(small, rough)).astype(np.uint8)
        closed: Mask = cv2.resize(gaps, mask.shape[::-1], interpolation=cv2.INTER_LINEAR) == 0
        return mask & closed
    ys, xs = np.nonzero(mask)
    reach = max(2, round(0.02 * np.ptp(ys)))
    near = cv2.dilate(mask.astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8)) > 0
    ring = image[near & ~mask].astype(np.float32)
    inside = image[mask].astype(np.float32)
    if len(ring) < 16:
        return mask
    colour = np.median(ring, axis=0)
    plain = np.abs(ring - colour).max(axis=1)
    if np.percentile(plain, 60) > 12 or np.abs(np.median(inside, axis=0) - colour).max() < 40:
        return mask
    same = mask & (np.abs(image.astype(np.float32) - colour).max(axis=2) < 5)
    count, labels, stats, centres = cv2.connectedComponentsWithStats(same.astype(np.uint8))
    opened = mask.copy()
    middle, width, top, tall = np.median(xs), np.ptp(xs), ys.min(), np.ptp(ys)
    for i in range(1, count):
        _, y, w, h, area = stats[i]
        beside = abs(centres[i][0] - middle) > 0.15 * width and y > top + 0.15 * tall
        if beside and area > 0.001 * len(ys) and h > 0.12 * tall and h > 1.5 * w:
            opened[labels == i] = False
    return opened


def whole_piece(mask: Mask) -> Mask:
    """The mask's largest piece with pinholes filled."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    piece = labels == 1 + int(np.argmax(stats[1:count, cv2.CC_STAT_AREA]))
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~piece).astype(np.uint8))
    tiny = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < 0.002 * piece.sum())
    filled: Mask = piece | np.isin(labels, tiny)
    return filled


def soft_edge(mask: Mask) -> Alpha:
    """Antialiased alpha of a mask, drawn in half a pixel to leave the background's fringe out."""
    blurred = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(0.7, mask.shape[0] / 900))
    soft: Alpha = np.clip((blurred - 0.55) / 0.4, 0, 1).astype(np.float32)
    return soft


def paint_over(image: Image, mask: Mask, spot: Mask) -> Image:
    """The image with a spot of the garment painted over with the cloth around it."""
    if not spot.any():
        return image
    ys, xs = np.nonzero(spot)
    reach = 4 + max(int(np.ptp(ys)), int(np.ptp(xs))) // 4
    part = (
        slice(max(0, ys.min() - reach), ys.max() + reach + 1),
        slice(max(0, xs.min() - reach), xs.max() + reach + 1),
    )
    # what is not garment is painted too, so that no background runs into the cloth
    unknown = (spot[part] | ~mask[part]).astype(np.uint8)
    if unknown.all():
        return image
    painted = image.copy()
    cloth = cv2.inpaint(np.ascontiguousarray(image[part]), unknown, 3, cv2.INPAINT_TELEA)
    painted[part] = np.where(spot[part][..., None], cloth, image[part])
    return painted


def carry_outward(image: Image, mask: Mask) -> Image:
    """The image with the colours just inside the outline carried outward."""
    depth = max(1, round(mask.shape[0] / 400))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * depth + 1, 2 * depth + 1))
    core = cv2.erode(mask.astype(np.uint8), kernel)
    if not core.any():
        return image
    reach = cv2.dilate(mask.astype(np.uint8), np.ones((12 * depth + 1,) * 2, np.uint8))
    ys, xs = np.nonzero(reach)
    y0, y1, x0, x1 = ys.min(), ys.max() + 1, xs.min(), xs.max() + 1
    inside = np.ascontiguousarray(core[y0:y1, x0:x1])
    _, labels = cv2.distanceTransformWithLabels(
        1 - inside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    # the nearest inner pixel is always near the edge; the many others need no colour
    edge = (inside > 0) & (cv2.erode(inside, np.ones((5, 5), np.uint8)) == 0)
    part, outside = image[y0:y1, x0:x1], inside == 0
    colours = np.zeros((int(labels.max()) + 1, 3), np.uint8)
    colours[labels[edge]] = part[edge]
    bled = image.copy()
    bled[y0:y1, x0:x1][outside] = colours[labels[outside]]
    return bled
