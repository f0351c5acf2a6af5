"""``vtonctl train acgpn.together``: the four networks in one step, as released."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipelines.systems.acgpn.train import TrainSetup
from pipelines.systems.acgpn.train_base import ACGPNTask
from pipelines.systems.acgpn.train_settings import settings_together
from pipelines.training.request import ReportProgress, TrainRequest, TrainResult
from pipelines.training.sources import TensorSource
from pipelines.training.task import Batch, Loss, Modules, StepInfo, Task
from pipelines.training.tryon_task import figure_rows

if TYPE_CHECKING:
    from pathlib import Path


def train(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train all four on the same batches. Raises ``InputError``, ``ConfigError``."""
    setup = TrainSetup(request, report)
    tasks = {
        stage: setup.task(stage, wanted, alone=False, start=str(request.settings[f"{stage}_start"]))
        for stage, wanted in settings_together(request.settings).items()
    }
    return setup.run(TogetherTask(tasks))


class TogetherTask(Task):
    """The tasks of all stages on the same batches; each network learns from its own losses.

    Where a task is not shown true maps, it is shown what the others' networks predict at that
    step, without a gradient. Figures have the name of their stage before them.
    """

    best = "g/predicted/region_ssim"

    def __init__(self, tasks: Mapping[str, ACGPNTask[Any]]) -> None:
        self.tasks = tasks
        for stage, task in tasks.items():
            task.prefix = f"{stage}/"
        self._first = next(iter(tasks.values()))

    @property
    def averaged(self) -> tuple[str, ...]:
        """The four networks."""
        return tuple(self.tasks)

    def modules(self) -> dict[str, nn.Module]:
        """Those of all."""
        return {name: m for task in self.tasks.values() for name, m in task.modules().items()}

    def optimizers(self, modules: Modules) -> dict[str, torch.optim.Optimizer]:
        """Those of all."""
        return {n: o for task in self.tasks.values() for n, o in task.optimizers(modules).items()}

    def train_data(self, device: torch.device) -> TensorSource:
        """The same for all."""
        return self._first.train_data(device)

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """The same for all."""
        return self._first.augment(batch, generator)

    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """One network after the other."""
        for task in self.tasks.values():
            yield from task.losses(modules, batch, info)

    def learning_rate(self, optimizer: str, info: StepInfo) -> float:
        """The same for all."""
        return self._first.learning_rate(optimizer, info)

    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """Those of all."""
        return {
            f"{stage}/{name}": value
            for stage, task in self.tasks.items()
            for name, value in task.validate(modules, device).items()
        }

    def sheet(self, modules: Modules, device: torch.device) -> NDArray[np.uint8] | None:
        """That of the last network, which shows what the others made."""
        return self.tasks["g"].sheet(modules, device)

    def export(self, modules: Modules, folder: Path, meta: Mapping[str, Any]) -> tuple[Path, ...]:
        """Four files."""
        return tuple(
            path for task in self.tasks.values() for path in task.export(modules, folder, meta)
        )

    def rows(self, figures: Mapping[str, float]) -> tuple[Mapping[str, Any], ...]:
        """Figure and value."""
        return figure_rows(figures)

    def describe(self) -> dict[str, Any]:
        """Networks and data."""
        networks = {stage: task.stored_config() for stage, task in self.tasks.items()}
        return {**self._first.describe(), "network": networks}
