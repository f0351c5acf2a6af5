"""Inference with VITON's networks: coarse picture and mask, warp to the mask, refinement.

Source: the published test scripts (Han et al. 2018), whose stages exchange files, with a program in
MATLAB between them; here all is done in one process. Nothing is random.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines import device as devices
from pipelines.errors import ItemError
from pipelines.networks.pictures import as_plane
from pipelines.networks.spline_matcher import Warped
from pipelines.networks.tps_grid import TpsGrid, unaligned
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.viton.conditions import (
    GarmentConditions,
    garment_conditions,
    person_conditions,
)
from pipelines.systems.viton.networks import PUBLISHED_SIZE, Coarse, composed
from pipelines.systems.viton.warp import GRID_SIZE, VITON, control_points
from pipelines.systems.viton.weights import Networks

INSIDE = 0.5
"""Level from which a mask is inside."""


@dataclass(frozen=True, eq=False)
class Refined:
    """How much of the bent garment is taken, ``share`` ``float32 [1, 1, 256, 192]`` in 0..1, and
    the dressed person ``picture`` ``float32 [1, 3, 256, 192]`` in -1..1.
    """  # noqa: D205 - one sentence

    share: Tensor
    picture: Tensor


class TryOnChain:
    """The networks on a device."""

    def __init__(self, networks: Networks, *, device: str = "cpu", precision: str = "fp32") -> None:
        self.device = devices.torch_device(device)
        self._precision = precision
        self.networks = networks.to(self.device)
        self._grid = TpsGrid(PUBLISHED_SIZE, VITON, grid_size=GRID_SIZE)

    @torch.inference_mode()
    def prepare_person(self, person: PersonInputs) -> Tensor:
        """What is known of a person, ``float32 [1, 22, 256, 192]``."""
        return person_conditions(person, self.networks.config, device=self.device)

    @torch.inference_mode()
    def prepare_garment(self, garment: GarmentInputs) -> GarmentConditions:
        """Everything that depends on the garment alone."""
        return garment_conditions(garment, device=self.device)

    @torch.inference_mode()
    def coarse(self, person: Tensor, garment: GarmentConditions) -> Coarse:
        """The first stage: mask and coarse picture."""
        with devices.autocast(self.device, self._precision):
            made: Coarse = self.networks.coarse(torch.cat((garment.image, person), 1))
        return made

    @torch.inference_mode()
    def warp(self, garment: GarmentConditions, mask: Tensor) -> Warped:
        """The garment bent to a mask ``[1, 1, 256, 192]``; beyond its photo the photo's edge.

        Raises ``ItemError`` (``no_place``) for a mask that shows hardly anything.
        """
        places = control_points(as_plane(garment.mask) > INSIDE, as_plane(mask) >= INSIDE)
        if places is None:
            raise ItemError(
                "the garment has no place on this person: the first network shows none",
                code="no_place",
                hint="Use a photo of the front of the body, or another --system.",
            )
        return bent(garment, self._grid(torch.from_numpy(places)[None].to(self.device)))

    @torch.inference_mode()
    def refined(self, coarse: Coarse, warp: Warped) -> Refined:
        """The second stage: the bent garment laid on the coarse picture."""
        refine = self.networks.refine
        assert refine is not None  # noqa: S101 - of the system that has it
        with devices.autocast(self.device, self._precision):
            share = refine(warp.garment, coarse.picture)
        # as published, nothing is taken outside of the first stage's mask
        share = share * coarse.mask.clamp(0, 1)
        return Refined(share, composed(share, warp.garment, coarse.picture))


def bent(garment: GarmentConditions, grid: Tensor) -> Warped:
    """A garment as a grid ``[B, H, W, 2]`` with aligned corners samples it."""
    image = F.grid_sample(garment.image, grid, padding_mode="border", align_corners=True)
    return Warped(image, F.grid_sample(garment.mask, grid, align_corners=True), grid)


def edge_to_edge(grid: Tensor) -> Tensor:
    """A grid whose -1 and 1 are the edges of the garment's photo, as rendering counts."""
    return unaligned(grid, PUBLISHED_SIZE)
