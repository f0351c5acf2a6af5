"""What the trainers of all try-on networks share: examples in, weights out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from pipelines.checkpoint_manifest import TrainingData
from pipelines.training.sources import TensorSource
from pipelines.training.task import Batch, Modules, Task
from pipelines.training.tryon_augment import Changeable, augmented
from pipelines.training.tryon_data import TryOnPack
from pipelines.training.tryon_export import export_network
from pipelines.training.tryon_figures import batches_of, spread_indices
from pipelines.training.tryon_settings import AugmentSettings

if TYPE_CHECKING:
    from pathlib import Path

E = TypeVar("E")

JUDGED_AT_ONCE = 16
SHOWN = 8
"""Examples on a sheet."""


@dataclass(frozen=True, eq=False)
class TaskData:
    """Examples to learn from and to judge by, and what the weights will say of them."""

    train: TryOnPack
    validation: TryOnPack
    described: tuple[TrainingData, ...]


class TryOnTask(Task, Generic[E]):
    """One network of a system: its examples, and what it is exported as.

    ``start`` are weights to go on from. ``E`` is a batch as the system's networks take it.
    """

    trained: str
    """Name of the network among the modules."""
    label_set = ""
    changeable: Changeable
    """How the system's examples change at random."""

    def __init__(
        self,
        data: TaskData,
        augmentation: AugmentSettings,
        start: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.data, self.augmentation, self.start = data, augmentation, start

    @property
    @abstractmethod
    def family(self) -> str:
        """Of the weights."""

    @abstractmethod
    def stored_config(self) -> dict[str, Any]:
        """What the weights tell of the network, JSON values."""

    @abstractmethod
    def unpacked(self, kept: Batch) -> Batch:
        """The bytes of a batch as floats, before random changes."""

    @abstractmethod
    def examples(self, batch: Batch) -> E:
        """The networks' inputs of an unpacked batch."""

    def train_data(self, device: torch.device) -> TensorSource:
        """All examples, as bytes."""
        return TensorSource(self.data.train.tensors(), device)

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Mirrored, moved and recoloured at random."""
        return augmented(self.unpacked(batch), self.augmentation, generator, self.changeable)

    def started(self, network: nn.Module) -> nn.Module:
        """The network with the weights to go on from, where there are any.

        Parts of our own that these weights do not have are new.
        """
        if self.start is not None:
            network.load_state_dict({**network.state_dict(), **self.start})
        return network

    def judged(self, device: torch.device) -> Iterator[tuple[Tensor, E]]:
        """The examples to judge by, in batches with their indices, as they are."""
        source = TensorSource(self.data.validation.tensors(), device, resident=False)
        for indices in batches_of(len(source), JUDGED_AT_ONCE):
            yield indices, self.examples(self.unpacked(source.gather(indices)))

    def shown(self, device: torch.device) -> tuple[Tensor, E]:
        """Some of them, for the sheet."""
        source = TensorSource(self.data.validation.tensors(), device, resident=False)
        indices = spread_indices(len(source), SHOWN)
        return indices, self.examples(self.unpacked(source.gather(indices)))

    def export(self, modules: Modules, folder: Path, meta: Mapping[str, Any]) -> tuple[Path, ...]:
        """One safetensors file in half precision, with the network's config."""
        path = export_network(
            folder,
            modules[self.trained],
            family=self.family,
            config=self.stored_config(),
            meta=meta,
            data=self.data.described,
            label_set=self.label_set,
        )
        return (path,)

    def describe(self) -> dict[str, Any]:
        """Network and data."""
        return {
            "network": self.stored_config(),
            "data": [row.name for row in self.data.described],
            "examples": len(self.data.train),
        }


def figure_rows(figures: Mapping[str, float]) -> tuple[Mapping[str, Any], ...]:
    """Figure and value, for people."""
    return tuple({"figure": name, "value": value} for name, value in figures.items())
