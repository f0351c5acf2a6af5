"""Padding that does not draw the eye: a photo continued beyond its border."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.types import Array, Image

EVEN = 12.0
"""A border whose colours deviate less than this (levels of 255, 90 % of it) is one colour."""

BORDER = 0.01
"""Width of the border looked at, of the shorter side; at least 2 pixels."""

SOFTNESS = 0.03
"""Blur of a continued border, of the longer side."""


def padded(image: Image, top: int, bottom: int, left: int, right: int) -> Image:
    """The image with these numbers of pixels added on each side; itself unchanged inside.

    Where the border is of one colour, as in a studio, it is that colour; else the border's pixels
    are repeated and blurred, so that neither edges nor bars stand out.
    """
    if not (top or bottom or left or right):
        return image
    colour = border_colour(image)
    if colour is not None:
        filled = cv2.copyMakeBorder(
            image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=colour.tolist()
        )
        return np.asarray(filled, np.uint8)
    filled = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_REPLICATE)
    sigma = SOFTNESS * max(filled.shape[:2])
    soft = np.asarray(_blurred(filled, sigma), np.uint8)
    soft[top : top + image.shape[0], left : left + image.shape[1]] = image
    return soft


def border_colour(image: Image) -> Array | None:
    """The colour of the image's border, ``float64 [3]``, or None if it is not one colour."""
    wide = max(2, round(BORDER * min(image.shape[:2])))
    ring = np.concatenate(
        [
            part.reshape(-1, 3)
            for part in (image[:wide], image[-wide:], image[:, :wide], image[:, -wide:])
        ]
    )
    colour = np.median(ring, axis=0)
    away = np.abs(ring.astype(np.float32) - colour).max(1)
    return colour if float(np.percentile(away, 90)) < EVEN else None


def _blurred(image: Array, sigma: float) -> Array:
    """A wide Gaussian blur, made on a small copy because nobody sees its details."""
    shrink = max(1.0, sigma / 3)
    height, width = image.shape[:2]
    small_size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
    small = cv2.resize(image, small_size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrink, borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
