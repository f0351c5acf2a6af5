"""The three networks of VITON-HD; without arguments each has its published size and key names.

Source: Choi et al., "VITON-HD: High-Resolution Virtual Try-On via Misalignment-Aware
Normalization" (CVPR 2021). Constructors load no weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.labels import VITONHD7
from pipelines.networks.alias import ALIASResBlock, Noise, resized
from pipelines.networks.correlation import GeometricMatcher
from pipelines.networks.grid_refiner import REFINED, GridRefiner
from pipelines.networks.pyramid import Pyramid
from pipelines.networks.tps_grid import VITON_HD, TpsGrid
from pipelines.networks.unet import UNet
from pipelines.types import Size

_REFINER_CHANNELS = 17
_MASKED = 5
"""So many blocks, from the smallest on, normalise the misaligned region by itself."""
_WIDTHS = (16.0, 16.0, 16.0, 8.0, 4.0, 2.0, 1.0, 0.5)
"""Channels behind each block, in units of the width."""
_LEVELS = {
    "normal": (0, 1, 1, 2, 3, 4, 5),
    "more": (0, 1, 2, 3, 4, 5, 6),
    "most": (0, 1, 2, 3, 4, 5, 6, 7),
}
"""How often the size of the smallest level has been doubled in each block."""
_LITTLE = 0.02
"""Share of a cell below which its colour is that of larger cells."""


class SegGenerator(UNet):
    """Layout of the dressed person: ``[B, 21, 256, 192]`` to 13 maps in 0..1 (``VITONHD13``).

    Input: garment mask 1, garment times mask 3, garment-free parse 13, pose picture 3, noise 1.
    """

    def __init__(
        self,
        in_channels: int = 21,
        out_channels: int = 13,
        *,
        width: int = 64,
        dropout: float = 0.5,
        coarse_width: int = 0,
    ) -> None:
        super().__init__(
            in_channels, out_channels, width=width, dropout=dropout, coarse_width=coarse_width
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps behind a sigmoid (each for itself, no softmax), of the input's size."""
        return torch.sigmoid(self.logits(x))

    def logits(self, x: Tensor) -> Tensor:
        """The same before the sigmoid, for losses."""
        return super().forward(x)


