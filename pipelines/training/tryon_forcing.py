"""What the networks before predict, in place of the truth, for those that are trained on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipelines.training.tryon_perceptual import Perceptual


@dataclass(frozen=True, eq=False)
class Helpers:
    """Networks that are not trained here: those before, by stage, and a perceptual loss."""

    networks: Mapping[str, nn.Module]
    perceptual: Perceptual | None = None

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


def forced(
    count: int, share: float, generator: torch.Generator, device: torch.device
) -> Tensor | None:
    """Which of ``count`` examples are shown true maps, bool ``[B, 1, 1, 1]``; None: all of them."""
    if share >= 1:
        return None
    drawn = torch.rand(count, generator=generator, device=device)
    return (drawn < share)[:, None, None, None]
