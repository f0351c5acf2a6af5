"""What the trainers of VITON-HD's three networks share."""

from __future__ import annotations

from typing import Generic, TypeVar

import torch
from torch import nn

from pipelines.systems.viton_hd.config import NetworkConfig, config_to_json
from pipelines.systems.viton_hd.train_data import (
    CHANGEABLE,
    Examples,
    examples,
    pose_redrawn,
    unpacked,
)
from pipelines.systems.viton_hd.train_settings import ConditionsSettings
from pipelines.systems.viton_hd.weights import build_network
from pipelines.training.initialisation import xavier_started
from pipelines.training.task import Batch
from pipelines.training.tryon_augment import cropped
from pipelines.training.tryon_settings import Own
from pipelines.training.tryon_task import TryOnTask

C = TypeVar("C", bound=NetworkConfig)
S = TypeVar("S", bound=Own)


class VitonHDTask(TryOnTask[Examples, C, S], Generic[C, S]):
    """One of the three networks."""

    system, changeable = "viton-hd", CHANGEABLE
    to_json = staticmethod(config_to_json)
    shared: ConditionsSettings

    def new_network(self) -> nn.Module:
        """The network before any training."""
        return xavier_started(build_network(self.config))

    def unpacked(self, kept: Batch) -> Batch:
        """The bytes of a batch as floats."""
        return unpacked(kept)

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Mirrored, moved, recoloured and cropped at random."""
        batch, shared = super().augment(batch, generator), self.shared
        if shared.crop == 0:
            return batch
        batch, which = cropped(batch, shared.crop, shared.crop_least, generator, self.changeable)
        return pose_redrawn(batch, which, shared.pose_points)

    def inputs(self, batch: Batch) -> Examples:
        """The networks' inputs of an unpacked batch."""
        return examples(batch)
