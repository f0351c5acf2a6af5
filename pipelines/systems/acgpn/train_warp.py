"""Training of ACGPN's warp: L1, the second-order constraint, composition, conditional GAN."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.networks.losses import released_second_order_constraint, second_order_constraint
from pipelines.systems.acgpn.networks import ClothesWarping, Warped
from pipelines.systems.acgpn.train_base import ACGPNTask, bent, judged_noise, step_noise
from pipelines.systems.acgpn.train_data import Examples
from pipelines.systems.acgpn.train_settings import USettings
from pipelines.training.initialisation import normal_started
from pipelines.training.task import Batch, Loss, Modules, StepInfo
from pipelines.training.tryon_figures import Averages, add_warp_figures, inside, pixels, sheet

_WHITE = 1.0
_PERCEPTUAL = {"warp": 1.0, "composed": 10.0, "refined": 20.0}
"""Weights of the perceptual loss of the bent, the composed and the U-Net's own garment."""


class UTask(ACGPNTask[USettings]):
    """``ClothesWarping``, whose spline and U-Net learn apart from one another."""

    best, trained, before = "iou", "u", ("g1", "g2")
    judged_channels = 4 + 3

    def new_network(self) -> nn.Module:
        """The U-Net starts as the others; the spline as torch starts it, at the identity."""
        network = ClothesWarping(width=self.config.width, spline_width=self.config.spline_width)
        for name, part in network.named_children():
            if name != "stn":
                normal_started(part)
        return network

    def modules(self) -> dict[str, nn.Module]:
        """Generator and discriminator, with the share of features left out that was asked for."""
        made = super().modules()
        for part in made["u"].modules():
            if isinstance(part, nn.Dropout):
                part.p = self.settings.dropout
        return made

    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """The discriminator's loss, then the generator's."""
        given, s = self.examples(batch), self.settings
        target = self._target(modules, given, info)
        warp = bent(modules["u"], given, target)
        true = given.image * given.worn
        share = warp.share(target)
        # the composition learns nothing but the share of each
        composed = warp.own.detach() * (1 - share) + warp.garment.detach() * share
        logged = {
            "warp": _apart(warp.garment, true),
            "mask": _apart(warp.mask, given.worn),
            "constraint": self._constraint(warp.points),
            "refined": _apart(warp.own, true),
            "composed": _apart(composed, true),
            "share": _apart(share, given.worn),
        }
        loss = (
            s.warp_weight * logged["warp"]
            + s.mask_weight * logged["mask"]
            + s.constraint_weight * logged["constraint"]
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

    def _constraint(self, points: Tensor) -> Tensor:
        """In the form that was asked for, without its weight."""
        if self.settings.constraint == "released":
            return released_second_order_constraint(points).loss(1.0)
        return second_order_constraint(points, slack=self.settings.constraint_slack)

    def _target(self, modules: Modules, given: Examples, info: StepInfo) -> Tensor:
        """The masks that garments are bent to: ``float32 [B, 1, 256, 192]``."""
        forced = self.forced(given, self.settings.teacher_forcing, info)
        if forced is None:
            return given.worn
        noise = step_noise(given, info), step_noise(given, info)
        found = self.predicted_layout(modules, given, noise).garment
        return torch.where(forced, given.worn, found)

    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """IoU of the bent mask with the worn garment; L1 (of 0..1) and SSIM where one of the two
        is, both garments on white; L1 of the refined garment where it is worn; the constraint (the
        paper's). ``predicted/...``: bent to predicted masks.
        """  # noqa: D205 - one sentence
        figures = Averages()
        for indices, given in self.judged(device):
            worn = given.worn[:, 0] > 0
            true = on_white(given.image * given.worn, given.worn)
            for prefix, target in self._targets(modules, given, indices):
                warp = bent(modules["u"], given, target)
                garment = on_white(warp.garment, warp.mask)
                add_warp_figures(figures, prefix, garment, warp.mask[:, 0] > 0.5, true, worn)
                apart = (warp.composed(target) - given.image).abs().mean(1) / 2
                figures.add(prefix + "refined_l1", inside(apart, worn))
                for points in warp.points:
                    curved = second_order_constraint(points[None])
                    figures.add(prefix + "constraint", curved[None])
        return figures.means()

    def _targets(
        self, modules: Modules, given: Examples, indices: Tensor
    ) -> Iterator[tuple[str, Tensor]]:
        yield "", given.worn
        if self.predicts(modules):
            noise = judged_noise(given, indices, 0), judged_noise(given, indices, 1)
            yield "predicted/", self.predicted_layout(modules, given, noise).garment

    def sheet(self, modules: Modules, device: torch.device) -> NDArray[np.uint8]:
        """Photo, garment, its warp, the refined garment, the worn one."""
        indices, given = self.shown(device)
        *_, (_, target) = self._targets(modules, given, indices)
        warp: Warped = bent(modules["u"], given, target)
        pictures = (
            given.image,
            given.garment.image,
            on_white(warp.garment, warp.mask),
            on_white(warp.composed(target) * target, target),
            on_white(given.image * given.worn, given.worn),
        )
        return sheet([pixels(picture) for picture in pictures])


def on_white(garment: Tensor, mask: Tensor) -> Tensor:
    """A garment ``[B, 3, H, W]`` that is 0 where its mask is 0, on white."""
    return garment + _WHITE * (1 - mask)


def _apart(made: Tensor, true: Tensor) -> Tensor:
    return (made - true).abs().mean()
