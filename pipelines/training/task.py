"""What is trained: a ``Task`` knows the model and the data, the loop knows steps and files."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

Batch = dict[str, Tensor]
Modules = Mapping[str, nn.Module]
Loss = tuple[str, Tensor, dict[str, Tensor]]


@dataclass(frozen=True)
class StepInfo:
    """Where in the run a step is."""

    step: int
    """Steps done before this one."""
    epoch: float
    """Passes over the data so far, with the share of the one under way."""
    fraction: float
    """Share of the run that is done, 0..1: of the steps, or of the time budget."""
    total_steps: int | None
    """None under a time budget alone."""
    generator: torch.Generator
    """Random numbers of this step, on the device: depends on seed, step and process only."""


class Source(Protocol):
    """Training examples by index."""

    def __len__(self) -> int:
        """Number of examples."""
        ...

    def batches(self, indices: Iterable[Tensor]) -> Iterator[Batch]:
        """For each int64 [B] tensor of indices the batch on the device, in that order.

        A source may read ahead; ``indices`` ends when no more batches are wanted.
        """
        ...


class Task(ABC):
    """A model, its data, its losses and its figures.

    Random numbers come from ``StepInfo.generator`` or torch's global one, both of which the loop
    seeds anew for each step; then a run that is resumed repeats what it would have done.
    """

    best: str = ""
    """Figure of ``validate`` by which the best checkpoint is chosen; empty: the last is kept."""
    larger_is_better: bool = True

    @abstractmethod
    def modules(self) -> dict[str, nn.Module]:
        """Make the networks, on the CPU; called once, with torch seeded."""

    @abstractmethod
    def optimizers(self, modules: Modules) -> dict[str, torch.optim.Optimizer]:
        """Optimizers by name over the modules, which are on the device by now."""

    @abstractmethod
    def train_data(self, device: torch.device) -> Source:
        """The training examples."""

    @abstractmethod
    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """Yield (optimizer, scalar loss, scalars to log); after each the optimizer steps.

        Runs under autocast; gradients of that optimizer's parameters are zero at each yield.
        A GAN yields twice: what comes after the first yield sees the updated networks.
        """

    @abstractmethod
    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """Figures on data that is not trained on; modules are in eval mode, without gradients."""

    @abstractmethod
    def export(self, modules: Modules, folder: Path, meta: Mapping[str, Any]) -> tuple[Path, ...]:
        """Write the final weights of the (averaged) modules and return the files."""

    @property
    def averaged(self) -> tuple[str, ...] | None:
        """Modules of which a moving average is kept; None = all. Others are used as they are."""
        return None

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Change a batch at random, on the device, without gradients."""
        return batch

    def learning_rate(self, optimizer: str, info: StepInfo) -> float:
        """Factor on the learning rates that the optimizer was made with: a half cosine."""
        return cosine(info)

    def sheet(self, modules: Modules, device: torch.device) -> npt.NDArray[np.uint8] | None:
        """A picture of samples, RGB [H, W, 3], or None."""
        return None

    def rows(self, figures: Mapping[str, float]) -> tuple[Mapping[str, Any], ...]:
        """The final figures as a table for people; may be empty."""
        return ()

    def describe(self) -> dict[str, Any]:
        """Settings and names of data sets, to be stored beside each checkpoint (JSON values)."""
        return {}


def cosine(info: StepInfo, warmup_steps: int = 0, floor: float = 0.0) -> float:
    """A half cosine from 1 to ``floor``, after a linear rise over ``warmup_steps`` steps."""
    rise = min(1.0, (info.step + 1) / warmup_steps) if warmup_steps else 1.0
    return rise * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(info.fraction, 1.0))))


def scheduled(schedule: str, info: StepInfo) -> float:
    """The factor of one of ``tryon_settings.SCHEDULES``."""
    if schedule == "constant":
        return 1.0
    return cosine(info) if schedule == "cosine" else constant_then_linear(info)


def constant_then_linear(info: StepInfo, constant: float = 0.5) -> float:
    """1 for the first ``constant`` share of the run, then straight to 0 (pix2pixHD's)."""
    return min(1.0, (1.0 - min(info.fraction, 1.0)) / max(1.0 - constant, 1e-9))
