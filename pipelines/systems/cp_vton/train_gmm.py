"""Training of the warps of CP-VTON and CP-VTON+: L1, and how even the sampling grid is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.networks.losses import grid_regularisation
from pipelines.networks.spline_matcher import Warped
from pipelines.systems.cp_vton.train_base import CPVTONTask, bent
from pipelines.systems.cp_vton.train_data import Examples
from pipelines.systems.cp_vton.train_settings import GMMSettings, MatchingSettings
from pipelines.training.initialisation import matcher_started
from pipelines.training.task import Batch, Loss, Modules, StepInfo
from pipelines.training.tryon_augment import relit
from pipelines.training.tryon_figures import Averages, add_warp_figures, pixels, sheet

_WHITE = 1.0
_HALF = 0.5


class GMMTask(CPVTONTask[MatchingSettings]):
    """``GMM``: the bent garment is to look like the one that is worn, on white."""

    best, trained = "iou", "gmm"

    def new_network(self) -> nn.Module:
        """The features start as published (normal, 0.02), the rest as torch starts it."""
        return matcher_started(super().new_network())

    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """L1 of the bent garment; with weights above 0 those of its mask and of the grid."""
        given, s = self.examples(batch), self.settings
        network: Any = modules["gmm"]
        warp = bent(network, given, self._shown(given, info))
        logged = {"l1": (warp.garment - given.worn.image).abs().mean()}
        loss = logged["l1"]
        if s.grid_weight:
            logged["grid"] = grid_regularisation(warp.grid)
            loss = loss + s.grid_weight * logged["grid"]
        if s.mask_weight:
            logged["mask"] = (warp.mask - given.worn.mask).abs().mean()
            loss = loss + s.mask_weight * logged["mask"]
        yield "gmm", loss, self.named(logged)

    def _shown(self, given: Examples, info: StepInfo) -> Tensor | None:
        """What a step shows of the garments; None: what they are."""
        light = self.settings.garment_light if isinstance(self.settings, GMMSettings) else 0.0
        return relit(given.garment.image, light, info.generator) if light else None

    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """IoU of the bent mask with the worn garment; L1 (of 0..1) and SSIM where one of the two
        is, both garments cut out on white, and SSIM inside both (``inner_ssim``).
        """  # noqa: D205 - one sentence
        network: Any = modules["gmm"]
        figures = Averages()
        for _, given in self.judged(device):
            warp = bent(network, given)
            mask, worn = warp.mask[:, 0] > _HALF, given.worn.mask[:, 0] > 0
            add_warp_figures(figures, "", _laid_on(warp, _WHITE), mask, given.worn.image, worn)
        return figures.means()

    def sheet(self, modules: Modules, device: torch.device) -> NDArray[np.uint8]:
        """Photo, garment, its warp, the warp on the photo, the worn garment."""
        _, given = self.shown(device)
        network: Any = modules["gmm"]
        warp = bent(network, given)
        pictures = (
            given.image,
            given.garment.image,
            warp.garment,
            _laid_on(warp, given.image),
            given.worn.image,
        )
        return sheet([pixels(picture) for picture in pictures])


def _laid_on(warp: Warped, ground: Tensor | float) -> Tensor:
    """The bent garment cut out, on a picture ``[B, 3, H, W]`` or a level."""
    return warp.garment * warp.mask + ground * (1 - warp.mask)
