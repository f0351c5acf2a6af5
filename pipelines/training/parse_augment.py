"""Random changes of photos, label maps and joints together, in batches on the device."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines.clothing_labels import IGNORED
from pipelines.labels import LIP20, mirror_table
from pipelines.networks.pose_maps import mirrored_joints, torso_lengths
from pipelines.types import Size

_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Augmentation:
    """How far examples are changed; our choice throughout."""

    scale: tuple[float, float] = (0.65, 1.4)
    """Smallest and largest enlargement."""
    rotation_deg: float = 14.0
    shift: float = 0.1
    """Of the cut, as a share of its size."""
    flip: float = 0.5
    """Probability of a mirror image, with sides swapped in labels and joints."""
    light: float = 0.35
    """Largest change of brightness, contrast and saturation."""
    tint: float = 0.08
    """Largest change of a colour channel's strength."""
    gray: float = 0.05
    """Probability of losing all colour."""
    blur: float = 0.25
    """Probability of losing half the resolution."""
    studio: float = 0.0
    """Probability that the background becomes a plain light wall."""
    noise: float = 0.03
    """Largest deviation of noise, of a photo in 0..1."""
    joint_noise: float = 0.03
    """Deviation of the joints, in torso lengths."""
    joint_loss: float = 0.04
    """Probability of losing a joint."""

    def scaled(self, factor: float) -> Augmentation:
        """The same with changes ``factor`` times as far; mirror images and walls stay as likely."""
        numbers = {
            field.name: factor * getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("scale", "flip", "studio")
        }
        low, high = self.scale
        return replace(self, scale=(low**factor, high**factor), **numbers)


