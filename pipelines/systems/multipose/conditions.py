"""From photo, parse, joints and garment to the inputs of the three networks, all at 256x192.

Source: Sandagdorj, Thai and Ahn (2020), section 3. Pictures are ``(x / 255 - 0.5) / 0.5``, masks
and maps 0 or 1. Of the person, what is kept apart is what the text keeps apart: face, hair, shape,
each leg, lower clothes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.body import scaled
from pipelines.labels import LIP20
from pipelines.networks.pictures import levels, resized
from pipelines.networks.pose_maps import joint_squares
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.multipose.config import ConditionsConfig
from pipelines.systems.multipose.networks import WORKING_SIZE
from pipelines.types import Mask, Pose, Size

FACE = (LIP20.FACE, LIP20.SUNGLASSES)
HAIR = (LIP20.HAIR, LIP20.HAT)
BOTTOM = (LIP20.PANTS, LIP20.SKIRT)
UPPER = (LIP20.UPPER, LIP20.DRESS, LIP20.COAT)
"""What the new garment takes the place of."""


@dataclass(frozen=True, eq=False)
class PersonConditions:
    """``body`` ``float32 [1, 6 or 8, 256, 192]`` for SHS, ``without_clothes`` ``float32 [1, 3,
    256, 192]`` in -1..1 for TOG; one device.
    """  # noqa: D205 - one sentence

    body: Tensor
    without_clothes: Tensor


@dataclass(frozen=True, eq=False)
class GarmentConditions:
    """``image`` ``float32 [1, 3, 256, 192]`` in -1..1, ``mask`` ``float32 [1, 1, 256, 192]``."""

    image: Tensor
    mask: Tensor


def person_conditions(
    person: PersonInputs, config: ConditionsConfig, *, device: torch.device | None = None
) -> PersonConditions:
    """The inputs that a person gives; its parse holds LIP20 ids."""
    photo = levels(resized(person.image, WORKING_SIZE))
    ids = resized(person.parse.ids, WORKING_SIZE, nearest=True)

    def plane(*labels: int) -> Tensor:
        return torch.from_numpy(np.isin(ids, labels))[None, None].float()

    bottom = plane(*BOTTOM)
    if config.bottom == "colour":
        bottom = torch.where(bottom > 0, photo, 1.0)
    body = (
        plane(*FACE),
        plane(*HAIR),
        coarse_shape(ids != LIP20.BACKGROUND, config.coarse),
        plane(LIP20.LEFT_LEG),
        plane(LIP20.RIGHT_LEG),
        bottom,
    )
    white = plane(LIP20.BACKGROUND, *UPPER) > 0
    without = torch.where(white, torch.ones(()), photo)
    return PersonConditions(torch.cat(body, 1).to(device), without.to(device))


def garment_conditions(
    garment: GarmentInputs, config: ConditionsConfig, *, device: torch.device | None = None
) -> GarmentConditions:
    """The inputs that a garment gives."""
    small = resized(garment.mask.astype(np.uint8), WORKING_SIZE, nearest=True)
    mask = torch.from_numpy(small.astype(np.float32))[None, None]
    image = garment.image
    if config.garment_on_white:
        image = np.where(garment.mask[..., None], image, np.uint8(255))
    return GarmentConditions(levels(resized(image, WORKING_SIZE)).to(device), mask.to(device))


def pose_conditions(
    pose: Pose, size: Size, config: ConditionsConfig, *, device: torch.device | None = None
) -> Tensor:
    """Maps of a pose, in pixels of a picture of ``size``: ``float32 [1, 18, 256, 192]``, 0 or 1."""
    small = scaled(pose, WORKING_SIZE.width / size.width, WORKING_SIZE.height / size.height)
    joints = np.concatenate((small.body.xy, small.body.score[:, None]), 1)[None]
    maps = joint_squares(torch.from_numpy(joints), WORKING_SIZE, config.heat_radius)
    return maps.to(device)


def coarse_shape(body: Mask, factor: int) -> Tensor:
    """A body ``bool [256, 192]`` reduced by a factor and enlarged: ``float32 [1, 1, 256, 192]``."""
    least = Size(*(max(1, side // factor) for side in WORKING_SIZE))
    coarse = resized(np.where(body, np.uint8(255), np.uint8(0)), least)
    values: NDArray[np.uint8] = resized(coarse, WORKING_SIZE)
    return torch.from_numpy(values.astype(np.float32) / 255)[None, None]
