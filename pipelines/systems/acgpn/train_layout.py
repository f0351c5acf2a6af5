"""Training of ACGPN's two layout networks: conditional GAN and cross entropy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from pipelines.evaluation.masks import Counts, confusion, label_scores
from pipelines.labels import ACGPN14
from pipelines.networks.losses import label_cross_entropy
from pipelines.networks.pictures import label_maps
from pipelines.systems.acgpn.chain_steps import g1_input, g2_input
from pipelines.systems.acgpn.conditions import CHANNELS
from pipelines.systems.acgpn.train_base import ACGPNTask, judged_noise, step_noise
from pipelines.systems.acgpn.train_data import Examples
from pipelines.systems.acgpn.train_settings import G1Settings, G2Settings, LayoutSettings
from pipelines.training.task import Batch, Loss, Modules, StepInfo
from pipelines.training.tryon_figures import Averages, label_pixels, pixels, sheet

PARTS = (
    ACGPN14.HAIR, ACGPN14.FACE, ACGPN14.LEFT_ARM, ACGPN14.RIGHT_ARM, ACGPN14.PANTS,
)  # fmt: skip
"""What G1 is judged by: head, arms and bottom clothes, as the paper names its parts."""


L = TypeVar("L", bound=LayoutSettings)


class LayoutTask(ACGPNTask[L]):
    """One of the two networks of the layout, or its coarse network alone."""

    added = ("coarse.", "coarse_share")

    def optimizers(self, modules: Modules) -> dict[str, torch.optim.Optimizer]:
        """Adam for each; of the network the coarse one where that alone is trained."""
        network: Any = modules[self.trained]
        learnt = network.coarse if self.settings.coarse_alone else network
        return super().optimizers({**modules, self.trained: learnt})

    def logits(self, network: Any, seen: Tensor) -> Tensor:
        """What is learnt from, ``float32``."""
        made: Tensor = (network.coarse_maps if self.settings.coarse_alone else network)(seen)
        return made.float()


class G1Task(LayoutTask[G1Settings]):
    """``BodyPartGenerator``: the labels without the garment."""

    best, trained, label_set = "miou", "g1", ACGPN14.__name__
    judged_channels = 37 + CHANNELS

    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """The discriminator's loss, then the generator's."""
        given, s = self.examples(batch), self.settings
        seen = g1_input(given.person, given.garment, step_noise(given, info))
        logits = self.logits(modules["g1"], seen)
        maps = torch.sigmoid(logits) if s.squashed else logits.softmax(1)
        logged: dict[str, Tensor] = {}
        real = label_maps(given.body, CHANNELS)
        loss = yield from self.adversary.against(modules, seen, real, maps, logged)
        # parity: as released, the cross entropy squashes what is squashed already
        entropy = label_cross_entropy(maps if s.squashed else logits, given.body)
        logged["cross_entropy"] = entropy
        yield "g1", loss + s.cross_entropy_weight * entropy, self.named(logged)

    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """IoU of each part (``PARTS``) and their mean, over all pixels."""
        counts: Counts = np.zeros((CHANNELS, CHANNELS + 1), np.int64)
        for indices, given in self.judged(device):
            found = self._found(modules, given, indices)
            counts += confusion(_bytes(found), _bytes(given.body), CHANNELS)
        of_all = label_scores(counts).iou
        iou = {part.name.lower(): float(of_all[part]) for part in PARTS}
        return {
            "miou": float(np.nanmean(list(iou.values()))),
            **{f"iou/{name}": value for name, value in iou.items()},
        }

    def _found(self, modules: Modules, given: Examples, indices: Tensor) -> Tensor:
        return self.predicted_body(modules, given, judged_noise(given, indices, 0))

    def sheet(self, modules: Modules, device: torch.device) -> NDArray[np.uint8]:
        """Photo, garment, what is given, prediction, truth."""
        indices, given = self.shown(device)
        layouts = (given.person.fused, self._found(modules, given, indices), given.body)
        drawn = [label_pixels(ids, ACGPN14) for ids in layouts]
        return sheet([pixels(given.image), pixels(given.garment.image), *drawn])

    def rows(self, figures: Mapping[str, float]) -> tuple[Mapping[str, Any], ...]:
        """Label and IoU."""
        return tuple(
            {"label": name.rpartition("/")[2], "iou": value}
            for name, value in figures.items()
            if name.startswith("iou/")
        )


class G2Task(LayoutTask[G2Settings]):
    """``ClothMaskGenerator``: where the garment is on the person."""

    best, trained, before = "iou", "g2", ("g1",)
    judged_channels = 37 + 1

    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """The discriminator's loss, then the generator's."""
        given, s = self.examples(batch), self.settings
        body = self._body(modules, given, info)
        seen = g2_input(given.person, given.garment, body, step_noise(given, info))
        logits = self.logits(modules["g2"], seen)
        mask = torch.sigmoid(logits)
        logged: dict[str, Tensor] = {}
        loss = yield from self.adversary.against(modules, seen, given.worn, mask, logged)
        # parity: as released, the cross entropy squashes what is squashed already
        entropy = F.binary_cross_entropy_with_logits(mask if s.squashed else logits, given.worn)
        logged["cross_entropy"] = entropy
        yield "g2", loss + s.cross_entropy_weight * entropy, self.named(logged)

    def _body(self, modules: Modules, given: Examples, info: StepInfo) -> Tensor:
        """The labels without garment that are shown: ``float32 [B, 14, 256, 192]``."""
        forced = self.forced(given, self.settings.teacher_forcing, info)
        if forced is None:
            return label_maps(given.body, CHANNELS)
        ids = self.predicted_body(modules, given, step_noise(given, info))
        return label_maps(torch.where(forced[:, 0], given.body, ids), CHANNELS)

    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """IoU of the garment, mean over the photos: under true labels and predicted ones."""
        figures = Averages()
        for indices, given in self.judged(device):
            worn = given.worn[:, 0] > 0
            for prefix, body in self._shown_bodies(modules, given, indices):
                found = self._found(modules, given, body, indices)
                either = (found | worn).sum((1, 2))
                figures.add(prefix + "iou", (found & worn).sum((1, 2)) / either)
        return figures.means()

    def _shown_bodies(
        self, modules: Modules, given: Examples, indices: Tensor
    ) -> Iterator[tuple[str, Tensor]]:
        yield "", given.body
        if self.predicts(modules):
            noise = judged_noise(given, indices, 0)
            yield "predicted/", self.predicted_body(modules, given, noise)

    def _found(self, modules: Modules, given: Examples, body: Tensor, indices: Tensor) -> Tensor:
        noise = judged_noise(given, indices, 1)
        maps = label_maps(body, CHANNELS)
        logits = modules["g2"](g2_input(given.person, given.garment, maps, noise))
        return torch.as_tensor(logits.float()[:, 0] > 0)

    def sheet(self, modules: Modules, device: torch.device) -> NDArray[np.uint8]:
        """Photo, garment, labels that are given, prediction, truth."""
        indices, given = self.shown(device)
        *_, (_, body) = self._shown_bodies(modules, given, indices)
        found = self._found(modules, given, body, indices)
        upper = [m * int(ACGPN14.UPPER) for m in (found.long(), given.worn[:, 0].long())]
        drawn = [label_pixels(ids, ACGPN14) for ids in (body, *upper)]
        return sheet([pixels(given.image), pixels(given.garment.image), *drawn])


def _bytes(ids: Tensor) -> NDArray[np.uint8]:
    return ids.to(torch.uint8).cpu().numpy()
