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
from pipelines.labels import LIP20, LIP20_TOPS
from pipelines.networks.pictures import levels, resized, resized_levels
from pipelines.networks.pose_maps import joint_squares
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.multipose.config import ConditionsConfig
from pipelines.systems.multipose.networks import WORKING_SIZE
from pipelines.types import Image, Pose, Size

FACE = (LIP20.FACE, LIP20.SUNGLASSES)
HAIR = (LIP20.HAIR, LIP20.HAT)
BOTTOM = (LIP20.PANTS, LIP20.SKIRT)


@dataclass(frozen=True, eq=False)
class PersonConditions:
    """``body`` ``float32 [B, 6 or 8, 256, 192]`` (3 without the bottom parts) for SHS,
    ``without_clothes`` ``float32 [B, 3, 256, 192]`` in -1..1 for TOG; one device.
    """  # noqa: D205 - one sentence

    body: Tensor
    without_clothes: Tensor


@dataclass(frozen=True, eq=False)
class GarmentConditions:
    """``image`` ``float32 [B, 3, 256, 192]`` in -1..1, ``mask`` ``float32 [B, 1, 256, 192]``."""

    image: Tensor
    mask: Tensor


def person_conditions(
    person: PersonInputs, config: ConditionsConfig, *, device: torch.device | None = None
) -> PersonConditions:
    """The inputs that a person gives; its parse holds LIP20 ids."""
    photo = levels(resized(person.image, WORKING_SIZE))
    ids = torch.from_numpy(resized(person.parse.ids, WORKING_SIZE, nearest=True).astype(np.int64))
    return conditions_of_batch(photo.to(device), ids[None].to(device), config)


def conditions_of_batch(photo: Tensor, ids: Tensor, config: ConditionsConfig) -> PersonConditions:
    """The inputs of photos ``float32 [B, 3, 256, 192]`` in -1..1 and LIP20 ids ``int64 [B, 256,
    192]``.
    """  # noqa: D205 - one sentence

    def plane(*labels: int) -> Tensor:
        return torch.isin(ids, torch.tensor(labels, device=ids.device))[:, None].float()

    shape = coarse_shape((ids != LIP20.BACKGROUND)[:, None].float(), config.coarse)
    body = [plane(*FACE), plane(*HAIR), shape]
    if config.bottom != "none":
        bottom = plane(*BOTTOM)
        if config.bottom == "colour":
            bottom = torch.where(bottom > 0, photo, 1.0)
        body += [plane(LIP20.LEFT_LEG), plane(LIP20.RIGHT_LEG), bottom]
    white = plane(LIP20.BACKGROUND, *LIP20_TOPS) > 0
    return PersonConditions(torch.cat(body, 1), torch.where(white, 1.0, photo))


def garment_conditions(
    garment: GarmentInputs, config: ConditionsConfig, *, device: torch.device | None = None
) -> GarmentConditions:
    """The inputs that a garment gives."""
    image, mask = shown_garment(garment, config)
    plane = torch.from_numpy(mask.astype(np.float32))[None, None]
    return GarmentConditions(levels(image).to(device), plane.to(device))


def shown_garment(
    garment: GarmentInputs, config: ConditionsConfig
) -> tuple[Image, NDArray[np.uint8]]:
    """A garment as networks see it, ``uint8 [256, 192, 3]``, and its mask, 0 or 1."""
    image = garment.image
    if config.garment_on_white:
        image = np.where(garment.mask[..., None], image, np.uint8(255))
    mask = resized(garment.mask.astype(np.uint8), WORKING_SIZE, nearest=True)
    return resized(image, WORKING_SIZE), mask


def pose_conditions(
    pose: Pose, size: Size, config: ConditionsConfig, *, device: torch.device | None = None
) -> Tensor:
    """Maps of a pose, in pixels of a picture of ``size``: ``float32 [1, 18, 256, 192]``, 0 or 1."""
    small = scaled(pose, WORKING_SIZE.width / size.width, WORKING_SIZE.height / size.height)
    joints = np.concatenate((small.body.xy, small.body.score[:, None]), 1)[None]
    maps = joint_squares(torch.from_numpy(joints), WORKING_SIZE, config.heat_radius)
    return maps.to(device)


def coarse_shape(bodies: Tensor, factor: int) -> Tensor:
    """Bodies ``float32 [B, 1, 256, 192]``, 0 or 1, reduced by a factor and enlarged again: 0..1."""
    least = Size(*(max(1, side // factor) for side in WORKING_SIZE))
    return resized_levels(resized_levels(255 * bodies, least), WORKING_SIZE) / 255
