"""Inference with the three networks, one after the other.

Source: Sandagdorj, Thai and Ahn (2020), figure 2. Nothing is random. What depends on the person,
on the garment or on the pose alone is made once, for all that it is combined with.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pipelines import device as devices
from pipelines.labels import LIP20
from pipelines.networks.composition import Composed
from pipelines.networks.spline_matcher import Warped
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.multipose.conditions import (
    GarmentConditions,
    PersonConditions,
    garment_conditions,
    person_conditions,
    pose_conditions,
)
from pipelines.systems.multipose.weights import Networks
from pipelines.types import Pose, Size


@dataclass(frozen=True, eq=False)
class ChainGarment:
    """A garment's inputs, and what GWC sees in its mask ``[1, C, 16, 12]``."""

    conditions: GarmentConditions
    features: Tensor


@dataclass(frozen=True, eq=False)
class ChainResult:
    """The segmentation ``float32 [1, 20, 256, 192]`` (shares of the labels, which add up to 1),
    the bent garment, and what TOG made of them.
    """  # noqa: D205 - one sentence

    segmentation: Tensor
    warp: Warped
    composed: Composed

    @property
    def picture(self) -> Tensor:
        """The dressed person in the target pose ``float32 [1, 3, 256, 192]`` in -1..1."""
        return self.composed.picture


class TryOnChain:
    """The three networks on a device."""

    def __init__(self, networks: Networks, *, device: str = "cpu", precision: str = "fp32") -> None:
        self.device = devices.torch_device(device)
        self._precision = precision
        self.networks = networks.to(self.device)

    def prepare_person(self, person: PersonInputs) -> PersonConditions:
        """Everything that depends on the person alone."""
        return person_conditions(person, self.networks.conditions, device=self.device)

    @torch.inference_mode()
    def prepare_garment(self, garment: GarmentInputs) -> ChainGarment:
        """Everything that depends on the garment alone."""
        shown = garment_conditions(garment, self.networks.conditions, device=self.device)
        return ChainGarment(shown, self.networks.gwc.garment_features(shown.mask))

    def prepare_pose(self, pose: Pose, size: Size) -> Tensor:
        """The maps of a pose in pixels of a picture of ``size``: ``float32 [1, 18, 256, 192]``."""
        return pose_conditions(pose, size, self.networks.conditions, device=self.device)

    @torch.inference_mode()
    def __call__(
        self, person: PersonConditions, garment: ChainGarment, pose: Tensor
    ) -> ChainResult:
        """Dress a person in a pose."""
        segmentation = self.segment(person, garment, pose)
        warp = self.warp(segmentation, garment, pose)
        with devices.autocast(self.device, self._precision):
            composed = self.networks.tog(segmentation, pose, warp.garment, person.without_clothes)
        return ChainResult(segmentation, warp, composed)

    @torch.inference_mode()
    def segment(self, person: PersonConditions, garment: ChainGarment, pose: Tensor) -> Tensor:
        """Where everything will be: shares of the labels ``float32 [1, 20, 256, 192]``."""
        with devices.autocast(self.device, self._precision):
            logits = self.networks.shs(person.body, garment.conditions.image, pose)
        shares: Tensor = logits.float().softmax(1)
        return shares

    @torch.inference_mode()
    def warp(self, segmentation: Tensor, garment: ChainGarment, pose: Tensor) -> Warped:
        """The garment bent for a segmentation and a pose."""
        gwc = self.networks.gwc
        shape = 1 - segmentation[:, LIP20.BACKGROUND, None]
        features = gwc.person_features(torch.cat((pose, shape), 1))
        grid = gwc.grid(gwc.between(features, garment.features))
        return gwc.warped(garment.conditions.image, garment.conditions.mask, grid)

    @torch.inference_mode()
    def grid(self, warp: Warped) -> Tensor:
        """Where a garment was sampled, -1 and 1 being its photo's edges: ``[1, 256, 192, 2]``."""
        return self.networks.gwc.edge_to_edge(warp.grid)
