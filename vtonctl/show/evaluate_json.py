"""The documents of ``vtonctl evaluate --json``; a figure that is not defined is null."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from vtonctl.show.document import Document, Part

if TYPE_CHECKING:
    from pipelines.evaluation.detection import ClassPrecision, DetectionScores, Precision
    from pipelines.evaluation.parse import GroupScores, LabelScore, ParseEvaluation, PhotoScore
    from vtonctl.runs.evaluate_parse import ParseReport


class LabelRow(Part):
    """A label over all photos."""

    label: str
    accuracy: float | None
    iou: float | None
    boundary_f: float | None
    true_px: int


class GroupTable(Part):
    """One way of judging."""

    name: str
    rule: str
    miou: float | None
    boundary_f: float | None
    pixel_accuracy: float | None
    labels: tuple[LabelRow, ...]


class SideRow(Part):
    """In how many photos left and right are exchanged, and in which."""

    part: str
    between: str
    judged: int
    exchanged: tuple[str, ...]


class PrecisionRow(Part):
    """Precision and recall at the best mean F1, and average precision at IoU .5, .75, .5 to .95."""

    precision: float | None
    recall: float | None
    ap50: float | None
    ap75: float | None
    ap: float | None


class ClassRow(Part):
    """Instances of one class; ``all`` is the mean over the classes that occur."""

    name: str
    images: int
    instances: int
    box: PrecisionRow
    mask: PrecisionRow


class PhotoRow(Part):
    """One photo by the first grouping."""

    item: str
    miou: float | None
    pixel_accuracy: float | None
    boundary_f: float | None
    iou: dict[str, float | None]
    score: float
    flags: tuple[str, ...]
    wall_ms: float | None
    processor_ms: float | None


class PhotoFailure(Part):
    """A photo that was not parsed, or has no truth to judge it by, and why."""

    item: str
    code: str
    message: str
    hint: str


class EvaluateParseDocument(Document):
    """How good a parser is; ``groupings[0]`` is the main table.

    ``failed`` photos count as wholly wrong; ``without_failed`` is the main table over the others.
    ``left_out`` photos enter no figure.
    """

    exit_code: int
    protocol: dict[str, str]
    groupings: tuple[GroupTable, ...]
    without_failed: GroupTable | None
    sides: tuple[SideRow, ...]
    instances: tuple[ClassRow, ...]
    median_wall_ms: float | None
    median_processor_ms: float | None
    photos: tuple[PhotoRow, ...]
    failed: tuple[PhotoFailure, ...]
    left_out: tuple[PhotoFailure, ...]
    files: tuple[str, ...]


def parse_document(
    report: ParseReport, exit_code: int, files: tuple[str, ...] = ()
) -> EvaluateParseDocument:
    """The document of an evaluation."""
    found: ParseEvaluation = report.evaluation
    return EvaluateParseDocument(
        command="evaluate",
        exit_code=exit_code,
        protocol=dict(report.protocol),
        groupings=tuple(map(_group, found.groupings)),
        without_failed=_group(found.without_failed) if found.without_failed else None,
        sides=tuple(
            SideRow(part=s.part, between=s.between, judged=s.judged, exchanged=s.exchanged)
            for s in found.sides
        ),
        instances=_classes(found.detection) if found.detection else (),
        median_wall_ms=number(found.median_wall_ms),
        median_processor_ms=number(found.median_processor_ms),
        photos=tuple(map(_photo, found.photos)),
        failed=tuple(photo_failure(p.item, p.error) for p in found.failed),
        left_out=tuple(photo_failure(item, error) for item, error in report.left_out),
        files=files,
    )


def number(value: float, digits: int = 6) -> float | None:
    """A figure for JSON."""
    return round(value, digits) if math.isfinite(value) else None


def _group(scores: GroupScores) -> GroupTable:
    return GroupTable(
        name=scores.name,
        rule=scores.rule,
        miou=number(scores.miou),
        boundary_f=number(scores.boundary_f),
        pixel_accuracy=number(scores.pixel_accuracy),
        labels=tuple(map(_label, scores.labels)),
    )


def _label(score: LabelScore) -> LabelRow:
    return LabelRow(
        label=score.name,
        accuracy=number(score.accuracy),
        iou=number(score.iou),
        boundary_f=number(score.boundary_f),
        true_px=score.true_px,
    )


def _classes(scores: DetectionScores) -> tuple[ClassRow, ...]:
    return tuple(map(_class, (scores.mean, *scores.classes)))


def _class(row: ClassPrecision) -> ClassRow:
    return ClassRow(
        name=row.name,
        images=row.images,
        instances=row.instances,
        box=_precision(row.box),
        mask=_precision(row.mask),
    )


def _precision(row: Precision) -> PrecisionRow:
    return PrecisionRow(
        precision=number(row.precision),
        recall=number(row.recall),
        ap50=number(row.ap50),
        ap75=number(row.ap75),
        ap=number(row.ap),
    )


def _photo(photo: PhotoScore) -> PhotoRow:
    return PhotoRow(
        item=photo.item,
        miou=number(photo.miou),
        pixel_accuracy=number(photo.pixel_accuracy),
        boundary_f=number(photo.boundary_f),
        iou={label: number(value) for label, value in photo.iou.items()},
        score=round(photo.score, 4),
        flags=tuple(flag.value for flag in photo.flags),
        wall_ms=number(photo.wall_ms, 2),
        processor_ms=number(photo.processor_ms, 2),
    )


def photo_failure(item: str, error: Any) -> PhotoFailure:
    """An ``ItemError`` of an item."""
    return PhotoFailure(item=item, code=error.code, message=error.message, hint=error.hint)
