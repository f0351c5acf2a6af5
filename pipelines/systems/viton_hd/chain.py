"""Inference with the three networks: the published chain, and the same made fast and repeatable.

Source: the published inference script of VITON-HD (Choi et al. 2021). With ``parity=True`` its
steps run as they are there, each network whole and in float32. By default

- noise comes from the pair's seed, so that a picture can be made again;
- what depends on the person or the garment alone is computed once and kept with them;
- layout and warp are the means of two looks, at the pair and at its mirror image;
- corrections of the spline's grid do not fold it;
- the layout is smoothed by the same share of the picture at every size;
- the ALIAS generator runs as ``FastALIAS``, and on a size that is no multiple of its own it sees
  the picture continued at its lower and right edge;
- segmentation and ALIAS compute in bfloat16 where ``precision`` says so; matching never does: its
  rounding would move the garment by pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines import device as devices
from pipelines.body import scaled
from pipelines.labels import VITONHD7, VITONHD13
from pipelines.mirror_image import mirror_order, mirrored, mirrored_grid
from pipelines.networks.alias import seeded_noise
from pipelines.networks.correlation import MATCHING_SIZE
from pipelines.networks.noise import binary_noise
from pipelines.networks.tps_grid import TpsGrid
from pipelines.preprocess.agnostic_shapes import neck_zone
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.viton_hd import chain_steps as steps
from pipelines.systems.viton_hd.chain_alias import EnteringPerson, FastALIAS
from pipelines.systems.viton_hd.conditions import (
    GarmentConditions,
    PersonConditions,
    garment_conditions,
    person_conditions,
)
from pipelines.systems.viton_hd.weights import Networks
from pipelines.types import Image, Size


@dataclass(frozen=True, eq=False)
class ChainPerson:
    """A person, ready for any number of garments."""

    conditions: PersonConditions
    neck: Tensor
    """``bool [H, W]``: where a neckline may be."""
    mirrored: PersonConditions | None = None
    """Those of the mirror image; None: there is one look only."""
    entering: EnteringPerson | None = None
    """What the person gives to the ALIAS generator (not with parity)."""


@dataclass(frozen=True, eq=False)
class ChainGarment:
    """A garment, ready for any number of persons."""

    conditions: GarmentConditions
    features: Tensor | None = None
    """What the matching network sees in it and in its mirror image ``[2, ...]`` (not with
    parity)."""
    coloured: Tensor | None = None
    """The photo whose colours a bent garment has, see ``own_colours``; None: as published."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Where everything will be: maps ``float32 [1, 13, H, W]`` and ids ``int64 [H, W]``."""

    maps: Tensor
    ids: Tensor


@dataclass(frozen=True, eq=False)
class Warp:
    """Where the garment goes: theta ``[1, 50]``, grid ``[1, H, W, 2]``, and the warped garment.

    ``garment`` is ``[1, 3, H, W]`` in -1..1, ``mask`` ``[1, 1, H, W]`` in 0..1.
    """

    theta: Tensor
    grid: Tensor
    garment: Tensor
    mask: Tensor


@dataclass(frozen=True, eq=False)
class ChainResult:
    """The dressed person ``picture`` ``float32 [1, 3, H, W]`` in -1..1, and what led to it."""

    layout: Layout
    warp: Warp
    misalign: Tensor
    picture: Tensor


