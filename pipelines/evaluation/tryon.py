"""Judging try-on pictures, pair by pair.

Paired: the person is dressed in the garment they wear, so the photo is the truth. Unpaired: there
is no truth; pictures are timed, kept for looking at, and compared as a set. ``evaluate_tryon``
takes cases one at a time, so that any number fits into memory, and returns plain numbers. Which
system made the pictures is not its business.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from pipelines.errors import ItemError
from pipelines.evaluation import images
from pipelines.evaluation.averages import known, mean_known, median_known
from pipelines.evaluation.kept_parts import PartChange, mean_changes, part_changes
from pipelines.evaluation.learned_metrics import (
    Features,
    LearnedMetrics,
    frechet_distance,
    kernel_distance,
)
from pipelines.evaluation.levels import LEVELS
from pipelines.evaluation.tryon_sheet import Gallery
from pipelines.labels import LIP20, LIP20_ARMS, LIP20_TOPS
from pipelines.stage import TryOnResult
from pipelines.types import Image, Mask, ParseMap

MEAN_COLOUR = "mean colour"
"""The row of the floor: the photo with the region in the mean colour of the worn garment."""
COVERED_ENOUGH = 0.9
"""Share of the worn garment that must not reach a system, or the truth leaks into its picture."""

REGION = (*LIP20_TOPS, LIP20.NECK, *LIP20_ARMS)
REGION_RIM_PX, REGION_RIM_HEIGHT = 5, 256


@dataclass(frozen=True, eq=False)
class Dressed:
    """What a system made of a pair, and what it took; ``result`` is None where it failed."""

    result: TryOnResult | None
    prepare_s: float = math.nan
    """Seconds to prepare person and garment."""
    dress_s: float = math.nan
    processor_s: float = math.nan
    """Processor time of both together, summed over cores."""
    peak_bytes: int = 0
    error: ItemError | None = None


@dataclass(frozen=True, eq=False)
class TryOnCase:
    """A pair as all systems got it; everything but the garment has the photo's size."""

    item: str
    photo: Image
    garment: Image
    parse: ParseMap
    """In LIP20: says where the figures look."""
    dressed: Mapping[str, Dressed]
    agnostic_mask: Mask | None = None
    """What the clothing-agnostic person hides; None where it could not be made."""
    level: str = ""
    """One of ``levels.LEVELS``; empty where the person cannot be sorted."""


@dataclass(frozen=True)
class PairScore:
    """Figures of one system on one pair; NaN where one is not defined."""

    item: str
    level: str = ""
    """One of ``levels.LEVELS``, or empty."""
    ssim: float = math.nan
    region_ssim: float = math.nan
    psnr: float = math.nan
    ms_ssim: float = math.nan
    lpips: float = math.nan
    repainted: float = math.nan
    """Share of the worn garment that the system says it painted over."""
    kept: float = math.nan
    """Share of the worn garment that is the photo's, within ``images.SAME_LEVELS`` levels."""
    outside: int = 0
    """Largest difference to the photo where the system says it changed nothing."""
    parts: Mapping[str, PartChange] = field(default_factory=dict)
    """What changed of ``kept_parts.PARTS``, by their names."""
    prepare_s: float = math.nan
    dress_s: float = math.nan
    processor_s: float = math.nan
    peak_bytes: int = 0
    error: ItemError | None = None


@dataclass(frozen=True)
class SystemScores:
    """Means over the pairs that every system made; ``pairs`` has all of this one."""

    name: str
    pairs: tuple[PairScore, ...]
    means: Mapping[str, float]
    """By the name of a field of ``PairScore``, and ``fid`` and ``kid``."""
    levels: Mapping[str, Mapping[str, float]]
    """The means of ``AVERAGED`` over the pairs of each level that there is."""
    parts: Mapping[str, PartChange]
    """What changed of ``kept_parts.PARTS``, means over the photos that show them."""
    least_repainted: float
    outside: int
    prepare_s: float
    """Median seconds to prepare a person and a garment."""
    dress_s: float
    """Median seconds to dress a prepared person in a prepared garment."""
    processor_s: float
    """Median processor time of both together."""
    peak_bytes: int

    @property
    def failed(self) -> tuple[PairScore, ...]:
        """The pairs that it could not make."""
        return tuple(pair for pair in self.pairs if pair.error is not None)


