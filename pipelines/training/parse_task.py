"""Training of the parser ``ours``: what the loop is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.checkpoint_manifest import TrainingData
from pipelines.evaluation.groups import words
from pipelines.evaluation.masks import Counts, confusion, label_scores
from pipelines.labels import LIP20, palette
from pipelines.segmentation.parser_frame import padded
from pipelines.segmentation.parser_network import (
    FAMILY,
    ParserConfig,
    build_parser,
    parser_logits,
)
from pipelines.training.export import WeightsMetadata, write_weights
from pipelines.training.label_weights import equalised_weights
from pipelines.training.parse_augment import Augmentation, augmented
from pipelines.training.parse_data import CANVASES, OUTSIDE, ParseExample
from pipelines.training.sources import TensorSource
from pipelines.training.task import Batch, Loss, Modules, StepInfo, Task, cosine
from pipelines.types import Size

WINDOW = Size(256, 192)
"""What the network sees of an example in one step."""


@dataclass(frozen=True)
class ParseSettings:
    """Our choice throughout, but for the equalised loss (Table 1 of the multi-pose paper)."""

    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warmup_steps: int = 100
    equalised_epochs: int = 0
    """Epochs in which all labels weigh the same, before plain cross entropy."""
    equalised_limit: float = 50.0
    """Largest weight of a label as a multiple of the smallest: a label of a few hundred pixels
    would otherwise outweigh all others."""
    jaccard: float = 0.0
    """Weight of the soft Jaccard loss."""


@dataclass(frozen=True)
class Sources:
    """What the weights will say of where they come from."""

    data: tuple[TrainingData, ...]
    tier: str
    """``open`` if all data are openly licensed, else ``research``."""


@dataclass(frozen=True)
class ValidationSet:
    """Examples that are not trained on, and the labels by which they are judged."""

    name: str
    examples: Sequence[ParseExample]
    groups: Mapping[str, tuple[int, ...]]
    """LIP ids by group; true pixels of other ids are left out."""


class GroupedSource:
    """Examples of several canvas sizes, each size in tensors of its own.

    A batch holds ``images0``, ``ids0``, ``joints0`` of the first size, and so on. An example
    counts ``repeats`` times in an epoch.
    """

    def __init__(self, examples: Sequence[tuple[ParseExample, int]], device: torch.device) -> None:
        self.groups: list[TensorSource] = []
        where: list[tuple[int, int]] = []
        for canvas in CANVASES:
            mine = [(e, times) for e, times in examples if _canvas(e) == canvas]
            if not mine:
                continue
            for number, (_, times) in enumerate(mine):
                where += [(len(self.groups), number)] * times
            self.groups.append(TensorSource(_stacked([e for e, _ in mine], canvas), device))
        self._where = torch.tensor(where)

    def __len__(self) -> int:
        """Number of examples in an epoch."""
        return len(self._where)

    def batches(self, indices: Iterable[Tensor]) -> Iterator[Batch]:
        """See ``pipelines.training.task.Source``."""
        for wanted in indices:
            group, number = self._where[wanted].unbind(1)
            batch: Batch = {}
            for k, source in enumerate(self.groups):
                mine = number[group == k]
                if len(mine):
                    batch |= {f"{name}{k}": t for name, t in source.gather(mine).items()}
            yield batch


def _canvas(example: ParseExample) -> tuple[int, int]:
    height, width = example.ids.shape
    return next((c for c in CANVASES if height <= c[0] and width <= c[1]), CANVASES[-1])


def _stacked(examples: Sequence[ParseExample], canvas: tuple[int, int]) -> dict[str, Tensor]:
    images = np.zeros((len(examples), *canvas, 3), np.uint8)
    ids = np.full((len(examples), *canvas), OUTSIDE, np.uint8)
    for k, example in enumerate(examples):
        height, width = example.ids.shape
        images[k] = padded(example.image, Size(*canvas))
        ids[k, :height, :width] = example.ids
    joints = np.stack([e.joints for e in examples])
    return {n: torch.from_numpy(a) for n, a in zip(("images", "ids", "joints"),
                                                   (images, ids, joints), strict=True)}  # fmt: skip


class ParseTask(Task):
    """The parser's network, its examples and its figures."""

    best = "miou"

    def __init__(
        self,
        config: ParserConfig,
        settings: ParseSettings,
        examples: Sequence[tuple[ParseExample, int]],
        validation: Sequence[ValidationSet],
        *,
        augmentation: Augmentation,
        sources: Sources,
        start: Mapping[str, Tensor] | None = None,
    ) -> None:
        """``start`` are weights to go on from; None: random ones."""
        self.config, self.settings, self.augmentation = config, settings, augmentation
        self.examples, self.validation, self.sources = examples, validation, sources
        self.start = start
        self.weights = equalised_weights((e.ids for e, _ in examples), settings.equalised_limit)

    def modules(self) -> dict[str, nn.Module]:
        """The network."""
        network = build_parser(self.config)
        if self.start is not None:
            network.load_state_dict(dict(self.start))
        return {"parser": network}

    def optimizers(self, modules: Modules) -> dict[str, torch.optim.Optimizer]:
        """AdamW."""
        return {
            "parser": torch.optim.AdamW(
                modules["parser"].parameters(),
                lr=self.settings.learning_rate,
                weight_decay=self.settings.weight_decay,
            )
        }

    def learning_rate(self, optimizer: str, info: StepInfo) -> float:
        """A half cosine after a short rise."""
        return cosine(info, self.settings.warmup_steps)

    def train_data(self, device: torch.device) -> GroupedSource:
        """All examples, by canvas size."""
        return GroupedSource(self.examples, device)

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """One batch of equal windows out of examples of several sizes."""
        made = [
            augmented(
                batch[name], batch[f"ids{name[6:]}"], batch[f"joints{name[6:]}"],
                WINDOW, self.augmentation, generator,
            )
            for name in batch if name.startswith("images")
        ]  # fmt: skip
        images, ids, joints = (torch.cat(parts) for parts in zip(*made, strict=True))
        return {"images": images, "ids": ids, "joints": joints}

    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """Cross entropy over the pixels that have a label; equalised in the first epochs."""
        logits = self._logits(modules["parser"], batch["images"], batch["joints"])
        equal = info.epoch < self.settings.equalised_epochs
        weight = self.weights.to(logits.device) if equal else None
        # where weights are given, torch divides by their sum: the scale of the loss stays
        loss = F.cross_entropy(logits.float(), batch["ids"], weight, ignore_index=OUTSIDE)
        scalars = {}
        if self.settings.jaccard:
            scalars["loss/jaccard"] = soft_jaccard_loss(logits, batch["ids"])
            loss = loss + self.settings.jaccard * scalars["loss/jaccard"]
        yield "parser", loss, scalars

    def _logits(self, network: nn.Module, photos: Tensor, joints: Tensor) -> Tensor:
        photos = photos.contiguous(memory_format=torch.channels_last)
        return parser_logits(network, photos, joints if self.config.pose else None)

    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """mIoU of each set over its groups, and their mean; accuracy and IoU of each LIP label."""
        figures: dict[str, float] = {}
        means = []
        for judged in self.validation:
            counts = self._counts(modules["parser"], judged, device)
            means.append(label_scores(merged_counts(counts, judged.groups)).miou)
            figures[f"{judged.name}/miou"] = means[-1]
            scores = label_scores(counts)
            for label in LIP20:
                if counts[label].any():
                    figures[f"{judged.name}/accuracy/{words(label)}"] = scores.accuracy[label]
                    figures[f"{judged.name}/iou/{words(label)}"] = scores.iou[label]
        return {"miou": float(np.mean(means)) if means else 0.0, **figures}

    def _counts(self, network: nn.Module, judged: ValidationSet, device: torch.device) -> Counts:
        counts = np.zeros((len(LIP20), len(LIP20) + 1), np.int64)
        for example in judged.examples:
            counts += confusion(self._predicted(network, example, device), example.ids, len(LIP20))
        return counts

    def _predicted(
        self, network: nn.Module, example: ParseExample, device: torch.device
    ) -> NDArray[np.uint8]:
        height, width = example.ids.shape
        photo = torch.from_numpy(padded(example.image)).to(device).permute(2, 0, 1)[None] / 255
        joints = torch.from_numpy(example.joints[:1]).to(device)
        ids = self._logits(network, photo.float(), joints)[0, :, :height, :width].argmax(0)
        return ids.to(torch.uint8).cpu().numpy()

    def sheet(self, modules: Modules, device: torch.device) -> NDArray[np.uint8] | None:
        """Photo, prediction and labels of eight examples of each set."""
        colours = np.full((256, 3), 255, np.uint8)
        colours[: len(LIP20)] = palette(LIP20)
        rows: list[NDArray[np.uint8]] = []
        for judged in self.validation:
            step = max(1, len(judged.examples) // 8)
            tiles = []
            for e in judged.examples[::step][:8]:
                predicted = self._predicted(modules["parser"], e, device)
                tile = np.vstack([e.image, colours[predicted], colours[e.ids]])
                tiles.append(cv2.resize(tile, (192, 768), interpolation=cv2.INTER_AREA))
            tiles += [np.zeros_like(tiles[0])] * (8 - len(tiles))
            rows.append(np.hstack(tiles))
        return np.vstack(rows) if rows else None

    def export(self, modules: Modules, folder: Path, meta: Mapping[str, Any]) -> tuple[Path, ...]:
        """One safetensors file in half precision."""
        metadata = WeightsMetadata(
            family=FAMILY,
            config=self.config.to_json(),
            figures=meta["figures"],
            data=self.sources.data,
            tier=self.sources.tier,
            label_set=LIP20.__name__,
            run={"step": meta["step"], **meta["config"]},
        )
        return (write_weights(folder / "parser.safetensors", modules["parser"], metadata),)

    def rows(self, figures: Mapping[str, float]) -> tuple[Mapping[str, Any], ...]:
        """Set, label, accuracy and IoU."""
        return tuple(
            {"set": name, "label": label, "accuracy": figures[f"{name}/accuracy/{label}"],
             "iou": value}
            for key, value in figures.items()
            for name, kind, label in [(*key.split("/"), "", "")[:3]]
            if kind == "iou"
        )  # fmt: skip

    def describe(self) -> dict[str, Any]:
        """Network, settings and data."""
        return {"network": self.config.to_json(), "data": [row.name for row in self.sources.data]}


def soft_jaccard_loss(logits: Tensor, ids: Tensor) -> Tensor:
    """One minus the mean over the labels that occur of intersection / union, over the batch.

    ``logits`` is ``[B, K, H, W]``, ``ids`` int64 ``[B, H, W]`` (255 = left out); probabilities
    stand for predictions: I = sum p y, U = sum p + y - p y (Rahman and Wang 2016).
    """
    beliefs = logits.float().softmax(1)
    known = ids != OUTSIDE
    labels = torch.where(known, ids, 0)
    of_truth = beliefs.gather(1, labels[:, None])[:, 0] * known
    count = logits.shape[1]
    truth = torch.zeros(count, device=ids.device)
    truth.scatter_add_(0, labels.flatten(), known.flatten().float())
    both = torch.zeros(count, device=ids.device)
    both = both.scatter_add(0, labels.flatten(), of_truth.flatten())
    predicted = torch.einsum("bkhw,bhw->k", beliefs, known.float())
    occurs = truth > 0
    return 1 - (both[occurs] / (predicted + truth - both)[occurs]).mean()


def merged_counts(counts: Counts, groups: Mapping[str, tuple[int, ...]]) -> Counts:
    """Counts over groups of labels; pixels whose true label is in no group are left out."""
    made = np.zeros((len(groups), len(groups) + 1), np.int64)
    for row, true in enumerate(groups.values()):
        mine = counts[list(true)].sum(0)
        made[row, :-1] = [mine[list(found)].sum() for found in groups.values()]
        made[row, -1] = mine.sum() - made[row, :-1].sum()
    return made