class GMM(GeometricMatcher):
    """The garment's warp: person and garment, both at 256x192, to theta and a sampling grid.

    Person: upper clothes of the layout 1, pose picture 3, garment-free picture 3. Garment: 3.
    ``size`` is the grid's and may be any. With ``refine_width`` a ``GridRefiner`` of that width
    corrects the spline's grid (our choice: 25 control points do not bend a sleeve).
    """

    def __init__(
        self,
        a_channels: int = 7,
        b_channels: int = 3,
        *,
        size: Size = Size(1024, 768),  # noqa: B008 - a tuple
        width: int = 64,
        grid_size: int = 5,
        refine_width: int = 0,
    ) -> None:
        super().__init__(a_channels, b_channels, width=width, grid_size=grid_size)
        self.grid = TpsGrid(size, VITON_HD, grid_size=grid_size)
        self.refiner = GridRefiner(_REFINER_CHANNELS, width=refine_width) if refine_width else None

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Theta ``[B, 50]`` in -1..1 and the grid ``float32 [B, H, W, 2]`` of ``grid_sample``."""
        theta = self.theta(a, b)
        return theta, self.grid(theta)

    def refined(self, grid: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """A better grid than the spline's, and the offsets ``[B, 2, 64, 48]`` added to it.

        ``seen`` ``[B, 17, 128, 96]`` is layout 7, pose picture 3, garment-free picture 3, the
        garment on white as the grid bends it 3, its mask 1. For networks with a refiner only.
        """
        assert self.refiner is not None  # noqa: S101 - asked by the callers
        return self.refiner.corrected(grid, seen)


class ALIASGenerator(nn.Module):
    """The dressed person's picture, ``[B, 3, H, W]`` in -1..1.

    ``width`` 64 and ``upsampling`` "most" are the published size. Sizes are doubled 7 times with
    "most", 6 with "more", 5 with "normal"; height and width must be multiples of 128, 64, 32.
    ``feature_channels`` are those by which the input enters each level, ``hidden`` those inside
    each normalisation. "normal" is our choice: the published code of that name does not run.
    With ``adds_garment`` the network makes the difference to the warped garment where the layout
    has it, see ``on_garment`` (our choice: normalisation loses colours, which a compact network
    takes long to learn to keep); the picture may then go a little beyond -1..1. With
    ``light_width``, which needs it, a ``GarmentLight`` of that width has a share in the difference.
    Raises ``ValueError`` for other names and sizes.
    """

    def __init__(
        self,
        in_channels: int = 9,
        semantic_channels: int = 7,
        *,
        width: int = 64,
        upsampling: str = "most",
        feature_channels: int = 16,
        hidden: int = 128,
        adds_garment: bool = False,
        light_width: int = 0,
    ) -> None:
        super().__init__()
        self.adds_garment = adds_garment
        if light_width and not adds_garment:
            raise ValueError("light_width needs adds_garment")
        self.light = GarmentLight(width=light_width) if light_width else None
        if upsampling not in _LEVELS:
            raise ValueError(f"upsampling {upsampling!r}; known: {', '.join(_LEVELS)}")
        self.levels = _LEVELS[upsampling]
        self.stride = 2 ** self.levels[-1]
        """Height and width must be multiples of this."""
        outside = [int(width * factor) for factor in _WIDTHS[: len(self.levels)]]
        self.conv_0 = nn.Conv2d(in_channels, outside[0], 3, padding=1)
        inside = outside[0]
        for number, (name, channels) in enumerate(zip(self._names(), outside, strict=True)):
            masked = number < _MASKED
            if number:
                setattr(self, f"conv_{number}", nn.Conv2d(in_channels, feature_channels, 3, 1, 1))
                inside += feature_channels
            block = ALIASResBlock(
                inside, channels, semantic_channels + masked, masked=masked, hidden=hidden
            )
            setattr(self, name, block)
            inside = channels
        self.conv_img = nn.Conv2d(inside, 3, 3, padding=1)

    def forward(
        self,
        x: Tensor,
        seg: Tensor,
        seg_div: Tensor,
        misalign: Tensor,
        *,
        noise: Noise | None = None,
    ) -> Tensor:
        """The picture, of the size of ``x``.

        ``x`` ``[B, 9, H, W]``: garment-free picture, pose picture, warped garment. ``seg``
        ``[B, 7, H, W]``: layout (``VITONHD7``). ``seg_div`` ``[B, 8, H, W]``: the same with the
        misaligned part of the upper clothes taken out and put last. ``misalign`` ``[B, 1, H, W]``
        in 0..1. For ``noise`` see ``ALIASNorm``.
        """
        self._check(x)
        made = x
        for number, (name, level) in enumerate(zip(self._names(), self.levels, strict=True)):
            size = [side // self.stride * 2**level for side in x.shape[-2:]]
            entering = getattr(self, f"conv_{number}")(resized(x, size))
            made = torch.cat((resized(made, size), entering), 1) if number else entering
            maps = (seg_div, misalign.detach()) if number < _MASKED else (seg, None)
            made = getattr(self, name)(made, *maps, noise)
        picture = torch.tanh(self.conv_img(F.leaky_relu(made, 0.2)))
        if not self.adds_garment:
            return picture
        return on_garment(picture, x[:, :6], x[:, 6:], seg_div, self.light)

    def _names(self) -> list[str]:
        """The blocks in their order."""
        ups = [f"up_{number}" for number in range(len(self.levels) - 3)]
        return ["head_0", "G_middle_0", "G_middle_1", *ups]

    def _check(self, x: Tensor) -> None:
        if x.shape[-2] % self.stride or x.shape[-1] % self.stride:
            found = "x".join(map(str, x.shape[-2:]))
            raise ValueError(f"height and width must be multiples of {self.stride}, got {found}")


class GarmentLight(Pyramid):
    """The light in which a garment is worn, coarsely: a difference to its colours (our choice).

    It sees pictures at 128x96 and answers at half of that, many times as fast as the generator,
    whose own difference is better in detail; of the worn garment a learnt share of both is taken.
    """

    def __init__(self, *, width: int) -> None:
        super().__init__(6 + 3 + len(VITONHD7) + 1, 3, width=width)
        self.share = nn.Parameter(torch.full((1,), 0.5))

    # a pyramid of what is told apart here
    def forward(self, person: Tensor, laid: Tensor, seg_div: Tensor) -> Tensor:  # type: ignore[override]
        """The difference ``float32 [B, 3, H, W]``.

        ``person`` ``[B, 6, ...]`` of any size is garment-free picture and pose picture, ``laid``
        ``[B, 3, H, W]`` the garment as ``laid_garment`` makes it, ``seg_div`` ``[B, 8, H, W]``.
        """
        small = [F.interpolate(x, tuple(REFINED), mode="area") for x in (person, laid, seg_div)]
        found = super().forward(torch.cat(small, 1))
        size = [int(side) for side in laid.shape[-2:]]
        return F.interpolate(found, size=size, mode="bilinear", align_corners=False)


def on_garment(
    difference: Tensor,
    person: Tensor,
    garment: Tensor,
    seg_div: Tensor,
    light: GarmentLight | None = None,
) -> Tensor:
    """A difference ``[B, 3, H, W]`` plus the warped garment where the layout has upper clothes.

    ``person`` and ``seg_div`` are those of ``GarmentLight``, ``garment`` ``[B, 3, H, W]``.
    """
    laid = laid_garment(garment, seg_div)
    if light is None:
        return difference + laid
    apart: Tensor = light(person, laid, seg_div) - difference
    return difference + laid + light.share * worn_part(seg_div) * apart


def laid_garment(garment: Tensor, seg_div: Tensor) -> Tensor:
    """The warped garment ``[B, 3, H, W]`` where the layout has upper clothes, else 0.

    ``seg_div [B, 8, H, W]`` says where. On its misaligned part, which the garment does not reach,
    the garment's colours are continued.
    """
    worn, misaligned = seg_div[:, VITONHD7.UPPER, None], seg_div[:, -1:]
    return garment * worn + continued(garment, worn) * misaligned


def worn_part(seg_div: Tensor) -> Tensor:
    """Where the layout has upper clothes, misaligned or not: ``[B, 1, H, W]``."""
    return seg_div[:, VITONHD7.UPPER, None] + seg_div[:, -1:]


def continued(picture: Tensor, mask: Tensor) -> Tensor:
    """Colours inside a mask ``[B, 1, H, W]``, spread over the whole picture ``[B, 3, H, W]``.

    Far from the mask they are means of ever larger parts of it (push-pull: Gortler et al., "The
    Lumigraph", 1996).
    """
    levels = [(picture * mask, mask)]
    while min(levels[-1][1].shape[-2:]) > 1:
        levels.append(_halved(*levels[-1]))
    total, area = levels[-1]
    found = (total.sum((2, 3), True) / area.sum((2, 3), True).clamp(min=_LITTLE)).expand_as(total)
    for total, area in reversed(levels):
        size = [int(side) for side in total.shape[-2:]]
        coarse = F.interpolate(found, size=size, mode="bilinear", align_corners=False)
        found = (total + _LITTLE * coarse) / (area + _LITTLE)
    return found


def _halved(total: Tensor, area: Tensor) -> tuple[Tensor, Tensor]:
    return F.avg_pool2d(total, 2, ceil_mode=True), F.avg_pool2d(area, 2, ceil_mode=True)
