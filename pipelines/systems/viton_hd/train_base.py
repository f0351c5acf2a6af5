"""What the trainers of VITON-HD's three networks share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from pipelines.networks.pyramid import Pyramid
from pipelines.systems.viton_hd.config import NetworkConfig, config_to_json
from pipelines.systems.viton_hd.train_data import CHANGEABLE, Examples, examples, unpacked
from pipelines.training.task import Batch
from pipelines.training.tryon_settings import AugmentSettings
from pipelines.training.tryon_task import TaskData, TryOnTask, xavier_started


class VitonHDTask(TryOnTask[Examples]):
    """One of the three networks."""

    changeable = CHANGEABLE

    def __init__(
        self,
        config: NetworkConfig,
        data: TaskData,
        augmentation: AugmentSettings,
        start: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__(data, augmentation, start)
        self.config = config

    @property
    def family(self) -> str:
        """Of the weights."""
        return self.config.family

    def stored_config(self) -> dict[str, Any]:
        """The network's config."""
        return config_to_json(self.config)

    def started(self, network: nn.Module) -> nn.Module:
        """With the weights to go on from; parts of our own that these do not have are new."""
        if self.start is not None:
            network.load_state_dict({**network.state_dict(), **self.start})
        return network

    def unpacked(self, kept: Batch) -> Batch:
        """The bytes of a batch as floats."""
        return unpacked(kept)

    def examples(self, batch: Batch) -> Examples:
        """The networks' inputs of an unpacked batch."""
        return examples(batch)


def published_start(network: nn.Module) -> nn.Module:
    """Xavier's initialisation, as published, but for parts of our own."""
    for part in network.children():
        if not isinstance(part, Pyramid):
            xavier_started(part)
    return network
