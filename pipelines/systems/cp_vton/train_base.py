"""What the trainers of the two networks of CP-VTON and CP-VTON+ share."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from pipelines.networks.spline_matcher import Warped
from pipelines.systems.cp_vton.config import (
    FAMILIES,
    PLUS_FAMILIES,
    CPVTONConfig,
    config_to_json,
)
from pipelines.systems.cp_vton.networks import GMM
from pipelines.systems.cp_vton.train_data import CHANGEABLE, Examples, examples
from pipelines.systems.cp_vton.train_settings import (
    MatchingSettings,
    SharedSettings,
    TOMSettings,
)
from pipelines.systems.cp_vton.weights import build_network
from pipelines.training.pair_data import unpacked
from pipelines.training.task import Batch, Modules, StepInfo, scheduled
from pipelines.training.tryon_settings import AugmentSettings
from pipelines.training.tryon_task import TaskData, TryOnTask, figure_rows

S = TypeVar("S", bound=MatchingSettings | TOMSettings)


class CPVTONTask(TryOnTask[Examples], Generic[S]):
    """One of the two networks; whether it is CP-VTON's or CP-VTON+'s is told by ``config.plus``."""

    changeable = CHANGEABLE
    number: ClassVar[int]
    """Of the network among the families."""

    def __init__(
        self,
        config: CPVTONConfig,
        shared: SharedSettings,
        settings: S,
        data: TaskData,
        augmentation: AugmentSettings,
        start: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__(data, augmentation, start)
        self.config, self.shared, self.settings = config, shared, settings
        self.averaged = (self.trained,)

    @property
    def family(self) -> str:
        """Of the weights."""
        return (PLUS_FAMILIES if self.config.plus else FAMILIES)[self.number]

    def stored_config(self) -> dict[str, Any]:
        """The network's config."""
        return config_to_json(self.config)

    def unpacked(self, kept: Batch) -> Batch:
        """The bytes of a batch as floats."""
        return unpacked(kept)

    def examples(self, batch: Batch) -> Examples:
        """The networks' inputs of an unpacked batch."""
        return examples(batch, self.config)

    def modules(self) -> dict[str, nn.Module]:
        """The network."""
        return {self.trained: self.started(self.new_network())}

    def new_network(self) -> nn.Module:
        """The network before any training."""
        return build_network(self.family, self.config)

    def optimizers(self, modules: Modules) -> dict[str, torch.optim.Optimizer]:
        """Adam."""
        parameters = modules[self.trained].parameters()
        rate = self.settings.learning_rate
        return {self.trained: torch.optim.Adam(parameters, rate, betas=(0.5, 0.999))}

    def learning_rate(self, optimizer: str, info: StepInfo) -> float:
        """By the schedule that was asked for."""
        return scheduled(self.shared.schedule, info)

    def rows(self, figures: Mapping[str, float]) -> tuple[Mapping[str, Any], ...]:
        """Figure and value."""
        return figure_rows(figures)


def bent(network: GMM, given: Examples, shown: Tensor | None = None) -> Warped:
    """The garments bent for their persons.

    ``shown`` is what the network sees of them, photos ``[B, 3, 256, 192]`` or masks
    ``[B, 1, 256, 192]``; by default the examples' own. Computed in float32, but for the features
    of a network in training: bfloat16 moves the garment by pixels.
    """
    if shown is None:
        shown = given.garment.mask if network.plus else given.garment.image
    device = given.image.device
    exact = torch.autocast(device.type, enabled=False)
    with nullcontext() if network.training else exact:
        theta = network.theta(given.person.matching, shown)
    with exact:
        return network.warped(given.garment.image, given.garment.mask, network.grid(theta))