@dataclass(frozen=True)
class Coverage:
    """How much of the worn garment the agnostic masks cover."""

    persons: int
    mean: float
    least: float
    below: int
    """Persons of whom less than ``COVERED_ENOUGH`` is covered."""


@dataclass(frozen=True)
class TryOnEvaluation:
    """Everything that was found; paired, the first row is the floor (``MEAN_COLOUR``)."""

    systems: tuple[SystemScores, ...]
    compared: int
    """Pairs that every system made: those that the means are over."""
    levels: Mapping[str, int]
    """How many of these are of each level; some may be of none."""
    coverage: Coverage
    left_out: Mapping[str, str]
    """Figures that could not be computed, and why."""
    gallery: Gallery = field(repr=False)


def tryon_region(parse: ParseMap) -> Mask:
    """Where a top can change a photo: upper clothes, arms and neck, ``bool [H, W]``.

    Dilated by a disc of 5 pixels at a height of 256, in proportion at other heights.
    """
    rim = max(1, round(REGION_RIM_PX * parse.ids.shape[0] / REGION_RIM_HEIGHT))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1))
    region: Mask = cv2.dilate(parse.mask(*REGION).astype(np.uint8), disc) > 0
    return region


def evaluate_tryon(
    cases: Iterable[TryOnCase],
    systems: Sequence[str],
    *,
    paired: bool,
    learned: LearnedMetrics,
    gallery: Gallery,
) -> TryOnEvaluation:
    """Judge cases; ``gallery`` takes the pictures to look at.

    Raises ``ExtraMissing`` where torchmetrics is not installed and the pairs have a truth.
    """
    if paired:
        images.need_torchmetrics()
    rows = (MEAN_COLOUR, *systems) if paired else tuple(systems)
    tallies = {name: _Tally(name, learned) for name in rows}
    photos: dict[str, Features] = {}
    covered: list[float] = []
    for case in cases:
        worn = case.parse.mask(*LIP20_TOPS)
        region = tryon_region(case.parse) if paired else None
        dressed = dict(case.dressed)
        if region is not None:
            floor = images.painted_in_mean_colour(case.photo, region, worn)
            dressed[MEAN_COLOUR] = Dressed(TryOnResult(floor, region.astype(np.float32), 0.0))
        scores = {n: tallies[n].add(case, dressed[n], region, worn) for n in rows}
        if case.agnostic_mask is not None and worn.any():
            covered.append(images.covered_share(worn, case.agnostic_mask))
        if learned.inception is not None:
            photos[case.item] = learned.inception(case.photo)
        pictures = {n: d.result.image for n, d in case.dressed.items() if d.result}
        gallery.add(case.item, case.photo, case.garment, pictures, scores[systems[0]].region_ssim)
    common = _made_by_all(tallies.values())
    return TryOnEvaluation(
        systems=tuple(tally.scores(common, photos) for tally in tallies.values()),
        compared=len(common),
        levels=_counted(common, next(iter(tallies.values())).pairs),
        coverage=_coverage(covered),
        left_out={name: why for name, why in learned.left_out.items() if paired or name != "LPIPS"},
        gallery=gallery,
    )


