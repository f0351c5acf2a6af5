"""Judging predicted label maps against true ones, photo by photo.

``evaluate_parse`` takes cases one at a time, so that any number of photos fits into memory, and
returns plain numbers. Where the cases come from (a parser, or files) is not its business.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from pipelines.clothing_labels import IGNORED
from pipelines.errors import ItemError
from pipelines.evaluation.averages import mean_known, median_known
from pipelines.evaluation.detection import DetectionScores, DetectionTally
from pipelines.evaluation.groups import Grouping
from pipelines.evaluation.masks import (
    Counts,
    Ids,
    boundary_f,
    confusion,
    label_scores,
    regrouped,
)
from pipelines.evaluation.sides import PARTS, exchanged_maps, exchanged_pose
from pipelines.flags import Flag
from pipelines.labels import LIP20, MERGES
from pipelines.relabel import relabel
from pipelines.segmentation.instances import Instances
from pipelines.types import Image, ParseMap, Pose

TOLERANCE_PX = 2.0
"""How far an outline may be off and still count as hit."""


@dataclass(frozen=True, eq=False)
class ParseCase:
    """A photo with its true map and what was predicted for it.

    ``predicted`` is in LIP20; it is brought to the size of ``truth`` without interpolation. None
    means that prediction failed, for the reason in ``error``. ``pose`` is in pixels of ``truth``.
    """

    item: str
    truth: ParseMap
    predicted: ParseMap | None
    image: Image | None = None
    pose: Pose | None = None
    score: float = 1.0
    flags: tuple[Flag, ...] = ()
    wall_s: float = math.nan
    processor_s: float = math.nan
    error: ItemError | None = None
    instances: tuple[Instances, Instances] | None = None
    """Predicted and true instances, where the predictor finds such; in pixels of ``truth``."""


@dataclass(frozen=True)
class LabelScore:
    """Scores of one label over all photos; NaN where one is not defined."""

    name: str
    accuracy: float
    """Hit pixels / true pixels (recall)."""
    iou: float
    boundary_f: float
    """Mean over the photos where the label is predicted or true; NaN in groupings but the first."""
    true_px: int


@dataclass(frozen=True)
class GroupScores:
    """Scores of one way of judging."""

    name: str
    rule: str
    labels: tuple[LabelScore, ...]
    miou: float
    boundary_f: float
    pixel_accuracy: float


@dataclass(frozen=True)
class PhotoScore:
    """Scores of one photo, by the first grouping."""

    item: str
    miou: float
    """Mean over the labels that the photo or its prediction has."""
    pixel_accuracy: float
    boundary_f: float
    iou: Mapping[str, float]
    score: float
    flags: tuple[Flag, ...]
    wall_ms: float
    processor_ms: float
    error: ItemError | None = None


@dataclass(frozen=True)
class SideCheck:
    """In how many photos the sides of a part are exchanged, and in which."""

    part: str
    between: str
    """What was compared, for example ``prediction and pose``."""
    judged: int
    exchanged: tuple[str, ...]


@dataclass(frozen=True)
class ParseEvaluation:
    """Everything that was found; ``groupings[0]`` is the main one.

    A photo whose prediction failed counts as one in which every pixel is wrong;
    ``without_failed`` is the main grouping over the other photos, where there are failures.
    """

    groupings: tuple[GroupScores, ...]
    without_failed: GroupScores | None
    photos: tuple[PhotoScore, ...]
    sides: tuple[SideCheck, ...]
    median_wall_ms: float
    median_processor_ms: float
    resized: int
    """Predictions that had another size than the truth."""
    detection: DetectionScores | None
    worst: tuple[ParseCase, ...] = field(repr=False)
    """The photos with the lowest mIoU, as many as were asked for, worst first."""

    @property
    def failed(self) -> tuple[PhotoScore, ...]:
        """The photos whose prediction failed."""
        return tuple(photo for photo in self.photos if photo.error is not None)


def evaluate_parse(
    cases: Iterable[ParseCase],
    groupings: Sequence[Grouping],
    *,
    tolerance_px: float = TOLERANCE_PX,
    worst: int = 0,
    detection: DetectionTally | None = None,
) -> ParseEvaluation:
    """Judge cases by each grouping; the first one also gives boundary F and scores by photo.

    ``worst`` is how many of the worst photos are kept; ``detection`` takes the instances of cases
    that have them.
    """
    tallies = [_Tally(grouping) for grouping in groupings]
    outlines = _Outlines(groupings[0], tolerance_px)
    sides, keep = _Sides(), _Worst(worst)
    photos: list[PhotoScore] = []
    resized = 0
    for case in cases:
        predicted = _fitted(case)
        resized += case.predicted is not None and predicted is not case.predicted
        counts = [tally.add(predicted, case.truth) for tally in tallies][0]
        photo = _photo_score(case, groupings[0], counts, outlines.add(predicted, case.truth))
        photos.append(photo)
        sides.add(case, predicted)
        if detection is not None and case.instances is not None:
            detection.add(*case.instances)
        keep.add(photo.miou, case)
    return ParseEvaluation(
        groupings=(
            tallies[0].scores(outlines.means()),
            *(tally.scores() for tally in tallies[1:]),
        ),
        without_failed=tallies[0].scores(made_only=True) if tallies[0].failed else None,
        photos=tuple(photos),
        sides=sides.checks(),
        median_wall_ms=median_known([p.wall_ms for p in photos]),
        median_processor_ms=median_known([p.processor_ms for p in photos]),
        resized=resized,
        detection=detection.scores() if detection is not None else None,
        worst=keep.cases(),
    )


def judged_maps(grouping: Grouping, predicted: ParseMap | None, truth: ParseMap) -> tuple[Ids, Ids]:
    """Both maps in numbers of the grouping, ``uint8 [H, W]``.

    ``IGNORED`` in the truth is a pixel that is left out, in the prediction one of no label.
    """
    true = regrouped(truth.ids, grouping.truth)
    if predicted is None:
        return np.full_like(true, IGNORED), true
    for label, number in grouping.forgiven:
        true[(predicted.ids == label) & (true == number)] = IGNORED
    return regrouped(predicted.ids, grouping.predicted), true


class _Tally:
    """Counts of one grouping, summed over photos."""

    def __init__(self, grouping: Grouping) -> None:
        self.grouping = grouping
        self.size = len(grouping.labels)
        self.made: Counts = np.zeros((self.size, self.size + 1), np.int64)
        self.lost: Counts = np.zeros_like(self.made)
        self.failed = 0

    def add(self, predicted: ParseMap | None, truth: ParseMap) -> Counts:
        counts = confusion(*judged_maps(self.grouping, predicted, truth), self.size)
        if predicted is None:
            self.lost += counts
            self.failed += 1
        else:
            self.made += counts
        return counts

    def scores(
        self, boundaries: Sequence[float] | None = None, *, made_only: bool = False
    ) -> GroupScores:
        counts = self.made if made_only else self.made + self.lost
        shown = self.grouping.shown or tuple(range(self.size))
        found, true_px = label_scores(counts), counts.sum(1)
        rows = tuple(
            LabelScore(
                name=self.grouping.labels[number],
                accuracy=float(found.accuracy[number]),
                iou=float(found.iou[number]),
                boundary_f=boundaries[number] if boundaries else math.nan,
                true_px=int(true_px[number]),
            )
            for number in shown
        )
        return GroupScores(
            name=self.grouping.name,
            rule=self.grouping.rule,
            labels=rows,
            miou=mean_known([row.iou for row in rows]),
            boundary_f=mean_known([row.boundary_f for row in rows]),
            pixel_accuracy=found.pixel_accuracy,
        )


class _Outlines:
    """Boundary F of each label, photo by photo."""

    def __init__(self, grouping: Grouping, tolerance_px: float) -> None:
        self.grouping, self.tolerance_px = grouping, tolerance_px
        self.found: list[list[float]] = [[] for _ in grouping.labels]

    def add(self, predicted: ParseMap | None, truth: ParseMap) -> float:
        """Take a photo; the mean over the labels that it or its prediction has."""
        made, true = judged_maps(self.grouping, predicted, truth)
        left_out = true == IGNORED
        made[left_out] = IGNORED
        here = []
        for number, values in enumerate(self.found):
            first, second = made == number, true == number
            if first.any() or second.any():
                here.append(boundary_f(first, second, self.tolerance_px, left_out))
                values.append(here[-1])
        return mean_known(here)

    def means(self) -> list[float]:
        return [mean_known(values) for values in self.found]


class _Sides:
    """Left and right of each part, by each comparison that can be made."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], dict[str, bool]] = {}

    def add(self, case: ParseCase, predicted: ParseMap | None) -> None:
        truth = _in_lip20(case.truth)
        for name, part in PARTS.items():
            if predicted is not None and truth is not None:
                self._note(
                    name, "prediction and truth", case, exchanged_maps(predicted, truth, part)
                )
            if case.pose is None:
                continue
            for words, parse in (("prediction and pose", predicted), ("truth and pose", truth)):
                if parse is not None:
                    self._note(name, words, case, exchanged_pose(parse, case.pose.body, part))

    def _note(self, part: str, between: str, case: ParseCase, exchanged: bool | None) -> None:
        if exchanged is not None:
            self.found.setdefault((part, between), {})[case.item] = exchanged

    def checks(self) -> tuple[SideCheck, ...]:
        return tuple(
            SideCheck(part, between, len(items), tuple(i for i, wrong in items.items() if wrong))
            for (part, between), items in sorted(self.found.items())
        )


