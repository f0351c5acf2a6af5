"""Training of ACGPN's content fusion: L1, perceptual loss, feature matching, conditional GAN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines import device as devices
from pipelines.labels import ACGPN14
from pipelines.networks.pictures import label_maps
from pipelines.systems.acgpn.chain_steps import arms_of, g_input, kept_of_photo
from pipelines.systems.acgpn.conditions import CHANNELS
from pipelines.systems.acgpn.networks import PUBLISHED_SIZE
from pipelines.systems.acgpn.train_base import ACGPNTask, judged_noise, step_noise
from pipelines.systems.acgpn.train_data import Examples
from pipelines.systems.acgpn.train_settings import GSettings
from pipelines.training.strokes import stroke_masks
from pipelines.training.task import Batch, Loss, Modules, StepInfo
from pipelines.training.tryon_figures import Averages, inside, pixels, sheet, ssim_maps

Shown = tuple[Tensor, Tensor, Tensor]
"""What of the photo is kept [B, 3, ...], labels [B, 14, ...] and garment [B, 3, ...]."""


class GTask(ACGPNTask[GSettings]):
    """``ContentFusion``, which paints what layout, garment and the rest of the photo leave open."""

    best, trained, before = "region_ssim", "g", ("g1", "g2", "u")
    judged_channels = 24 + 3

    def optimizers(self, modules: Modules) -> dict[str, torch.optim.Optimizer]:
        """AdamW for each."""
        return self.adversary.optimizers(modules, torch.optim.AdamW)

    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """The discriminator's loss, then the generator's."""
        given, s = self.examples(batch), self.settings
        shown = self._shown(modules, given, info)
        seen = g_input(given.person, *shown, step_noise(given, info))
        network: Any = modules["g"]
        made = network.picture(seen)
        logged = {"l1": (made - given.image).abs().mean()}
        loss = s.l1_weight * logged["l1"]
        if s.ssim_weight:
            unlike = 1 - ssim_maps(made, given.image)
            logged["ssim"] = inside(unlike, given.region).nan_to_num(0).mean()
            loss = loss + s.ssim_weight * logged["ssim"]
        looked_at = made
        if s.garment_back:
            looked_at = made * (1 - given.worn) + given.image * given.worn
        loss = loss + (
            yield from self.adversary.against(
                modules, seen, given.image, looked_at, logged, s.feature_weight
            )
        )
        if self.helpers.perceptual and s.perceptual_weight:
            logged["perceptual"] = self.helpers.perceptual(looked_at, given.image, given.joints)
            loss = loss + s.perceptual_weight * logged["perceptual"]
        yield "g", loss, self.named(logged)

    def _shown(self, modules: Modules, given: Examples, info: StepInfo) -> Shown:
        """What a step shows, with strokes taken out of arms and face."""
        strokes = stroke_masks(len(given.image), PUBLISHED_SIZE, info.generator)
        true = true_inputs(given, strokes)
        forced = self.forced(given, self.settings.teacher_forcing, info)
        if forced is None:
            return true
        noise = step_noise(given, info), step_noise(given, info)
        kept, labels, worn = self._predicted(modules, given, noise)
        found = kept * (1 - open_to_strokes(given) * strokes), labels, worn
        one, two, three = (torch.where(forced, a, b) for a, b in zip(true, found, strict=True))
        return one, two, three

    def _predicted(self, modules: Modules, given: Examples, noise: tuple[Tensor, Tensor]) -> Shown:
        """What inference would show."""
        layout = self.predicted_layout(modules, given, noise)
        worn = self.predicted_warp(modules, given, layout).composed(layout.garment)
        return kept_of_photo(given.person, layout), layout.labels, worn

    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """SSIM of whole picture and region, and L1 in the region, from true maps.

        With strokes as in training; the photo is put back outside the region that a top can
        change. ``predicted/...`` are those of predicted maps, without strokes, as in inference.
        """
        figures = Averages()
        for indices, given in self.judged(device):
            for prefix, shown in self._judged_inputs(modules, given, indices):
                made = self._made(modules, given, shown, indices)
                made = torch.where(given.region[:, None], made, given.image)
                likeness = ssim_maps(made, given.image)
                figures.add(prefix + "ssim", likeness.mean((1, 2)))
                figures.add(prefix + "region_ssim", inside(likeness, given.region))
                apart = (made - given.image).abs().mean(1) / 2
                figures.add(prefix + "region_l1", inside(apart, given.region))
        return figures.means()

    def _judged_inputs(
        self, modules: Modules, given: Examples, indices: Tensor
    ) -> Iterator[tuple[str, Shown]]:
        yield "", true_inputs(given, judged_strokes(given, indices))
        if self.predicts(modules):
            noise = judged_noise(given, indices, 0), judged_noise(given, indices, 1)
            yield "predicted/", self._predicted(modules, given, noise)

    def _made(self, modules: Modules, given: Examples, shown: Shown, indices: Tensor) -> Tensor:
        seen = g_input(given.person, *shown, judged_noise(given, indices, 2))
        network: Any = modules["g"]
        return torch.as_tensor(network.picture(seen))

    def sheet(self, modules: Modules, device: torch.device) -> NDArray[np.uint8]:
        """What is kept, the garment, the bent garment, the picture, the photo."""
        indices, given = self.shown(device)
        *_, (_, shown) = self._judged_inputs(modules, given, indices)
        made = self._made(modules, given, shown, indices)
        kept, _, worn = shown
        pictures = (kept, given.garment.image, worn, made, given.image)
        return sheet([pixels(picture) for picture in pictures])


def true_inputs(given: Examples, strokes: Tensor) -> Shown:
    """What the published training shows: true labels, the photo's garment, the rest of the photo.

    ``strokes`` ``[B, 1, 256, 192]`` (1 = hole) are taken out of arms and face alone.
    """
    person = (given.truth != ACGPN14.BACKGROUND) & (given.truth != ACGPN14.UPPER)
    kept = person[:, None].float() * (1 - open_to_strokes(given) * strokes)
    return given.image * kept, label_maps(given.body, CHANNELS), given.image * given.worn


def open_to_strokes(given: Examples) -> Tensor:
    """Arms and face: ``float32 [B, 1, 256, 192]``."""
    return (arms_of(given.truth) | (given.truth == ACGPN14.FACE))[:, None].float()


def judged_strokes(given: Examples, indices: Tensor) -> Tensor:
    """The strokes by which examples are judged, the same each time."""
    drawn = [
        stroke_masks(1, PUBLISHED_SIZE, torch.Generator().manual_seed(devices.mix_seed(int(k), 3)))
        for k in indices
    ]
    return torch.cat(drawn).to(given.image.device)
