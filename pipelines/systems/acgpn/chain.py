"""Inference with ACGPN's four networks, step by step.

Source: the published test script of ACGPN (Yang et al. 2020). ``parity=True`` runs its steps as
they are there. By default (our choice) noise comes from the pair's seed, and the new garment may
reach beyond the old outline of the person: the published script cuts it off there, which leaves a
narrow person in a wide garment bare.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pipelines import device as devices
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


@dataclass(frozen=True, eq=False)
class ChainResult:
    """The dressed person ``picture`` ``float32 [1, 3, 256, 192]`` in -1..1, and what led to it."""

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
        noise = self._noise(seed, 0), self._noise(seed, 1)
        body = self.networks.g1(g1_input(person, garment, noise[0]))
        # parity: behind a sigmoid, which does not change which map is highest
        ids = body.float().argmax(1)
        maps = label_maps(ids, CHANNELS)
        mask = self.networks.g2(g2_input(person, garment, maps, noise[1]))
        certainty = torch.sigmoid(mask.float())
        within = person.labels > 0 if self.parity else None
        return made_layout(person, ids, certainty, within)

    @torch.inference_mode()
    def warp(self, person: PersonConditions, garment: GarmentConditions, layout: Layout) -> Warped:
        """The garment bent to its place in a layout."""
        body = warp_body(person, layout.labels, layout.garment)
        shown = garment.image * garment.mask
        made: Warped = self.networks.u(shown, layout.garment, garment.mask, body)
        return made

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
        given = g_input(person, kept, layout.labels, worn, self._noise(seed, 2))
        return self.networks.g.picture(given)

    def _noise(self, seed: int, number: int) -> Tensor:
        return binary_noise(devices.mix_seed(seed, number), PUBLISHED_SIZE).to(self.device)
