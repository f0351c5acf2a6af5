"""Training of SHS: conditional GAN, and binary cross entropy that is equalised at first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.evaluation.groups import words
from pipelines.evaluation.masks import Counts, confusion, label_scores
from pipelines.labels import LIP20
from pipelines.networks.losses import label_binary_cross_entropy
from pipelines.systems.multipose.config import NetworkConfig
from pipelines.systems.multipose.networks import LABELS, shs_channels
from pipelines.systems.multipose.train_base import MultiPoseTask, shares
from pipelines.systems.multipose.train_data import Examples
from pipelines.systems.multipose.train_settings import SHSSettings
from pipelines.training.label_weights import equalised_weights
from pipelines.training.task import Batch, Loss, Modules, StepInfo
from pipelines.training.tryon_figures import label_pixels, pixels, sheet
from pipelines.training.tryon_gan import AdversarialTask


class SHSTask(MultiPoseTask[SHSSettings], AdversarialTask[Examples, NetworkConfig, SHSSettings]):
    """``SHS``: the segmentation of the person in the target's pose."""

    best, trained, label_set = "miou", "shs", LIP20.__name__

    @cached_property
    def weights(self) -> Tensor:
        """With which all labels count the same, ``float32 [20]``."""
        return equalised_weights(self.data.train.arrays["ids"], self.settings.equalised_limit)

    @property
    def judged_channels(self) -> int:
        """Those of the inputs and of a segmentation."""
        return shs_channels(self.config.conditions.bottom) + LABELS

    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """The discriminator's loss, then the generator's."""
        given, s = self.examples(batch), self.settings
        if info.fraction < s.small_share:
            given = given.halved()
        seen = (given.person.body, given.garment.image, given.pose)
        logits = modules["shs"](*seen).float()
        logged: dict[str, Tensor] = {}
        # what is unknown must not tell the truth's maps from made ones
        maps = logits.softmax(1) * given.known
        loss = yield from self.adversary.against(
            modules, torch.cat(seen, 1), given.segmentation, maps, logged
        )
        equal = info.epoch < s.equalised_epochs
        weights = self.weights.to(logits.device) if equal else None
        logged["bce"] = label_binary_cross_entropy(logits, given.ids, weights)
        yield "shs", loss + s.bce_weight * logged["bce"], self.named(logged)

    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """Accuracy (hit pixels / true ones) and IoU of each label that occurs, over all pixels;
        ``miou``: the mean over all labels that are there or are found.
        """  # noqa: D205 - one sentence
        counts: Counts = np.zeros((LABELS, LABELS + 1), np.int64)
        for _, given in self.judged(device):
            found = shares(modules["shs"], given).argmax(1)
            counts += confusion(_bytes(found), _bytes(given.ids), LABELS)
        scores = label_scores(counts)
        figures = {"miou": scores.miou}
        for label in LIP20:
            if counts[label].any():
                figures[f"accuracy/{words(label)}"] = float(scores.accuracy[label])
                figures[f"iou/{words(label)}"] = float(scores.iou[label])
        return figures

    def sheet(self, modules: Modules, device: torch.device) -> NDArray[np.uint8]:
        """Source, garment, target, the target's labels, prediction."""
        _, given = self.shown(device)
        found = shares(modules["shs"], given).argmax(1)
        photos = [pixels(one) for one in (given.source, given.garment.image, given.image)]
        true = torch.where(given.ids < LABELS, given.ids, int(LIP20.BACKGROUND))
        return sheet([*photos, label_pixels(true, LIP20), label_pixels(found, LIP20)])

    def rows(self, figures: Mapping[str, float]) -> tuple[Mapping[str, Any], ...]:
        """Label, accuracy and IoU, as in the text's Table 1."""
        return tuple(
            {"label": label, "accuracy": figures[f"accuracy/{label}"], "iou": value}
            for kind, _, label, value in ((*n.partition("/"), v) for n, v in figures.items())
            if kind == "iou"
        )


def _bytes(ids: Tensor) -> NDArray[np.uint8]:
    return ids.to(torch.uint8).cpu().numpy()
