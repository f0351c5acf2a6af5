"""What examples of a person in a garment keep in most systems: bytes at the size of training."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.body import scaled
from pipelines.evaluation.tryon import tryon_region
from pipelines.garments.prepare import worn_part
from pipelines.networks.pictures import levels_of_batch
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.training.task import Batch
from pipelines.training.tryon_data import check_aspect
from pipelines.types import ParseMap, Size

BITS: Mapping[str, int] = {"cloth_mask": 1, "region": 2}
"""Masks that are kept in one array, ``bits``."""


def kept_pair(
    person: PersonInputs,
    garment: GarmentInputs,
    size: Size,
    resized: Callable[..., NDArray[np.uint8]],
) -> dict[str, NDArray[Any]]:
    """What is kept of a pair, by ``resized(picture, nearest=...)`` at ``size`` (H, W).

    ``image``, ``cloth`` uint8 [H, W, 3]; ``ids`` (LIP20, 255 = unknown) and ``bits`` (``BITS``)
    uint8 [H, W]; ``joints`` float32 [25, 3]. Raises ``ItemError`` (``size_mismatch``,
    ``no_garment``).
    """
    garment = worn_part(garment)
    height, width = person.image.shape[:2]
    check_aspect("the photo", (height, width), size)
    ids = resized(person.parse.ids, nearest=True)
    masks = {
        "cloth_mask": resized(garment.mask.astype(np.uint8), nearest=True) > 0,
        "region": tryon_region(ParseMap(ids, person.parse.labels)),
    }
    body = scaled(person.pose, size.width / width, size.height / height).body
    return {
        "image": resized(person.image),
        "cloth": resized(garment.image),
        "ids": ids,
        "bits": packed(masks),
        "joints": np.column_stack([body.xy, body.score]).astype(np.float32),
    }


def packed(
    masks: Mapping[str, NDArray[np.bool_]], bits: Mapping[str, int] = BITS
) -> NDArray[np.uint8]:
    """Masks ``bool [H, W]`` in one array ``uint8 [H, W]``, each in its own bit."""
    found = np.zeros(next(iter(masks.values())).shape, np.uint8)
    for name, mask in masks.items():
        found[mask] |= bits[name]
    return found


def unpacked(
    kept: Batch,
    pictures: Collection[str] = ("image", "cloth"),
    bits: Mapping[str, int] = BITS,
) -> Batch:
    """Kept arrays of a batch, pictures as floats, on their device.

    ``pictures`` float32 [B, 3, H, W] in -1..1; ``ids`` int64 [B, H, W]; for each of ``bits`` a
    mask, bool [B, 1, H, W]; the others as they are.
    """
    stored = kept["bits"][:, None]
    return {
        **{name: tensor for name, tensor in kept.items() if name != "bits"},
        **{name: levels_of_batch(kept[name]) for name in pictures},
        **{name: (stored & bit) > 0 for name, bit in bits.items()},
        "ids": kept["ids"].long(),
    }
