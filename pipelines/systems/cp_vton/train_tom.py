"""Training of the pictures of CP-VTON and CP-VTON+: L1, perceptual loss, composition mask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipelines.networks.composition import Composed
from pipelines.networks.spline_matcher import Warped
from pipelines.systems.cp_vton.conditions import photo_channels
from pipelines.systems.cp_vton.train_base import CPVTONTask, bent
from pipelines.systems.cp_vton.train_data import Examples
from pipelines.systems.cp_vton.train_settings import TOMSettings
from pipelines.training.task import Batch, Loss, Modules, StepInfo
from pipelines.training.tryon_figures import Averages, inside, pixels, sheet, ssim_maps


class TOMTask(CPVTONTask[TOMSettings]):
    """``TOM``, shown the garments that a trained ``GMM`` bends, as in inference."""

    best, trained = "region_ssim", "tom"

    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """L1 and likeness of the picture, L1 of the composition mask."""
        given, s = self.examples(batch), self.settings
        warp = self._warp(given)
        made = composed(modules["tom"], given, warp)
        picture = made.picture
        # what CP-VTON+ has changed: the composition learns where garments are worn
        target = given.worn.mask if self.config.plus else warp.mask
        logged = {
            "l1": (picture - given.image).abs().mean(),
            "mask": (made.share - target).abs().mean(),
        }
        loss = s.l1_weight * logged["l1"] + s.mask_weight * logged["mask"]
        if s.ssim_weight:
            unlike = 1 - ssim_maps(picture, given.image)
            logged["ssim"] = inside(unlike, given.region).nan_to_num(0).mean()
            loss = loss + s.ssim_weight * logged["ssim"]
        if self.helpers.perceptual and s.perceptual_weight:
            logged["perceptual"] = self.helpers.perceptual(picture, given.image, given.joints)
            loss = loss + s.perceptual_weight * logged["perceptual"]
        yield "tom", loss, self.named(logged)

    @torch.no_grad()
    def _warp(self, given: Examples) -> Warped:
        gmm: Any = self.helpers.networks["gmm"]
        return bent(gmm, given)

    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """SSIM of whole picture and region, and L1 (of 0..1) in the region.

        The photo is put back outside the region that a top can change.
        """
        figures = Averages()
        for _, given in self.judged(device):
            made = composed(modules["tom"], given, self._warp(given)).picture
            made = torch.where(given.region[:, None], made, given.image)
            likeness = ssim_maps(made, given.image)
            figures.add("ssim", likeness.mean((1, 2)))
            figures.add("region_ssim", inside(likeness, given.region))
            apart = (made - given.image).abs().mean(1) / 2
            figures.add("region_l1", inside(apart, given.region))
        return figures.means()

    def sheet(self, modules: Modules, device: torch.device) -> NDArray[np.uint8]:
        """What is kept, the garment, the bent garment, how much of it is taken, picture, photo."""
        _, given = self.shown(device)
        warp = self._warp(given)
        made = composed(modules["tom"], given, warp)
        pictures = (
            photo_channels(given.person.tryon),
            given.garment.image,
            warp.garment,
            (made.share * 2 - 1).expand(-1, 3, -1, -1),
            made.picture,
            given.image,
        )
        return sheet([pixels(picture) for picture in pictures])


def composed(network: Any, given: Examples, warp: Warped) -> Composed:
    """What ``TOM`` makes of persons and their bent garments."""
    made: Composed = network(given.person.tryon, warp.garment, warp.mask)
    return made
