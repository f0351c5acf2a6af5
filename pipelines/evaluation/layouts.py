"""Judging predicted layouts: where a try-on system wants garment, arms, trousers, hair and face.

The person is predicted in the garment they wear, so the published parse of the photo is the truth.
Pixels are summed over the photos before they are divided. Hair, face and trousers are shown to
such systems: the row ``given`` tells what of the figures the clothing-agnostic parse has already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.errors import ItemError
from pipelines.evaluation.averages import mean_known
from pipelines.evaluation.masks import Counts, Ids, confusion, label_scores, regrouped
from pipelines.labels import VITONHD13, Labels, merge_table
from pipelines.types import ParseMap

GIVEN = "given"
"""The row of what needs no prediction: the clothing-agnostic parse itself."""

LAYOUT_LABELS: Mapping[str, tuple[VITONHD13, ...]] = {
    "upper": (VITONHD13.UPPER,),
    "arms": (VITONHD13.LEFT_ARM, VITONHD13.RIGHT_ARM),
    "lower": (VITONHD13.BOTTOM,),
    "hair": (VITONHD13.HAIR,),
    "face": (VITONHD13.FACE,),
}
"""What is judged. Legs, shoes, socks and noise count as background; so does the neck, which
VITON-HD's labels do not have."""


@dataclass(frozen=True, eq=False)
class LayoutCase:
    """The published parse of a photo and what each system predicted, by its name.

    A prediction is brought to the size of the truth without interpolation. An ``ItemError``
    stands in the place of one that failed: each of its pixels counts as wrong.
    """

    item: str
    truth: ParseMap
    predicted: Mapping[str, ParseMap | ItemError]


@dataclass(frozen=True)
class LayoutScores:
    """IoU by label and its mean; NaN for a label that neither map has."""

    name: str
    iou: Mapping[str, float]
    miou: float
    photos: Mapping[str, float]
    """Mean IoU of each photo."""
    failed: tuple[tuple[str, ItemError], ...]


def evaluate_layouts(
    cases: Iterable[LayoutCase], systems: Sequence[str]
) -> tuple[LayoutScores, ...]:
    """Judge predicted layouts; one row for each name of ``systems``."""
    tallies = {name: _Tally(name) for name in systems}
    for case in cases:
        true = layout_numbers(case.truth)
        for name, tally in tallies.items():
            tally.add(case.item, case.predicted[name], true)
    return tuple(tally.scores() for tally in tallies.values())


def layout_numbers(parse: ParseMap) -> Ids:
    """The map in places of ``LAYOUT_LABELS``, counted from 1; 0 is everything else.

    ``parse`` is in LIP20, VITONHD13 or a set that leads to them. Raises ``ValueError`` for others.
    """
    return regrouped(parse.ids, _table(parse.labels), default=0)


def _table(labels: type[Labels]) -> dict[int, int]:
    places = {
        int(label): place
        for place, members in enumerate(LAYOUT_LABELS.values(), start=1)
        for label in members
    }
    return {label: places.get(to, 0) for label, to in merge_table(labels, VITONHD13).items()}


class _Tally:
    """Counts of one system, summed over photos."""

    def __init__(self, name: str) -> None:
        self.name = name
        size = len(LAYOUT_LABELS) + 1
        self.counts: Counts = np.zeros((size, size + 1), np.int64)
        self.photos: dict[str, float] = {}
        self.failed: list[tuple[str, ItemError]] = []

    def add(self, item: str, predicted: ParseMap | ItemError, true: Ids) -> None:
        size = len(LAYOUT_LABELS) + 1
        if isinstance(predicted, ItemError):
            self.failed.append((item, predicted))
            made = np.full_like(true, size)
        else:
            made = _fitted(layout_numbers(predicted), true.shape)
        counts = confusion(made, true, size)
        self.counts += counts
        self.photos[item] = mean_known(_judged(counts).values())

    def scores(self) -> LayoutScores:
        iou = _judged(self.counts)
        return LayoutScores(
            self.name, iou, mean_known(iou.values()), self.photos, tuple(self.failed)
        )


def _judged(counts: Counts) -> dict[str, float]:
    """IoU of each judged label, background left out."""
    return dict(zip(LAYOUT_LABELS, label_scores(counts).iou[1:].tolist(), strict=True))


def _fitted(numbers: Ids, size: tuple[int, ...]) -> Ids:
    if numbers.shape == size:
        return numbers
    moved = cv2.resize(numbers, (size[1], size[0]), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(moved, np.uint8)
