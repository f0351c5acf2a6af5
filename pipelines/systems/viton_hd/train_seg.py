"""Training of VITON-HD's layout network: conditional GAN and cross entropy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.evaluation.layouts import LAYOUT_LABELS, layout_numbers
from pipelines.evaluation.masks import Counts, confusion, label_scores
from pipelines.labels import VITONHD13
from pipelines.networks.correlation import MATCHING_SIZE as MATCHING
from pipelines.networks.losses import discriminator_loss, generator_loss, label_cross_entropy
from pipelines.networks.noise import drawn_noise
from pipelines.networks.patchgan import MultiscaleDiscriminator
from pipelines.networks.pictures import label_maps
from pipelines.systems.viton_hd.chain_steps import seg_input
from pipelines.systems.viton_hd.config import SegConfig
from pipelines.systems.viton_hd.train_base import VitonHDTask
from pipelines.systems.viton_hd.train_layouts import predicted_ids
from pipelines.systems.viton_hd.train_settings import SegSettings
from pipelines.training.initialisation import xavier_started
from pipelines.training.task import Batch, Loss, Modules, StepInfo
from pipelines.training.tryon_figures import label_pixels, pixels, sheet
from pipelines.types import ParseMap

INPUT_CHANNELS = 21


class SegTask(VitonHDTask[SegConfig, SegSettings]):
    """``SegGenerator`` against a discriminator that sees its input and a layout."""

    best, trained, label_set = "miou", "seg", VITONHD13.__name__
    added = ("coarse.", "coarse_share")

    def modules(self) -> dict[str, nn.Module]:
        """The generator and, if it is used, the discriminator."""
        made = super().modules()
        if not self.settings.gan_weight:
            return made
        judge = MultiscaleDiscriminator(
            INPUT_CHANNELS + len(VITONHD13), width=self.settings.discriminator_width
        )
        return {**made, "discriminator": xavier_started(judge)}

    def optimizers(self, modules: Modules) -> dict[str, torch.optim.Optimizer]:
        """Adam for each."""
        s = self.settings
        rates = {"seg": s.learning_rate, "discriminator": s.discriminator_learning_rate}
        network: Any = modules["seg"]
        trained = {**modules, "seg": network.coarse if s.coarse_alone else network}
        return {
            name: torch.optim.Adam(module.parameters(), rates[name], betas=(0.5, 0.999))
            for name, module in trained.items()
        }

    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """The discriminator's loss, then the generator's."""
        given = self.examples(batch)
        seen = seg_input(
            given.person, given.garment, drawn_noise(len(given.ids), MATCHING, info.generator)
        )
        truth = _at_matching_size(given.ids)
        real = label_maps(truth, len(VITONHD13))
        generator: Any = modules["seg"]
        s = self.settings
        logits = (generator.coarse_maps if s.coarse_alone else generator.logits)(seen).float()
        made = torch.sigmoid(logits)
        adversarial = logits.new_zeros(())
        if s.gan_weight:
            judge: Any = modules["discriminator"]
            features = judge.compare(seen, real, made.detach())
            yield "discriminator", discriminator_loss("lsgan", *features), {}
            adversarial = generator_loss("lsgan", judge.for_generator(seen, made))
        entropy = label_cross_entropy(logits, truth)
        of_maps = F.binary_cross_entropy_with_logits(logits, real)
        loss = (
            s.gan_weight * adversarial
            + s.cross_entropy_weight * entropy
            + s.map_weight * of_maps
        )  # fmt: skip
        yield "seg", loss, {"loss/adversarial": adversarial, "loss/cross_entropy": entropy}

    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """IoU of the judged labels (``LAYOUT_LABELS``) and their mean, over all pixels."""
        size = len(LAYOUT_LABELS) + 1
        counts: Counts = np.zeros((size, size + 1), np.int64)
        for indices, given in self.judged(device):
            found = predicted_ids(modules["seg"], given, indices)
            counts += confusion(_numbers(found), _numbers(given.ids), size)
        iou = dict(zip(LAYOUT_LABELS, label_scores(counts).iou[1:].tolist(), strict=True))
        return {
            "miou": float(np.nanmean(list(iou.values()))),
            **{f"iou/{name}": value for name, value in iou.items()},
        }

    def sheet(self, modules: Modules, device: torch.device) -> NDArray[np.uint8]:
        """Photo, garment, what is given, prediction, truth."""
        indices, given = self.shown(device)
        bare = given.person.parse_agnostic.argmax(1)
        found = predicted_ids(modules["seg"], given, indices)
        layouts = [label_pixels(ids, VITONHD13) for ids in (bare, found, given.ids)]
        return sheet([pixels(given.image), pixels(given.garment.image), *layouts])

    def rows(self, figures: Mapping[str, float]) -> tuple[Mapping[str, Any], ...]:
        """Label and IoU."""
        return tuple(
            {"label": name.partition("/")[2], "iou": value}
            for name, value in figures.items()
            if name.startswith("iou/")
        )


def _at_matching_size(ids: Tensor) -> Tensor:
    if tuple(ids.shape[1:]) == tuple(MATCHING):
        return ids
    return F.interpolate(ids[:, None].float(), size=tuple(MATCHING), mode="nearest")[:, 0].long()


def _numbers(ids: Tensor) -> NDArray[np.uint8]:
    return layout_numbers(ParseMap(ids.to(torch.uint8).cpu().numpy(), VITONHD13))
