"""Training of GWC: L1 of the bent garment, and regularisation of its grid."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.networks.losses import grid_regularisation
from pipelines.networks.spline_matcher import Warped
from pipelines.systems.multipose.train_base import MultiPoseTask, bent, shape_of
from pipelines.systems.multipose.train_data import Examples
from pipelines.systems.multipose.train_settings import GWCSettings
from pipelines.systems.multipose.weights import build_network
from pipelines.training.initialisation import matcher_started
from pipelines.training.task import Batch, Loss, Modules, StepInfo
from pipelines.training.tryon_figures import Averages, add_warp_figures, pixels, sheet

_WHITE = 1.0


class GWCTask(MultiPoseTask[GWCSettings]):
    """``GWC``, shown the true shape of the body or, in a share, the one that SHS predicts."""

    best, trained, before = "iou", "gwc", ("shs",)

    def new_network(self) -> nn.Module:
        """The features start as published (normal, 0.02), the rest as torch starts it."""
        return matcher_started(build_network(self.config))

    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """L1 to the garment on the person, on white (equation 5), and the grid's (equation 6)."""
        given, s = self.examples(batch), self.settings
        warp = bent(modules["gwc"], given, self._shape(given, info))
        logged = {
            "l1": (warp.garment - given.worn_garment).abs().mean(),
            "regularisation": grid_regularisation(warp.grid),
        }
        loss = s.l1_weight * logged["l1"] + s.regularisation_weight * logged["regularisation"]
        if s.mask_weight:
            logged["mask"] = (warp.mask - given.worn).abs().mean()
            loss = loss + s.mask_weight * logged["mask"]
        yield "gwc", loss, self.named(logged)

    def _shape(self, given: Examples, info: StepInfo) -> Tensor:
        """The bodies that a step bends garments to: ``float32 [B, 1, 256, 192]``."""
        true = shape_of(given.segmentation)
        shown = self.forced(given, self.settings.teacher_forcing, info)
        if shown is None:
            return true
        return torch.where(shown, true, shape_of(self.predicted_segmentation(given)))

    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """IoU of the bent mask with the worn garment; L1 (of 0..1) and SSIM where one of the two
        is, both garments on white, and SSIM inside both (``inner_ssim``); ``regularisation``.
        ``predicted/...``: bent to predicted bodies.
        """  # noqa: D205 - one sentence
        figures = Averages()
        for _, given in self.judged(device):
            worn = given.worn[:, 0] > 0
            for prefix, shape in self._shapes(modules, given):
                warp = bent(modules["gwc"], given, shape)
                garment = _on_white(warp)
                mask = warp.mask[:, 0] > 0.5
                add_warp_figures(figures, prefix, garment, mask, given.worn_garment, worn)
                for grid in warp.grid:
                    figures.add(prefix + "regularisation", grid_regularisation(grid[None])[None])
        return figures.means()

    def _shapes(self, modules: Modules, given: Examples) -> Iterator[tuple[str, Tensor]]:
        yield "", shape_of(given.segmentation)
        if self.predicts(modules):
            yield "predicted/", shape_of(self.predicted_segmentation(given))

    def sheet(self, modules: Modules, device: torch.device) -> NDArray[np.uint8]:
        """Target, garment, its warp, the warp on the target, the worn garment."""
        _, given = self.shown(device)
        *_, (_, shape) = self._shapes(modules, given)
        warp = bent(modules["gwc"], given, shape)
        dressed = warp.garment * warp.mask + given.image * (1 - warp.mask)
        garments = (given.garment.image, _on_white(warp), dressed, given.worn_garment)
        return sheet([pixels(picture) for picture in (given.image, *garments)])


def _on_white(warp: Warped) -> Tensor:
    return warp.garment * warp.mask + _WHITE * (1 - warp.mask)
