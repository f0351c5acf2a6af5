"""Training of TOG: L1, perceptual loss, conditional GAN."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from pipelines.labels import LIP20
from pipelines.networks.composition import Composed
from pipelines.systems.multipose.config import NetworkConfig
from pipelines.systems.multipose.networks import TOG_CHANNELS
from pipelines.systems.multipose.train_base import MultiPoseTask
from pipelines.systems.multipose.train_data import Examples
from pipelines.systems.multipose.train_settings import TOGSettings
from pipelines.training.task import Batch, Loss, Modules, StepInfo
from pipelines.training.tryon_figures import Averages, inside, pixels, sheet, ssim_maps
from pipelines.training.tryon_gan import AdversarialTask

Shown = tuple[Tensor, Tensor]
"""Segmentation ``[B, 20, 256, 192]`` in 0..1 and bent garment ``[B, 3, 256, 192]`` in -1..1."""


class TOGTask(MultiPoseTask[TOGSettings], AdversarialTask[Examples, NetworkConfig, TOGSettings]):
    """``TOG``: the picture of the person in the target's pose."""

    best, trained, before = "person_ssim", "tog", ("shs", "gwc")
    judged_channels = TOG_CHANNELS + 3

    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """The discriminator's loss, then the generator's (equation 9)."""
        given, s = self.examples(batch), self.settings
        shown = self._shown(given, info)
        if info.fraction < s.small_share:
            segmentation, garment = (F.avg_pool2d(maps, 2) for maps in shown)
            given, shown = given.halved(), (segmentation, garment)
        seen = _seen(given, shown)
        composed: Composed = modules["tog"](*seen)
        made = composed.picture
        logged = {"l1": (made - given.image).abs().mean()}
        loss = s.l1_weight * logged["l1"]
        if s.ssim_weight:
            unlike = 1 - ssim_maps(made, given.image)
            logged["ssim"] = inside(unlike, _person(given)).nan_to_num(0).mean()
            loss = loss + s.ssim_weight * logged["ssim"]
        if s.share_weight:
            logged["share"] = (composed.share - given.worn).abs().mean()
            loss = loss + s.share_weight * logged["share"]
        loss = loss + (
            yield from self.adversary.against(
                modules, torch.cat(seen, 1), given.image, made, logged
            )
        )
        if self.helpers.perceptual and s.perceptual_weight:
            logged["perceptual"] = self.helpers.perceptual(made, given.image, given.joints)
            loss = loss + s.perceptual_weight * logged["perceptual"]
        yield "tog", loss, self.named(logged)

    def _shown(self, given: Examples, info: StepInfo) -> Shown:
        """What a step shows: true segmentations, predicted ones for the rest."""
        shown = self.forced(given, self.settings.teacher_forcing, info)
        segmentation = given.segmentation
        if shown is not None:
            found = self.predicted_segmentation(given)
            segmentation = torch.where(shown, segmentation, found)
        return segmentation, self._garment(given, segmentation)

    def _garment(self, given: Examples, segmentation: Tensor) -> Tensor:
        """The bent garment; without GWC, the target's own."""
        if "gwc" in self.helpers.networks:
            return self.predicted_warp(given, segmentation).garment
        return given.worn_garment

    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """SSIM and L1 (of 0..1) of the whole picture and of where the person is, under true
        segmentations. ``predicted/...``: under predicted ones, as in inference.
        """  # noqa: D205 - one sentence
        figures = Averages()
        for _, given in self.judged(device):
            person = _person(given)
            for prefix, shown in self._judged_inputs(modules, given):
                made = modules["tog"](*_seen(given, shown)).picture
                likeness = ssim_maps(made, given.image)
                apart = (made - given.image).abs().mean(1) / 2
                figures.add(prefix + "ssim", likeness.mean((1, 2)))
                figures.add(prefix + "l1", apart.mean((1, 2)))
                figures.add(prefix + "person_ssim", inside(likeness, person))
                figures.add(prefix + "person_l1", inside(apart, person))
        return figures.means()

    def _judged_inputs(self, modules: Modules, given: Examples) -> Iterator[tuple[str, Shown]]:
        yield "", (given.segmentation, self._garment(given, given.segmentation))
        if self.predicts(modules):
            found = self.predicted_segmentation(given)
            yield "predicted/", (found, self._garment(given, found))

    def sheet(self, modules: Modules, device: torch.device) -> NDArray[np.uint8]:
        """Source, garment, the bent garment, the coarse picture, the picture, the target."""
        _, given = self.shown(device)
        *_, (_, shown) = self._judged_inputs(modules, given)
        composed: Composed = modules["tog"](*_seen(given, shown))
        made = (shown[1], composed.rendered, composed.picture)
        pictures = (given.source, given.garment.image, *made, given.image)
        return sheet([pixels(picture) for picture in pictures])


def _seen(given: Examples, shown: Shown) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The network's inputs, in its order."""
    segmentation, garment = shown
    return segmentation, given.pose, garment, given.person.without_clothes


def _person(given: Examples) -> Tensor:
    """Where the target's person is, bool ``[B, 256, 192]``."""
    return given.ids != LIP20.BACKGROUND
