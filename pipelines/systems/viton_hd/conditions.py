"""From photo, parse, pose and garment to the inputs of the networks.

Source: the data loader and the inference script of VITON-HD (Choi et al. 2021). Photos are brought
to the working size by a bilinear, label maps and masks by a nearest resize (Pillow's, as there);
the picture of the pose is drawn large and reduced, so that its lines are the same share of the
picture at every size. Pictures are ``(x / 255 - 0.5) / 0.5``, masks 0 or 1.

What depends on the person alone and on the garment alone is made once, in one frozen object each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines.body import BODY25_TO_COCO18, scaled
from pipelines.labels import VITONHD13, VITONHD13_TO_VITONHD7
from pipelines.networks.correlation import MATCHING_SIZE as MATCHING
from pipelines.networks.pictures import levels, one_hot, resized
from pipelines.preprocess.agnostic import image_agnostic, parse_agnostic
from pipelines.preprocess.pose_image import draw_pose
from pipelines.relabel import relabel
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.viton_hd.config import ConditionsConfig
from pipelines.types import Image, Keypoints, ParseMap, Pose, Size

POSE_WIDTH = 768
"""Width that pose pictures are drawn at, or the working width where that is larger."""


@dataclass(frozen=True, eq=False)
class PersonConditions:
    """What depends on the person alone: ``float32 [1, C, h, w]``, one device.

    At 256x192, whatever the working size is: ``parse_agnostic`` (13 groups, softened by the
    resize) and ``pose_bilinear`` for the segmentation, ``pose_nearest`` and ``agnostic_nearest``
    for the matching. At the working size: ``pose`` and ``agnostic`` in -1..1.
    """

    parse_agnostic: Tensor
    pose_bilinear: Tensor
    pose_nearest: Tensor
    agnostic_nearest: Tensor
    pose: Tensor
    agnostic: Tensor

    @property
    def size(self) -> Size:
        """The working size."""
        return Size(*self.agnostic.shape[-2:])


@dataclass(frozen=True, eq=False)
class GarmentConditions:
    """What depends on the garment alone: ``float32 [1, C, h, w]``, one device.

    At 256x192, whatever the working size is: ``masked`` is mask and garment times mask (4
    channels, bilinear) for the segmentation, ``image_nearest`` the whole garment picture for the
    matching. At the working size: ``image`` in -1..1 and ``mask`` 0 or 1.
    """

    masked: Tensor
    image_nearest: Tensor
    image: Tensor
    mask: Tensor


def person_conditions(
    person: PersonInputs,
    config: ConditionsConfig,
    *,
    device: torch.device | None = None,
    pose_picture: Image | None = None,
) -> PersonConditions:
    """The inputs that a person gives; its parse holds LIP20 ids.

    ``pose_picture`` ``uint8 [h, w, 3]`` is used instead of one drawn from the pose. Raises
    ``ItemError`` (``uncertain_pose``) when both shoulders are missing.
    """
    size = Size(*config.size_hw)
    height, width = person.image.shape[:2]
    image = resized(person.image, size)
    parse = ParseMap(resized(person.parse.ids, size, nearest=True), person.parse.labels)
    pose = person.pose
    if (height, width) != size:
        pose = scaled(pose, size.width / width, size.height / height)
    if pose_picture is None:
        pose_picture = draw_pose_picture(pose, size, config.pose_points)
    groups = relabel(parse_agnostic(parse, pose), VITONHD13).ids
    agnostic = levels(image_agnostic(image, parse, pose, config.agnostic)).to(device)
    drawn = levels(resized(pose_picture, size)).to(device)
    return PersonConditions(
        parse_agnostic=bilinear(one_hot(groups, len(VITONHD13)).to(device), MATCHING),
        pose_bilinear=bilinear(drawn, MATCHING),
        pose_nearest=nearest(drawn, MATCHING),
        agnostic_nearest=nearest(agnostic, MATCHING),
        pose=drawn,
        agnostic=agnostic,
    )


def garment_conditions(
    garment: GarmentInputs, config: ConditionsConfig, *, device: torch.device | None = None
) -> GarmentConditions:
    """The inputs that a garment gives."""
    size = Size(*config.size_hw)
    image = levels(resized(garment.image, size)).to(device)
    ids = resized(garment.mask.astype(np.uint8), size, nearest=True)
    mask = torch.from_numpy(ids.astype(np.float32))[None, None].to(device)
    return GarmentConditions(
        masked=torch.cat((bilinear(mask, MATCHING), bilinear(image * mask, MATCHING)), 1),
        image_nearest=nearest(image, MATCHING),
        image=image,
        mask=mask,
    )


def draw_pose_picture(pose: Pose, size: Size, points: str = "all") -> Image:
    """The pose on black ``uint8 [H, W, 3]``; ``pose`` is in pixels of ``size``.

    ``points``: see ``ConditionsConfig.pose_points``.
    """
    if points == "body":
        pose = _body_alone(pose)
    factor = POSE_WIDTH / size.width
    if factor <= 1:
        return draw_pose(pose, size)
    large = Size(round(size.height * factor), POSE_WIDTH)
    drawn = draw_pose(scaled(pose, large.width / size.width, large.height / size.height), large)
    return resized(drawn, size)


def _body_alone(pose: Pose) -> Pose:
    """The joints that COCO-18 has, with the middle of the hips."""
    score = np.zeros_like(pose.body.score)
    kept = [*BODY25_TO_COCO18, 8]
    score[kept] = pose.body.score[kept]
    return Pose(Keypoints(np.where(score[:, None] > 0, pose.body.xy, 0), score))


def seven_of_thirteen(labels: Tensor) -> Tensor:
    """VITONHD7 ids of VITONHD13 ids, integers of any shape."""
    table = [VITONHD13_TO_VITONHD7[group] for group in range(len(VITONHD13))]
    return torch.tensor(table, dtype=labels.dtype, device=labels.device)[labels.long()]


def bilinear(values: Tensor, size: Size) -> Tensor:
    """Another height and width, without antialiasing, as the published chain does it."""
    return F.interpolate(values, size=tuple(size), mode="bilinear", align_corners=False)


def nearest(values: Tensor, size: Size) -> Tensor:
    """Another height and width by the nearest pixel, as the published chain does it."""
    return F.interpolate(values, size=tuple(size), mode="nearest")
