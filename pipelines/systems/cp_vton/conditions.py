"""From photo, parse, pose and garment to the inputs of CP-VTON's networks, all at 256x192.

Source: the data loaders of CP-VTON (Wang et al. 2018) and CP-VTON+ (Minar et al. 2020). Their files
have this size already, made by a bilinear resize of pictures and a nearest one of labels (Pillow's
here). Pictures are ``(x / 255 - 0.5) / 0.5``, masks 0 or 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.body import scaled
from pipelines.labels import CLOTH_CPVTON, LIP20
from pipelines.networks.pictures import levels, resized
from pipelines.preprocess.pose_heatmap import pose_squares
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.cp_vton.config import CPVTONConfig
from pipelines.systems.cp_vton.networks import PUBLISHED_SIZE
from pipelines.types import Image, Mask, Pose, Size

_COARSE = Size(PUBLISHED_SIZE.height // 16, PUBLISHED_SIZE.width // 16)
"""Size at which a body's shape is blurred."""


@dataclass(frozen=True, eq=False)
class PersonConditions:
    """What depends on the person alone: two times ``float32 [1, 22, 256, 192]``, one device.

    Each is the body's shape 1, what is kept of the photo 3, the pose 18, all in -1..1: what the
    ``matching`` and what the ``tryon`` module sees, which in CP-VTON is the same.
    """

    matching: Tensor
    tryon: Tensor


@dataclass(frozen=True, eq=False)
class GarmentConditions:
    """``image`` ``float32 [1, 3, 256, 192]`` in -1..1, ``mask`` ``float32 [1, 1, 256, 192]``."""

    image: Tensor
    mask: Tensor


def person_conditions(
    person: PersonInputs, config: CPVTONConfig, *, device: torch.device | None = None
) -> PersonConditions:
    """The inputs that a person gives; its parse holds LIP20 ids."""
    photo = resized(person.image, PUBLISHED_SIZE)
    ids = resized(person.parse.ids, PUBLISHED_SIZE, nearest=True)
    shape = body_shape(body_of(ids, config))
    pose = pose_maps(person.pose, person.image.shape[:2])

    def seen(labels: frozenset[int]) -> Tensor:
        kept = kept_of_photo(photo, kept_mask(ids, labels, config))
        return torch.cat((shape, kept, pose), 1).to(device)

    matching = seen(config.matching_kept)
    same = config.matching_kept == config.tryon_kept
    return PersonConditions(matching, matching if same else seen(config.tryon_kept))


def garment_conditions(
    garment: GarmentInputs, *, device: torch.device | None = None
) -> GarmentConditions:
    """The inputs that a garment gives."""
    mask = resized(garment.mask.astype(np.uint8), PUBLISHED_SIZE, nearest=True)
    return GarmentConditions(
        image=levels(resized(garment.image, PUBLISHED_SIZE)).to(device),
        mask=torch.from_numpy(mask.astype(np.float32))[None, None].to(device),
    )


def worn_garment(person: PersonInputs) -> GarmentConditions:
    """The garment that a person wears, on white: what a bent one has to look like in training."""
    photo = levels(resized(person.image, PUBLISHED_SIZE))
    ids = resized(person.parse.ids, PUBLISHED_SIZE, nearest=True)
    worn = torch.from_numpy(np.isin(ids, sorted(CLOTH_CPVTON)))[None, None]
    return GarmentConditions(image=torch.where(worn, photo, 1.0), mask=worn.float())


def body_of(ids: NDArray[np.uint8], config: CPVTONConfig) -> Mask:
    """Where a person and their clothes are, of LIP20 ids; ``bool`` of the same shape."""
    outside = (LIP20.BACKGROUND, LIP20.NECK) if config.neck == "background" else (LIP20.BACKGROUND,)
    return np.isin(ids, outside, invert=True)


def kept_mask(ids: NDArray[np.uint8], labels: frozenset[int], config: CPVTONConfig) -> Mask:
    """Which part of the photo a network sees, of LIP20 ids; ``bool`` of the same shape."""
    wanted = labels | {int(LIP20.NECK)} if config.neck == "kept" else labels
    return np.isin(ids, sorted(wanted))


def body_shape(body: Mask) -> Tensor:
    """A body ``bool [256, 192]`` so coarse that it does not tell the worn garment.

    ``float32 [1, 1, 256, 192]`` in -1..1, 1 = inside.
    """
    coarse = resized(np.where(body, np.uint8(255), np.uint8(0)), _COARSE)
    return _plane(resized(coarse, PUBLISHED_SIZE))


def kept_of_photo(photo: Image, kept: Mask) -> Tensor:
    """The photo ``uint8 [256, 192, 3]`` on black: ``float32 [1, 3, 256, 192]`` in -1..1."""
    inside = torch.from_numpy(kept)
    return torch.where(inside, levels(photo), -1.0)


def photo_channels(seen: Tensor) -> Tensor:
    """What a network sees of the photo ``[B, 3, H, W]``, of all it sees of the person."""
    return seen[:, 1:4]


def pose_maps(pose: Pose, photo_hw: tuple[int, ...]) -> Tensor:
    """Squares around the joints, ``float32 [1, 18, 256, 192]``, -1 or 1.

    ``pose`` is in pixels of a photo of ``photo_hw``.
    """
    height, width = photo_hw[0], photo_hw[1]
    small = scaled(pose, PUBLISHED_SIZE.width / width, PUBLISHED_SIZE.height / height)
    squares = torch.from_numpy(pose_squares(small, PUBLISHED_SIZE))
    return (squares > 0).float()[None] * 2 - 1


def _plane(values: NDArray[np.uint8]) -> Tensor:
    """``uint8 [H, W]`` as ``float32 [1, 1, H, W]`` in -1..1."""
    return levels(np.broadcast_to(values[..., None], (*values.shape, 3)))[:, :1]
