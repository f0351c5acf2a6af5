"""What the trainers of the three multi-pose networks share."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from pipelines.labels import LIP20
from pipelines.networks.spline_matcher import Warped
from pipelines.systems.multipose.config import NetworkConfig, config_to_json
from pipelines.systems.multipose.train_data import (
    CHANGEABLE,
    Examples,
    examples,
    in_own_pose,
    unpacked,
)
from pipelines.systems.multipose.train_settings import SharedSettings
from pipelines.systems.multipose.weights import build_network
from pipelines.training.initialisation import normal_started
from pipelines.training.task import Batch
from pipelines.training.tryon_augment import augmented
from pipelines.training.tryon_forcing import judging
from pipelines.training.tryon_settings import Own
from pipelines.training.tryon_task import TryOnTask

S = TypeVar("S", bound=Own)


class MultiPoseTask(TryOnTask[Examples, NetworkConfig, S], Generic[S]):
    """One of the three networks."""

    system, changeable = "multipose", CHANGEABLE
    shared: SharedSettings
    to_json = staticmethod(config_to_json)

    def new_network(self) -> nn.Module:
        """The network before any training."""
        return normal_started(build_network(self.config))

    def unpacked(self, kept: Batch) -> Batch:
        """The bytes of a batch as floats."""
        return unpacked(kept)

    def inputs(self, batch: Batch) -> Examples:
        """The networks' inputs of an unpacked batch."""
        return examples(batch, self.config.conditions)

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Mirrored, moved and recoloured at random; some in the source's own pose."""
        pictures = self.unpacked(batch)
        images = pictures["image"]
        drawn = torch.rand(len(images), generator=generator, device=images.device)
        pictures = in_own_pose(pictures, drawn < self.shared.own_pose)
        return augmented(pictures, self.augmentation, generator, self.changeable)

    @torch.no_grad()
    def predicted_segmentation(self, given: Examples) -> Tensor:
        """What SHS finds, as in inference: shares ``float32 [B, 20, 256, 192]``."""
        with judging(self.helpers.networks["shs"]) as shs:
            return shares(shs, given)

    @torch.no_grad()
    def predicted_warp(self, given: Examples, segmentation: Tensor) -> Warped:
        """What GWC makes of the garment for a segmentation ``[B, 20, 256, 192]``."""
        with judging(self.helpers.networks["gwc"]) as gwc:
            return bent(gwc, given, shape_of(segmentation))


def shares(network: nn.Module, given: Examples) -> Tensor:
    """Shares of the labels that SHS finds, ``float32 [B, 20, 256, 192]``."""
    logits: Tensor = network(given.person.body, given.garment.image, given.pose)
    return logits.float().softmax(1)


def shape_of(segmentation: Tensor) -> Tensor:
    """The body of a segmentation ``[B, 20, H, W]`` in 0..1: ``[B, 1, H, W]``."""
    return 1 - segmentation[:, LIP20.BACKGROUND, None]


def bent(network: nn.Module, given: Examples, shape: Tensor) -> Warped:
    """The garments bent to bodies ``[B, 1, 256, 192]`` in the target's pose.

    Computed in float32, but for the features of a network in training: bfloat16 moves the garment
    by pixels.
    """
    gwc: Any = network
    kind = given.image.device.type
    with nullcontext() if network.training else torch.autocast(kind, enabled=False):
        theta = gwc.theta(torch.cat((given.pose, shape), 1), given.garment.mask)
    with torch.autocast(kind, enabled=False):
        found: Warped = gwc.warped(given.garment.image, given.garment.mask, gwc.grid(theta.float()))
    return found