NONE = Augmentation((1, 1), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


class _Dice:
    """Random numbers of one batch."""

    def __init__(self, count: int, generator: torch.Generator, device: torch.device) -> None:
        self.count, self.generator, self.device = count, generator, device

    def between(self, low: float, high: float, *shape: int) -> Tensor:
        size = (self.count, *shape)
        drawn = torch.rand(size, generator=self.generator, device=self.device)
        return low + (high - low) * drawn

    def yes(self, probability: float, *shape: int) -> Tensor:
        return self.between(0, 1, *shape) < probability

    def normal(self, *size: int) -> Tensor:
        return torch.randn(size, generator=self.generator, device=self.device)


def augmented(
    images: Tensor,
    ids: Tensor,
    joints: Tensor,
    size: Size,
    options: Augmentation,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Cut a window of ``size`` out of each example, turned, scaled, mirrored and recoloured.

    ``images`` uint8 [B, H, W, 3], ``ids`` uint8 [B, H, W] and ``joints`` float32 [B, P, 25, 3] give
    images float32 [B, 3, h, w] in 0..1, ids int64 [B, h, w] (255 outside the example) and joints
    float32 [B, 25, 3] of one pose, drawn at random. A window smaller than the example may lie
    anywhere in it.
    """
    dice = _Dice(len(images), generator, images.device)
    chosen = torch.randint(
        joints.shape[1], (len(joints),), generator=generator, device=joints.device
    )
    pose = joints[torch.arange(len(joints), device=joints.device), chosen]
    matrix, shift = _placement(images.shape[1:3], size, options, dice)
    photo = _sampled(images.permute(0, 3, 1, 2).float() / 255, matrix, shift, size, "bilinear")
    labels = _sampled(ids[:, None].float() + 1, matrix, shift, size, "nearest")
    found = labels[:, 0].round().long() - 1
    found = torch.where(found < 0, IGNORED, found)
    moved = _moved(pose, matrix, shift, size)
    photo, found, moved = _flipped(photo, found, moved, dice.yes(options.flip))
    if options.studio:
        photo = _before_a_wall(photo, found, dice.yes(options.studio), dice)
    return _recoloured(photo, options, dice), found, _shaken(moved, options, dice)


def _placement(
    inside: tuple[int, ...], size: Size, options: Augmentation, dice: _Dice
) -> tuple[Tensor, Tensor]:
    """``matrix [B, 2, 2]`` and ``shift [B, 2]``: window pixel from its centre -> example pixel."""
    low, high = (torch.log(torch.tensor(v)).item() for v in options.scale)
    step = 1 / torch.exp(dice.between(low, high))
    angle = torch.deg2rad(dice.between(-options.rotation_deg, options.rotation_deg))
    cos, sin = torch.cos(angle) * step, torch.sin(angle) * step
    matrix = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], 1)
    window = torch.tensor([size.width, size.height], device=step.device) * step[:, None]
    room = torch.tensor([inside[1], inside[0]], device=step.device) - window
    # where there is no room the example lies in the middle of the window
    centre = torch.where(room > 0, window / 2 + dice.between(0, 1, 2) * room, room / 2 + window / 2)
    centre = centre + dice.between(-options.shift, options.shift, 2) * window
    return matrix, centre - 0.5


def _sampled(values: Tensor, matrix: Tensor, shift: Tensor, size: Size, mode: str) -> Tensor:
    height, width = values.shape[-2:]
    x = torch.arange(size.width, device=values.device) - (size.width - 1) / 2
    y = torch.arange(size.height, device=values.device) - (size.height - 1) / 2
    offsets = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
    points = torch.einsum("bij,hwj->bhwi", matrix, offsets) + shift[:, None, None]
    grid = (points + 0.5) * 2 / torch.tensor([width, height], device=values.device) - 1
    padding = "border" if mode == "bilinear" else "zeros"
    return F.grid_sample(values, grid, mode, padding, align_corners=False)


def _moved(joints: Tensor, matrix: Tensor, shift: Tensor, size: Size) -> Tensor:
    """The joints in pixels of the window; some may lie outside of it."""
    middle = torch.tensor([(size.width - 1) / 2, (size.height - 1) / 2], device=joints.device)
    away = (joints[..., :2] - shift[:, None])[..., None]
    xy = (torch.linalg.inv(matrix)[:, None] @ away)[..., 0] + middle
    return torch.cat([xy, joints[..., 2:]], -1)


def _flipped(
    photo: Tensor, ids: Tensor, joints: Tensor, which: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    table = torch.arange(256, device=ids.device)
    swapped = mirror_table(LIP20)
    table[list(swapped)] = torch.tensor(list(swapped.values()), device=ids.device)
    each = which[:, None, None]
    return (
        torch.where(each[..., None], photo.flip(-1), photo),
        torch.where(each, table[ids.flip(-1)], ids),
        torch.where(each, mirrored_joints(joints, photo.shape[-1]), joints),
    )


def _shaken(joints: Tensor, options: Augmentation, dice: _Dice) -> Tensor:
    """Joints a little off, some lost; those outside of the window are known, as in a photo's."""
    torso = torso_lengths(joints)[:, None, None]
    xy = joints[..., :2] + options.joint_noise * torso * dice.normal(*joints[..., :2].shape)
    seen = (joints[..., 2] > 0) & ~dice.yes(options.joint_loss, joints.shape[1])
    return torch.cat([torch.where(seen[..., None], xy, 0), (joints[..., 2] * seen)[..., None]], -1)


def _before_a_wall(photo: Tensor, ids: Tensor, which: Tensor, dice: _Dice) -> Tensor:
    """Photos whose background, where labels know it, is a light wall, lit from one side."""
    wall = F.avg_pool2d((ids == 0).float()[:, None], 3, 1, 1, count_include_pad=False)
    height, width = ids.shape[1:]
    grey = dice.between(0.72, 1.0, 1, 1, 1) * dice.between(0.97, 1.0, 3, 1, 1)
    across, down = (dice.between(-0.06, 0.06, 1, 1, 1) for _ in range(2))
    x = torch.linspace(-1, 1, width, device=photo.device)
    y = torch.linspace(-1, 1, height, device=photo.device)[:, None]
    colour = (grey + across * x + down * y).clamp(0, 1)
    return torch.where(which[:, None, None, None], photo + (colour - photo) * wall, photo)


def _recoloured(photo: Tensor, options: Augmentation, dice: _Dice) -> Tensor:
    light = options.light
    luma = torch.tensor(_LUMA, device=photo.device)[:, None, None]
    gray = (photo * luma).sum(1, keepdim=True)
    colour = torch.where(dice.yes(options.gray), 0.0, dice.between(1 - light, 1 + light))
    photo = gray + (photo - gray) * colour[:, None, None, None]
    mean = photo.mean((1, 2, 3), keepdim=True)
    contrast, brightness = (dice.between(1 - light, 1 + light, 1, 1, 1) for _ in range(2))
    tint = dice.between(1 - options.tint, 1 + options.tint, 3, 1, 1)
    photo = ((photo - mean) * contrast + mean) * brightness * tint
    if options.blur:
        half = F.interpolate(photo, scale_factor=0.5, mode="area")
        soft = F.interpolate(half, size=photo.shape[-2:], mode="bilinear")
        photo = torch.where(dice.yes(options.blur)[:, None, None, None], soft, photo)
    if options.noise:
        strength = dice.between(0, options.noise, 1, 1, 1)
        photo = photo + strength * dice.normal(*photo.shape)
    return photo.clamp(0, 1)
