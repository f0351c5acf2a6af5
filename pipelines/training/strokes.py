"""Irregular stroke masks, drawn at random: the holes of an inpainting network's training.

ACGPN is trained with a downloaded collection of such masks; ours are drawn on the device, seeded,
so that a resumed run draws them again.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines.types import Size

SHARE = 0.22
"""Mean share of a mask that is stroke (measured at 256x192); most masks lie in 0.02 to 0.45."""

_STROKES, _CORNERS = 10, 4
"""A mask has 1 to so many strokes of so many corners."""
_REACH = (0.06, 0.28)
"""Shortest and longest way between two corners, as a share of the height."""
_WIDTH = (0.03, 0.14)
"""Thinnest and thickest stroke, likewise."""
_COARSE = 2
"""Drawn at this part of the size: edges need no finer one, and time goes with the pixels."""


def stroke_masks(count: int, size: Size, generator: torch.Generator) -> Tensor:
    """``float32 [count, 1, H, W]``, 1 on the strokes, else 0, where the generator is.

    A stroke starts anywhere, walks three ways of random length, turns by up to 100 degrees
    between them, and has one thickness and round ends.
    """
    device = generator.device
    low = Size(-(-size.height // _COARSE), -(-size.width // _COARSE))
    drawn = torch.rand((count, _STROKES, 4 + 2 * _CORNERS), generator=generator, device=device)
    number = 1 + (drawn[:, :1, 0] * _STROKES).floor()
    active = torch.arange(_STROKES, device=device)[None] < number
    radius = _within(drawn[..., 1], _WIDTH) / 2 * low.height
    turns = (2 * drawn[..., 4 : 3 + _CORNERS] - 1) * math.radians(100)
    turns[..., 0] *= 180 / 100
    angle = turns.cumsum(-1)
    reach = _within(drawn[..., 4 + _CORNERS : 3 + 2 * _CORNERS], _REACH) * low.height
    ways = torch.stack((angle.cos() * reach, angle.sin() * reach), -1)
    start = drawn[..., 2:4] * torch.tensor([low.width, low.height], device=device)
    ends = start[..., None, :] + ways.cumsum(-2)
    corners = torch.cat((start[..., None, :], ends), -2)
    rows = torch.arange(low.height, device=device) + 0.5
    columns = torch.arange(low.width, device=device) + 0.5
    mask = torch.zeros(count, *low, dtype=torch.bool, device=device)
    for stroke in range(_STROKES):
        on = active[:, stroke, None, None]
        for corner in range(_CORNERS - 1):
            one, other = corners[:, stroke, corner], corners[:, stroke, corner + 1]
            apart = _squared_distance(rows, columns, one, other)
            mask |= on & (apart <= radius[:, stroke, None, None].square())
    return F.interpolate(mask[:, None].float(), size=tuple(size), mode="nearest")


def _within(drawn: Tensor, bounds: tuple[float, float]) -> Tensor:
    return bounds[0] + drawn * (bounds[1] - bounds[0])


def _squared_distance(rows: Tensor, columns: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """From pixels to the segment between two points ``[B, 2]`` (x, y): ``[B, h, w]``."""
    x, y = columns[None, None, :] - one[:, :1, None], rows[None, :, None] - one[:, 1:, None]
    way = other - one
    across, down = way[:, :1, None], way[:, 1:, None]
    along = ((x * across + y * down) / (across.square() + down.square())).clamp(0, 1)
    return (x - along * across).square() + (y - along * down).square()
