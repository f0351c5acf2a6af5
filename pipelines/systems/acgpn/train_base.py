"""What the trainers of ACGPN's four networks share."""

from __future__ import annotations

from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from pipelines import device as devices
from pipelines.networks.noise import binary_noise, drawn_noise
from pipelines.networks.pictures import label_maps
from pipelines.systems.acgpn.chain_steps import (
    Layout,
    g1_input,
    g2_input,
    made_layout,
    warp_body,
)
from pipelines.systems.acgpn.conditions import CHANNELS
from pipelines.systems.acgpn.config import ACGPNConfig, config_to_json
from pipelines.systems.acgpn.networks import PUBLISHED_SIZE, Warped
from pipelines.systems.acgpn.train_data import CHANGEABLE, Examples, examples
from pipelines.systems.acgpn.weights import build_network
from pipelines.training.initialisation import normal_started
from pipelines.training.task import Batch, Modules, StepInfo
from pipelines.training.tryon_forcing import judging
from pipelines.training.tryon_gan import AdversarialTask
from pipelines.training.tryon_settings import GanSettings

S = TypeVar("S", bound=GanSettings)


class ACGPNTask(AdversarialTask[Examples, ACGPNConfig, S], Generic[S]):
    """One of the four networks against its discriminator.

    ``teacher_forcing`` is the share of the examples that it is shown true maps of.
    """

    system, changeable = "acgpn", CHANGEABLE
    to_json = staticmethod(config_to_json)

    def new_network(self) -> nn.Module:
        """The network before any training."""
        return normal_started(build_network(self.family, self.config))

    def inputs(self, batch: Batch) -> Examples:
        """The networks' inputs of an unpacked batch."""
        return examples(batch, self.config)

    @torch.no_grad()
    def predicted_body(self, modules: Modules, given: Examples, noise: Tensor) -> Tensor:
        """What G1 finds: ``int64 [B, 256, 192]``."""
        with judging(self.network("g1", modules)) as g1:
            maps: Tensor = g1(g1_input(given.person, given.garment, noise))
        return maps.float().argmax(1)

    @torch.no_grad()
    def predicted_layout(
        self, modules: Modules, given: Examples, noise: tuple[Tensor, Tensor]
    ) -> Layout:
        """What G1 and G2 find, as in inference."""
        ids = self.predicted_body(modules, given, noise[0])
        with judging(self.network("g2", modules)) as g2:
            maps = label_maps(ids, CHANNELS)
            raw: Tensor = g2(g2_input(given.person, given.garment, maps, noise[1]))
        return made_layout(given.person, ids, torch.sigmoid(raw.float()))

    @torch.no_grad()
    def predicted_warp(self, modules: Modules, given: Examples, layout: Layout) -> Warped:
        """What U makes of the garment for a layout, as in inference."""
        with judging(self.network("u", modules)) as u:
            return bent(u, given, layout.garment, layout.labels)


def bent(network: nn.Module, given: Examples, target: Tensor, labels: Tensor) -> Warped:
    """The garments bent to masks ``[B, 1, 256, 192]`` in layouts ``[B, 14, 256, 192]``."""
    made: Warped = network(*warp_inputs(given, target, labels))
    return made


def warp_inputs(given: Examples, target: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
    """The inputs of U: garments, the masks to bend them to, their own, bodies."""
    garment, body = given.garment, warp_body(given.person, labels, target)
    return garment.image * garment.mask, target, garment.mask, body


def step_noise(given: Examples, info: StepInfo) -> Tensor:
    """The noise channel of a training step: ``float32 [B, 1, 256, 192]``."""
    return drawn_noise(len(given.image), PUBLISHED_SIZE, info.generator)


def judged_noise(given: Examples, indices: Tensor, number: int) -> Tensor:
    """The noise channel by which examples are judged, of the network ``number`` of the chain."""
    seeds = (devices.mix_seed(int(index), number) for index in indices)
    noise = [binary_noise(seed, PUBLISHED_SIZE) for seed in seeds]
    return torch.cat(noise).to(given.image.device)
