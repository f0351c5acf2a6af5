"""Intermediate arrays of a try-on system as pictures, to be looked at."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.labels import palette
from pipelines.types import Image, ParseMap


def stage_picture(value: Any) -> Image:
    """``uint8 [H, W, 3]`` of an Image, Mask, Alpha (0..1, clipped) or ParseMap (its palette).

    Raises ``ValueError`` for anything else.
    """
    if isinstance(value, ParseMap):
        colours = np.zeros((256, 3), np.uint8)
        known = palette(value.labels)
        colours[: len(known)] = known
        coloured: Image = colours[value.ids]
        return coloured
    array = np.asarray(value)
    if array.ndim == 2 and array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    elif array.ndim == 2 and array.dtype.kind == "f":
        array = np.round(np.clip(array, 0, 1) * 255).astype(np.uint8)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,)):
        raise ValueError(f"no picture: {array.dtype} {array.shape}")
    return array if array.ndim == 3 else np.repeat(array[:, :, None], 3, axis=2)
