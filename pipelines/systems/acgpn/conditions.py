"""From photo, parse, pose and garment to the inputs of ACGPN's networks, all at 256x192.

Source: the data loader of ACGPN (Yang et al. 2020). Photos and the maps of the joints are brought
to 256x192 by way of a width of 512 (bicubic; labels and masks nearest), as there. Pictures are
``(x / 255 - 0.5) / 0.5``, masks 0 or 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PilImage
from torch import Tensor

from pipelines.body import scaled
from pipelines.labels import ACGPN14, LIP20
from pipelines.networks.pictures import levels
from pipelines.preprocess.pose_heatmap import pose_squares
from pipelines.relabel import relabel
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.acgpn.config import ACGPNConfig
from pipelines.systems.acgpn.networks import PUBLISHED_SIZE
from pipelines.types import ParseMap, Pose

CHANNELS = 14
"""Of a layout; two of them are never used."""

_BETWEEN = 512
ARMS = (ACGPN14.LEFT_ARM, ACGPN14.RIGHT_ARM)
FUSED = (*ARMS, ACGPN14.NOISE)
"""Labels that are hidden in the upper clothes, so that the worn sleeves do not show."""


@dataclass(frozen=True, eq=False)
class PersonConditions:
    """What depends on the person alone, one device.

    ``image`` ``float32 [1, 3, 256, 192]`` in -1..1, ``labels`` ``int64 [256, 192]`` of ``ACGPN14``,
    ``pose`` ``float32 [1, 18, 256, 192]`` in about -1..1.
    """

    image: Tensor
    labels: Tensor
    pose: Tensor


@dataclass(frozen=True, eq=False)
class GarmentConditions:
    """``image`` ``float32 [1, 3, 256, 192]`` in -1..1, ``mask`` ``float32 [1, 1, 256, 192]``."""

    image: Tensor
    mask: Tensor


def person_conditions(
    person: PersonInputs, config: ACGPNConfig, *, device: torch.device | None = None
) -> PersonConditions:
    """The inputs that a person gives; its parse holds LIP20 ids."""
    return PersonConditions(
        image=levels(resized(person.image)).to(device),
        labels=torch.from_numpy(labels_of(person.parse, config).astype(np.int64)).to(device),
        pose=pose_maps(person.pose, person.image.shape[:2]).to(device),
    )


def garment_conditions(
    garment: GarmentInputs, *, device: torch.device | None = None
) -> GarmentConditions:
    """The inputs that a garment gives."""
    mask = resized(garment.mask.astype(np.uint8), nearest=True).astype(np.float32)
    return GarmentConditions(
        image=levels(resized(garment.image)).to(device),
        mask=torch.from_numpy(mask)[None, None].to(device),
    )


def labels_of(parse: ParseMap, config: ACGPNConfig) -> NDArray[np.uint8]:
    """``ACGPN14`` ids of LIP20 ids, ``uint8 [256, 192]``."""
    return lip_labels(ParseMap(resized(parse.ids, nearest=True), parse.labels), config)


def lip_labels(parse: ParseMap, config: ACGPNConfig) -> NDArray[np.uint8]:
    """``ACGPN14`` ids of LIP20 ids, of the same shape."""
    found = relabel(parse, ACGPN14).ids
    if config.neck == "skin":
        found = np.where(parse.ids == LIP20.NECK, np.uint8(ACGPN14.FACE), found)
    return found


def pose_maps(pose: Pose, photo_hw: tuple[int, ...]) -> Tensor:
    """Squares around the joints, ``float32 [1, 18, 256, 192]``; ``pose`` is in photo pixels."""
    height, width = photo_hw[0], photo_hw[1]
    small = scaled(pose, PUBLISHED_SIZE.width / width, PUBLISHED_SIZE.height / height)
    # parity: the loader enlarges and reduces these maps as it does photos, which softens them
    softened = np.stack([_published(each) for each in pose_squares(small, PUBLISHED_SIZE)])
    return ((torch.from_numpy(softened).float() / 255 - 0.5) / 0.5)[None]


def resized(picture: NDArray[np.uint8], *, nearest: bool = False) -> NDArray[np.uint8]:
    """A picture, label map or mask ``uint8 [h, w(, 3)]`` at 256x192, as in the published loader.

    A picture that has this size already is left as it is, unlike there.
    """
    return picture if picture.shape[:2] == PUBLISHED_SIZE else _published(picture, nearest=nearest)


def _published(picture: NDArray[np.uint8], *, nearest: bool = False) -> NDArray[np.uint8]:
    how = PilImage.Resampling.NEAREST if nearest else PilImage.Resampling.BICUBIC
    height, width = picture.shape[:2]
    between = PilImage.fromarray(picture).resize((_BETWEEN, int(_BETWEEN * height / width)), how)
    made = between.resize((PUBLISHED_SIZE.width, PUBLISHED_SIZE.height), how)
    return np.asarray(made, np.uint8)
