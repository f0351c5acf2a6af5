"""Average precision (AP) of instances, boxes and masks, as COCO defines it.

AP is computed by torchmetrics over faster-coco-eval (extra ``eval``): IoU thresholds .5 to .95 in
steps of .05, 101 recall points, at most 100 instances per photo, objects of all sizes. Precision
and recall are those at IoU .5 and at the one score threshold that gives the best mean F1 over the
classes, as YOLO's tables have them (there, instances are matched in the order of IoU; here, as
COCO does, in the order of scores).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ExtraMissing
from pipelines.segmentation.instances import Instances

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]

MATCH_IOU = 0.5
_KINDS = {"box": "bbox", "mask": "segm"}
_POINTS = 1000
_SMOOTHING = 0.1
_AP50, _AP75 = 0, 5
"""Places of these thresholds in COCO's list."""


@dataclass(frozen=True)
class Precision:
    """Scores of one class, or their means; NaN for a class that no truth has."""

    precision: float
    recall: float
    ap50: float
    ap75: float
    ap: float
    """Mean over the thresholds .5 to .95."""


@dataclass(frozen=True)
class ClassPrecision:
    """One row of the table: photos and true instances of a class, and its scores."""

    name: str
    images: int
    instances: int
    box: Precision
    mask: Precision


@dataclass(frozen=True)
class DetectionScores:
    """The whole table."""

    mean: ClassPrecision
    """Means over the classes that the truth has; ``images`` is all photos."""
    classes: tuple[ClassPrecision, ...]
    threshold: Mapping[str, float]
    """Score threshold of precision and recall, for ``box`` and ``mask``."""


class DetectionTally:
    """Collects predictions and truths of many photos, and scores them together."""

    def __init__(self, names: Mapping[int, str]) -> None:
        """``names`` are the classes by label. Raises ``ExtraMissing`` without the extra."""
        self._names = dict(names)
        self._metric = _coco_metric()
        self._photos = 0
        self._hits: dict[str, list[NDArray[np.bool_]]] = {kind: [] for kind in _KINDS}
        self._scores: list[NDArray[np.float32]] = []
        self._labels: list[NDArray[np.int64]] = []
        self._true: list[NDArray[np.int64]] = []

    def add(self, predicted: Instances, truth: Instances) -> None:
        """Take the instances of one photo; labels without a name are passed over."""
        predicted, truth = (_chosen(i, np.isin(i.labels, list(self._names)))
                            for i in (predicted, truth))  # fmt: skip
        self._photos += 1
        self._metric.update([_tensors(predicted)], [_tensors(truth)])
        self._scores.append(predicted.scores)
        self._labels.append(predicted.labels)
        self._true.append(truth.labels)
        for kind, ious in (("box", _box_ious), ("mask", _mask_ious)):
            self._hits[kind].append(matched(predicted, truth, ious(predicted, truth)))

    def scores(self) -> DetectionScores:
        """Score everything that was taken."""
        true = np.concatenate([*self._true, np.zeros(0, np.int64)])
        tables, threshold = {}, {}
        coco = self._metric.compute() if self._photos else {}
        for kind in _KINDS:
            tables[kind], threshold[kind] = self._table(kind, coco, true)
        rows = tuple(
            ClassPrecision(
                name=name,
                images=sum(int(label in labels) for labels in self._true),
                instances=int((true == label).sum()),
                box=tables["box"][label],
                mask=tables["mask"][label],
            )
            for label, name in self._names.items()
        )
        mean = ClassPrecision(
            name="all",
            images=self._photos,
            instances=len(true),
            box=_mean([row.box for row in rows if row.instances]),
            mask=_mean([row.mask for row in rows if row.instances]),
        )
        return DetectionScores(mean, rows, threshold)

    def _table(
        self, kind: str, coco: Mapping[str, Tensor], true: NDArray[np.int64]
    ) -> tuple[dict[int, Precision], float]:
        present = [label for label in self._names if (true == label).any()]
        if not present:
            return dict.fromkeys(self._names, _UNDEFINED), math.nan
        # [thresholds, recall points, classes, areas, limits]: all areas, the highest limit
        grid = coco[f"{_KINDS[kind]}_precision"].numpy()[:, :, :, 0, -1].astype(np.float64)
        places = {int(label): place for place, label in enumerate(coco["classes"].reshape(-1))}
        points, threshold = operating_points(
            np.concatenate(self._hits[kind]),
            np.concatenate(self._scores),
            np.concatenate(self._labels),
            {label: int((true == label).sum()) for label in present},
        )
        table = dict.fromkeys(self._names, _UNDEFINED)
        for label in present:
            found = grid[:, :, places[label]].mean(1)
            table[label] = Precision(
                *points[label], float(found[_AP50]), float(found[_AP75]), float(found.mean())
            )
        return table, threshold


_UNDEFINED = Precision(math.nan, math.nan, math.nan, math.nan, math.nan)


