"""The four networks of ACGPN; without arguments each has its published size and key names.

Source: Yang et al., "Towards Photo-Realistic Virtual Try-On by Adaptively Generating and
Preserving Image Content" (CVPR 2020). Constructors load no weights. Their discriminators are
``pipelines.networks.patchgan.MultiscaleDiscriminator``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.labels import ACGPN14
from pipelines.networks.grid_refiner import REFINED, GridRefiner
from pipelines.networks.tps_grid import (
    ACGPN,
    TpsGrid,
    lattice,
    pixel_places,
    spline_basis,
    spline_inverse,
)
from pipelines.networks.unet import UNet
from pipelines.types import Size

PUBLISHED_SIZE = Size(256, 192)

_POINTS = 25
_REFINER_CHANNELS = 7 + 18 + 3 + 1
"""Layout, pose, bent garment, its mask."""
_FEATURES = 512
"""What the spline network's convolutions leave of 256x192, at the published width."""


class BodyPartGenerator(UNet):
    """G1: the layout without the garment, ``[B, 37, H, W]`` to 14 maps (``ACGPN14``).

    Input: garment mask 1, garment times mask 3, labels with clothes and arms fused 14, pose 18,
    noise 1. The maps are raw; the published code takes their sigmoid.
    """

    def __init__(self, *, width: int = 64, coarse_width: int = 0) -> None:
        super().__init__(37, 14, width=width, dropout=0.0, coarse_width=coarse_width)


class ClothMaskGenerator(UNet):
    """G2: where the garment will be, ``[B, 37, H, W]`` to a raw map ``[B, 1, H, W]``.

    Input: garment mask 1, garment times mask 3, labels without the garment 14, pose 18, noise 1.
    """

    def __init__(self, *, width: int = 64, coarse_width: int = 0) -> None:
        super().__init__(37, 1, width=width, dropout=0.0, coarse_width=coarse_width)


class ContentFusion(UNet):
    """G: the picture, ``[B, 24, H, W]`` to raw colours ``[B, 3, H, W]`` (before a tanh).

    Input: what is kept of the photo 3, labels 14, garment 3, colour of the skin 3, noise 1. With
    ``adds_garment`` the network makes the difference to what the input shows already (our choice:
    normalisation loses colours, which a compact network takes long to learn to keep); the picture
    may then go beyond -1..1.
    """

    def __init__(self, *, width: int = 64, adds_garment: bool = False) -> None:
        super().__init__(24, 3, width=width, dropout=0.0)
        self.adds_garment = adds_garment

    def picture(self, x: Tensor) -> Tensor:
        """The picture ``float32 [B, 3, H, W]`` in -1..1."""
        made = torch.tanh(self(x).float())
        return made + _shown(x.float()) if self.adds_garment else made


def _shown(x: Tensor) -> Tensor:
    """What G's input shows: the photo's part, the garment, skin where other arms will be."""
    kept, worn, skin = x[:, :3], x[:, 17:20], x[:, 20:23]
    arms = (x[:, 3 + ACGPN14.LEFT_ARM] + x[:, 3 + ACGPN14.RIGHT_ARM])[:, None]
    hidden = (kept == 0).all(1, keepdim=True)
    return kept + worn + skin * arms * hidden


@dataclass(frozen=True, eq=False)
class Bent:
    """A garment ``[B, 3, H, W]`` on black and its mask ``[B, 1, H, W]``, sampled by ``grid``
    ``float32 [B, H, W, 2]``.
    """  # noqa: D205 - one sentence

    garment: Tensor
    mask: Tensor
    grid: Tensor

    @property
    def on_white(self) -> Tensor:
        """The garment on white instead."""
        return on_white(self.garment, self.mask)


def on_white(garment: Tensor, mask: Tensor) -> Tensor:
    """A garment ``[B, 3, H, W]`` that is 0 where its mask is 0, on white."""
    return garment + (1 - mask)


