"""What the trainers of VITON-HD's three networks share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pipelines.checkpoint_manifest import TrainingData
from pipelines.systems.viton_hd.config import NetworkConfig, config_to_json
from pipelines.systems.viton_hd.train_augment import augmented
from pipelines.systems.viton_hd.train_data import Examples, examples, unpacked
from pipelines.systems.viton_hd.train_settings import AugmentSettings
from pipelines.training.sources import TensorSource
from pipelines.training.task import Batch, Modules, Task
from pipelines.training.tryon_data import TryOnPack
from pipelines.training.tryon_export import export_network
from pipelines.training.tryon_figures import batches_of, spread_indices

if TYPE_CHECKING:
    from pathlib import Path

JUDGED_AT_ONCE = 16
SHOWN = 8
"""Examples on a sheet."""

INITIAL_DEVIATION = 0.02
"""Of the published initialisations."""


@dataclass(frozen=True, eq=False)
class TaskData:
    """Examples to learn from and to judge by, and what the weights will say of them."""

    train: TryOnPack
    validation: TryOnPack
    described: tuple[TrainingData, ...]


class VitonHDTask(Task):
    """One of the three networks: its examples, and what it is exported as.

    ``start`` are weights to go on from.
    """

    trained: str
    """Name of the network among the modules."""
    label_set = ""

    def __init__(
        self,
        config: NetworkConfig,
        data: TaskData,
        augmentation: AugmentSettings,
        start: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.config, self.data, self.augmentation, self.start = config, data, augmentation, start

    def train_data(self, device: torch.device) -> TensorSource:
        """All examples, as bytes."""
        return TensorSource(self.data.train.tensors(), device)

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Mirrored, moved and recoloured at random."""
        return augmented(unpacked(batch), self.augmentation, generator)

    def started(self, network: nn.Module) -> nn.Module:
        """The network with the weights to go on from, where there are any."""
        if self.start is not None:
            network.load_state_dict(dict(self.start))
        return network

    def judged(self, device: torch.device) -> Iterator[tuple[Tensor, Examples]]:
        """The examples to judge by, in batches with their indices, as they are."""
        source = TensorSource(self.data.validation.tensors(), device, resident=False)
        for indices in batches_of(len(source), JUDGED_AT_ONCE):
            yield indices, examples(unpacked(source.gather(indices)))

    def shown(self, device: torch.device) -> tuple[Tensor, Examples]:
        """Some of them, for the sheet."""
        source = TensorSource(self.data.validation.tensors(), device, resident=False)
        indices = spread_indices(len(source), SHOWN)
        return indices, examples(unpacked(source.gather(indices)))

    def export(self, modules: Modules, folder: Path, meta: Mapping[str, Any]) -> tuple[Path, ...]:
        """One safetensors file in half precision, with the network's config."""
        path = export_network(
            folder,
            modules[self.trained],
            family=self.config.family,
            config=config_to_json(self.config),
            meta=meta,
            data=self.data.described,
            label_set=self.label_set,
        )
        return (path,)

    def describe(self) -> dict[str, Any]:
        """Network and data."""
        return {
            "network": config_to_json(self.config),
            "data": [row.name for row in self.data.described],
            "examples": len(self.data.train),
        }


def xavier_started(network: nn.Module) -> nn.Module:
    """Xavier's normal initialisation with a gain of 0.02, no bias: the published one."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            # spectral normalisation keeps the weight under this name
            weight = getattr(module, "weight_orig", module.weight)
            nn.init.xavier_normal_(weight, INITIAL_DEVIATION)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def device_of(network: nn.Module) -> torch.device:
    """The device that a network is on."""
    return next(network.parameters()).device
