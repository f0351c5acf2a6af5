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

import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.labels import ACGPN14, LIP20, LIP20_TOPS
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
from pipelines.training.pair_data import kept_pair
from pipelines.training.pose_windows import MIRRORED, kept_windows, maps_of_windows
from pipelines.training.task import Batch
from pipelines.training.tryon_augment import Changeable
from pipelines.training.tryon_data import Recipe

VERSION = 1
"""Raised when equal inputs would give other arrays."""

CHANGEABLE = Changeable(
    labels=LIP20,
    worn=LIP20_TOPS,
    flipped=("region",),
    mirrored=MIRRORED,
)


def recipe() -> Recipe:
    """How examples are kept, for ``pipelines.training.tryon_data``; the same for every config."""
    return Recipe(kept_arrays, {"acgpn": VERSION, "size_hw": list(PUBLISHED_SIZE)})


def kept_arrays(person: PersonInputs, garment: GarmentInputs) -> Mapping[str, NDArray[Any]]:
    """What is kept of a pair: that of ``kept_pair`` at 256x192, and the pose's windows.

    Raises ``ItemError`` (``size_mismatch``, ``no_garment``).
    """
    kept = kept_pair(person, garment, PUBLISHED_SIZE, resized)
    return {**kept, **kept_windows(person, pose_pixels)}


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
