"""Training of the parser ``maskrcnn``: SGD, warm-up, random flips, average precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN

from pipelines.checkpoint_files import load_safetensors
from pipelines.checkpoint_manifest import TrainingData
from pipelines.clothing_labels import FASHION15
from pipelines.datasets import ccp
from pipelines.errors import ExtraMissing
from pipelines.evaluation.detection import DetectionScores, DetectionTally
from pipelines.layout import CCP
from pipelines.segmentation.instances import Instances, instances_of
from pipelines.segmentation.maskrcnn import FAMILY, as_network_input, instances_from
from pipelines.segmentation.maskrcnn_data import LabelledPhoto, LabelledRoot, load_photos, stacked
from pipelines.segmentation.maskrcnn_network import build_maskrcnn, imagenet_state, load_backbone
from pipelines.segmentation.maskrcnn_settings import PARSER_MASKRCNN, MaskRCNNSettings
from pipelines.segmentation.maskrcnn_sheet import contact_sheet
from pipelines.training.export import WeightsMetadata, write_weights
from pipelines.training.loop import run
from pipelines.training.request import Progress, ReportProgress, TrainRequest, TrainResult
from pipelines.training.settings import LoopSettings
from pipelines.training.sources import TensorSource
from pipelines.training.task import Batch, Loss, Modules, Source, StepInfo, Task

WEIGHTS_FILE = "parser-maskrcnn.safetensors"
MIN_AREA_PX = 16
"""A label that covers less of a scaled photo is no instance."""

_MOMENTUM = 0.9
_WEIGHT_DECAY = 1e-4
_WARMUP_SHARE = 0.1
_SHEET_PHOTOS = 8
_KINDS = {"bbox": "box", "segm": "mask"}
_FIGURES = ("ap", "ap50", "ap75")

CLASSES = {int(label): label.name.lower() for label in FASHION15 if label}
"""Names of the classes, as figures and tables have them."""

Tell = Callable[[str], None]


def train(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train Mask R-CNN on the roots of ``request``; weights go to ``request.out``.

    Figures are ``bbox/ap``, ``bbox/ap50``, ``bbox/ap75``, ``bbox/ap/hair`` and so on, and the same
    of ``segm``; ``ap`` is the mean over IoU .50 to .95. Raises ``ConfigError``
    for settings out of range, ``InputError`` for roots without labelled photos,
    ``WeightsMissing`` where pretrained weights were asked for and cannot be had.
    """
    values = {**PARSER_MASKRCNN.defaults, **request.settings}
    settings, loop = MaskRCNNSettings.pick(values), LoopSettings.from_settings(values)

    def tell(note: str) -> None:
        report(Progress(0, request.steps, 0, 0.0, 0.0, note=note))

    roots = [
        LabelledRoot.find(root, settings.layout, settings.train, settings.val)
        for root in request.roots
    ]
    task = MaskRCNNTask(settings, roots, tell)
    if request.steps is not None or request.minutes is None:
        per_epoch = max(1, len(task.photos) // loop.batch_size)
        task.fit_warmup(request.steps or (request.epochs or loop.epochs) * per_epoch)
    return run(task, loop, request, report)


def instance_targets(parse: Tensor) -> dict[str, Tensor]:
    """Boxes, labels and masks of the labels in a map ``uint8 [H, W]``, as torchvision wants them.

    The same instances as ``instances_of`` finds, on the map's device.
    """
    counts = torch.bincount(parse.flatten().long(), minlength=256)[: len(FASHION15)]
    counts[0] = 0
    labels = torch.nonzero(counts >= MIN_AREA_PX).flatten()
    masks = (parse[None] == labels[:, None, None]).byte()
    rows, columns = masks.amax(2), masks.amax(1)
    height, width = parse.shape
    edges = (
        columns.argmax(1),
        rows.argmax(1),
        width - columns.flip(1).argmax(1),
        height - rows.flip(1).argmax(1),
    )
    return {"boxes": torch.stack(edges, 1).float(), "labels": labels, "masks": masks}


def flat_figures(scores: DetectionScores) -> dict[str, float]:
    """AP of boxes (``bbox``) and masks (``segm``), of all classes and of each, in 0..1.

    A class that the known instances lack is left out.
    """
    figures = {}
    for kind, attribute in _KINDS.items():
        mean = getattr(scores.mean, attribute)
        for name in _FIGURES:
            value = float(getattr(mean, name))
            figures[f"{kind}/{name}"] = 0.0 if math.isnan(value) else value
        for row in scores.classes:
            for name in _FIGURES:
                if row.instances:
                    figures[f"{kind}/{name}/{row.name}"] = float(
                        getattr(getattr(row, attribute), name)
                    )
    return figures


def class_rows(figures: Mapping[str, float]) -> tuple[dict[str, Any], ...]:
    """One row for all classes and one for each, from ``flat_figures``."""
    rows = []
    for name, suffix in (("all", ""), *((name, f"/{name}") for name in CLASSES.values())):
        keys = [(kind, figure) for kind in _KINDS for figure in _FIGURES]
        if all(f"{kind}/{figure}{suffix}" in figures for kind, figure in keys):
            values = {f"{k} {f}": round(figures[f"{k}/{f}{suffix}"], 4) for k, f in keys}
            rows.append({"class": name, **values})
    return tuple(rows)


def _tally() -> DetectionTally | None:
    try:
        return DetectionTally(CLASSES)
    except ExtraMissing:
        return None


class MaskRCNNTask(Task):
    """Network, photos, losses and figures of one run."""

    def __init__(
        self, settings: MaskRCNNSettings, roots: Sequence[LabelledRoot], tell: Tell
    ) -> None:
        self.settings, self.tell = settings, tell
        self.warmup_steps = settings.warmup_steps
        limits = (settings.min_size, settings.max_size)
        self.photos = load_photos(roots, "train", (*limits, settings.photos), tell)
        self.held_out = load_photos(roots, "val", (*limits, 0), tell)
        self.roots = roots
        faces = sum(bool((photo.parse.ids == FASHION15.FACE).any()) for photo in self.photos)
        tell(
            f"{len(self.photos)} photos to train on, {faces} of them with a face label; "
            f"{len(self.held_out)} to validate on"
        )
        self.best = "segm/ap" if _tally() else ""
        if not self.best:
            tell("average precision is left out: pip install 'vtonctl[eval]'")

    def fit_warmup(self, steps: int) -> None:
        """Shorten the warm-up to a tenth of a run of so many steps, and say so."""
        shorter = max(1, round(_WARMUP_SHARE * steps))
        if shorter < self.warmup_steps:
            self.tell(f"warm-up of {shorter} instead of {self.warmup_steps} steps: {steps} in all")
            self.warmup_steps = shorter

    def modules(self) -> dict[str, nn.Module]:
        """The network, with pretrained weights in its backbone if they were asked for."""
        settings = self.settings
        network = build_maskrcnn(**settings.network(len(CLASSES)))
        if settings.pretrained == "imagenet":
            load_backbone(network, imagenet_state(settings.backbone))
        elif settings.pretrained != "none":
            load_backbone(network, load_safetensors(Path(settings.pretrained))[0])
        # one of these is drawn for each photo; evaluation takes the last
        jitter = (-1.0, -0.5, 0.5, 1.0, 0.0) if settings.scale_jitter else (0.0,)
        network.transform.min_size = [
            round(settings.min_size * (1 + part * settings.scale_jitter)) for part in jitter
        ]
        return {"network": network}

    def optimizers(self, modules: Modules) -> dict[str, torch.optim.Optimizer]:
        """SGD with momentum over what learns."""
        learning = [p for p in modules["network"].parameters() if p.requires_grad]
        rate = self.settings.lr
        made = torch.optim.SGD(learning, rate, momentum=_MOMENTUM, weight_decay=_WEIGHT_DECAY)
        return {"network": made}

    def learning_rate(self, optimizer: str, info: StepInfo) -> float:
        """Linear warm-up from a thousandth, then the schedule."""
        rise = min(1.0, 0.001 + 0.999 * info.step / self.warmup_steps) if self.warmup_steps else 1.0
        if self.settings.schedule == "constant":
            return rise
        return float(rise * 0.1 ** ((info.fraction >= 2 / 3) + (info.fraction >= 8 / 9)))

    def train_data(self, device: torch.device) -> Source:
        """Photos on one canvas, with the size of each."""
        return TensorSource(stacked(self.photos), device)

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Mirror half of the photos, each within its own size; no class has a side."""
        if not self.settings.flip:
            return batch
        flips = torch.rand(len(batch["size"]), generator=generator, device=generator.device) < 0.5
        images, parses = batch["image"].clone(), batch["parse"].clone()
        for at in torch.nonzero(flips).flatten().tolist():
            width = int(batch["size"][at, 1])
            images[at, :, :, :width] = images[at, :, :, :width].flip(-1)
            parses[at, :, :width] = parses[at, :, :width].flip(-1)
        return batch | {"image": images, "parse": parses}

    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """The sum of torchvision's five losses, each with weight 1."""
        images, targets = [], []
        for image, parse, size in zip(batch["image"], batch["parse"], batch["size"], strict=True):
            height, width = int(size[0]), int(size[1])
            images.append(as_network_input(image[:, :height, :width]))
            targets.append(instance_targets(parse[:height, :width]))
        found: dict[str, Tensor] = modules["network"](images, targets)
        total = torch.stack([loss.float() for loss in found.values()]).sum()
        yield "network", total, {f"loss/{name}": loss for name, loss in found.items()}

    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """Average precision on the photos of the split ``val``."""
        tally = _tally()
        if tally is None:
            return {}
        for photo in self.held_out:
            known = instances_of(photo.parse, min_area_px=MIN_AREA_PX)
            tally.add(_detected(modules, photo, device), known)
        return flat_figures(tally.scores())

    def rows(self, figures: Mapping[str, float]) -> tuple[Mapping[str, Any], ...]:
        """Average precision of all classes and of each."""
        return class_rows(figures)

    def sheet(self, modules: Modules, device: torch.device) -> npt.NDArray[np.uint8]:
        """Photos of the split ``val``: as they are, as labelled and as detected."""
        every = max(1, len(self.held_out) // _SHEET_PHOTOS)
        chosen = self.held_out[::every][:_SHEET_PHOTOS]
        with torch.no_grad():
            return contact_sheet(chosen, [_detected(modules, photo, device) for photo in chosen])

    def export(self, modules: Modules, folder: Path, meta: Mapping[str, Any]) -> tuple[Path, ...]:
        """Weights in half precision, which ``pipelines.segmentation.maskrcnn`` loads."""
        metadata = WeightsMetadata(
            family=FAMILY,
            config=self.settings.network(len(CLASSES)),
            figures=meta.get("figures", {}),
            data=tuple(self._described(root) for root in self.roots),
            # only published open data, and no weights of others, make open weights
            tier="open" if self._is_open() else "research",
            label_set=FASHION15.__name__,
            run={"step": meta["step"], **meta["config"]},
        )
        return (write_weights(folder / WEIGHTS_FILE, modules["network"], metadata),)

    def _is_open(self) -> bool:
        return self.settings.pretrained == "none" and all(r.layout is CCP for r in self.roots)

    def _described(self, root: LabelledRoot) -> TrainingData:
        images = sum(photo.root == root.root for photo in self.photos)
        if root.layout is CCP:
            return TrainingData(ccp.NAME, ccp.LICENCE, images)
        return TrainingData(root.root.name, self.settings.licence, images)

    def describe(self) -> dict[str, Any]:
        """Network, optimizer and data of this run."""
        return {
            "settings": asdict(self.settings),
            "warmup_steps": self.warmup_steps,
            "layouts": [root.layout.name for root in self.roots],
            "photos": len(self.photos),
        }


def _detected(modules: Modules, photo: LabelledPhoto, device: torch.device) -> Instances:
    network = cast(MaskRCNN, modules["network"])
    image = torch.from_numpy(photo.image.transpose(2, 0, 1).copy())
    return instances_from(network([as_network_input(image).to(device)])[0])
