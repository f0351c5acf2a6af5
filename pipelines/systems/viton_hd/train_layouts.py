"""Layouts that warp and picture are trained with: the true ones and, in a share, predicted ones."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipelines import device as devices
from pipelines.labels import VITONHD7
from pipelines.networks.correlation import MATCHING_SIZE as MATCHING
from pipelines.networks.noise import binary_noise
from pipelines.networks.pictures import label_maps
from pipelines.systems.viton_hd.chain_steps import scaled_blur, seg_input, smoothed_maps
from pipelines.systems.viton_hd.conditions import seven_of_thirteen
from pipelines.systems.viton_hd.train_data import Examples


@dataclass(frozen=True, eq=False)
class Layouts:
    """Where layouts come from: ``network`` predicts the ``share`` of examples that is asked for."""

    network: nn.Module | None = None
    share: float = 0.0

    def drawn(self, given: Examples, generator: torch.Generator, seed: int) -> Tensor:
        """Layouts to learn from, one-hot ``VITONHD7`` ``[B, 7, H, W]``."""
        if self.network is None or not self.share:
            return given.parse
        chances = torch.rand(len(given.ids), generator=generator, device=given.ids.device)
        which = (chances < self.share)[:, None, None, None]
        if not bool(which.any()):
            return given.parse
        return torch.where(which, self.predicted(given, seed), given.parse)

    @torch.no_grad()
    def predicted(self, given: Examples, seed: int) -> Tensor:
        """The predicted layouts, one-hot ``VITONHD7`` ``[B, 7, H, W]``."""
        assert self.network is not None  # noqa: S101 - asked by the callers
        seeds = torch.tensor([devices.mix_seed(seed, k) for k in range(len(given.ids))])
        ids = predicted_ids(self.network, given, seeds)
        return label_maps(seven_of_thirteen(ids), len(VITONHD7))


def predicted_ids(network: nn.Module, given: Examples, seeds: Tensor) -> Tensor:
    """The predicted layout as the chain makes it: ``int64 [B, H, W]``, ``VITONHD13``.

    ``seeds`` are those of the noise, one for each example.
    """
    size = given.size
    noise = torch.cat([binary_noise(int(seed), MATCHING) for seed in seeds]).to(given.image)
    maps = network(seg_input(given.person, given.garment, noise))
    return smoothed_maps(maps, size, scaled_blur(size.width)).argmax(1)
