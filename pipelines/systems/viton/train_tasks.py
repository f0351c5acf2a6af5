"""Training of VITON's two networks: L1, perceptual loss, and what favours the bent garment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.networks.spline_matcher import Warped
from pipelines.networks.tps_grid import TpsGrid
from pipelines.systems.viton.chain import INSIDE, bent
from pipelines.systems.viton.config import COARSE, REFINE, VITONConfig, config_to_json
from pipelines.systems.viton.networks import PUBLISHED_SIZE, Coarse, composed
from pipelines.systems.viton.train_data import CHANGEABLE, Examples, examples
from pipelines.systems.viton.train_settings import CoarseSettings, NetworkSettings, RefineSettings
from pipelines.systems.viton.warp import GRID_SIZE, VITON
from pipelines.systems.viton.weights import build_network
from pipelines.training.task import Batch, Loss, Modules, StepInfo
from pipelines.training.tryon_augment import augmented
from pipelines.training.tryon_figures import Averages, inside, pixels, sheet, ssim_maps
from pipelines.training.tryon_task import TryOnTask

S = TypeVar("S", bound=NetworkSettings)


class VITONTask(TryOnTask[Examples, VITONConfig, S], Generic[S]):
    """One of the two networks."""

    system, changeable, best = "viton", CHANGEABLE, "region_ssim"
    to_json = staticmethod(config_to_json)

    def new_network(self) -> nn.Module:
        """The network before any training."""
        return build_network(self.family, self.config)

    def inputs(self, batch: Batch) -> Examples:
        """The networks' inputs of an unpacked batch."""
        return examples(batch, self.config)

    def apart(self, made: Tensor, given: Examples, logged: dict[str, Tensor]) -> Tensor:
        """The perceptual loss, which is logged, too; 0 without one."""
        if self.helpers.perceptual is None:
            return made.new_zeros(())
        logged["perceptual"] = self.helpers.perceptual(made, given.image, given.joints)
        return logged["perceptual"]


class CoarseTask(VITONTask[CoarseSettings]):
    """``EncoderDecoder``: the garment's mask and the coarse picture."""

    trained = COARSE.partition(".")[2]

    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """L1 of mask and picture, perceptual loss of the picture."""
        given, s = self.examples(batch), self.settings
        made: Coarse = modules[self.trained](given.seen)
        parts = {
            "mask": (made.mask - given.worn).abs().mean(),
            "image": (made.picture - given.image).abs().mean(),
        }
        loss = s.mask_weight * parts["mask"] + s.image_weight * parts["image"]
        loss = loss + s.perceptual_weight * self.apart(made.picture, given, parts)
        yield self.trained, loss, self.named(parts)

    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """IoU of the mask; SSIM and L1 (of 0..1) where a top can change the photo."""
        figures = Averages()
        for _, given in self.judged(device):
            made: Coarse = modules[self.trained](given.seen)
            found, worn = made.mask[:, 0] >= INSIDE, given.worn[:, 0] > 0
            figures.add("iou", (found & worn).sum((1, 2)) / (found | worn).sum((1, 2)))
            add_picture_figures(figures, made.picture, given)
        return figures.means()

    def sheet(self, modules: Modules, device: torch.device) -> NDArray[np.uint8]:
        """Garment, mask, coarse picture, photo."""
        _, given = self.shown(device)
        made: Coarse = modules[self.trained](given.seen)
        mask = (2 * made.mask - 1).expand(-1, 3, -1, -1)
        pictures = (given.garment.image, mask, made.picture, given.image)
        return sheet([pixels(picture) for picture in pictures])


class RefineTask(VITONTask[RefineSettings]):
    """``RefinementNetwork``: how much of the bent garment is taken.

    As published the garment is bent to, and taken within, the place where it is worn. The first
    network is used and not trained.
    """

    trained = REFINE.partition(".")[2]

    @cached_property
    def _grid(self) -> TpsGrid:
        return TpsGrid(PUBLISHED_SIZE, VITON, grid_size=GRID_SIZE)

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Mirrored and recoloured at random; the warp was computed for the garment as it lies."""
        still = replace(
            self.augmentation, garment_rotation_deg=0.0, garment_scale=0.0, garment_shift=0.0
        )
        return augmented(self.unpacked(batch), still, generator, self.changeable)

    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """L1 and perceptual loss of the picture; mean and total variation of alpha."""
        given, s = self.examples(batch), self.settings
        share, _, made = self._made(modules, given)
        parts = {
            "l1": (made - given.image).abs().mean(),
            "share": share.mean(),
            "variation": total_variation(share).mean(),
        }
        loss = (
            s.l1_weight * parts["l1"]
            - s.share_weight * parts["share"]
            + s.variation_weight * parts["variation"]
        )
        loss = loss + s.perceptual_weight * self.apart(made, given, parts)
        yield self.trained, loss, self.named(parts)

    def _made(self, modules: Modules, given: Examples) -> tuple[Tensor, Warped, Tensor]:
        """Alpha, the bent garment, and the picture."""
        with torch.no_grad():
            coarse: Coarse = self.helpers.networks["coarse"](given.seen)
            warp = bent(given.garment, self._grid(given.places))
        share = given.worn * modules[self.trained](warp.garment, coarse.picture)
        return share, warp, composed(share, warp.garment, coarse.picture)

    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """SSIM and L1 (of 0..1) where a top can change the photo; alpha's mean where it may be."""
        figures = Averages()
        for _, given in self.judged(device):
            share, _, made = self._made(modules, given)
            figures.add("share", inside(share[:, 0], given.worn[:, 0]))
            add_picture_figures(figures, made, given)
        return figures.means()

    def sheet(self, modules: Modules, device: torch.device) -> NDArray[np.uint8]:
        """Garment, its warp, alpha, picture, photo."""
        _, given = self.shown(device)
        share, warp, made = self._made(modules, given)
        alpha = (2 * share - 1).expand(-1, 3, -1, -1)
        pictures = (given.garment.image, warp.garment, alpha, made, given.image)
        return sheet([pixels(picture) for picture in pictures])


def total_variation(maps: Tensor) -> Tensor:
    """Sum of the steps between neighbours of each of the maps ``[B, C, H, W]``: ``[B]``."""
    down = (maps[:, :, 1:] - maps[:, :, :-1]).abs().sum((1, 2, 3))
    return down + (maps[..., 1:] - maps[..., :-1]).abs().sum((1, 2, 3))


def add_picture_figures(figures: Averages, made: Tensor, given: Examples) -> None:
    """Add ``region_ssim`` and ``region_l1`` of pictures ``[B, 3, H, W]`` in -1..1."""
    figures.add("region_ssim", inside(ssim_maps(made, given.image), given.region))
    apart = (made - given.image).abs().mean(1) / 2
    figures.add("region_l1", inside(apart, given.region))