@dataclass(frozen=True, eq=False)
class Warp:
    """The garment as the spline bends it, and the control points ``[B, 25, 2]``.

    Where a refiner has corrected the grid, ``corrected`` is the garment bent by that, and
    ``offsets`` ``[B, 2, 64, 48]`` are the corrections.
    """

    spline: Bent
    points: Tensor
    corrected: Bent | None = None
    offsets: Tensor | None = None

    @property
    def bent(self) -> Bent:
        """The warped garment."""
        return self.corrected or self.spline

    @property
    def garment(self) -> Tensor:
        """Its colours ``[B, 3, H, W]``, on black."""
        return self.bent.garment

    @property
    def mask(self) -> Tensor:
        """Its mask ``[B, 1, H, W]``."""
        return self.bent.mask


@dataclass(frozen=True, eq=False, kw_only=True)
class Warped(Warp):
    """What ``ClothesWarping`` gives: ``raw`` are ``[B, 4, H, W]`` colours and composition."""

    raw: Tensor

    def share(self, target_mask: Tensor) -> Tensor:
        """The composition mask ``[B, 1, H, W]`` in 0..1: the warped garment's share."""
        return torch.sigmoid(self.raw[:, 3:]) * target_mask

    @property
    def own(self) -> Tensor:
        """The U-Net's own garment ``[B, 3, H, W]`` in -1..1."""
        return torch.tanh(self.raw[:, :3])

    def composed(self, target_mask: Tensor) -> Tensor:
        """The refined garment: the warped one where the composition mask says so."""
        share = self.share(target_mask)
        return self.own * (1 - share) + self.garment * share


class ClothesWarping(UNet):
    """U: a thin-plate spline of the garment, refined by a U-Net.

    ``align_corners`` is that of the sampling: False is today's default, True was the only
    behaviour of the versions of torch of that time; the publication does not say which it used.
    With ``refine_width`` a ``GridRefiner`` of that width corrects the spline's grid (our choice:
    25 control points do not bend a sleeve).
    """

    def __init__(
        self,
        *,
        width: int = 64,
        spline_width: int = 8,
        align_corners: bool = False,
        refine_width: int = 0,
    ) -> None:
        super().__init__(4, 4, width=width)
        self.stn = SpatialTransformer(width=spline_width)
        self.align_corners = align_corners
        self.refiner = GridRefiner(_REFINER_CHANNELS, width=refine_width) if refine_width else None

    # the published network is a U-Net whose forward takes what its spline needs
    def forward(  # type: ignore[override]
        self, cloth: Tensor, target_mask: Tensor, source_mask: Tensor, body: Tensor | None = None
    ) -> Warped:
        """Bend ``cloth [B, 3, H, W]`` with its mask (``[B, 1, H, W]``, 0 or 1) to a target mask.

        ``body`` is as in ``bend``.
        """
        return self.finished(self.bend(cloth, target_mask, source_mask, body), target_mask)

    def bend(
        self, cloth: Tensor, target_mask: Tensor, source_mask: Tensor, body: Tensor | None = None
    ) -> Warp:
        """The same without the U-Net's part.

        A refiner needs ``body [B, 25, H, W]``: the dressed person's layout 7 (``VITONHD7``) and
        pose 18. It learns from its own losses alone: no gradient goes through it to the spline.
        """
        # float32: bfloat16 would move the garment by pixels
        with torch.autocast(cloth.device.type, enabled=False):
            points = self.stn(torch.cat((source_mask, target_mask, cloth), 1).float())
            spline = self.bent(cloth, source_mask, self.stn.tps(points))
        if self.refiner is None:
            return Warp(spline, points)
        assert body is not None  # noqa: S101 - given by all callers that may have a refiner
        seen = torch.cat((body, spline.on_white, spline.mask), 1).detach()
        seen = F.interpolate(seen, size=tuple(REFINED), mode="area")
        grid, offsets = self.refiner.corrected(spline.grid.detach(), seen)
        with torch.autocast(cloth.device.type, enabled=False):
            return Warp(spline, points, self.bent(cloth, source_mask, grid), offsets)

    def bent(self, cloth: Tensor, mask: Tensor, grid: Tensor) -> Bent:
        """Garments and their masks, as in ``forward``, sampled by a grid ``[B, H, W, 2]``."""
        sources = torch.cat((cloth, mask, torch.ones_like(mask)), 1)
        sampled = F.grid_sample(sources.float(), grid, align_corners=self.align_corners)
        # parity: laid on a black canvas although beyond its photo the garment is black already,
        # so that what is sampled across the photo's edge fades twice
        both = sampled[:, :4] * sampled[:, 4:]
        return Bent(both[:, :3], both[:, 3:], grid)

    def finished(self, warp: Warp, target_mask: Tensor) -> Warped:
        """A warp with the U-Net's part."""
        return Warped(**vars(warp), raw=self.refined(target_mask, warp.garment).float())

    def refined(self, target_mask: Tensor, garment: Tensor) -> Tensor:
        """The U-Net's ``[B, 4, H, W]``; no gradient reaches the warp through it."""
        return super().forward(torch.cat((target_mask.detach(), garment.detach()), 1))