class _Tally:
    """Scores of one system."""

    def __init__(self, name: str, learned: LearnedMetrics) -> None:
        self.name, self.learned = name, learned
        self.pairs: list[PairScore] = []
        self.features: dict[str, Features] = {}

    def add(self, case: TryOnCase, made: Dressed, region: Mask | None, worn: Mask) -> PairScore:
        score = _score(case, made, region, worn, self.learned)
        self.pairs.append(score)
        if self.learned.inception is not None and made.result is not None:
            self.features[case.item] = self.learned.inception(made.result.image)
        return score

    def scores(self, common: frozenset[str], photos: Mapping[str, Features]) -> SystemScores:
        judged = [pair for pair in self.pairs if pair.item in common]
        made = [self.features[pair.item] for pair in judged if self.features]
        true = [photos[pair.item] for pair in judged if photos]
        means = _means(judged)
        means["fid"] = frechet_distance(made, true) if made else math.nan
        means["kid"] = kernel_distance(made, true) if made else math.nan
        return SystemScores(
            name=self.name,
            pairs=tuple(self.pairs),
            means=means,
            levels={level: _means(of) for level in LEVELS if (of := _of_level(judged, level))},
            parts=mean_changes([pair.parts for pair in judged]),
            least_repainted=min(known([pair.repainted for pair in judged]), default=math.nan),
            outside=max((pair.outside for pair in judged), default=0),
            prepare_s=median_known([pair.prepare_s for pair in judged]),
            dress_s=median_known([pair.dress_s for pair in judged]),
            processor_s=median_known([pair.processor_s for pair in judged]),
            peak_bytes=max((pair.peak_bytes for pair in self.pairs), default=0),
        )


AVERAGED = ("ssim", "region_ssim", "psnr", "ms_ssim", "lpips", "repainted", "kept")
"""Figures of ``PairScore`` of which there are means."""


def _means(pairs: Sequence[PairScore]) -> dict[str, float]:
    return {name: mean_known([getattr(pair, name) for pair in pairs]) for name in AVERAGED}


def _of_level(pairs: Sequence[PairScore], level: str) -> list[PairScore]:
    return [pair for pair in pairs if pair.level == level]


def _counted(items: frozenset[str], pairs: Sequence[PairScore]) -> dict[str, int]:
    judged = [pair for pair in pairs if pair.item in items]
    return {level: len(_of_level(judged, level)) for level in LEVELS}


def _score(
    case: TryOnCase, made: Dressed, region: Mask | None, worn: Mask, learned: LearnedMetrics
) -> PairScore:
    if made.result is None:
        return PairScore(case.item, case.level, peak_bytes=made.peak_bytes, error=made.error)
    picture, photo = made.result.image, case.photo
    if picture.shape != photo.shape:
        found = f"{case.item}: a picture of {picture.shape[:2]} for a photo of {photo.shape[:2]}"
        return PairScore(case.item, case.level, error=ItemError(found, code="size_mismatch"))
    edited: Mask = made.result.edited > 0
    score = PairScore(
        item=case.item,
        level=case.level,
        repainted=images.covered_share(worn, edited),
        kept=images.same_share(picture, photo, worn),
        outside=images.outside_difference(picture, photo, edited),
        parts=part_changes(picture, photo, case.parse, case.agnostic_mask),
        prepare_s=made.prepare_s,
        dress_s=made.dress_s,
        processor_s=made.processor_s,
        peak_bytes=made.peak_bytes,
    )
    if region is None:
        return score
    whole, of_pixels = images.ssim_and_map(picture, photo)
    return replace(
        score,
        ssim=whole,
        region_ssim=images.region_ssim(of_pixels, region),
        psnr=images.psnr(picture, photo),
        ms_ssim=images.ms_ssim(picture, photo),
        lpips=learned.lpips(picture, photo) if learned.lpips else math.nan,
    )


def _made_by_all(tallies: Iterable[_Tally]) -> frozenset[str]:
    made = [{pair.item for pair in tally.pairs if pair.error is None} for tally in tallies]
    return frozenset(set.intersection(*made))


def _coverage(shares: Sequence[float]) -> Coverage:
    return Coverage(
        persons=len(shares),
        mean=mean_known(shares),
        least=min(shares, default=math.nan),
        below=sum(share < COVERED_ENOUGH for share in shares),
    )
