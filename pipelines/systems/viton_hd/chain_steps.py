"""The steps between the networks of VITON-HD, each a pure function of the step before.

Source: the published inference script (Choi et al. 2021). All tensors are ``[1, C, H, W]``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines.labels import VITONHD7, VITONHD13
from pipelines.networks.correlation import MATCHING_SIZE as MATCHING
from pipelines.networks.grid_refiner import REFINED
from pipelines.networks.pictures import blurred, one_hot
from pipelines.systems.viton_hd.conditions import (
    GarmentConditions,
    PersonConditions,
    bilinear,
    nearest,
    seven_of_thirteen,
)
from pipelines.systems.viton_hd.networks import continued
from pipelines.types import Size

BLUR = (15, 3.0)
"""Side and deviation in pixels of the blur that smooths a layout 768 pixels wide."""

_REFERENCE_WIDTH = 768


def seg_input(person: PersonConditions, garment: GarmentConditions, noise: Tensor) -> Tensor:
    """21 channels at 256x192: garment mask, garment, garment-free parse, pose, noise."""
    parts = (garment.masked, person.parse_agnostic, person.pose_bilinear, noise)
    return torch.cat([part.to(garment.masked) for part in parts], 1)


def smoothed_maps(maps: Tensor, size: Size, blur: tuple[int, float] = BLUR) -> Tensor:
    """The 13 maps enlarged and blurred, still after the sigmoid."""
    enlarged = bilinear(maps.float(), size)
    side, sigma = blur
    if side <= 1:
        return enlarged
    # the border is padded with zeros, as published
    return blurred(enlarged, side, sigma)


def scaled_blur(width: int) -> tuple[int, float]:
    """``BLUR`` as the same share of a picture of another width (our choice)."""
    scale = width / _REFERENCE_WIDTH
    return 2 * round(BLUR[0] // 2 * scale) + 1, BLUR[1] * scale


def neckline_opened(maps: Tensor, cover: Tensor, neck: Tensor) -> Tensor:
    """Maps ``[1, 13, H, W]`` whose neckline is the bent garment's own (our choice).

    A layout knows a neckline only roughly. What it has as upper clothes around the neck (``neck``
    ``bool [H, W]``), above everything that the garment covers (``cover [1, 1, H, W]``), is skin,
    which these groups count as background.
    """
    above = (cover > 0.5).cummax(2)[0][0, 0] == 0
    bare = neck & above & (maps[0].argmax(0) == VITONHD13.UPPER)
    upper, behind = maps[:, VITONHD13.UPPER], maps[:, VITONHD13.BACKGROUND]
    made = maps.clone()
    made[:, VITONHD13.BACKGROUND] = torch.where(bare, upper, behind)
    made[:, VITONHD13.UPPER] = torch.where(bare, behind, upper)
    return made


def layout_ids(maps: Tensor) -> Tensor:
    """VITONHD13 ids ``int64 [H, W]`` of the highest map."""
    return maps[0].argmax(0)


def seven_maps(ids: Tensor) -> Tensor:
    """One-hot VITONHD7 ``float32 [1, 7, H, W]`` of VITONHD13 ids ``[H, W]``."""
    return one_hot(seven_of_thirteen(ids), len(VITONHD7))


def gmm_input(person: PersonConditions, parse: Tensor) -> Tensor:
    """7 channels at 256x192: upper clothes of the layout, pose, garment-free picture."""
    upper = nearest(parse[:, VITONHD7.UPPER, None], MATCHING)
    return torch.cat((upper, person.pose_nearest, person.agnostic_nearest), 1)


def refiner_input(person: PersonConditions, parse: Tensor, garment: Tensor, mask: Tensor) -> Tensor:
    """17 channels at 128x96: layout, pose, garment-free picture, bent garment and its mask."""
    seen = torch.cat((parse, person.pose, person.agnostic, garment, mask), 1)
    return F.interpolate(seen, size=tuple(REFINED), mode="area")


def warped(picture: Tensor, grid: Tensor) -> Tensor:
    """A garment or its mask, sampled by the grid."""
    return F.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=False)


def own_colours(garment: GarmentConditions) -> Tensor:
    """A garment's photo ``[B, 3, H, W]`` whose inside goes on beyond the garment's edge."""
    sure = -F.max_pool2d(-garment.mask, 3, 1, 1)
    sure = torch.where(sure.amax((2, 3), keepdim=True) > 0, sure, garment.mask)
    return torch.where(sure > 0, garment.image, continued(garment.image, sure))


def in_own_colours(coloured: Tensor, grid: Tensor, bent: Tensor, mask: Tensor) -> Tensor:
    """A warped garment ``bent`` without its photo's background (our choice).

    Where its ``mask`` is, even in part, it has the colours of ``own_colours``; the network would
    have to take a rim of white off every dark garment.
    """
    return torch.where(mask > 0, warped(coloured, grid), bent)


def misalignment(parse: Tensor, warped_mask: Tensor) -> tuple[Tensor, Tensor]:
    """``misalign`` ``[1, 1, H, W]`` in 0..1 and ``parse_div`` ``[1, 8, H, W]``.

    Misaligned is what the layout calls upper clothes and the warped garment does not cover; it is
    split off that channel and put last.
    """
    upper = slice(VITONHD7.UPPER, VITONHD7.UPPER + 1)
    misalign = (parse[:, upper] - warped_mask).clamp(min=0)
    divided = torch.cat((parse, misalign), 1)
    divided[:, upper] -= misalign
    return misalign, divided


def alias_input(person: PersonConditions, warped_garment: Tensor) -> Tensor:
    """9 channels: garment-free picture, pose, warped garment."""
    return torch.cat((person.agnostic, person.pose, warped_garment), 1)