class SpatialTransformer(nn.Module):
    """Masks and garment ``[B, 5, 256, 192]`` to control points ``[B, 25, 2]`` in -1..1, (x, y)."""

    def __init__(self, *, width: int = 8) -> None:
        super().__init__()
        self.loc_net = nn.Module()
        self.loc_net.add_module("cnn", _Localization(width))
        self.tps = PublishedSpline()

    def forward(self, x: Tensor) -> Tensor:
        """Points, which are the lattice itself before any training."""
        made: Tensor = self.loc_net.get_submodule("cnn")(x)
        return made.view(-1, _POINTS, 2)


class _Localization(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inside = 5
        for factor in (1, 2, 4, 8, 16, 32):
            convolution = nn.Conv2d(inside, width * factor, 4, 2, 1)
            after: tuple[nn.Module, ...] = (nn.InstanceNorm2d(width * factor), nn.ReLU())
            # parity: the first layer alone is normalised behind its activation
            layers += [convolution, *(after if inside != 5 else reversed(after))]
            inside = width * factor
        for _ in range(2):
            layers += [nn.Conv2d(inside, inside, 3, 1, 1), nn.InstanceNorm2d(inside), nn.ReLU()]
        self.model = nn.Sequential(*layers)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(_FEATURES * width // 8, 128)
        self.drop = nn.Dropout()
        self.fc2 = nn.Linear(128, 2 * _POINTS)
        nn.init.zeros_(self.fc2.weight)
        with torch.no_grad():
            self.fc2.bias.copy_(torch.atanh(lattice(ACGPN)).flatten())

    def forward(self, x: Tensor) -> Tensor:
        features = self.pool(self.model(x)).flatten(1)
        made: Tensor = torch.tanh(self.fc2(self.drop(F.relu(self.fc1(features)))))
        return made


class PublishedSpline(TpsGrid):
    """The spline's grid; its constants are part of the state only because they were published so.

    Whatever a file says of them is not read: they follow from the size, and half precision would
    move the garment by pixels.
    """

    def __init__(self) -> None:
        super().__init__(PUBLISHED_SIZE, ACGPN)
        control = lattice(ACGPN)
        self.register_buffer("inverse_kernel", spline_inverse(control).float())
        self.register_buffer("padding_matrix", torch.zeros(3, 2))
        basis = spline_basis(pixel_places(PUBLISHED_SIZE, ACGPN), control)
        self.register_buffer("target_coordinate_repr", basis.float())

    def _load_from_state_dict(self, *_: Any, **__: Any) -> None:
        """Keep what is here; nothing is missing, nothing unexpected."""