class TryOnChain:
    """The three networks on a device; see the module's docstring for ``parity``."""

    def __init__(
        self,
        networks: Networks,
        *,
        parity: bool = False,
        device: str = "cpu",
        precision: str = "fp32",
    ) -> None:
        self.parity = parity
        self.config = networks.conditions
        self.size = Size(*networks.conditions.size_hw)
        self._device = devices.torch_device(device)
        self._precision = "fp32" if parity else precision
        self._seg = networks.seg.to(self._device)
        self._gmm = networks.gmm.to(self._device)
        alias = networks.alias.to(self._device)
        if parity:
            self._alias = alias
        else:
            kind = torch.bfloat16 if precision == "bf16" else torch.float32
            self._seg = self._seg.to(memory_format=torch.channels_last)
            self._fast = FastALIAS(alias, kind)
        self._grid = TpsGrid(self.size, networks.gmm.grid.convention)
        self._sides = mirror_order(VITONHD13), mirror_order(VITONHD7)

    @torch.inference_mode()
    def prepare_person(
        self, person: PersonInputs, *, pose_picture: Image | None = None
    ) -> ChainPerson:
        """What depends on the person alone. Raises ``ItemError`` (``uncertain_pose``)."""
        made = person_conditions(
            person, self.config, device=self._device, pose_picture=pose_picture
        )
        height, width = person.image.shape[:2]
        small = scaled(person.pose, self.size.width / width, self.size.height / height)
        neck = torch.from_numpy(neck_zone(small, self.size)).to(self._device)
        if self.parity:
            return ChainPerson(made, neck)
        other = None
        if pose_picture is None:
            other = person_conditions(mirrored(person), self.config, device=self._device)
        entering = self._padded(torch.cat((made.agnostic, made.pose), 1))
        return ChainPerson(made, neck, other, self._fast.prepare(entering))

    @torch.inference_mode()
    def prepare_garment(self, garment: GarmentInputs) -> ChainGarment:
        """What depends on the garment alone."""
        made = garment_conditions(garment, self.config, device=self._device)
        if self.parity:
            return ChainGarment(made)
        both = torch.cat((made.image_nearest, made.image_nearest.flip(-1)))
        coloured = steps.own_colours(made) if self._fast.adds_garment else None
        return ChainGarment(made, self._gmm.garment_features(both), coloured)

    def __call__(self, person: ChainPerson, garment: ChainGarment, *, seed: int = 0) -> ChainResult:
        """Dress a person; ``seed`` draws all that is random."""
        layout = self.layout(person, garment, seed=seed)
        parse = steps.seven_maps(layout.ids)
        warp = self.warp(person, garment, parse)
        if not self.parity:
            warp = self._on_the_body(warp, garment)
            maps = steps.neckline_opened(layout.maps, warp.mask, person.neck)
            layout = Layout(maps, steps.layout_ids(maps))
            parse = steps.seven_maps(layout.ids)
        misalign, divided = steps.misalignment(parse, warp.mask)
        picture = self.picture(person, warp, parse, divided, misalign, seed=seed)
        return ChainResult(layout, warp, misalign, picture)

    @torch.inference_mode()
    def layout(
        self,
        person: ChainPerson,
        garment: ChainGarment,
        *,
        seed: int = 0,
        noise: Tensor | None = None,
    ) -> Layout:
        """The predicted layout; ``noise`` ``[1, 1, 256, 192]`` instead of the seed's."""
        if noise is None:
            noise = binary_noise(seed, MATCHING_SIZE)
        x = steps.seg_input(person.conditions, garment.conditions, noise)
        if person.mirrored:
            shown = replace(garment.conditions, masked=garment.conditions.masked.flip(-1))
            x = torch.cat((x, steps.seg_input(person.mirrored, shown, noise)))
        if not self.parity:
            x = x.contiguous(memory_format=torch.channels_last)
        with devices.autocast(self._device, self._precision):
            maps = self._seg(x)
        if person.mirrored:
            maps = (maps[:1].float() + maps[1:, self._sides[0]].flip(-1).float()) / 2
        blur = steps.BLUR if self.parity else steps.scaled_blur(self.size.width)
        smooth = steps.smoothed_maps(maps.contiguous(), self.size, blur)
        return Layout(smooth, steps.layout_ids(smooth))

    @torch.inference_mode()
    def warp(self, person: ChainPerson, garment: ChainGarment, parse: Tensor) -> Warp:
        """The garment on the body; ``parse`` is the one-hot layout ``[1, 7, H, W]``."""
        own = self._look(person.conditions, garment, parse, look=0)
        if not person.mirrored:
            return own
        other = self._look(person.mirrored, garment, parse[:, self._sides[1]].flip(-1), look=1)
        grid = (own.grid + mirrored_grid(other.grid)) / 2
        return self._bent(own.theta, grid, garment.conditions)

    def _look(
        self, person: PersonConditions, garment: ChainGarment, parse: Tensor, *, look: int
    ) -> Warp:
        """The warp of the pair (0) or of its mirror image (1)."""
        a, shown = steps.gmm_input(person, parse), garment.conditions
        if look:
            shown = replace(shown, image=shown.image.flip(-1), mask=shown.mask.flip(-1))
        if garment.features is None:
            theta = self._gmm.theta(a, shown.image_nearest)
        else:
            theta = self._gmm.matched(a, garment.features[look : look + 1])
        warp = self._bent(theta, self._grid(theta), shown)
        if self._gmm.refiner is None:
            return warp
        seen = steps.refiner_input(person, parse, warp.garment, warp.mask)
        grid, _ = self._gmm.refined(warp.grid, seen)
        return self._bent(theta, grid, shown)

    @torch.inference_mode()
    def warp_by(self, theta: Tensor, garment: ChainGarment) -> Warp:
        """The garment bent by theta ``[1, 50]``, by the spline alone."""
        return self._bent(theta, self._grid(theta), garment.conditions)

    def _on_the_body(self, warp: Warp, garment: ChainGarment) -> Warp:
        """The warp as the image generator is to see it."""
        if garment.coloured is None:
            return warp
        bent = steps.in_own_colours(garment.coloured, warp.grid, warp.garment, warp.mask)
        return replace(warp, garment=bent)

    def _bent(self, theta: Tensor, grid: Tensor, garment: GarmentConditions) -> Warp:
        both = steps.warped(torch.cat((garment.image, garment.mask), 1), grid)
        return Warp(theta, grid, both[:, :3], both[:, 3:])

    @torch.inference_mode()
    def picture(
        self,
        person: ChainPerson,
        warp: Warp,
        parse: Tensor,
        divided: Tensor,
        misalign: Tensor,
        *,
        seed: int = 0,
    ) -> Tensor:
        """The dressed person ``float32 [1, 3, H, W]`` in -1..1."""
        noise = seeded_noise(torch.Generator().manual_seed(seed))
        if self.parity:
            x = steps.alias_input(person.conditions, warp.garment)
            made: Tensor = self._alias(x, parse, divided, misalign, noise=noise)
            return made
        seen = self._padded(warp.garment)
        maps = self._padded(parse), self._padded(divided), self._padded(misalign)
        assert person.entering is not None  # noqa: S101 - prepared without parity
        made = self._fast(person.entering, seen, *maps, noise)
        return made[..., : self.size.height, : self.size.width]

    def _padded(self, x: Tensor) -> Tensor:
        """Continued at the lower and right edge to a size that ALIAS can take."""
        down, right = (-side % self._fast.stride for side in x.shape[-2:])
        return F.pad(x, (0, right, 0, down), mode="replicate") if down or right else x
