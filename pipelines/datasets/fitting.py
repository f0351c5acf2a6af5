"""Moving the values of an item to another size: scaled evenly, padded where shapes differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from pipelines.body import scaled, shifted
from pipelines.types import Frame, Image, Mask, ParseMap, Pose, Size


@dataclass(frozen=True)
class Fit:
    """From ``source`` to ``target`` size: scaled to ``inner``, then padded left and top."""

    source: Size
    target: Size
    inner: Size
    left: int
    top: int

    @property
    def is_identity(self) -> bool:
        """Whether nothing changes."""
        return self.source == self.target


def fit(source: Size, target: Size) -> Fit:
    """The largest even scaling of ``source`` that fits into ``target``, centred.

    Sides that miss the target by a pixel through rounding are stretched to it, not padded.
    """
    scale = min(target.height / source.height, target.width / source.width)
    height, width = round(source.height * scale), round(source.width * scale)
    height = target.height if abs(target.height - height) <= 1 else height
    width = target.width if abs(target.width - width) <= 1 else width
    inner = Size(max(height, 1), max(width, 1))
    left, top = (target.width - inner.width) // 2, (target.height - inner.height) // 2
    return Fit(source, target, inner, left, top)


def fitted(value: Any, how: Fit) -> Any:
    """An Image, Mask, ParseMap or Pose of size ``how.source`` moved to ``how.target``.

    Images are padded by repeating their edge, masks and labels with 0.
    """
    if how.is_identity:
        return value
    if isinstance(value, Pose):
        x, y = how.inner.width / how.source.width, how.inner.height / how.source.height
        return shifted(scaled(value, x, y), how.left, how.top)
    if isinstance(value, ParseMap):
        ids = cv2.resize(value.ids, how.inner[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        return ParseMap(_padded(ids, how, cv2.BORDER_CONSTANT), value.labels)
    if value.dtype == np.bool_:
        return _fitted_mask(value, how)
    return _fitted_image(value, how)


def fitted_frame(frame: Frame, how: Fit) -> Frame:
    """The frame of the moved image: its box grows by what the padding shows of the photo."""
    left, top, right, bottom = frame.box
    x = (right - left) / how.inner.width
    y = (bottom - top) / how.inner.height
    left, top = left - how.left * x, top - how.top * y
    box = (left, top, left + how.target.width * x, top + how.target.height * y)
    return Frame(frame.source_size, box, how.target)


def _fitted_image(image: Image, how: Fit) -> Image:
    smaller = how.inner.height < how.source.height
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    resized = cv2.resize(image, how.inner[::-1], interpolation=method)
    padded: Image = _padded(resized, how, cv2.BORDER_REPLICATE)
    return padded


def _fitted_mask(mask: Mask, how: Fit) -> Mask:
    soft = mask.astype(np.uint8) * 255
    smaller = how.inner.height < how.source.height
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    resized = cv2.resize(soft, how.inner[::-1], interpolation=method)
    moved: Mask = _padded(resized, how, cv2.BORDER_CONSTANT) >= 128
    return moved


def _padded(values: Any, how: Fit, border: int) -> Any:
    right = how.target.width - how.inner.width - how.left
    bottom = how.target.height - how.inner.height - how.top
    if not (how.left or how.top or right or bottom):
        return values
    return cv2.copyMakeBorder(values, how.top, bottom, how.left, right, border, value=(0.0,))
