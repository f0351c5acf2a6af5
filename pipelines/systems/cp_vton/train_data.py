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
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipelines.labels import CLOTH_CPVTON, LIP20
from pipelines.networks.pictures import resized
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
from pipelines.training.pair_data import kept_pair
from pipelines.training.pose_windows import MIRRORED, kept_windows, maps_of_windows
from pipelines.training.task import Batch
from pipelines.training.tryon_augment import Changeable
from pipelines.training.tryon_data import Recipe

VERSION = 1
"""Raised when equal inputs would give other arrays."""

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
    """What is kept of a pair: that of ``kept_pair`` at 256x192, the pose's windows and ``coarse``.

    ``coarse`` is uint8 [2, 16, 12], the body without its neck and with it. Raises ``ItemError``
    (``size_mismatch``, ``no_garment``).
    """
    kept = kept_pair(person, garment, PUBLISHED_SIZE, partial(resized, size=PUBLISHED_SIZE))
    bodies = [coarse_body(body_of(kept["ids"], config)) for config in _SHAPES]
    return {**kept, **kept_windows(person, pose_pixels), "coarse": np.stack(bodies)}


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
