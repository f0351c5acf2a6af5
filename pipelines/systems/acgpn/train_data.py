"""Examples of ACGPN's trainers: what is kept of a pair, and the networks' inputs of a batch.

Kept are bytes at 256x192: photo, garment as it is worn, labels, bits that say where the garment
is in its photo and where figures look (``tryon_region``), and, of the squares around the joints,
the small windows that hold them (a square is all that is in its map). From these the inputs of a
whole batch are made on the device, equal to those of ``conditions`` for each example.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.body import mirror_pose, scaled
from pipelines.evaluation.tryon import tryon_region
from pipelines.garments.prepare import worn_part
from pipelines.labels import ACGPN14, LIP20
from pipelines.networks.pictures import levels_of_batch
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.acgpn.conditions import (
    GarmentConditions,
    PersonConditions,
    person_labels,
    pose_levels,
    pose_pixels,
    resized,
)
from pipelines.systems.acgpn.config import ACGPNConfig
from pipelines.systems.acgpn.networks import PUBLISHED_SIZE
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
    worn=(LIP20.UPPER, LIP20.DRESS, LIP20.COAT),
    flipped=("region",),
    mirrored=MIRRORED,
)


def recipe() -> Recipe:
    """How examples are kept, for ``pipelines.training.tryon_data``; the same for every config."""
    return Recipe(kept_arrays, {"acgpn": VERSION, "size_hw": list(PUBLISHED_SIZE)})


def kept_arrays(person: PersonInputs, garment: GarmentInputs) -> Mapping[str, NDArray[Any]]:
    """What is kept of a pair.

    ``image``, ``cloth`` uint8 [256, 192, 3]; ``ids`` (LIP20, 255 = unknown) and ``bits`` uint8
    [256, 192]; ``windows`` uint8 [18, 24, 24] and ``corners`` uint8 [18, 2] (row, column), of the
    pose and of its mirror image (``..._mirrored``); ``joints`` float32 [25, 3]. Raises
    ``ItemError`` (``size_mismatch``, ``no_garment``).
    """
    garment = worn_part(garment)
    height, width = person.image.shape[:2]
    check_aspect("the photo", (height, width), PUBLISHED_SIZE)
    ids = resized(person.parse.ids, nearest=True)
    cloth_mask = resized(garment.mask.astype(np.uint8), nearest=True)
    bits = CLOTH_BIT * cloth_mask + REGION_BIT * tryon_region(ParseMap(ids, person.parse.labels))
    windows = kept_windows(
        pose_pixels(person.pose, (height, width)),
        pose_pixels(mirror_pose(person.pose, width), (height, width)),
    )
    pose = scaled(person.pose, PUBLISHED_SIZE.width / width, PUBLISHED_SIZE.height / height)
    return {
        "image": resized(person.image),
        "cloth": resized(garment.image),
        "ids": ids,
        "bits": bits.astype(np.uint8),
        **windows,
        "joints": np.column_stack([pose.body.xy, pose.body.score]).astype(np.float32),
    }


def unpacked(kept: Batch) -> Batch:
    """Kept arrays of a batch, pictures as floats, on their device.

    ``image``, ``cloth`` float32 [B, 3, 256, 192] in -1..1; ``cloth_mask``, ``region`` bool
    [B, 1, 256, 192]; ``ids`` int64 [B, 256, 192] of LIP20; the others as they are.
    """
    bits = kept["bits"][:, None]
    names = ("windows", "corners", "windows_mirrored", "corners_mirrored", "joints")
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
    """A batch as the networks take it."""

    person: PersonConditions
    garment: GarmentConditions
    truth: Tensor
    """``int64 [B, 256, 192]``, ``ACGPN14``: the labels, noise washed into the upper clothes."""
    region: Tensor
    """``bool [B, 256, 192]``: where figures look."""
    joints: Tensor
    """``float32 [B, 25, 3]``."""

    @property
    def image(self) -> Tensor:
        """The photos ``float32 [B, 3, 256, 192]`` in -1..1: the truth."""
        return self.person.image

    @property
    def body(self) -> Tensor:
        """The true labels without the garment ``int64 [B, 256, 192]``: what G1 is to find."""
        return self.truth.masked_fill(self.truth == ACGPN14.UPPER, ACGPN14.BACKGROUND)

    @property
    def worn(self) -> Tensor:
        """Where the garment is on the person: ``float32 [B, 1, 256, 192]``, 0 or 1."""
        return (self.truth == ACGPN14.UPPER)[:, None].float()


def examples(batch: Batch, config: ACGPNConfig) -> Examples:
    """The networks' inputs of an unpacked (and augmented) batch."""
    labels, fused = person_labels(batch["ids"], config)
    person = PersonConditions(
        image=batch["image"],
        labels=labels,
        fused=fused,
        pose=pose_levels(maps_of_windows(batch["windows"], batch["corners"], PUBLISHED_SIZE)),
    )
    garment = GarmentConditions(batch["cloth"], batch["cloth_mask"].to(batch["cloth"]))
    truth = torch.where(labels == ACGPN14.NOISE, int(ACGPN14.UPPER), labels)
    return Examples(person, garment, truth, batch["region"][:, 0], batch["joints"])
