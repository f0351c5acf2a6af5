"""Inference with ACGPN's four networks, step by step.

Source: the published test script of ACGPN (Yang et al. 2020). ``parity=True`` runs its steps as
they are there. By default (our choice)

- noise comes from the pair's seed;
- the new garment may reach beyond the old outline of the person: the published script cuts it off
  there, which leaves a narrow person in a wide garment bare;
- with a person's mirror image beside the person, all that is found is the mean of both looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipelines import device as devices
from pipelines.labels import ACGPN14
from pipelines.mirror_image import mirror_order, mirrored_grid
from pipelines.networks.noise import binary_noise
from pipelines.networks.pictures import label_maps
from pipelines.systems.acgpn.chain_steps import (
    Layout,
    g1_input,
    g2_input,
    g_input,
    kept_of_photo,
    made_layout,
    warp_body,
)
from pipelines.systems.acgpn.conditions import CHANNELS, GarmentConditions, PersonConditions
from pipelines.systems.acgpn.networks import PUBLISHED_SIZE, Warped
from pipelines.systems.acgpn.weights import Networks

_ORDER = mirror_order(ACGPN14)


@dataclass(frozen=True, eq=False)
class ChainResult:
    """The dressed person ``picture`` ``float32 [1, 3, 256, 192]`` in -1..1, and what led to it: of
    the pair, and of its mirror image where there is one beside it.
    """  # noqa: D205 - one sentence

    layout: Layout
    warp: Warped
    garment: Tensor
    kept: Tensor
    picture: Tensor


class TryOnChain:
    """The four networks on a device; see the module's docstring for ``parity``."""

    def __init__(
        self,
        networks: Networks,
        *,
        parity: bool = False,
        device: str = "cpu",
        precision: str = "fp32",
    ) -> None:
        self.parity = parity
        self.device = devices.torch_device(device)
        if not parity:
            # autocast would round all weights again for every pair
            kind = torch.bfloat16 if precision == "bf16" else torch.float32
            networks = networks.quickened(kind)
        self.networks = networks.to(self.device)
        self.looks_twice = not parity and networks.u.refiner is not None
        """Whether a person's mirror image should be beside the person: the published networks, slow
        as they are, are asked once."""

    @torch.inference_mode()
    def __call__(
        self, person: PersonConditions, garment: GarmentConditions, *, seed: int = 0
    ) -> ChainResult:
        """Dress a person; ``seed`` draws all that is random."""
        layout = self.layout(person, garment, seed=seed)
        warp = self.warp(person, garment, layout)
        worn = warp.composed(layout.garment)
        kept = kept_of_photo(person, layout)
        picture = self.picture(person, layout, worn, kept, seed=seed)
        return ChainResult(layout, warp, worn, kept, picture)

    @torch.inference_mode()
    def layout(
        self, person: PersonConditions, garment: GarmentConditions, *, seed: int = 0
    ) -> Layout:
        """Where everything will be."""
        shown = _also_mirrored(garment, person)
        noise = self._noise(seed, 0, person), self._noise(seed, 1, person)
        # parity: behind a sigmoid, which does not change which map is highest
        body = self.networks.g1(g1_input(person, shown, noise[0])).float()
        ids = _mean(body.softmax(1), _ORDER).argmax(1) if len(body) > 1 else body.argmax(1)
        maps = label_maps(ids, CHANNELS)
        mask = self.networks.g2(g2_input(person, shown, maps, noise[1]))
        certainty = _mean(torch.sigmoid(mask.float()))
        within = person.labels > 0 if self.parity else None
        return made_layout(person, ids, certainty, within)

    @torch.inference_mode()
    def warp(self, person: PersonConditions, garment: GarmentConditions, layout: Layout) -> Warped:
        """The garment bent to its place in a layout."""
        shown, u = _also_mirrored(garment, person), self.networks.u
        body = warp_body(person, layout.labels, layout.garment)
        cloth = shown.image * shown.mask
        warp = u.bend(cloth, layout.garment, shown.mask, body)
        if len(body) > 1:
            own, other = warp.bent.grid[:1], warp.bent.grid[1:]
            grid = (own + mirrored_grid(other)) / 2
            grids = torch.cat((grid, mirrored_grid(grid)))
            warp = replace(warp, corrected=u.bent(cloth, shown.mask, grids))
        return u.finished(warp, layout.garment)

    @torch.inference_mode()
    def picture(
        self,
        person: PersonConditions,
        layout: Layout,
        worn: Tensor,
        kept: Tensor,
        *,
        seed: int = 0,
    ) -> Tensor:
        """The dressed person ``float32 [1, 3, 256, 192]`` in -1..1."""
        given = g_input(person, kept, layout.labels, worn, self._noise(seed, 2, person))
        return _mean(self.networks.g.picture(given))[:1]

    def _noise(self, seed: int, number: int, person: PersonConditions) -> Tensor:
        noise = binary_noise(devices.mix_seed(seed, number), PUBLISHED_SIZE).to(self.device)
        return noise.expand(len(person.image), -1, -1, -1)


def _also_mirrored(garment: GarmentConditions, person: PersonConditions) -> GarmentConditions:
    """A garment, with its mirror image beside it where the person has theirs."""
    if len(person.image) == len(garment.image):
        return garment
    both = (torch.cat((each, each.flip(-1))) for each in (garment.image, garment.mask))
    return GarmentConditions(*both)


def _mean(found: Tensor, order: Sequence[int] | slice = slice(None)) -> Tensor:
    """What two looks ``[2, C, H, W]`` have found, as both would have it; of one look, that.

    ``order`` has for each channel the one that stands in its place in a mirror image.
    """
    if len(found) == 1:
        return found
    mean = (found[:1] + found[1:, order].flip(-1)) / 2
    return torch.cat((mean, mean[:, order].flip(-1)))
