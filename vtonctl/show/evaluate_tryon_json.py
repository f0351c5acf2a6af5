"""The documents of ``vtonctl evaluate tryon`` and ``seg``; a figure not defined is null."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vtonctl.show.document import Document, Part
from vtonctl.show.evaluate_json import PhotoFailure, number, photo_failure

if TYPE_CHECKING:
    from pipelines.evaluation.layouts import LayoutScores
    from pipelines.evaluation.tryon import PairScore, SystemScores
    from vtonctl.runs.evaluate_seg import SegReport
    from vtonctl.runs.evaluate_tryon import TryOnReport


class PairRow(Part):
    """A pair by one system; ``level`` is easy, medium or hard, or empty."""

    item: str
    level: str
    ssim: float | None
    region_ssim: float | None
    psnr: float | None
    ms_ssim: float | None
    lpips: float | None
    repainted: float | None
    kept: float | None
    outside: int
    prepare_s: float | None
    dress_s: float | None
    processor_s: float | None
    peak_mb: float | None


class LevelRow(Part):
    """Means over the pairs of one level."""

    ssim: float | None
    region_ssim: float | None
    psnr: float | None
    ms_ssim: float | None
    lpips: float | None
    repainted: float | None
    kept: float | None


class PartRow(Part):
    """What changed of a part: mean absolute difference to the photo, in levels of 255.

    ``inside`` is without the part's edge of 2 pixels at a height of 256.
    """

    whole: float | None
    inside: float | None


class SystemRow(Part):
    """A system over the pairs that every system made; ``mean colour`` is a floor, no system.

    ``repainted`` and ``kept`` are shares of the worn garment: what the system painted over, and
    what is the photo's all the same. ``outside`` is the largest difference to the photo, in levels
    of 255, where the system says it changed nothing; ``parts`` are those that a new top must not
    change.
    """

    name: str
    made: int
    ssim: float | None
    region_ssim: float | None
    psnr: float | None
    ms_ssim: float | None
    lpips: float | None
    fid: float | None
    kid: float | None
    repainted: float | None
    least_repainted: float | None
    kept: float | None
    outside: int
    prepare_s: float | None
    dress_s: float | None
    processor_s: float | None
    peak_mb: float | None
    levels: dict[str, LevelRow]
    parts: dict[str, PartRow]
    pairs: tuple[PairRow, ...]
    failed: tuple[PhotoFailure, ...]


class CoverageRow(Part):
    """How much of the worn garments the agnostic masks cover; ``below``: persons under 90 %."""

    persons: int
    mean: float | None
    least: float | None
    below: int


class EvaluateTryonDocument(Document):
    """How good try-on systems are. ``left_out`` pairs enter no figure.

    ``levels`` has how many of the ``compared`` pairs are easy, medium and hard.
    """

    exit_code: int
    paired: bool
    protocol: dict[str, str]
    compared: int
    levels: dict[str, int]
    systems: tuple[SystemRow, ...]
    agnostic_mask: CoverageRow
    left_out_figures: dict[str, str]
    left_out: tuple[PhotoFailure, ...]
    files: tuple[str, ...]


class LayoutRow(Part):
    """A system's layouts; ``given`` is what needs no prediction. Photos by mean IoU."""

    name: str
    iou: dict[str, float | None]
    miou: float | None
    photos: dict[str, float | None]
    failed: tuple[PhotoFailure, ...]


class EvaluateSegDocument(Document):
    """How well systems predict where garment, arms, trousers, hair and face will be."""

    exit_code: int
    protocol: dict[str, str]
    systems: tuple[LayoutRow, ...]
    left_out: tuple[PhotoFailure, ...]
    files: tuple[str, ...]


def tryon_document(report: TryOnReport, files: tuple[str, ...] = ()) -> EvaluateTryonDocument:
    """The document of ``evaluate tryon``."""
    found = report.evaluation
    return EvaluateTryonDocument(
        command="evaluate",
        exit_code=report.exit_code,
        paired=report.paired,
        protocol=dict(report.protocol),
        compared=found.compared,
        levels=dict(found.levels),
        systems=tuple(map(_system, found.systems)),
        agnostic_mask=CoverageRow(
            persons=found.coverage.persons,
            mean=number(found.coverage.mean),
            least=number(found.coverage.least),
            below=found.coverage.below,
        ),
        left_out_figures=dict(found.left_out),
        left_out=tuple(photo_failure(item, error) for item, error in report.left_out),
        files=files,
    )


def seg_document(report: SegReport, files: tuple[str, ...] = ()) -> EvaluateSegDocument:
    """The document of ``evaluate seg``."""
    return EvaluateSegDocument(
        command="evaluate",
        exit_code=report.exit_code,
        protocol=dict(report.protocol),
        systems=tuple(map(_layouts, report.systems)),
        left_out=tuple(photo_failure(item, error) for item, error in report.left_out),
        files=files,
    )


def _system(scores: SystemScores) -> SystemRow:
    return SystemRow(
        name=scores.name,
        made=len(scores.pairs) - len(scores.failed),
        **{name: number(value) for name, value in scores.means.items()},
        least_repainted=number(scores.least_repainted),
        outside=scores.outside,
        prepare_s=number(scores.prepare_s, 4),
        dress_s=number(scores.dress_s, 4),
        processor_s=number(scores.processor_s, 4),
        peak_mb=_megabytes(scores.peak_bytes),
        levels={
            level: LevelRow(**{name: number(value) for name, value in means.items()})
            for level, means in scores.levels.items()
        },
        parts={
            name: PartRow(whole=number(change.whole, 4), inside=number(change.inside, 4))
            for name, change in scores.parts.items()
        },
        pairs=tuple(_pair(pair) for pair in scores.pairs if pair.error is None),
        failed=tuple(photo_failure(pair.item, pair.error) for pair in scores.failed),
    )


def _pair(pair: PairScore) -> PairRow:
    return PairRow(
        item=pair.item,
        level=pair.level,
        ssim=number(pair.ssim),
        region_ssim=number(pair.region_ssim),
        psnr=number(pair.psnr),
        ms_ssim=number(pair.ms_ssim),
        lpips=number(pair.lpips),
        repainted=number(pair.repainted),
        kept=number(pair.kept),
        outside=pair.outside,
        prepare_s=number(pair.prepare_s, 4),
        dress_s=number(pair.dress_s, 4),
        processor_s=number(pair.processor_s, 4),
        peak_mb=_megabytes(pair.peak_bytes),
    )


def _layouts(scores: LayoutScores) -> LayoutRow:
    return LayoutRow(
        name=scores.name,
        iou={label: number(value) for label, value in scores.iou.items()},
        miou=number(scores.miou),
        photos={item: number(value) for item, value in scores.photos.items()},
        failed=tuple(photo_failure(item, error) for item, error in scores.failed),
    )


def _megabytes(size: int) -> float | None:
    return round(size / 1e6, 1) if size else None