def matched(predicted: Instances, truth: Instances, ious: Floats) -> NDArray[np.bool_]:
    """Which predictions hit a true instance of their class: ``bool [N]``.

    ``ious`` is ``float64 [N, M]``. Predictions choose in the order of their scores, each the free
    instance that it overlaps most, by ``MATCH_IOU`` at least; an instance is hit once.
    """
    free = np.ones(len(truth), bool)
    hits = np.zeros(len(predicted), bool)
    for index in np.argsort(-predicted.scores, kind="stable"):
        fits = np.where(free & (truth.labels == predicted.labels[index]), ious[index], -1.0)
        if fits.size and fits.max() >= MATCH_IOU:
            free[int(fits.argmax())] = False
            hits[index] = True
    return hits


def operating_points(
    hits: NDArray[np.bool_],
    scores: NDArray[np.float32],
    labels: NDArray[np.int64],
    true: Mapping[int, int],
) -> tuple[dict[int, tuple[float, float]], float]:
    """Precision and recall of each class at the score threshold with the best mean F1.

    ``true`` is the number of true instances by class. Curves are read at 1,000 thresholds, and the
    mean of F1 is smoothed over a tenth of them, so that one lucky threshold does not win. Returns
    also the threshold.
    """
    thresholds = np.linspace(0, 1, _POINTS)
    curves: dict[int, tuple[Floats, Floats]] = {}
    for label, instances in true.items():
        mine = labels == label
        order = np.argsort(-scores[mine], kind="stable")
        own, right = scores[mine][order].astype(np.float64), hits[mine][order]
        if not own.size:
            curves[label] = (np.zeros(_POINTS), np.zeros(_POINTS))
            continue
        hit = right.cumsum()
        precision, recall = hit / np.arange(1, len(hit) + 1), hit / instances
        curves[label] = (
            np.interp(-thresholds, -own, precision, left=1),
            np.interp(-thresholds, -own, recall, left=0),
        )
    f1 = np.mean([2 * p * r / np.maximum(p + r, 1e-16) for p, r in curves.values()], axis=0)
    best = int(_smoothed(f1).argmax())
    at_best = {label: (float(p[best]), float(r[best])) for label, (p, r) in curves.items()}
    return at_best, float(thresholds[best])


def _smoothed(values: Floats) -> Floats:
    width = round(len(values) * _SMOOTHING * 2) // 2 + 1
    padded = np.pad(values, width // 2, mode="edge")
    smooth: Floats = np.convolve(padded, np.ones(width) / width, mode="valid")
    return smooth


def _box_ious(predicted: Instances, truth: Instances) -> Floats:
    first, second = predicted.boxes.astype(np.float64), truth.boxes.astype(np.float64)
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(-1)
    areas = [np.clip(b[:, 2:] - b[:, :2], 0, None).prod(-1) for b in (first, second)]
    return _ratio(common, areas[0], areas[1])


def _mask_ious(predicted: Instances, truth: Instances) -> Floats:
    common = np.zeros((len(predicted), len(truth)))
    for place, mask in enumerate(truth.masks):
        common[:, place] = (predicted.masks & mask).sum((1, 2))
    return _ratio(common, predicted.masks.sum((1, 2)), truth.masks.sum((1, 2)))


def _ratio(common: Floats, first: NDArray[Any], second: NDArray[Any]) -> Floats:
    union = first[:, None] + second[None, :] - common
    ratio: Floats = common / np.maximum(union, 1e-12)
    return ratio


def _chosen(instances: Instances, which: NDArray[np.bool_]) -> Instances:
    return Instances(
        instances.boxes[which],
        instances.masks[which],
        instances.labels[which],
        instances.scores[which],
    )


def _mean(rows: list[Precision]) -> Precision:
    if not rows:
        return _UNDEFINED
    values = np.array([(r.precision, r.recall, r.ap50, r.ap75, r.ap) for r in rows])
    return Precision(*values.mean(0).tolist())


def _tensors(instances: Instances) -> dict[str, Tensor]:
    import torch

    return {
        "boxes": torch.from_numpy(instances.boxes),
        "masks": torch.from_numpy(instances.masks),
        "labels": torch.from_numpy(instances.labels),
        "scores": torch.from_numpy(instances.scores),
    }


def _coco_metric() -> Any:
    for package in ("torchmetrics", "faster_coco_eval"):
        if find_spec(package) is None:
            raise ExtraMissing(
                f"average precision needs a package that is not installed: {package}",
                extra="eval",
            )
    from torchmetrics.detection import MeanAveragePrecision

    return MeanAveragePrecision(
        iou_type=("bbox", "segm"),
        # its own list is in float32: an IoU of exactly .6 would miss a threshold of .60000002
        iou_thresholds=[number / 100 for number in range(50, 100, 5)],
        rec_thresholds=[number / 100 for number in range(101)],
        backend="faster_coco_eval",
        extended_summary=True,
    )
