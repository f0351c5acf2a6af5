"""What the trainers of ACGPN's four networks share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from pipelines import device as devices
from pipelines.networks.noise import binary_noise, drawn_noise
from pipelines.networks.pictures import label_maps
from pipelines.systems.acgpn.chain_steps import Layout, g1_input, g2_input, made_layout
from pipelines.systems.acgpn.conditions import CHANNELS
from pipelines.systems.acgpn.config import ACGPNConfig, config_to_json
from pipelines.systems.acgpn.networks import PUBLISHED_SIZE, Warped
from pipelines.systems.acgpn.train_data import CHANGEABLE, Examples, examples
from pipelines.systems.acgpn.train_settings import SharedSettings
from pipelines.systems.acgpn.weights import build_network
from pipelines.training.initialisation import normal_started
from pipelines.training.pair_data import unpacked
from pipelines.training.task import Batch, Modules, StepInfo, scheduled
from pipelines.training.tryon_forcing import Helpers, forced, judging
from pipelines.training.tryon_gan import Adversary
from pipelines.training.tryon_settings import AugmentSettings, GanSettings
from pipelines.training.tryon_task import TaskData, TryOnTask

S = TypeVar("S", bound=GanSettings)


class ACGPNTask(TryOnTask[Examples], Generic[S]):
    """One of the four networks against its discriminator.

    ``teacher_forcing`` is the share of the examples that it is shown true maps of; where the
    networks before are at hand, it is judged by what these predict, too (``predicted/...``).
    """

    changeable = CHANGEABLE
    before: ClassVar[tuple[str, ...]] = ()
    """Stages whose networks predict what this one is shown."""
    judged_channels: ClassVar[int]
    """Channels that the discriminator sees: the condition, and a map or picture."""
    prefix = ""
    """Of logged losses, where several tasks are trained together."""

    def __init__(
        self,
        config: ACGPNConfig,
        shared: SharedSettings,
        settings: S,
        data: TaskData,
        augmentation: AugmentSettings,
        helpers: Helpers,
        start: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__(data, augmentation, start)
        self.config, self.shared, self.settings, self.helpers = config, shared, settings, helpers
        self.averaged = (self.trained,)
        if self.predicts(helpers.networks):
            # what is predicted is what it will be given
            self.best = f"predicted/{self.best}"

    @property
    def family(self) -> str:
        """Of the weights."""
        return f"acgpn.{self.trained}"

    @property
    def adversary(self) -> Adversary:
        """Its discriminator."""
        return Adversary(self.trained, self.judged_channels, self.settings)

    def stored_config(self) -> dict[str, Any]:
        """The network's config."""
        return config_to_json(self.config)

    def unpacked(self, kept: Batch) -> Batch:
        """The bytes of a batch as floats."""
        return unpacked(kept)

    def examples(self, batch: Batch) -> Examples:
        """The networks' inputs of an unpacked batch."""
        self.helpers.to(batch["image"].device)
        return examples(batch, self.config)

    def modules(self) -> dict[str, nn.Module]:
        """The generator and, if it is used, the discriminator."""
        return {self.trained: self.started(self.new_network()), **self.adversary.modules()}

    def new_network(self) -> nn.Module:
        """The network before any training."""
        return normal_started(build_network(self.family, self.config))

    def optimizers(self, modules: Modules) -> dict[str, torch.optim.Optimizer]:
        """Adam for each."""
        return self.adversary.optimizers(modules)

    def learning_rate(self, optimizer: str, info: StepInfo) -> float:
        """By the schedule that was asked for."""
        return scheduled(self.shared.schedule, info)

    def named(self, logged: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Parts of the loss under the names that they are logged by."""
        return {f"loss/{self.prefix}{name}": value for name, value in logged.items()}

    def predicts(self, modules: Modules) -> bool:
        """Whether the networks before are at hand."""
        return bool(self.before) and all(
            name in modules or name in self.helpers.networks for name in self.before
        )

    def network(self, name: str, modules: Modules) -> nn.Module:
        """A network before this one: the one that is trained along, or the one that was given."""
        return modules[name] if name in modules else self.helpers.networks[name]

    def forced(self, given: Examples, share: float, info: StepInfo) -> Tensor | None:
        """Which examples are shown true maps, bool ``[B, 1, 1, 1]``; None: all of them."""
        return forced(len(given.image), share, info.generator, given.image.device)

    @torch.no_grad()
    def predicted_body(self, modules: Modules, given: Examples, noise: Tensor) -> Tensor:
        """What G1 finds: ``int64 [B, 256, 192]``."""
        with judging(self.network("g1", modules)) as g1:
            maps: Tensor = g1(g1_input(given.person, given.garment, noise))
        return maps.float().argmax(1)

    @torch.no_grad()
    def predicted_layout(
        self, modules: Modules, given: Examples, noise: tuple[Tensor, Tensor]
    ) -> Layout:
        """What G1 and G2 find, as in inference."""
        ids = self.predicted_body(modules, given, noise[0])
        with judging(self.network("g2", modules)) as g2:
            maps = label_maps(ids, CHANNELS)
            raw: Tensor = g2(g2_input(given.person, given.garment, maps, noise[1]))
        return made_layout(given.person, ids, torch.sigmoid(raw.float()))

    @torch.no_grad()
    def predicted_warp(self, modules: Modules, given: Examples, target: Tensor) -> Warped:
        """What U makes of the garment for a mask, as in inference."""
        with judging(self.network("u", modules)) as u:
            found: Warped = bent(u, given, target)
        return found


def bent(network: nn.Module, given: Examples, target: Tensor) -> Warped:
    """The garments bent to masks ``[B, 1, 256, 192]``."""
    garment = given.garment
    made: Warped = network(garment.image * garment.mask, target, garment.mask)
    return made


def step_noise(given: Examples, info: StepInfo) -> Tensor:
    """The noise channel of a training step: ``float32 [B, 1, 256, 192]``."""
    return drawn_noise(len(given.image), PUBLISHED_SIZE, info.generator)


def judged_noise(given: Examples, indices: Tensor, number: int) -> Tensor:
    """The noise channel by which examples are judged, of the network ``number`` of the chain."""
    seeds = (devices.mix_seed(int(index), number) for index in indices)
    noise = [binary_noise(seed, PUBLISHED_SIZE) for seed in seeds]
    return torch.cat(noise).to(given.image.device)
