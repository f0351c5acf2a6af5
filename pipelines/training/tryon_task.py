"""What the trainers of all try-on networks share: examples in, weights out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from pipelines import checkpoint_files
from pipelines.checkpoint_manifest import TrainingData
from pipelines.errors import ConfigError
from pipelines.training import pair_data
from pipelines.training.sources import TensorSource
from pipelines.training.task import Batch, Modules, StepInfo, Task, scheduled
from pipelines.training.tryon_augment import Changeable, augmented
from pipelines.training.tryon_data import TryOnPack
from pipelines.training.tryon_export import export_network
from pipelines.training.tryon_figures import batches_of, spread_indices
from pipelines.training.tryon_forcing import Helpers
from pipelines.training.tryon_settings import AugmentSettings, Own, Shared

if TYPE_CHECKING:
    from pathlib import Path


class Pictured(Protocol):
    """A batch as the networks of a system take it."""

    @property
    def image(self) -> Tensor:
        """The photos ``float32 [B, 3, H, W]``."""


E = TypeVar("E", bound=Pictured)
C = TypeVar("C")
S = TypeVar("S", bound=Own)

ADAM_BETAS = (0.5, 0.999)
"""Those that all systems publish but VITON-HD for its picture."""

JUDGED_AT_ONCE = 16
SHOWN = 8
"""Examples on a sheet."""


@dataclass(frozen=True, eq=False)
class TaskData:
    """Examples to learn from and to judge by, and what the weights will say of them."""

    train: TryOnPack
    validation: TryOnPack
    described: tuple[TrainingData, ...]


@dataclass(frozen=True, eq=False)
class Start(Generic[C]):
    """Weights to go on from."""

    path: Path
    state: Mapping[str, Tensor]
    config: C
    """Of the network that they are of."""


class TryOnTask(Task, Generic[E, C, S]):
    """One network of a system: its examples, its settings, and what it is exported as.

    ``E`` is a batch as the system's networks take it, ``C`` the network's config, ``S`` its own
    settings. Where the networks ``before`` are at hand, it is judged by what these predict, too
    (``predicted/...``).
    """

    system: ClassVar[str]
    trained: str
    """Name of the network among the modules; with the system's before it, the weights' family."""
    label_set = ""
    changeable: Changeable
    """How the system's examples change at random."""
    to_json: Callable[[Any], dict[str, Any]]
    """Of a config of the system the values to store."""
    before: ClassVar[tuple[str, ...]] = ()
    """Stages whose networks predict what this one is shown."""
    added: ClassVar[tuple[str, ...]] = ()
    """How names of the tensors begin that a setting adds: weights to go on from may lack them."""
    prefix = ""
    """Of logged losses, where several tasks are trained together."""

    def __init__(
        self,
        config: C,
        shared: Shared,
        settings: S,
        data: TaskData,
        augmentation: AugmentSettings,
        helpers: Helpers,
        start: Start[C] | None = None,
    ) -> None:
        self.config, self.shared, self.settings = config, shared, settings
        self.data, self.augmentation = data, augmentation
        self.helpers, self.start = helpers, start
        if self.predicts({}):
            # what is predicted is what it will be given
            self.best = f"predicted/{self.best}"

    @property
    def family(self) -> str:
        """Of the weights."""
        return f"{self.system}.{self.trained}"

    @property
    def averaged(self) -> tuple[str, ...]:
        """The network alone."""
        return (self.trained,)

    def stored_config(self) -> dict[str, Any]:
        """What the weights tell of the network, JSON values."""
        return self.to_json(self.config)

    @abstractmethod
    def new_network(self) -> nn.Module:
        """The network before any training."""

    @abstractmethod
    def inputs(self, batch: Batch) -> E:
        """The networks' inputs of an unpacked batch."""

    def unpacked(self, kept: Batch) -> Batch:
        """The bytes of a batch as floats, before random changes."""
        return pair_data.unpacked(kept)

    def examples(self, batch: Batch) -> E:
        """The networks' inputs of an unpacked batch, on whose device the helpers are then."""
        self.helpers.to(batch["image"].device)
        return self.inputs(batch)

    def train_data(self, device: torch.device) -> TensorSource:
        """All examples, as bytes."""
        return TensorSource(self.data.train.tensors(), device)

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Mirrored, moved and recoloured at random."""
        return augmented(self.unpacked(batch), self.augmentation, generator, self.changeable)

    def modules(self) -> dict[str, nn.Module]:
        """The network."""
        return {self.trained: self.started(self.new_network())}

    def optimizers(self, modules: Modules) -> dict[str, torch.optim.Optimizer]:
        """Adam."""
        parameters, rate = modules[self.trained].parameters(), self.settings.learning_rate
        return {self.trained: torch.optim.Adam(parameters, rate, ADAM_BETAS)}

    def learning_rate(self, optimizer: str, info: StepInfo) -> float:
        """By the schedule that was asked for."""
        return scheduled(self.shared.schedule, info)

    def started(self, network: nn.Module) -> nn.Module:
        """The network with the weights to go on from, where there are any.

        Raises ``ConfigError`` where these lack more than what a setting has ``added``,
        ``InputError`` where they do not fit otherwise.
        """
        if self.start is None:
            return network
        state, own = self.start.state, network.state_dict()
        lacking = [n for n in own if n not in state and not n.startswith(self.added)]
        if lacking:
            names = checkpoint_files.named(lacking, "missing")
            raise ConfigError(
                f"{self.start.path}: no start for {self.family}; {names}",
                code="other_network",
                hint=f"Name weights that vtonctl train {self.family} has written.",
            )
        checkpoint_files.load_into(network, {**own, **state}, self.start.path)
        return network

    def predicts(self, modules: Modules) -> bool:
        """Whether the networks before are at hand."""
        return bool(self.before) and {*self.before} <= {*modules, *self.helpers.networks}

    def network(self, name: str, modules: Modules) -> nn.Module:
        """A network before this one: the one that is trained along, or the one that was given."""
        return modules[name] if name in modules else self.helpers.networks[name]

    def forced(self, given: E, share: float, info: StepInfo) -> Tensor | None:
        """Which examples are shown true maps, bool ``[B, 1, 1, 1]``; None: all of them.

        ``share`` of them are, drawn at random.
        """
        if share >= 1:
            return None
        image = given.image
        drawn = torch.rand(len(image), generator=info.generator, device=image.device)
        return (drawn < share)[:, None, None, None]

    def named(self, parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Parts of the loss under the names that they are logged by."""
        return {f"loss/{self.prefix}{name}": value for name, value in parts.items()}

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

    def rows(self, figures: Mapping[str, float]) -> tuple[Mapping[str, Any], ...]:
        """Figure and value."""
        return figure_rows(figures)

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
