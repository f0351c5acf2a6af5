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
from pipelines.labels import ACGPN14, LIP20, merge_table
from pipelines.networks.pictures import levels
from pipelines.preprocess.pose_heatmap import pose_squares
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.acgpn.config import ACGPNConfig
from pipelines.systems.acgpn.networks import PUBLISHED_SIZE
from pipelines.types import Pose

CHANNELS = 14
"""Of a layout; two of them are never used."""

_BETWEEN = 512
ARMS = (ACGPN14.LEFT_ARM, ACGPN14.RIGHT_ARM)
FUSED = (*ARMS, ACGPN14.NOISE)
"""Labels that are hidden in the upper clothes, so that the worn sleeves do not show."""


@dataclass(frozen=True, eq=False)
class PersonConditions:
    """What depends on the person alone, one device; training has several persons in a batch.

    ``image`` ``float32 [B, 3, 256, 192]`` in -1..1, ``labels`` ``int64 [B, 256, 192]`` of
    ``ACGPN14``, ``fused`` the same with everything in the upper clothes that would show their
    outline, ``pose`` ``float32 [B, 18, 256, 192]`` in about -1..1.
    """

    image: Tensor
    labels: Tensor
    fused: Tensor
    pose: Tensor

    def beside(self, other: PersonConditions) -> PersonConditions:
        """Both in one batch."""
        both = zip(vars(self).values(), vars(other).values(), strict=True)
        return PersonConditions(*(torch.cat(pair) for pair in both))


@dataclass(frozen=True, eq=False)
class GarmentConditions:
    """``image`` ``float32 [B, 3, 256, 192]`` in -1..1, ``mask`` ``float32 [B, 1, 256, 192]``."""

    image: Tensor
    mask: Tensor


def person_conditions(
    person: PersonInputs, config: ACGPNConfig, *, device: torch.device | None = None
) -> PersonConditions:
    """The inputs that a person gives; its parse holds LIP20 ids."""
    ids = torch.from_numpy(resized(person.parse.ids, nearest=True).astype(np.int64)).to(device)
    labels, hidden = person_labels(ids[None], config)
    return PersonConditions(
        image=levels(resized(person.image)).to(device),
        labels=labels,
        fused=hidden,
        pose=pose_levels(pose_pixels(person.pose, person.image.shape[:2]))[None].to(device),
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


def person_labels(ids: Tensor, config: ACGPNConfig) -> tuple[Tensor, Tensor]:
    """``labels`` and ``fused`` of ``PersonConditions``, of LIP20 ids ``int64 [B, H, W]``.

    In ``fused`` arms, noise and necks are upper clothes: where these end does not show, nor does
    the old neckline.
    """
    table = torch.from_numpy(_table(config).astype(np.int64)).to(ids.device)
    labels = table[ids]
    hidden = ids == LIP20.NECK
    for label in FUSED:
        hidden |= labels == label
    return labels, torch.where(hidden, int(ACGPN14.UPPER), labels)


def lip_labels(ids: NDArray[np.uint8], config: ACGPNConfig) -> NDArray[np.uint8]:
    """``ACGPN14`` ids of LIP20 ids, of the same shape."""
    found: NDArray[np.uint8] = _table(config)[ids]
    return found


def _table(config: ACGPNConfig) -> NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    for source, target in merge_table(LIP20, ACGPN14).items():
        table[source] = target
    if config.neck == "skin":
        table[LIP20.NECK] = ACGPN14.FACE
    return table


def pose_pixels(pose: Pose, photo_hw: tuple[int, ...]) -> NDArray[np.uint8]:
    """Squares around the joints, ``uint8 [18, 256, 192]``; ``pose`` is in photo pixels."""
    height, width = photo_hw[0], photo_hw[1]
    small = scaled(pose, PUBLISHED_SIZE.width / width, PUBLISHED_SIZE.height / height)
    # parity: the loader enlarges and reduces these maps as it does photos, which softens them
    return np.stack([_published(each) for each in pose_squares(small, PUBLISHED_SIZE)])


def pose_levels(pixels: NDArray[np.uint8] | Tensor) -> Tensor:
    """Such squares as float32 in -1..1, of the same shape."""
    return (torch.as_tensor(pixels).float() / 255 - 0.5) / 0.5


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
