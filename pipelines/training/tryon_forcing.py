"""The networks that one network is trained with and that are not trained themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from pipelines.training.tryon_perceptual import Perceptual


@dataclass(frozen=True, eq=False)
class Helpers:
    """Networks that are not trained here: those before, by stage, and a perceptual loss."""

    networks: Mapping[str, nn.Module] = field(default_factory=dict)
    perceptual: Perceptual | None = None
    configs: Mapping[str, Any] = field(default_factory=dict)
    """Of the networks before, by stage."""

    def to(self, device: torch.device) -> None:
        """Move them, in place; nothing to do where they are there."""
        loss = self.perceptual.loss if self.perceptual else None
        for network in (*self.networks.values(), loss):
            if network is not None:
                network.to(device)


@contextmanager
def judging(network: nn.Module) -> Iterator[nn.Module]:
    """A network in evaluation mode, which it leaves again."""
    was = network.training
    network.eval()
    try:
        yield network
    finally:
        network.train(was)
