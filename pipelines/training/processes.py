"""Processes that train together: one alone, or several that accelerate has joined.

Gradients are averaged after each backward pass in one message, rather than by wrapping networks:
that is right for any number of forward passes, losses and optimizers in a step.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, nn
from torch import distributed as dist

from pipelines import device as devices
from pipelines.errors import ConfigError, ExtraMissing

TIMEOUT = timedelta(hours=4)
"""How long the others wait for the first process, which validates and writes."""


@dataclass(frozen=True)
class Team:
    """This process and those that train with it."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that validates, logs and writes."""
        return self.rank == 0

    def share(self, indices: Tensor) -> Tensor:
        """This process's equal part of a batch's indices."""
        part = len(indices) // self.size
        return indices[self.rank * part : (self.rank + 1) * part]

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace gradients by their mean over the processes."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        self._average(gradients)

    def average(self, values: dict[str, Tensor]) -> dict[str, Tensor]:
        """Mean of scalars over the processes, which must have the same names."""
        if self.size == 1 or not values:
            return values
        stacked = torch.stack([value.reshape(()) for value in values.values()])
        self._average([stacked])
        return dict(zip(values, stacked, strict=True))

    def _average(self, tensors: list[Tensor]) -> None:
        if not tensors:
            return
        flat = torch.cat([t.reshape(-1) for t in tensors])
        dist.all_reduce(flat)
        flat /= self.size
        parts = torch.split(flat, [t.numel() for t in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def agree(self, values: Sequence[float]) -> list[float]:
        """The largest of each value among the processes; all of them get the same answer."""
        if self.size == 1:
            return list(values)
        # on the CPU, so that nobody waits for a GPU to finish its queue
        largest = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(largest, op=dist.ReduceOp.MAX)
        found: list[float] = largest.tolist()
        return found

    def spread(self, modules: Iterable[nn.Module]) -> None:
        """Give all processes the first one's weights."""
        if self.size == 1:
            return
        for module in modules:
            for tensor in module.state_dict().values():
                dist.broadcast(tensor, src=0)

    def leave(self) -> None:
        """End the connection; the process may go on alone."""
        if self.size > 1:
            dist.destroy_process_group()


def join(device: torch.device) -> Team:
    """Join the processes that a launcher has started (``WORLD_SIZE``), or stay alone.

    Raises ``ExtraMissing`` if there are several and accelerate is not installed.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1:
        return Team()
    if device.type == "mps":
        raise ConfigError(
            "several processes cannot share one Metal GPU",
            code="device_not_used",
            hint="Leave --num-processes out, or use --device cpu.",
        )
    try:
        from accelerate import PartialState
    except ImportError:
        raise ExtraMissing("Training in several processes needs accelerate.", "train") from None
    state = PartialState(cpu=device.type == "cpu", backend=devices.backend(device), timeout=TIMEOUT)
    return Team(int(state.process_index), int(state.num_processes))