class _Worst:
    """The cases with the lowest scores."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.heap: list[tuple[float, int, ParseCase]] = []
        self.seen = 0

    def add(self, score: float, case: ParseCase) -> None:
        self.seen += 1
        entry = (0.0 if math.isnan(score) else -score, self.seen, case)
        if len(self.heap) < self.number:
            heapq.heappush(self.heap, entry)
        elif self.number:
            heapq.heappushpop(self.heap, entry)

    def cases(self) -> tuple[ParseCase, ...]:
        return tuple(case for *_, case in sorted(self.heap, key=lambda entry: -entry[0]))


def _photo_score(
    case: ParseCase, grouping: Grouping, counts: Counts, outlines: float
) -> PhotoScore:
    found = label_scores(counts)
    return PhotoScore(
        item=case.item,
        miou=found.miou,
        pixel_accuracy=found.pixel_accuracy,
        boundary_f=outlines,
        iou=dict(zip(grouping.labels, found.iou.tolist(), strict=True)),
        score=case.score if case.error is None else 0.0,
        flags=case.flags,
        wall_ms=1000 * case.wall_s,
        processor_ms=1000 * case.processor_s,
        error=case.error,
    )


def _fitted(case: ParseCase) -> ParseMap | None:
    """The prediction at the size of the truth."""
    made, size = case.predicted, case.truth.ids.shape
    if made is None or made.ids.shape == size:
        return made
    ids = cv2.resize(made.ids, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return ParseMap(np.asarray(ids, np.uint8), made.labels)


def _in_lip20(truth: ParseMap) -> ParseMap | None:
    """A true map in LIP20; None where its labels do not tell sides."""
    if truth.labels is LIP20 or (truth.labels, LIP20) in MERGES:
        return relabel(truth, LIP20)
    return None
