"""Examples of VITON's trainers: what is kept of a pair, and the networks' inputs of a batch.

Kept are bytes at 256x192 and, computed once, where the control points of the shape-context warp lie
that bends the garment to the place where it is worn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.errors import ItemError
from pipelines.labels import CLOTH_CPVTON, LIP20
from pipelines.networks.pictures import resized
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.viton.conditions import GarmentConditions, person_input, pose_squares
from pipelines.systems.viton.config import VITONConfig
from pipelines.systems.viton.networks import PUBLISHED_SIZE
from pipelines.systems.viton.warp import GRID_SIZE, control_points
from pipelines.training.pair_data import BITS, kept_pair
from pipelines.training.task import Batch
from pipelines.training.tryon_augment import Changeable
from pipelines.training.tryon_data import Recipe

VERSION = 1
"""Raised when equal inputs would give other arrays."""

WORN = CLOTH_CPVTON
"""LIP20 ids of the worn garment; published is 5 alone, without what a parser calls dress or coat
(our choice)."""

CHANGEABLE = Changeable(
    labels=LIP20, worn=tuple(sorted(WORN)), flipped=("region",), mirrored=("places",)
)


def recipe() -> Recipe:
    """How examples are kept, for ``pipelines.training.tryon_data``; the same for every config."""
    return Recipe(kept_arrays, {"viton": VERSION, "size_hw": list(PUBLISHED_SIZE)})


def kept_arrays(person: PersonInputs, garment: GarmentInputs) -> Mapping[str, NDArray[Any]]:
    """What is kept of a pair: that of ``kept_pair`` at 256x192, and where control points lie.

    ``places`` are those, float32 [100, 2]; ``places_mirrored`` those of the mirror image. Raises
    ``ItemError`` (``size_mismatch``, ``no_garment``, ``no_place``).
    """
    kept = kept_pair(person, garment, PUBLISHED_SIZE, partial(resized, size=PUBLISHED_SIZE))
    cloth_mask = (kept["bits"] & BITS["cloth_mask"]) > 0
    places = control_points(cloth_mask, np.isin(kept["ids"], sorted(WORN)))
    if places is None:
        raise ItemError(
            "the photo shows no worn garment", code="no_place", hint="Leave this pair out."
        )
    return {**kept, "places": places, "places_mirrored": mirrored_places(places)}


def mirrored_places(places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Control points ``float32 [100, 2]`` of a warp when person and garment are turned over."""
    rows = places.reshape(GRID_SIZE, GRID_SIZE, 2)[:, ::-1]
    return np.ascontiguousarray((rows * np.array([-1, 1], np.float32)).reshape(-1, 2))


@dataclass(frozen=True, eq=False)
class Examples:
    """A batch as the networks take it; ``image`` ``float32 [B, 3, 256, 192]`` is the truth."""

    image: Tensor
    person: Tensor
    """``float32 [B, 22, 256, 192]``, as in ``conditions``."""
    garment: GarmentConditions
    worn: Tensor
    """Where the garment is on the person: ``float32 [B, 1, 256, 192]``, 0 or 1."""
    region: Tensor
    """``bool [B, 256, 192]``: where figures look."""
    joints: Tensor
    """``float32 [B, 25, 3]``."""
    places: Tensor
    """Of the control points, ``float32 [B, 100, 2]``."""

    @property
    def seen(self) -> Tensor:
        """What the first network is shown, ``[B, 25, 256, 192]``."""
        return torch.cat((self.garment.image, self.person), 1)


def examples(batch: Batch, config: VITONConfig) -> Examples:
    """The networks' inputs of an unpacked (and augmented) batch."""
    ids = batch["ids"]
    return Examples(
        image=batch["image"],
        person=person_input(batch["image"], ids, pose_squares(batch["joints"]), config),
        garment=GarmentConditions(batch["cloth"], batch["cloth_mask"].to(batch["cloth"])),
        worn=torch.isin(ids, ids.new_tensor(sorted(WORN)))[:, None].float(),
        region=batch["region"][:, 0],
        joints=batch["joints"],
        places=batch["places"],
    )
