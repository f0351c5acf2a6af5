"""What ``vtonctl evaluate parse`` found: one set of tables, for the terminal and as Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from vtonctl.show import sections
from vtonctl.show.evaluate_json import (
    ClassRow,
    EvaluateParseDocument,
    GroupTable,
    LabelRow,
    PrecisionRow,
)
from vtonctl.show.sections import MAX_ITEMS, Section, figure


def words(document: EvaluateParseDocument, *, quiet: bool = False) -> list[RenderableType]:
    """For the terminal; with ``quiet`` only what failed."""
    return sections.words(_failures(document) if quiet else _sections(document))


def markdown(document: EvaluateParseDocument) -> str:
    """The same as Markdown, for documents and notes."""
    return sections.markdown(_sections(document))


def photos_csv(document: EvaluateParseDocument) -> str:
    """One line for each photo: scores, time and doubts."""
    out = io.StringIO(newline="")
    labels = [row.label for row in document.groupings[0].labels]
    failed = {failure.item: failure.code for failure in document.failed}
    head = ("item", "miou", "pixel_accuracy", "boundary_f", *(f"iou {name}" for name in labels),
            "score", "flags", "wall_ms", "processor_ms", "failed")  # fmt: skip
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    for photo in document.photos:
        figures = (photo.miou, photo.pixel_accuracy, photo.boundary_f)
        writer.writerow(
            (photo.item, *figures, *(photo.iou[name] for name in labels), photo.score,
             " ".join(photo.flags), photo.wall_ms, photo.processor_ms,
             failed.get(photo.item, ""))
        )  # fmt: skip
    return out.getvalue()


def _sections(document: EvaluateParseDocument) -> Iterator[Section]:
    """Everything in the order in which it is read."""
    yield sections.protocol(document.protocol)
    main, *others = document.groupings
    yield _main(document, main)
    for table in others:
        yield _beside(table)
    if document.without_failed:
        yield _beside(document.without_failed, f"{main.name}, without the photos that failed")
    yield _sides(document)
    if document.instances:
        yield _instances(document.instances)
        yield _precisions(document.instances[0])
    yield from _failures(document)


def _main(document: EvaluateParseDocument, table: GroupTable) -> Section:
    rows = [
        (row.label, figure(row.accuracy), figure(row.iou), figure(row.boundary_f))
        for row in _occurring(table)
    ]
    rows.append(("mean", "", figure(table.miou), figure(table.boundary_f)))
    sentences = [
        f"Groups {table.name}: {table.rule}.",
        f"mIoU {figure(table.miou)}, mean boundary F {figure(table.boundary_f)}, pixel accuracy "
        f"{figure(table.pixel_accuracy)}, {len(document.photos)} photos.",
    ]
    if document.median_wall_ms is not None and document.median_processor_ms is not None:
        sentences.append(
            f"Per photo, median: {document.median_wall_ms:.0f} ms by the clock, "
            f"{document.median_processor_ms:.0f} ms of processor time."
        )
    sentences += _doubts(document)
    columns = ("label", "accuracy", "IoU", "boundary F")
    return Section(f"labels ({table.name})", tuple(sentences), columns, tuple(rows))


def _doubts(document: EvaluateParseDocument) -> list[str]:
    flagged = [p.miou for p in document.photos if p.flags and p.miou is not None]
    others = [p.miou for p in document.photos if not p.flags and p.miou is not None]
    if not flagged or not others:
        return []
    return [
        f"mIoU by photo, mean: {sum(flagged) / len(flagged):.3f} where the parser had doubts "
        f"({len(flagged)}), {sum(others) / len(others):.3f} where it had none ({len(others)})."
    ]


def _beside(table: GroupTable, name: str = "") -> Section:
    rows = tuple((r.label, figure(r.accuracy), figure(r.iou)) for r in _occurring(table))
    sentence = f"{table.rule[:1].upper()}{table.rule[1:]}."
    mean = ("mean", "", figure(table.miou))
    return Section(
        f"labels ({name or table.name})", (sentence,), ("label", "accuracy", "IoU"), (*rows, mean)
    )


def _occurring(table: GroupTable) -> list[LabelRow]:
    """Labels that no photo and no prediction has say nothing; the JSON document has them."""
    return [row for row in table.labels if row.iou is not None]


def _sides(document: EvaluateParseDocument) -> Section:
    rows = tuple(
        (f"{row.part}: {row.between}", str(row.judged), str(len(row.exchanged)))
        for row in document.sides
    )
    sentences = [
        f"{row.part}, {row.between}: {_names(row.exchanged)}"
        for row in document.sides
        if row.exchanged
    ]
    heading = "left and right exchanged"
    return Section(heading, tuple(sentences), ("between", "judged", "exchanged"), rows)


def _instances(rows: Sequence[ClassRow]) -> Section:
    """The form of YOLO's validation table."""
    columns = ("class", "images", "instances", "box P", "box R", "box mAP50", "box mAP50-95",
               "mask P", "mask R", "mask mAP50", "mask mAP50-95")  # fmt: skip
    sentence = (
        "AP as COCO defines it; P and R at IoU .5 and the score with the best mean F1 over the "
        "classes. Classes without a true instance enter no mean."
    )
    return Section(
        "instances",
        (sentence,),
        columns,
        tuple(
            (r.name, str(r.images), str(r.instances), *_yolo(r.box), *_yolo(r.mask)) for r in rows
        ),
    )


def _yolo(row: PrecisionRow) -> tuple[str, ...]:
    return tuple(map(figure, (row.precision, row.recall, row.ap50, row.ap)))


def _precisions(mean: ClassRow) -> Section:
    """The form of COCO's tables: bbox and segm AP at .5 to .95, .5 and .75."""
    rows = tuple(
        (name, figure(row.ap), figure(row.ap50), figure(row.ap75))
        for name, row in (("bbox", mean.box), ("segm", mean.mask))
    )
    return Section("average precision, all classes", (), ("", "AP@.5:.95", "AP@.5", "AP@.75"), rows)


def _failures(document: EvaluateParseDocument) -> Iterator[Section]:
    told = (
        ("failed; each pixel of such a photo counts as wrong", document.failed),
        ("left out: their truth cannot be used", document.left_out),
    )
    for heading, failures in told:
        yield from sections.failures(heading, failures)


def _names(items: Sequence[str]) -> str:
    more = len(items) - MAX_ITEMS
    return ", ".join(items[:MAX_ITEMS]) + (f" and {more} more" if more > 0 else "")
