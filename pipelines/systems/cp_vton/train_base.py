"""What the trainers of the two networks of CP-VTON and CP-VTON+ share."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from pipelines.networks.spline_matcher import Warped
from pipelines.systems.cp_vton.config import CPVTONConfig, config_to_json
from pipelines.systems.cp_vton.networks import GMM
from pipelines.systems.cp_vton.train_data import CHANGEABLE, Examples, examples
from pipelines.systems.cp_vton.train_settings import MatchingSettings, TOMSettings
from pipelines.systems.cp_vton.weights import build_network
from pipelines.training.task import Batch
from pipelines.training.tryon_task import TryOnTask

S = TypeVar("S", bound=MatchingSettings | TOMSettings)


class CPVTONTask(TryOnTask[Examples, CPVTONConfig, S], Generic[S]):
    """One of the two networks; whether it is CP-VTON's or CP-VTON+'s is told by ``config.plus``."""

    changeable = CHANGEABLE
    to_json = staticmethod(config_to_json)

    @property
    def family(self) -> str:
        """Of the weights."""
        return f"{'cp-vton-plus' if self.config.plus else 'cp-vton'}.{self.trained}"

    def new_network(self) -> nn.Module:
        """The network before any training."""
        return build_network(self.family, self.config)

    def inputs(self, batch: Batch) -> Examples:
        """The networks' inputs of an unpacked batch."""
        return examples(batch, self.config)


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
