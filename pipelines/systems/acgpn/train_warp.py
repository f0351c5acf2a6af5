"""Training of ACGPN's warp: L1, the second-order constraint, composition, conditional GAN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines import checkpoints
from pipelines.labels import ACGPN14
from pipelines.networks.grid_refiner import GridRefiner
from pipelines.networks.losses import released_second_order_constraint, second_order_constraint
from pipelines.networks.pictures import label_maps
from pipelines.systems.acgpn.conditions import CHANNELS
from pipelines.systems.acgpn.networks import Warp, on_white
from pipelines.systems.acgpn.train_base import (
    ACGPNTask,
    bent,
    judged_noise,
    step_noise,
    warp_inputs,
)
from pipelines.systems.acgpn.train_data import Examples
from pipelines.systems.acgpn.train_settings import USettings
from pipelines.systems.acgpn.weights import build_network
from pipelines.training.initialisation import normal_started
from pipelines.training.task import Batch, Loss, Modules, StepInfo
from pipelines.training.tryon_figures import Averages, add_warp_figures, inside, pixels, sheet
from pipelines.training.tryon_warp import OnWhite, Worn, correction_loss, start_refiner

_PERCEPTUAL = {"warp": 1.0, "composed": 10.0, "refined": 20.0}
"""Weights of the perceptual loss of the bent, the composed and the U-Net's own garment."""


_OF_VITON_HD = (*range(7), *[None] * 18, 13, 14, 15, 16)
"""Channels that VITON-HD's refiner sees (layout, garment, its mask) as ours sees them; its pose
and garment-free pictures are others."""


