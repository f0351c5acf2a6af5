"""Maps of a pose for a network to look at: how near each joint and each bone is.

Computed on the device from the joints, so that augmentation moves twenty-five points, not images.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pipelines.body import BODY25_SWAP, BODY25_TO_COCO18, TORSO_PER_SHOULDERS, Body25
from pipelines.types import Size

B = Body25
JOINTS = tuple(
    int(j) for j in B if j not in (B.LEFT_SMALL_TOE, B.RIGHT_SMALL_TOE, B.LEFT_HEEL, B.RIGHT_HEEL)
)
"""Joints with a map of their own."""

BONES = (
    (B.NECK, B.NOSE), (B.NECK, B.MID_HIP),
    (B.RIGHT_SHOULDER, B.RIGHT_ELBOW), (B.RIGHT_ELBOW, B.RIGHT_WRIST),
    (B.LEFT_SHOULDER, B.LEFT_ELBOW), (B.LEFT_ELBOW, B.LEFT_WRIST),
    (B.RIGHT_HIP, B.RIGHT_KNEE), (B.RIGHT_KNEE, B.RIGHT_ANKLE),
    (B.LEFT_HIP, B.LEFT_KNEE), (B.LEFT_KNEE, B.LEFT_ANKLE),
)  # fmt: skip
"""Bones with a map of their own."""

HANDS = ((B.RIGHT_ELBOW, B.RIGHT_WRIST), (B.LEFT_ELBOW, B.LEFT_WRIST))
"""Forearms that are drawn on by ``HAND_LENGTH`` of their length to where the hand is."""

HAND_LENGTH = 0.45

CHANNELS = len(JOINTS) + len(BONES) + len(HANDS) + 2
"""Number of maps; the last two are the place relative to the torso."""

REACH = 0.12
"""Distance at which a map has fallen to one half, in torso lengths."""

_FAR = 4.0


def torso_lengths(joints: Tensor) -> Tensor:
    """``float32 [B]``: neck to middle of the hips in pixels, for joints ``float32 [B, 25, 3]``.

    Where one of them was not seen, 1.5 shoulder widths or a tenth of the seen joints' extent,
    whichever is there; at least 8.
    """
    xy, seen = joints[..., :2], joints[..., 2] > 0
    trunk = (xy[:, B.NECK] - xy[:, B.MID_HIP]).norm(dim=-1)
    wide = (xy[:, B.RIGHT_SHOULDER] - xy[:, B.LEFT_SHOULDER]).norm(dim=-1) * TORSO_PER_SHOULDERS
    has_trunk = seen[:, B.NECK] & seen[:, B.MID_HIP]
    has_shoulders = seen[:, B.RIGHT_SHOULDER] & seen[:, B.LEFT_SHOULDER]
    low = torch.where(seen[..., None], xy, torch.inf).amin(1)
    high = torch.where(seen[..., None], xy, -torch.inf).amax(1)
    extent = torch.nan_to_num((high - low).norm(dim=-1), 0.0, 0.0, 0.0) * 0.1
    # seen from the side the shoulders are close together; the torso's length is not
    length = torch.where(has_shoulders, torch.where(has_trunk, trunk.maximum(wide * 0.6), wide),
                         torch.where(has_trunk, trunk, extent))  # fmt: skip
    return length.clamp(min=8.0)


def pose_maps(joints: Tensor, height: int, width: int, stride: int = 4) -> Tensor:
    """``float32 [B, CHANNELS, height / stride, width / stride]`` in -1..1.

    ``joints`` is ``float32 [B, 25, 3]``: x, y in pixels of an image of ``height`` x ``width``, and
    a score, 0 = not seen. A map is ``1 / (1 + (d / r)^2)`` of the distance d to the joint or bone
    with r = ``REACH`` torso lengths, and 0 everywhere where it was not seen.
    """
    scale = torso_lengths(joints)
    columns = torch.arange(width // stride, device=joints.device) * stride + (stride - 1) / 2
    rows = torch.arange(height // stride, device=joints.device) * stride + (stride - 1) / 2
    xy, seen = joints[..., :2], (joints[..., 2] > 0).float()
    index = list(JOINTS)
    first, second = ([int(bone[end]) for bone in BONES] for end in (0, 1))
    elbow, wrist = ([int(bone[end]) for bone in HANDS] for end in (0, 1))
    fingers = xy[:, wrist] + HAND_LENGTH * (xy[:, wrist] - xy[:, elbow])
    starts = torch.cat([xy[:, index], xy[:, first], xy[:, wrist]], 1)
    ends = torch.cat([xy[:, index], xy[:, second], fingers], 1)
    limbs = (seen[:, first] * seen[:, second], seen[:, elbow] * seen[:, wrist])
    there = torch.cat([seen[:, index], *limbs], 1)
    squared = _squared_distances(starts, ends, columns, rows)
    reach = (REACH * scale)[:, None, None, None]
    near = there[..., None, None] / (1 + squared / reach**2)
    return torch.cat([near, _torso_place(joints, scale, columns, rows)], 1)


def joint_squares(joints: Tensor, size: Size, radius: int) -> Tensor:
    """A square around each joint in the order of COCO-18: ``float32 [B, 18, H, W]``, 0 or 1.

    ``joints`` is ``float32 [B, 25, 3]`` (BODY_25): x, y in pixels of ``size``, and a score, 0 = not
    seen. Pixels are inside whose centre is at most ``radius`` away, across and down: sides of
    ``2 radius + 1`` around a whole pixel. Joints beyond the picture reach into it all the same.
    """
    wanted = joints[:, list(BODY25_TO_COCO18)]
    columns = torch.arange(size.width, device=joints.device)
    rows = torch.arange(size.height, device=joints.device)
    across = (columns - wanted[..., 0, None]).abs() <= radius
    down = (rows - wanted[..., 1, None]).abs() <= radius
    seen = (wanted[..., 2] > 0)[..., None, None]
    return (down[..., :, None] & across[..., None, :] & seen).float()


def mirrored_joints(joints: Tensor, width: int) -> Tensor:
    """The joints of the horizontally flipped images: sides swapped, unseen ones left at (0, 0)."""
    swapped = joints[:, list(BODY25_SWAP)].clone()
    seen = swapped[..., 2] > 0
    swapped[..., 0] = torch.where(seen, width - 1 - swapped[..., 0], 0.0)
    return swapped


def _squared_distances(start: Tensor, end: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
    """Squared pixels ``[B, N, H, W]`` from each place to segments ``[B, N, 2]``."""
    bone = end - start
    length = bone.square().sum(-1).clamp(min=1e-6)[..., None, None]
    dx = columns - start[..., 0, None, None]
    dy = rows[:, None] - start[..., 1, None, None]
    bx, by = bone[..., 0, None, None], bone[..., 1, None, None]
    along = ((dx * bx + dy * by) / length).clamp(0, 1)
    return (dx - along * bx).square() + (dy - along * by).square()


def _torso_place(joints: Tensor, scale: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
    """Right and down of the neck (or of the seen joints' middle) in torso lengths, to -1..1."""
    seen = (joints[..., 2:] > 0).float()
    middle = (joints[..., :2] * seen).sum(1) / seen.sum(1).clamp(min=1)
    neck_seen = seen[:, int(B.NECK)] > 0
    origin = torch.where(neck_seen, joints[:, int(B.NECK), :2], middle)
    across = (columns - origin[:, :1]) / scale[:, None]
    down = (rows - origin[:, 1:]) / scale[:, None]
    shape = (len(joints), len(rows), len(columns))
    place = torch.stack([across[:, None, :].expand(shape), down[:, :, None].expand(shape)], 1)
    return (place / _FAR).clamp(-1, 1)
