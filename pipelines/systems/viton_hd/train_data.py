"""Examples of VITON-HD's trainers: what is kept of a pair, and the networks' inputs of a batch.

Kept are pixels as bytes, at the size of training: photo, garment as it is worn, pose picture and
its mirror image, labels, and bits that say where the garment is in its photo, where the
garment-free picture is gray, where the garment-free parse is empty, and where figures look
(``tryon_region``). From these the inputs of a whole batch are made on the device, equal to those of
``conditions`` for each example.
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
from pipelines.labels import LIP20, VITONHD7, VITONHD13, merge_table
from pipelines.networks.correlation import MATCHING_SIZE as MATCHING
from pipelines.networks.pictures import label_maps, resized
from pipelines.preprocess.agnostic import GRAY, image_agnostic, parse_agnostic
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.viton_hd.conditions import (
    GarmentConditions,
    PersonConditions,
    bilinear,
    draw_pose_picture,
    nearest,
    seven_of_thirteen,
)
from pipelines.systems.viton_hd.config import ConditionsConfig
from pipelines.training import pair_data
from pipelines.training.task import Batch
from pipelines.training.tryon_augment import Changeable
from pipelines.training.tryon_data import Recipe, check_aspect
from pipelines.types import Keypoints, ParseMap, Pose, Size

VERSION = 2
"""Raised when equal inputs would give other arrays."""

BITS: Mapping[str, int] = {"cloth_mask": 1, "painted": 2, "erased": 4, "region": 8}
"""Masks that are kept in one array, ``bits``."""
CHANGEABLE = Changeable(
    labels=VITONHD13,
    worn=(VITONHD13.UPPER,),
    flipped=("painted", "erased", "region"),
    mirrored=("pose",),
)
_GRAY = (GRAY / 255 - 0.5) / 0.5


def recipe(config: ConditionsConfig) -> Recipe:
    """How examples are kept, for ``pipelines.training.tryon_data``."""

    def derive(person: PersonInputs, garment: GarmentInputs) -> Mapping[str, NDArray[Any]]:
        return kept_arrays(person, garment, config)

    return Recipe(derive, {"viton-hd": VERSION, **config.to_json()})


def kept_arrays(
    person: PersonInputs, garment: GarmentInputs, config: ConditionsConfig
) -> dict[str, NDArray[Any]]:
    """What is kept of a pair, for ``size_hw`` (H, W) of the config.

    ``image``, ``cloth``, ``pose``, ``pose_mirrored`` uint8 [H, W, 3]; ``ids`` (LIP20, 255 =
    unknown) and ``bits`` uint8 [H, W]; ``joints`` float32 [25, 3]. Raises ``ItemError``
    (``uncertain_pose``, ``size_mismatch``, ``no_garment``).
    """
    garment = worn_part(garment)
    size = Size(*config.size_hw)
    height, width = person.image.shape[:2]
    check_aspect("the photo", (height, width), size)
    image = resized(person.image, size)
    parse = ParseMap(resized(person.parse.ids, size, nearest=True), person.parse.labels)
    pose = person.pose
    if (height, width) != size:
        pose = scaled(pose, size.width / width, size.height / height)
    # on a black photo the gray says where it is painted
    black = np.zeros_like(image)
    masks = {
        "cloth_mask": resized(garment.mask.astype(np.uint8), size, nearest=True) > 0,
        "painted": image_agnostic(black, parse, pose, config.agnostic)[..., 0] > 0,
        "erased": parse_agnostic(parse, pose).ids != parse.ids,
        "region": tryon_region(parse),
    }
    return {
        "image": image,
        "cloth": resized(garment.image, size),
        "pose": draw_pose_picture(pose, size, config.pose_points),
        "pose_mirrored": draw_pose_picture(mirror_pose(pose, size.width), size, config.pose_points),
        "ids": parse.ids,
        "bits": pair_data.packed(masks, BITS),
        "joints": np.column_stack([pose.body.xy, pose.body.score]).astype(np.float32),
    }


def unpacked(kept: Batch) -> Batch:
    """Kept arrays of a batch as floats on their device.

    ``image``, ``cloth``, ``pose``, ``pose_mirrored`` float32 [B, 3, H, W] in -1..1; ``cloth_mask``,
    ``painted``, ``erased``, ``region`` bool [B, 1, H, W]; ``ids`` int64 [B, H, W] of VITONHD13;
    ``joints``.
    """
    made = pair_data.unpacked(kept, ("image", "cloth", "pose", "pose_mirrored"), BITS)
    table = torch.zeros(256, dtype=torch.long)
    for source, target in merge_table(LIP20, VITONHD13).items():
        table[source] = target
    return {**made, "ids": table.to(made["ids"].device)[made["ids"]]}


def pose_redrawn(batch: Batch, which: Tensor, points: str) -> Batch:
    """An unpacked batch whose pose pictures, where ``which`` [B] says so, are those of ``joints``.

    ``points``: see ``ConditionsConfig.pose_points``; feet are drawn then, hands never.
    """
    pictures = batch["pose"].clone()
    size = Size(*pictures.shape[-2:])
    for row in torch.nonzero(which)[:, 0].tolist():
        body = batch["joints"][row].cpu().numpy()
        pose = Pose(Keypoints(np.ascontiguousarray(body[:, :2]), body[:, 2].copy()))
        drawn = torch.tensor(draw_pose_picture(pose, size, points), device=pictures.device)
        pictures[row] = drawn.permute(2, 0, 1) / 127.5 - 1
    return {**batch, "pose": pictures}


@dataclass(frozen=True, eq=False)
class Examples:
    """A batch as the networks take it."""

    person: PersonConditions
    garment: GarmentConditions
    image: Tensor
    """``float32 [B, 3, H, W]`` in -1..1: the truth."""
    parse: Tensor
    """``float32 [B, 7, H, W]``, one-hot ``VITONHD7``: the true layout."""
    ids: Tensor
    """``int64 [B, H, W]``, ``VITONHD13``."""
    painted: Tensor
    """``float32 [B, 1, H, W]``: 1 where the garment-free picture is gray."""
    region: Tensor
    """``bool [B, H, W]``: where figures look."""
    joints: Tensor
    """``float32 [B, 25, 3]``."""

    @property
    def size(self) -> Size:
        """The size of training."""
        return Size(*self.image.shape[-2:])


def examples(batch: Batch) -> Examples:
    """The networks' inputs of an unpacked (and augmented) batch."""
    image, cloth, ids = batch["image"], batch["cloth"], batch["ids"]
    mask = batch["cloth_mask"].to(image)
    agnostic = torch.where(batch["painted"], _GRAY, image)
    groups = label_maps(ids.masked_fill(batch["erased"][:, 0], 0), len(VITONHD13))
    person = PersonConditions(
        parse_agnostic=bilinear(groups, MATCHING),
        pose_bilinear=bilinear(batch["pose"], MATCHING),
        pose_nearest=nearest(batch["pose"], MATCHING),
        agnostic_nearest=nearest(agnostic, MATCHING),
        pose=batch["pose"],
        agnostic=agnostic,
    )
    garment = GarmentConditions(
        masked=torch.cat((bilinear(mask, MATCHING), bilinear(cloth * mask, MATCHING)), 1),
        image_nearest=nearest(cloth, MATCHING),
        image=cloth,
        mask=mask,
    )
    parse = label_maps(seven_of_thirteen(ids), len(VITONHD7))
    painted = batch["painted"].to(image)
    return Examples(
        person, garment, image, parse, ids, painted, batch["region"][:, 0], batch["joints"]
    )