class UTask(ACGPNTask[USettings]):
    """``ClothesWarping``, whose spline and U-Net learn apart from one another."""

    best, trained, before, added = "iou", "u", ("g1", "g2"), ("refiner.",)
    judged_channels = 4 + 3

    def new_network(self) -> nn.Module:
        """The U-Net starts as the others; the spline as torch starts it, at the identity."""
        network = build_network(self.family, self.config)
        for name, part in network.named_children():
            if name not in ("stn", "refiner"):
                normal_started(part)
        if self.settings.refiner and isinstance(refiner := network.refiner, GridRefiner):
            path = checkpoints.find(self.settings.refiner).path
            start_refiner(refiner, path, _OF_VITON_HD)
        return network

    def modules(self) -> dict[str, nn.Module]:
        """Generator and discriminator, with the share of features left out that was asked for."""
        made = super().modules()
        for part in made["u"].modules():
            if isinstance(part, nn.Dropout):
                part.p = self.settings.dropout
        return made

    def optimizers(self, modules: Modules) -> dict[str, torch.optim.Optimizer]:
        """Adam for each; of the network the warp where that alone is trained."""
        network: Any = modules["u"]
        parts = [network.stn, *([network.refiner] if network.refiner else [])]
        learnt = nn.ModuleList(parts) if self.settings.warp_alone else network
        return super().optimizers({**modules, "u": learnt})

    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """The discriminator's loss, then the generator's."""
        given, s = self.examples(batch), self.settings
        target, labels = self._target(modules, given, info)
        true = given.image * given.worn
        network: Any = modules["u"]
        if s.warp_alone:
            loss, logged = self._of_warp(network.bend(*warp_inputs(given, target, labels)), given)
            yield "u", loss, self.named(logged)
            return
        warp = bent(network, given, target, labels)
        loss, logged = self._of_warp(warp, given)
        share = warp.share(target)
        # the composition learns nothing but the share of each
        composed = warp.own.detach() * (1 - share) + warp.garment.detach() * share
        logged |= {
            "refined": _apart(warp.own, true),
            "composed": _apart(composed, true),
            "share": _apart(share, given.worn),
        }
        loss = (
            loss
            + s.refined_weight * logged["refined"]
            + s.composed_weight * logged["composed"]
            + s.share_weight * logged["share"]
        )
        condition = torch.cat((target, given.garment.image * given.garment.mask), 1)
        loss = loss + (
            yield from self.adversary.against(
                modules, condition, true, warp.own, logged, s.feature_weight
            )
        )
        if self.helpers.perceptual and s.perceptual_weight:
            made = {"warp": warp.garment, "composed": composed, "refined": warp.own}
            for name, weight in _PERCEPTUAL.items():
                apart = self.helpers.perceptual(made[name], true, given.joints)
                logged[f"perceptual_{name}"] = apart
                loss = loss + s.perceptual_weight * weight * apart
        yield "u", loss, self.named(logged)

    def _of_warp(self, warp: Warp, given: Examples) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of spline and corrections, and its parts."""
        s, true = self.settings, given.image * given.worn
        logged = {
            "warp": _apart(warp.spline.garment, true),
            "mask": _apart(warp.spline.mask, given.worn),
            "constraint": self._constraint(warp.points),
        }
        loss = (
            s.warp_weight * logged["warp"]
            + s.mask_weight * logged["mask"]
            + s.constraint_weight * logged["constraint"]
        )
        if warp.offsets is None:
            return loss, logged
        refined, parts = correction_loss(
            s, _worn(given), OnWhite(warp.bent.on_white, warp.mask), warp.spline.mask, warp.offsets
        )
        return loss + s.refine_weight * refined, {**logged, **parts}

    def _constraint(self, points: Tensor) -> Tensor:
        """In the form that was asked for, without its weight."""
        if self.settings.constraint == "released":
            return released_second_order_constraint(points).loss(1.0)
        return second_order_constraint(points, slack=self.settings.constraint_slack)

    def _target(self, modules: Modules, given: Examples, info: StepInfo) -> tuple[Tensor, Tensor]:
        """The masks that garments are bent to ``float32 [B, 1, 256, 192]``, and the labels around
        them ``[B, 14, 256, 192]``.
        """  # noqa: D205 - one sentence
        true = label_maps(given.body, CHANNELS)
        forced = self.forced(given, self.settings.teacher_forcing, info)
        if forced is None:
            return given.worn, true
        noise = step_noise(given, info), step_noise(given, info)
        found = self.predicted_layout(modules, given, noise)
        mask = torch.where(forced, given.worn, found.garment)
        return mask, torch.where(forced, true, found.labels)

    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """IoU of the bent mask with the worn garment; L1 (of 0..1) and SSIM where one of the two
        is, both garments on white; L1 of the refined garment where it is worn; the constraint (the
        paper's). ``predicted/...``: bent to predicted masks.
        """  # noqa: D205 - one sentence
        figures = Averages()
        for indices, given in self.judged(device):
            worn = given.worn[:, 0] > 0
            true = _worn(given).garment
            for prefix, target, labels in self._targets(modules, given, indices):
                warp = bent(modules["u"], given, target, labels)
                garment = warp.bent.on_white
                add_warp_figures(figures, prefix, garment, warp.mask[:, 0] > 0.5, true, worn)
                apart = (warp.composed(target) - given.image).abs().mean(1) / 2
                figures.add(prefix + "refined_l1", inside(apart, worn))
                for points in warp.points:
                    curved = second_order_constraint(points[None])
                    figures.add(prefix + "constraint", curved[None])
        return figures.means()

    def _targets(
        self, modules: Modules, given: Examples, indices: Tensor
    ) -> Iterator[tuple[str, Tensor, Tensor]]:
        yield "", given.worn, label_maps(given.body, CHANNELS)
        if self.predicts(modules):
            noise = judged_noise(given, indices, 0), judged_noise(given, indices, 1)
            found = self.predicted_layout(modules, given, noise)
            yield "predicted/", found.garment, found.labels

    def sheet(self, modules: Modules, device: torch.device) -> NDArray[np.uint8]:
        """Photo, garment, its warp, the refined garment, the worn one."""
        indices, given = self.shown(device)
        *_, (_, target, labels) = self._targets(modules, given, indices)
        warp = bent(modules["u"], given, target, labels)
        pictures = (
            given.image,
            given.garment.image,
            warp.bent.on_white,
            on_white(warp.composed(target) * target, target),
            _worn(given).garment,
        )
        return sheet([pixels(picture) for picture in pictures])


def _worn(given: Examples) -> Worn:
    hair = (given.truth == ACGPN14.HAIR)[:, None].float()
    return Worn(on_white(given.image * given.worn, given.worn), given.worn, hair)


def _apart(made: Tensor, true: Tensor) -> Tensor:
    return (made - true).abs().mean()
