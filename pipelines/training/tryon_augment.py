"""Random changes of try-on examples, in batches on the device."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines.labels import Labels, mirror_table
from pipelines.networks.pose_maps import mirrored_joints
from pipelines.training.task import Batch
from pipelines.training.tryon_settings import AugmentSettings

_TO_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))
"""Luma and two axes of colour; a turn of these two changes the hue alone (NTSC)."""

_IDS = 256
"""Ids that a label map of bytes can hold."""


@dataclass(frozen=True)
class Changeable:
    """What of a system's batches changes how.

    All have ``image`` and ``cloth`` float32 [B, 3, H, W] in -1..1, ``cloth_mask`` bool
    [B, 1, H, W], ``ids`` int64 [B, H, W] and ``joints`` float32 [B, 25, 3].
    """

    labels: type[Labels]
    """Of the ids."""
    worn: tuple[int, ...]
    """Labels of the garment on the person."""
    flipped: tuple[str, ...]
    """Further arrays [B, C, H, W] that are turned over with the photo."""
    mirrored: tuple[str, ...]
    """Arrays [B, ...] of which there is a mirror image already, ``<name>_mirrored``."""
    labelled: tuple[str, ...] = ()
    """Further label maps int64 [B, H, W], whose sides are exchanged in a mirror image."""


def augmented(
    batch: Batch, options: AugmentSettings, generator: torch.Generator, kinds: Changeable
) -> Batch:
    """An unpacked batch, mirrored, moved and recoloured at random.

    The garment photo alone is turned, scaled and shifted; a new colour is that of the garment in
    its photo and on the person alike. What is left of ``<name>_mirrored`` has no meaning.
    """
    batch = _flipped(batch, _between(batch, generator, 0, 1) < options.flip, kinds)
    batch = _garment_moved(batch, options, generator)
    return _recoloured(batch, options, generator, kinds)


def cropped(
    batch: Batch, often: float, least: float, generator: torch.Generator, kinds: Changeable
) -> tuple[Batch, Tensor]:
    """An unpacked batch in which some persons are seen as in a portrait, and which, bool [B].

    With the probability ``often`` a part of the person's photo, ``least`` to 1 of its height and
    width, takes its place; joints outside have a score of 0. The garment photo stays, and so do
    the arrays that are ``mirrored``: they are to be made anew from the joints.
    """
    image = batch["image"]
    height, width = image.shape[-2:]
    chosen = _between(batch, generator, 0, 1) < often
    share = torch.where(chosen, _between(batch, generator, least, 1), 1.0)[:, None]
    # in the units of the grid a picture is 2 wide
    centre = (1 - share) * _between(batch, generator, -1, 1, 2)
    matrix = torch.cat([torch.diag_embed(share.expand(-1, 2)), centre[:, :, None]], 2)
    grid = F.affine_grid(matrix, list(image.shape), align_corners=False)

    def part(pictures: Tensor) -> Tensor:
        mode = "bilinear" if pictures.is_floating_point() else "nearest"
        seen = F.grid_sample(pictures.float(), grid, mode, "border", align_corners=False)
        return torch.where(chosen[:, None, None, None], seen.to(pictures.dtype), pictures)

    made = dict(batch)
    for name in ("image", *kinds.flipped):
        made[name] = part(batch[name])
    for name in ("ids", *kinds.labelled):
        made[name] = part(batch[name][:, None])[:, 0]
    frame = image.new_tensor([width, height])
    corner = (centre + 1 - share) / 2 * frame
    # whole numbers are the centres of pixels
    places = (batch["joints"][..., :2] + 0.5 - corner[:, None]) / share[:, None]
    seen = ((places >= 0) & (places < frame)).all(-1, keepdim=True)
    found = seen & (batch["joints"][..., 2:] > 0)
    joints = torch.cat([places - 0.5, batch["joints"][..., 2:]], 2) * found
    made["joints"] = torch.where(chosen[:, None, None], joints, batch["joints"])
    return made, chosen


def relit(garment: Tensor, light: float, generator: torch.Generator) -> Tensor:
    """Garment photos ``[B, 3, H, W]`` in -1..1 in other light: contrast and brightness."""
    drawn = torch.rand((2, len(garment), 1, 1, 1), generator=generator, device=garment.device)
    contrast, shift = ((2 * drawn - 1) * light).unbind(0)
    return (garment * (1 + contrast) + shift).clamp(-1, 1)


def _between(
    batch: Batch, generator: torch.Generator, low: float, high: float, *shape: int
) -> Tensor:
    """Uniform numbers ``[B, *shape]``."""
    image = batch["image"]
    drawn = torch.rand((len(image), *shape), generator=generator, device=image.device)
    return low + (high - low) * drawn


def _flipped(batch: Batch, which: Tensor, kinds: Changeable) -> Batch:
    each = which[:, None, None, None]
    made = dict(batch)
    for name in ("image", "cloth", "cloth_mask", *kinds.flipped):
        made[name] = torch.where(each, batch[name].flip(-1), batch[name])
    for name in kinds.mirrored:
        chosen = which.view(-1, *[1] * (batch[name].ndim - 1))
        made[name] = torch.where(chosen, batch[f"{name}_mirrored"], batch[name])
    sides = mirror_table(kinds.labels)
    table = torch.tensor([sides.get(label, label) for label in range(_IDS)], device=each.device)
    for name in ("ids", *kinds.labelled):
        made[name] = torch.where(each[:, 0], table[batch[name].flip(-1)], batch[name])
    mirrored = mirrored_joints(batch["joints"], batch["image"].shape[-1])
    made["joints"] = torch.where(each[:, 0], mirrored, batch["joints"])
    return made


def _garment_moved(batch: Batch, options: AugmentSettings, generator: torch.Generator) -> Batch:
    turn = math.radians(options.garment_rotation_deg)
    angle = _between(batch, generator, -turn, turn)
    scale = 1 / (1 + _between(batch, generator, -options.garment_scale, options.garment_scale))
    # in the units of the grid a picture is 2 wide
    shift = 2 * _between(batch, generator, -options.garment_shift, options.garment_shift, 2)
    height, width = batch["cloth"].shape[-2:]
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = torch.stack([cos, -sin * height / width, sin * width / height, cos], 1)
    matrix = torch.cat([rows.view(-1, 2, 2), shift[:, :, None]], 2)
    grid = F.affine_grid(matrix, list(batch["cloth"].shape), align_corners=False)
    cloth = F.grid_sample(batch["cloth"], grid, "bilinear", "border", align_corners=False)
    mask = batch["cloth_mask"].float()
    mask = F.grid_sample(mask, grid, "bilinear", "zeros", align_corners=False) > 0.5
    return {**batch, "cloth": cloth, "cloth_mask": mask}


def _recoloured(
    batch: Batch, options: AugmentSettings, generator: torch.Generator, kinds: Changeable
) -> Batch:
    hue = math.radians(options.hue_deg)
    angle = _between(batch, generator, -hue, hue)
    colour = 1 + _between(batch, generator, -options.saturation, options.saturation)
    light = 1 + _between(batch, generator, -options.brightness, options.brightness)
    chosen = (_between(batch, generator, 0, 1) < options.recolour)[:, None, None, None]
    to_yiq = torch.tensor(_TO_YIQ, device=angle.device)
    turn = torch.zeros(len(angle), 3, 3, device=angle.device)
    turn[:, 0, 0] = 1
    cos, sin = torch.cos(angle) * colour, torch.sin(angle) * colour
    turn[:, 1, 1], turn[:, 1, 2], turn[:, 2, 1], turn[:, 2, 2] = cos, -sin, sin, cos
    matrix = torch.linalg.inv(to_yiq) @ turn @ to_yiq * light[:, None, None]

    def painted(pictures: Tensor, where: Tensor) -> Tensor:
        changed = torch.einsum("bij,bjhw->bihw", matrix, (pictures + 1) / 2).clamp(0, 1) * 2 - 1
        return torch.where(where & chosen, changed, pictures)

    of_garment = torch.tensor(kinds.worn, device=angle.device)
    worn = torch.isin(batch["ids"], of_garment)[:, None]
    return {
        **batch,
        "image": painted(batch["image"], worn),
        "cloth": painted(batch["cloth"], batch["cloth_mask"]),
    }
