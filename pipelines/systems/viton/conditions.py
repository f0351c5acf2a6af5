"""From photo, parse, pose and garment to the inputs of VITON's networks, all at 256x192.

Source: the loader of the published code (Han et al. 2018). Photos of another size are reduced with
Pillow's bilinear resize, labels with the nearest one (our choice). Pictures are ``(x / 255 - 0.5) /
0.5``; other than in CP-VTON masks and poses are 0 to 1, and what is left out of a photo is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines.body import BODY25_TO_COCO18, scaled
from pipelines.labels import HEAD_KEPT_CPVTON, LIP20
from pipelines.networks.pictures import levels, resized
from pipelines.preprocess.pose_heatmap import RADIUS
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.viton.config import VITONConfig
from pipelines.systems.viton.networks import PUBLISHED_SIZE
from pipelines.types import Pose, Size

_CELL = 16
"""Pixels, across and down, of each of the cells by whose means a body's shape is told."""


@dataclass(frozen=True, eq=False)
class GarmentConditions:
    """``image`` ``float32 [1, 3, 256, 192]`` in -1..1, ``mask`` ``float32 [1, 1, 256, 192]``."""

    image: Tensor
    mask: Tensor


def person_conditions(
    person: PersonInputs, config: VITONConfig, *, device: torch.device | None = None
) -> Tensor:
    """What is known of a person whose parse holds LIP20 ids: ``float32 [1, 22, 256, 192]``.

    Body shape 1 (0..1), head 3 (-1..1, 0 around it), pose 18 (0 or 1).
    """
    photo = levels(resized(person.image, PUBLISHED_SIZE))
    ids = torch.from_numpy(np.array(resized(person.parse.ids, PUBLISHED_SIZE, nearest=True)))
    pose = pose_maps(person.pose, person.image.shape[:2])
    return person_input(photo, ids[None], pose, config).to(device)


def person_input(photo: Tensor, ids: Tensor, pose: Tensor, config: VITONConfig) -> Tensor:
    """The same of a batch: photos ``[B, 3, ...]``, ids ``[B, ...]``, poses ``[B, 18, ...]``."""
    head = head_of(ids, config)[:, None]
    shape = coarse_shape(body_of(ids, config)[:, None].float())
    return torch.cat((shape, photo * head, pose), 1)


def garment_conditions(
    garment: GarmentInputs, *, device: torch.device | None = None
) -> GarmentConditions:
    """The inputs that a garment gives."""
    mask = resized(garment.mask.astype(np.uint8), PUBLISHED_SIZE, nearest=True)
    return GarmentConditions(
        image=levels(resized(garment.image, PUBLISHED_SIZE)).to(device),
        mask=torch.from_numpy(mask.astype(np.float32))[None, None].to(device),
    )


def head_of(ids: Tensor, config: VITONConfig) -> Tensor:
    """Where the photo is shown: hat, hair, sunglasses, face; ``bool`` of the shape of LIP20 ids."""
    labels = HEAD_KEPT_CPVTON | {int(LIP20.NECK)} if config.neck == "kept" else HEAD_KEPT_CPVTON
    return torch.isin(ids, ids.new_tensor(sorted(labels)))


def body_of(ids: Tensor, config: VITONConfig) -> Tensor:
    """Where a person and their clothes are below the head; ``bool`` of the shape of LIP20 ids."""
    body = (ids != LIP20.BACKGROUND) & ~head_of(ids, config)
    return body & (ids != LIP20.NECK) if config.neck == "background" else body


def coarse_shape(body: Tensor) -> Tensor:
    """A body ``float32 [B, 1, H, W]`` so coarse that it does not tell the worn garment, 0..1.

    The means of cells of 16x16 pixels, enlarged again. Height and width are multiples of 16.
    """
    height, width = body.shape[-2:]
    return enlarged(F.avg_pool2d(body, _CELL), Size(height, width))


def enlarged(maps: Tensor, size: Size) -> Tensor:
    """Maps ``[B, C, h, w]`` at another size as TensorFlow 1 does it by default, bilinearly.

    Pixel ``i`` of n is read at ``i * h / n``, so that the maps lie half a small pixel further up
    and left than they should; beyond the last pixel its value goes on.
    """
    rows, columns = (
        _steps(small, large).to(maps)
        for small, large in zip(maps.shape[-2:], (size.height, size.width), strict=True)
    )
    return rows @ maps @ columns.T


def pose_maps(pose: Pose, photo_hw: tuple[int, ...]) -> Tensor:
    """A filled square of 11x11 around each joint, in COCO-18's order.

    ``float32 [1, 18, 256, 192]``, 0 or 1. ``pose`` is in pixels of a photo of ``photo_hw``.
    """
    height, width = PUBLISHED_SIZE
    small = scaled(pose, width / photo_hw[1], height / photo_hw[0])
    joints = np.column_stack([small.body.xy, small.body.score]).astype(np.float32)
    return pose_squares(torch.from_numpy(joints)[None])


def pose_squares(joints: Tensor) -> Tensor:
    """The same of a batch of joints ``[B, 25, 3]`` in pixels of 256x192: ``[B, 18, 256, 192]``.

    A joint that was not seen, or that lies above or left of the photo, has no square.
    """
    joints = joints[:, list(BODY25_TO_COCO18)]
    # as published, the fraction is cut off
    at = joints[..., :2].trunc()
    shown = (joints[..., 2] > 0) & (at >= 0).all(-1)
    columns, rows = (
        (torch.arange(side, device=joints.device) - place[..., None]).abs() <= RADIUS
        for side, place in zip(PUBLISHED_SIZE[::-1], at.unbind(-1), strict=True)
    )
    return (rows[..., :, None] & columns[..., None, :] & shown[..., None, None]).float()


def _steps(small: int, large: int) -> Tensor:
    """The share of each of ``small`` pixels in each of ``large`` ones: ``[large, small]``."""
    at = torch.arange(large) * (small / large)
    low = at.floor().long()
    high = (low + 1).clamp(max=small - 1)
    share = at - low
    steps = torch.zeros(large, small)
    steps.scatter_add_(1, low[:, None], (1 - share)[:, None])
    return steps.scatter_add_(1, high[:, None], share[:, None])
