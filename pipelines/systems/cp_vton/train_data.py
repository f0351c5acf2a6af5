"""Examples of the trainers of CP-VTON and CP-VTON+: what is kept of a pair, and inputs of a batch.

Kept are bytes at 256x192: photo, garment as it is worn, labels, bits that say where the garment
is in its photo and where figures look (``tryon_region``), the small windows that hold the squares
around the joints, and the coarse shapes of the body. From these the inputs of a whole batch are
made on the device, equal to those of ``conditions`` for each example. Both systems, with every
config, keep the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipelines.body import mirror_pose, scaled
from pipelines.evaluation.tryon import tryon_region
from pipelines.garments.prepare import worn_part
from pipelines.labels import CLOTH_CPVTON, LIP20
from pipelines.networks.pictures import levels_of_batch, resized
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.cp_vton.conditions import (
    GarmentConditions,
    PersonConditions,
    body_of,
    coarse_body,
    pose_pixels,
    seen_of_person,
    worn_garment,
)
from pipelines.systems.cp_vton.config import CPVTONConfig
from pipelines.systems.cp_vton.networks import PUBLISHED_SIZE
from pipelines.training.pose_windows import MIRRORED, kept_windows, maps_of_windows
from pipelines.training.task import Batch
from pipelines.training.tryon_augment import Changeable
from pipelines.training.tryon_data import Recipe, check_aspect
from pipelines.types import ParseMap

VERSION = 1
"""Raised when equal inputs would give other arrays."""

CLOTH_BIT, REGION_BIT = 1, 2
CHANGEABLE = Changeable(
    labels=LIP20,
    worn=tuple(sorted(CLOTH_CPVTON)),
    flipped=("region", "coarse"),
    mirrored=MIRRORED,
)
_SHAPES = (CPVTONConfig(neck="background"), CPVTONConfig(neck="body"))
"""Whose shapes of the body are kept: without the neck and with it."""


def recipe() -> Recipe:
    """How examples are kept, for ``pipelines.training.tryon_data``; the same for every config."""
    return Recipe(kept_arrays, {"cp-vton": VERSION, "size_hw": list(PUBLISHED_SIZE)})


def kept_arrays(person: PersonInputs, garment: GarmentInputs) -> Mapping[str, NDArray[Any]]:
    """What is kept of a pair.

    ``image``, ``cloth`` uint8 [256, 192, 3]; ``ids`` (LIP20, 255 = unknown) and ``bits`` uint8
    [256, 192]; ``coarse`` uint8 [2, 16, 12], the body without its neck and with it; ``windows``
    uint8 [18, 24, 24] and ``corners`` uint8 [18, 2] (row, column), of the pose and of its mirror
    image (``..._mirrored``); ``joints`` float32 [25, 3]. Raises ``ItemError`` (``size_mismatch``,
    ``no_garment``).
    """
    garment = worn_part(garment)
    height, width = person.image.shape[:2]
    check_aspect("the photo", (height, width), PUBLISHED_SIZE)
    ids = resized(person.parse.ids, PUBLISHED_SIZE, nearest=True)
    cloth_mask = resized(garment.mask.astype(np.uint8), PUBLISHED_SIZE, nearest=True)
    bits = CLOTH_BIT * cloth_mask + REGION_BIT * tryon_region(ParseMap(ids, person.parse.labels))
    windows = kept_windows(
        pose_pixels(person.pose, (height, width)),
        pose_pixels(mirror_pose(person.pose, width), (height, width)),
    )
    pose = scaled(person.pose, PUBLISHED_SIZE.width / width, PUBLISHED_SIZE.height / height)
    return {
        "image": resized(person.image, PUBLISHED_SIZE),
        "cloth": resized(garment.image, PUBLISHED_SIZE),
        "ids": ids,
        "bits": bits.astype(np.uint8),
        "coarse": np.stack([coarse_body(body_of(ids, config)) for config in _SHAPES]),
        **windows,
        "joints": np.column_stack([pose.body.xy, pose.body.score]).astype(np.float32),
    }


def unpacked(kept: Batch) -> Batch:
    """Kept arrays of a batch, pictures as floats, on their device.

    ``image``, ``cloth`` float32 [B, 3, 256, 192] in -1..1; ``cloth_mask``, ``region`` bool
    [B, 1, 256, 192]; ``ids`` int64 [B, 256, 192] of LIP20; the others as they are.
    """
    bits = kept["bits"][:, None]
    names = (*MIRRORED, *(f"{name}_mirrored" for name in MIRRORED), "coarse", "joints")
    return {
        "image": levels_of_batch(kept["image"]),
        "cloth": levels_of_batch(kept["cloth"]),
        "ids": kept["ids"].long(),
        "cloth_mask": (bits & CLOTH_BIT) > 0,
        "region": (bits & REGION_BIT) > 0,
        **{name: kept[name] for name in names},
    }


@dataclass(frozen=True, eq=False)
class Examples:
    """A batch as the networks take it, and what they are to make of it."""

    person: PersonConditions
    garment: GarmentConditions
    worn: GarmentConditions
    """The garment on the person, on white."""
    image: Tensor
    """The photos ``float32 [B, 3, 256, 192]`` in -1..1."""
    region: Tensor
    """``bool [B, 256, 192]``: where figures look."""
    joints: Tensor
    """``float32 [B, 25, 3]``."""


def examples(batch: Batch, config: CPVTONConfig) -> Examples:
    """The networks' inputs of an unpacked (and augmented) batch."""
    image, ids = batch["image"], batch["ids"]
    number = 0 if config.neck == "background" else 1
    coarse = batch["coarse"][:, number : number + 1]
    squares = maps_of_windows(batch["windows"], batch["corners"], PUBLISHED_SIZE)
    return Examples(
        person=seen_of_person(image, ids, coarse, squares, config),
        garment=GarmentConditions(batch["cloth"], batch["cloth_mask"].to(batch["cloth"])),
        worn=worn_garment(image, ids),
        image=image,
        region=batch["region"][:, 0],
        joints=batch["joints"],
    )
