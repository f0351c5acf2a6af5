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
from pipelines.networks.pictures import levels, resized, resized_levels
from pipelines.preprocess.pose_heatmap import pose_squares
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.cp_vton.config import CPVTONConfig
from pipelines.systems.cp_vton.networks import PUBLISHED_SIZE
from pipelines.types import Mask, Pose, Size

_COARSE = Size(PUBLISHED_SIZE.height // 16, PUBLISHED_SIZE.width // 16)
"""Size at which a body's shape is blurred."""
_BLACK, _WHITE = -1.0, 1.0


@dataclass(frozen=True, eq=False)
class PersonConditions:
    """What depends on the person alone: two times ``float32 [B, 22, 256, 192]``, one device.

    Training has several persons in a batch. Each is the body's shape 1, what is kept of the photo
    3, the pose 18, all in -1..1: what the ``matching`` and what the ``tryon`` module sees, which
    in CP-VTON is the same.
    """

    matching: Tensor
    tryon: Tensor


@dataclass(frozen=True, eq=False)
class GarmentConditions:
    """``image`` ``float32 [B, 3, 256, 192]`` in -1..1, ``mask`` ``float32 [B, 1, 256, 192]``."""

    image: Tensor
    mask: Tensor


def person_conditions(
    person: PersonInputs, config: CPVTONConfig, *, device: torch.device | None = None
) -> PersonConditions:
    """The inputs that a person gives; its parse holds LIP20 ids."""
    photo = levels(resized(person.image, PUBLISHED_SIZE)).to(device)
    ids = resized(person.parse.ids, PUBLISHED_SIZE, nearest=True)
    coarse = torch.from_numpy(coarse_body(body_of(ids, config)))[None, None].to(device)
    squares = torch.from_numpy(pose_pixels(person.pose, person.image.shape[:2]))[None].to(device)
    of_photo = torch.from_numpy(np.array(ids))[None].to(device)
    return seen_of_person(photo, of_photo, coarse, squares, config)


def seen_of_person(
    photo: Tensor, ids: Tensor, coarse: Tensor, squares: Tensor, config: CPVTONConfig
) -> PersonConditions:
    """What the networks see of a batch of persons.

    ``photo`` ``float32 [B, 3, 256, 192]`` in -1..1, LIP20 ``ids`` ``[B, 256, 192]``, the body's
    ``coarse`` shape ``uint8 [B, 1, 16, 12]``, ``squares`` around joints ``[B, 18, 256, 192]``
    (more than 0 = inside).
    """
    shape, pose = enlarged(coarse), (squares > 0).float() * 2 - 1

    def seen(labels: frozenset[int]) -> Tensor:
        kept = _is_one_of(ids, shown_labels(labels, config))
        return torch.cat((shape, torch.where(kept, photo, _BLACK), pose), 1)

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


def worn_garment(photo: Tensor, ids: Tensor) -> GarmentConditions:
    """The garments that persons wear, on white: what bent ones have to look like in training.

    ``photo`` ``float32 [B, 3, 256, 192]`` in -1..1, LIP20 ``ids`` ``[B, 256, 192]``.
    """
    worn = _is_one_of(ids, CLOTH_CPVTON)
    return GarmentConditions(image=torch.where(worn, photo, _WHITE), mask=worn.float())


def body_of(ids: NDArray[np.uint8], config: CPVTONConfig) -> Mask:
    """Where a person and their clothes are, of LIP20 ids; ``bool`` of the same shape."""
    outside = (LIP20.BACKGROUND, LIP20.NECK) if config.neck == "background" else (LIP20.BACKGROUND,)
    return np.isin(ids, outside, invert=True)


def shown_labels(labels: frozenset[int], config: CPVTONConfig) -> frozenset[int]:
    """LIP20 ids of what a network sees of the photo, of those that the published one sees."""
    return labels | {int(LIP20.NECK)} if config.neck == "kept" else labels


def coarse_body(body: Mask) -> NDArray[np.uint8]:
    """A body ``bool [256, 192]`` so coarse that it does not tell the worn garment.

    ``uint8 [16, 12]``, 255 = inside.
    """
    return np.array(resized(np.where(body, np.uint8(255), np.uint8(0)), _COARSE))


def enlarged(coarse: Tensor) -> Tensor:
    """Coarse shapes ``uint8 [B, 1, 16, 12]`` at full size: ``float32 [B, 1, 256, 192]``, -1..1.

    What Pillow makes of them.
    """
    return (resized_levels(coarse, PUBLISHED_SIZE).div(255) - 0.5).div(0.5)


def photo_channels(seen: Tensor) -> Tensor:
    """What a network sees of the photo ``[B, 3, H, W]``, of all it sees of the person."""
    return seen[:, 1:4]


def pose_pixels(pose: Pose, photo_hw: tuple[int, ...]) -> NDArray[np.uint8]:
    """Squares around the joints, ``uint8 [18, 256, 192]``, 0 or 255.

    ``pose`` is in pixels of a photo of ``photo_hw``.
    """
    height, width = photo_hw[0], photo_hw[1]
    small = scaled(pose, PUBLISHED_SIZE.width / width, PUBLISHED_SIZE.height / height)
    return pose_squares(small, PUBLISHED_SIZE)


def _is_one_of(ids: Tensor, labels: frozenset[int]) -> Tensor:
    """``bool [B, 1, H, W]`` of ids ``[B, H, W]``."""
    wanted = torch.tensor(sorted(labels), dtype=ids.dtype, device=ids.device)
    return torch.isin(ids, wanted)[:, None]
