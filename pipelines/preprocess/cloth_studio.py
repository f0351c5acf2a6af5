"""The garment in a catalogue photo: everything that the even background cannot explain.

The difference to the background is compared with a threshold that follows the contrast nearby: a
white blouse differs from white by one to five levels, while the JPEG noise beside a black one
reaches ten. Cloth differs evenly and in all channels; noise is spotty and touches some of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipelines.preprocess.cloth_background import Background
from pipelines.preprocess.cloth_shape import (
    disc,
    grow,
    largest_parts,
    parts_with_margin,
    reached_from_outside,
    shrink,
)
from pipelines.types import Image, Mask

_REFERENCE = 256  # lengths named "scaled" are pixels of a photo whose longer side is this long
_WORKING = 512  # longer side at which the garment is found
_CLOSING = 2.5  # half the widest gap in an outline that is closed (scaled)
_BLOCK = 8  # side of a JPEG block: how far its noise reaches from an edge
_FAINTEST = 3.0  # a smaller difference is background, wherever the noise is not known to be less
_NOISE_SHARE = 0.1  # below this share of the contrast nearby, a difference may be JPEG noise
_NOISE_MOST = 22.0
_STRONG = 28.0  # JPEG noise is never this strong
_ALL_CHANNELS = 3.0  # a difference of this size in every channel is cloth
_FLAT = 0.5  # noise of a background that was painted, not photographed
_TRACE = 0.7  # mean difference that shows cloth on a painted background
_EDGE = 0.4  # the outline runs where the garment covers this share of a pixel
_PRINTS = 7  # more background-like patches than this inside a garment are its print


@dataclass(frozen=True, eq=False)
class Difference:
    """How far each pixel is from the background, ``float32 [H, W]`` in levels.

    ``most`` and ``least`` are the largest and the smallest channel, ``even`` is their middle.
    """

    most: NDArray[np.float32]
    even: NDArray[np.float32]
    least: NDArray[np.float32]


def difference(image: Image, light: NDArray[np.float32]) -> Difference:
    """Difference of ``uint8 [H, W, 3]`` to its background ``float32 [H, W, 3]``."""
    channels = np.abs(image.astype(np.float32) - light)
    most, least = channels.max(2), channels.min(2)
    return Difference(most, 0.5 * (most + least), least)


def studio_mask(image: Image, background: Background) -> Mask:
    """The garment on an even background, ``bool [H, W]``; all False where nothing differs.

    Found at up to ``_WORKING`` pixels, where JPEG noise is averaged away; the outline is then
    placed at full size.
    """
    height, width = image.shape[:2]
    shrunk = min(1.0, _WORKING / max(height, width))
    size = (max(8, round(width * shrunk)), max(8, round(height * shrunk)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    light = np.asarray(cv2.resize(background.color, size), np.float32)
    solid = _solid(difference(small, light), background.noise, max(size) / _REFERENCE)
    if shrunk < 1:
        level = cv2.resize(solid.astype(np.float32), (width, height))
        solid = grow(np.asarray(level > 0.5), 1)
    away = cv2.absdiff(image, np.rint(background.color).astype(np.uint8)).max(2)
    return largest_parts(_outline(away, solid, max(height, width) / _REFERENCE))


def _solid(away: Difference, noise: float, scale: float) -> Mask:
    free = _background_like(away, noise)
    gap = max(1, round(_CLOSING * scale))
    closed = ~reached_from_outside(free, gap)
    if noise < _FLAT:
        closed |= _faint_cloth(away, closed, scale)
        closed = ~reached_from_outside(~closed, gap)
    else:
        closed &= ~_soft_shadow(away, closed, scale)
    return largest_parts(closed & ~_openings(away, closed & free, closed, noise, scale))


def _background_like(away: Difference, noise: float) -> Mask:
    """Pixels that the background and the JPEG noise of edges nearby explain."""
    square = np.ones((3, 3), np.uint8)
    faint = float(np.clip(3 * noise + 1.5, _FAINTEST, 25))
    contrast = cv2.dilate(cv2.erode(away.even, disc(1)), disc(_BLOCK))
    threshold = np.maximum(faint, np.minimum(_NOISE_SHARE * contrast, _NOISE_MOST))
    steady = cv2.morphologyEx(away.even, cv2.MORPH_OPEN, square)
    all_channels = cv2.morphologyEx(away.least, cv2.MORPH_OPEN, square)
    cloth = (steady >= threshold) | (away.even >= max(_STRONG, 2 * faint))
    cloth |= all_channels >= _ALL_CHANNELS + 3 * noise
    labels, count = ndimage.label(cloth)
    area = np.bincount(labels.ravel(), minlength=count + 1)
    peak = ndimage.maximum(away.even, labels, np.arange(count + 1))
    speck = (area < 40) & (peak < _STRONG)
    return np.asarray(~cloth | (speck & (np.arange(count + 1) > 0))[labels])


def _faint_cloth(away: Difference, closed: Mask, scale: float) -> Mask:
    """Cloth that is nearly as white as a painted background, beside what is ``closed`` already.

    Thin rims are JPEG noise. A thick part is cloth if it differs in all channels, or if it fades
    into the garment instead of ending at a strong edge.
    """
    trace = cv2.blur(away.even, (3, 3)) >= _TRACE
    outline = largest_parts(~reached_from_outside(~trace, max(1, round(4 * scale))))
    more = outline & ~closed
    radius = max(4, round(2 * scale))
    found = np.zeros_like(more)
    for part, box in parts_with_margin(more, 3):
        core = shrink(part, radius, beyond_border=False)
        if not core.any():
            continue
        rim = grow(part, 2) & closed[box]
        fades = bool(rim.any()) and float(np.percentile(away.most[box][rim], 25)) < 12
        thick = core.sum() > 0.17 * part.sum() and part.sum() > 0.05 * closed.sum()
        everywhere = np.median(away.least[box][part]) >= 1
        if everywhere or np.percentile(away.even[box][part], 25) >= 3 or (fades and thick):
            found[box] |= grow(core, radius + 1) & part
    smooth = cv2.medianBlur((closed | found).astype(np.uint8), 7) > 0
    return np.asarray(smooth & grow(found, 3))


def _soft_shadow(away: Difference, closed: Mask, scale: float) -> Mask:
    """Even, smooth darkening around a garment that has a clear edge of its own."""
    smooth = cv2.GaussianBlur(away.most, (0, 0), max(0.8, 0.5 * scale))
    slope = np.hypot(cv2.Sobel(smooth, -1, 1, 0), cv2.Sobel(smooth, -1, 0, 1)) / 8 * scale
    colorless = away.most - away.least < 8
    outside = ~closed
    weak = (slope < 4) & colorless & (away.most < 60)
    labels, _ = ndimage.label(outside | weak)
    touching = np.unique(labels[outside])
    shadow = np.isin(labels, touching[touching > 0]) & closed
    kept = np.zeros_like(shadow)
    step = cv2.dilate(away.most, disc(3)) - cv2.erode(away.most, disc(3))
    for part, box in parts_with_margin(shadow, 3):
        inner = grow(part, 2) & closed[box] & ~shadow[box]
        if inner.any() and float((step[box][inner] >= 14).mean()) > 0.7:
            kept[box] |= part
    return kept if kept.sum() < 0.6 * closed.sum() else np.zeros_like(kept)


def _openings(away: Difference, free: Mask, closed: Mask, noise: float, scale: float) -> Mask:
    """Where the background shows through the closed outline: beside straps, inside sleeves.

    White print on a painted white background looks the same; it comes in many small patches.
    """
    radius = max(2, round(scale))
    bays: list[tuple[Mask, tuple[slice, slice]]] = []
    holes: list[tuple[Mask, tuple[slice, slice]]] = []
    for part, box in parts_with_margin(free, radius + 1):
        area = part.sum()
        if area < 4 * scale * scale or area > 0.3 * closed.sum():
            continue
        around = grow(part, radius)
        rim = around & closed[box] & ~free[box]
        edge = float(np.percentile(away.most[box][rim], 25)) if rim.any() else 0.0
        low = float(np.percentile(away.most[box][part], 30))
        even, least = (float(np.median(d[box][part])) for d in (away.even, away.least))
        flat = low <= 0.6 + noise + 0.03 * edge and least <= 0.5 + noise + 0.01 * edge
        if flat and even <= 1 + 1.5 * noise + 0.03 * edge and edge >= max(8.0, 5 * noise):
            (bays if (around & ~closed[box]).any() else holes).append((part, box))
    if len(holes) > 3 and max(part.sum() for part, _ in holes) < 0.02 * closed.sum():
        holes = []
    found = np.zeros_like(free)
    if len(bays) + len(holes) <= _PRINTS:
        for part, box in bays + holes:
            found[box] |= part
    return found


def _outline(away: NDArray[np.uint8], solid: Mask, scale: float) -> Mask:
    """Move the outline to where the garment covers ``_EDGE`` of a pixel."""
    radius = 2 if scale <= 2 else 3
    contrast = cv2.dilate(away * solid, disc(radius))
    covered = away >= np.maximum(_EDGE * contrast, 1)
    mask = solid & (covered | shrink(solid, radius))
    return np.asarray(cv2.medianBlur(mask.astype(np.uint8), 3 if scale < 3 else 5) > 0)
