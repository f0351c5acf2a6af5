"""Examples of the multi-pose trainers: what is kept, and the networks' inputs of a batch.

Kept are bytes at 256x192: source and target photo, their labels, the garment as it is worn, and
the target's joints. From these the inputs of a whole batch are made on the device, equal to those
of ``conditions`` for each example.
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
from torch.nn import functional as F

from pipelines.garments.prepare import worn_part
from pipelines.labels import LIP20, LIP20_TOPS
from pipelines.networks.pictures import label_maps, levels_of_batch
from pipelines.networks.pose_maps import joint_squares
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.multipose.conditions import (
    GarmentConditions,
    PersonConditions,
    conditions_of_batch,
    shown_garment,
)
from pipelines.systems.multipose.config import ConditionsConfig
from pipelines.systems.multipose.networks import LABELS, WORKING_SIZE
from pipelines.training.posed_data import PosedRecipe, at_size
from pipelines.training.task import Batch
from pipelines.training.tryon_augment import Changeable

VERSION = 1
"""Raised when equal inputs would give other arrays."""

_WHITE = 1.0

# the source keeps its colours: what is left of its own garment must not tell the new one's
CHANGEABLE = Changeable(
    labels=LIP20, worn=LIP20_TOPS, flipped=("source",), mirrored=(), labelled=("source_ids",)
)


def recipe(config: ConditionsConfig, sources: int) -> PosedRecipe:
    """How examples are kept, for ``pipelines.training.tryon_data``."""
    depends = {"multipose": VERSION, "garment_on_white": config.garment_on_white}
    return PosedRecipe(partial(kept_arrays, config=config), depends, WORKING_SIZE, sources)


def kept_arrays(
    source: PersonInputs, target: PersonInputs, garment: GarmentInputs, config: ConditionsConfig
) -> Mapping[str, NDArray[Any]]:
    """What is kept of a person in two poses, the target in the garment.

    ``source``, ``image`` (the target), ``cloth`` uint8 [256, 192, 3]; ``source_ids``, ``ids``
    (LIP20, 255 = unknown) and ``cloth_mask`` (0 or 1) uint8 [256, 192]; ``joints`` of the target
    float32 [25, 3]. Raises ``ItemError`` (``size_mismatch``, ``no_garment``).
    """
    source, target = at_size(source, WORKING_SIZE), at_size(target, WORKING_SIZE)
    cloth, mask = shown_garment(worn_part(garment), config)
    joints = target.pose.body
    return {
        "source": source.image,
        "source_ids": source.parse.ids,
        "image": target.image,
        "ids": target.parse.ids,
        "joints": np.column_stack([joints.xy, joints.score]).astype(np.float32),
        "cloth": cloth,
        "cloth_mask": mask,
    }


def unpacked(kept: Batch) -> Batch:
    """Kept arrays of a batch, pictures as floats, on their device.

    ``source``, ``image``, ``cloth`` float32 [B, 3, 256, 192] in -1..1; ``source_ids``, ``ids``
    int64 [B, 256, 192]; ``cloth_mask`` bool [B, 1, 256, 192]; ``joints`` as they are.
    """
    return {
        **{name: levels_of_batch(kept[name]) for name in ("source", "image", "cloth")},
        **{name: kept[name].long() for name in ("source_ids", "ids")},
        "cloth_mask": kept["cloth_mask"][:, None] > 0,
        "joints": kept["joints"],
    }


def in_own_pose(batch: Batch, which: Tensor) -> Batch:
    """An unpacked batch; where ``which`` (bool [B]), the source is the target itself."""
    return {
        **batch,
        "source": torch.where(which[:, None, None, None], batch["image"], batch["source"]),
        "source_ids": torch.where(which[:, None, None], batch["ids"], batch["source_ids"]),
    }


@dataclass(frozen=True, eq=False)
class Examples:
    """A batch as the networks take it, and the target photo with what it shows."""

    person: PersonConditions
    """Of the source."""
    garment: GarmentConditions
    pose: Tensor
    """``float32 [B, 18, 256, 192]``, 0 or 1: the target's."""
    source: Tensor
    image: Tensor
    """The photos ``float32 [B, 3, 256, 192]`` in -1..1; ``image`` is the truth."""
    ids: Tensor
    """``int64 [B, 256, 192]``, LIP20: the truth; 255 where it is unknown."""
    joints: Tensor
    """``float32 [B, 25, 3]``: the target's."""

    @property
    def known(self) -> Tensor:
        """Where the truth has a label: ``float32 [B, 1, 256, 192]``, 0 or 1."""
        return (self.ids < LABELS)[:, None].float()

    @property
    def segmentation(self) -> Tensor:
        """The true labels as maps ``float32 [B, 20, 256, 192]``; unknown ones are in none."""
        return label_maps(torch.where(self.ids < LABELS, self.ids, 0), LABELS) * self.known

    @property
    def worn(self) -> Tensor:
        """Where the garment is on the person: ``float32 [B, 1, 256, 192]``, 0 or 1."""
        upper = torch.tensor(LIP20_TOPS, device=self.ids.device)
        return torch.isin(self.ids, upper)[:, None].float()

    @property
    def worn_garment(self) -> Tensor:
        """The garment on the person, all else white: ``float32 [B, 3, 256, 192]`` in -1..1."""
        return torch.where(self.worn > 0, self.image, _WHITE)

    def halved(self) -> Examples:
        """The same at half the size."""

        def half(maps: Tensor) -> Tensor:
            return F.avg_pool2d(maps, 2)

        return Examples(
            person=PersonConditions(half(self.person.body), half(self.person.without_clothes)),
            garment=GarmentConditions(half(self.garment.image), half(self.garment.mask)),
            pose=half(self.pose),
            source=half(self.source),
            image=half(self.image),
            ids=self.ids[:, ::2, ::2],
            joints=self.joints * self.joints.new_tensor([0.5, 0.5, 1.0]),
        )


def examples(batch: Batch, config: ConditionsConfig) -> Examples:
    """The networks' inputs of an unpacked (and augmented) batch."""
    return Examples(
        person=conditions_of_batch(batch["source"], batch["source_ids"], config),
        garment=GarmentConditions(batch["cloth"], batch["cloth_mask"].to(batch["cloth"])),
        pose=joint_squares(batch["joints"], WORKING_SIZE, config.heat_radius),
        source=batch["source"],
        image=batch["image"],
        ids=batch["ids"],
        joints=batch["joints"],
    )
