"""Inference with the two networks of CP-VTON or CP-VTON+.

Source: the published test scripts (Wang et al. 2018; Minar et al. 2020). ``parity=True`` runs their
two stages as they are there, with the JPEG files between them: the bent garment is rounded down,
compressed and read again, and of its mask only what is 128 or more counts. By default (our choice)
the second network takes what the first one made. Nothing is random.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PilImage
from torch import Tensor

from pipelines import device as devices
from pipelines.networks.composition import Composed
from pipelines.networks.pictures import levels, quantised
from pipelines.networks.spline_matcher import Warped
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.cp_vton.conditions import (
    GarmentConditions,
    PersonConditions,
    garment_conditions,
    person_conditions,
)
from pipelines.systems.cp_vton.weights import Networks

_INSIDE = 128
"""Level from which a mask in a JPEG file is inside."""


@dataclass(frozen=True, eq=False)
class ChainPerson:
    """A person's inputs, and what the matching network sees in them ``[1, C, 16, 12]``."""

    conditions: PersonConditions
    features: Tensor


@dataclass(frozen=True, eq=False)
class ChainGarment:
    """A garment's inputs, and what the matching network sees in them ``[1, C, 16, 12]``."""

    conditions: GarmentConditions
    features: Tensor


@dataclass(frozen=True, eq=False)
class ChainResult:
    """The bent garment as the second network was shown it, and what that made of it."""

    warp: Warped
    composed: Composed

    @property
    def picture(self) -> Tensor:
        """The dressed person ``float32 [1, 3, 256, 192]`` in -1..1."""
        return self.composed.picture


class TryOnChain:
    """The two networks on a device; see the module's docstring for ``parity``."""

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
        self._precision = "fp32" if parity else precision
        self.networks = networks.to(self.device)

    @torch.inference_mode()
    def prepare_person(self, person: PersonInputs) -> ChainPerson:
        """Everything that depends on the person alone."""
        seen = person_conditions(person, self.networks.config, device=self.device)
        return ChainPerson(seen, self.networks.gmm.person_features(seen.matching))

    @torch.inference_mode()
    def prepare_garment(self, garment: GarmentInputs) -> ChainGarment:
        """Everything that depends on the garment alone."""
        shown = garment_conditions(garment, device=self.device)
        matched = shown.mask if self.networks.config.plus else shown.image
        return ChainGarment(shown, self.networks.gmm.garment_features(matched))

    @torch.inference_mode()
    def __call__(self, person: ChainPerson, garment: ChainGarment) -> ChainResult:
        """Dress a person."""
        warp = self.warp(person, garment)
        if self.parity:
            warp = by_way_of_files(warp)
        with devices.autocast(self.device, self._precision):
            composed = self.networks.tom(person.conditions.tryon, warp.garment, warp.mask)
        return ChainResult(warp, composed)

    @torch.inference_mode()
    def warp(self, person: ChainPerson, garment: ChainGarment) -> Warped:
        """The garment bent for a person."""
        gmm = self.networks.gmm
        grid = gmm.grid(gmm.between(person.features, garment.features))
        return gmm.warped(garment.conditions.image, garment.conditions.mask, grid)

    @torch.inference_mode()
    def grid(self, warp: Warped) -> Tensor:
        """Where a garment was sampled, -1 and 1 being its photo's edges: ``[1, 256, 192, 2]``."""
        return self.networks.gmm.edge_to_edge(warp.grid)


def by_way_of_files(warp: Warped) -> Warped:
    """A bent garment as the published second stage reads it from the files of the first."""
    garment = levels(_written(quantised(warp.garment, parity=True)))
    plane = (warp.mask * 2 - 1).expand(-1, 3, -1, -1)
    mask = _written(quantised(plane, parity=True)[..., 0]) >= _INSIDE
    return Warped(
        garment.to(warp.garment.device),
        torch.from_numpy(mask.astype(np.float32))[None, None].to(warp.mask.device),
        warp.grid,
    )


def _written(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture ``uint8 [H, W(, 3)]`` after a JPEG file of Pillow's usual quality."""
    file = BytesIO()
    PilImage.fromarray(picture).save(file, "JPEG")
    return np.asarray(PilImage.open(file), np.uint8)
