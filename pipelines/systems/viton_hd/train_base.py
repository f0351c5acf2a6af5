"""What the trainers of VITON-HD's three networks share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from pipelines.systems.viton_hd.config import NetworkConfig, config_to_json
from pipelines.systems.viton_hd.train_data import CHANGEABLE, Examples, examples, unpacked
from pipelines.training.task import Batch
from pipelines.training.tryon_settings import AugmentSettings
from pipelines.training.tryon_task import TaskData, TryOnTask


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

    def unpacked(self, kept: Batch) -> Batch:
        """The bytes of a batch as floats."""
        return unpacked(kept)

    def examples(self, batch: Batch) -> Examples:
        """The networks' inputs of an unpacked batch."""
        return examples(batch)
