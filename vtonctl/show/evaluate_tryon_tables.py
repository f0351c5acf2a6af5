"""What ``evaluate tryon`` and ``evaluate seg`` found: tables for terminal, Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from rich.console import RenderableType

from vtonctl.show import sections
from vtonctl.show.evaluate_tryon_json import (
    EvaluateSegDocument,
    EvaluateTryonDocument,
    LayoutRow,
    PairRow,
    SystemRow,
)
from vtonctl.show.sections import Section, figure

_QUALITY = (
    ("SSIM", "ssim", 3),
    ("region SSIM", "region_ssim", 3),
    ("PSNR", "psnr", 2),
    ("MS-SSIM", "ms_ssim", 3),
    ("LPIPS", "lpips", 4),
    ("FID", "fid", 2),
    ("KID", "kid", 5),
)
"""Heading, field and digits; columns without any figure are not shown."""
_COST = (
    ("prepare s", "prepare_s", 2),
    ("dress s", "dress_s", 2),
    ("processor s", "processor_s", 2),
    ("peak MB", "peak_mb", 0),
)


def tryon_words(document: EvaluateTryonDocument, *, quiet: bool = False) -> list[RenderableType]:
    """For the terminal; with ``quiet`` only what failed."""
    return sections.words(_tryon_failures(document) if quiet else _tryon(document))


def tryon_markdown(document: EvaluateTryonDocument) -> str:
    """The same as Markdown."""
    return sections.markdown(_tryon(document))


def seg_words(document: EvaluateSegDocument, *, quiet: bool = False) -> list[RenderableType]:
    """For the terminal; with ``quiet`` only what failed."""
    return sections.words(_seg_failures(document) if quiet else _seg(document))


def seg_markdown(document: EvaluateSegDocument) -> str:
    """The same as Markdown."""
    return sections.markdown(_seg(document))


def pairs_csv(document: EvaluateTryonDocument) -> str:
    """One line for each pair of each system."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    fields = list(PairRow.model_fields)
    writer.writerow(("system", *fields, "failed"))
    for system in document.systems:
        for pair in system.pairs:
            writer.writerow((system.name, *(getattr(pair, name) for name in fields), ""))
        for failure in system.failed:
            empty = [""] * (len(fields) - 1)
            writer.writerow((system.name, failure.item, *empty, failure.code))
    return out.getvalue()


def _tryon(document: EvaluateTryonDocument) -> Iterator[Section]:
    yield sections.protocol(document.protocol)
    yield _figures(document)
    yield from _levels(document)
    yield _leak(document)
    yield _parts(document)
    yield from _tryon_failures(document)


def _figures(document: EvaluateTryonDocument) -> Section:
    known = [
        column
        for column in (*_QUALITY, *_COST)
        if any(getattr(row, column[1]) is not None for row in document.systems)
    ]
    columns = ("system", "pairs", *(heading for heading, _, _ in known))
    rows = tuple(
        (row.name, str(row.made), *(figure(getattr(row, name), n) for _, name, n in known))
        for row in document.systems
    )
    sentence = f"Means over the {document.compared} pairs that every system made."
    if document.left_out_figures:
        sentence += f" No {', '.join(document.left_out_figures)}: the protocol says why."
    return Section("figures", (sentence,), columns, rows)


def _levels(document: EvaluateTryonDocument) -> Iterator[Section]:
    """The paired figures by how hard a person is to dress."""
    rows = [(row, level, means) for row in document.systems for level, means in row.levels.items()]
    known = [
        column
        for column in _QUALITY
        if any(getattr(means, column[1], None) is not None for _, _, means in rows)
    ]
    if not known:
        return
    counts = ", ".join(f"{level} {count}" for level, count in document.levels.items())
    columns = ("system", "level", *(heading for heading, _, _ in known))
    yield Section(
        "by level",
        (f"Pairs: {counts}; the protocol says what they are.",),
        columns,
        tuple(
            (row.name, level, *(figure(getattr(means, name), n) for _, name, n in known))
            for row, level, means in rows
        ),
    )


def _leak(document: EvaluateTryonDocument) -> Section:
    """Whether a system could have copied the garment that it was to paint."""
    mask = document.agnostic_mask
    sentence = (
        f"The agnostic mask covers {figure(mask.mean)} of the worn garment (mean of {mask.persons} "
        f"persons, least {figure(mask.least)}); below 0.9: {mask.below}."
    )
    columns = ("system", "repainted", "least", "kept", "outside, levels")
    return Section("worn garment", (sentence,), columns, tuple(map(_leak_row, document.systems)))


def _parts(document: EvaluateTryonDocument) -> Section:
    """What a new top must not change."""
    names = tuple(document.systems[0].parts)
    sentence = "Mean difference to the photo, levels of 255: in the whole part / without its edge."
    rows = (
        (
            row.name,
            *(f"{figure(part.whole)} / {figure(part.inside)}" for part in row.parts.values()),
        )
        for row in document.systems
    )
    return Section("parts to be kept", (sentence,), ("system", *names), tuple(rows))


def _leak_row(row: SystemRow) -> tuple[str, ...]:
    shares = (row.repainted, row.least_repainted, row.kept)
    return (row.name, *(figure(share) for share in shares), str(row.outside))


def _tryon_failures(document: EvaluateTryonDocument) -> Iterator[Section]:
    for system in document.systems:
        yield from sections.failures(f"failed: {system.name}", system.failed)
    yield from sections.failures("left out: their files cannot be used", document.left_out)


def _seg(document: EvaluateSegDocument) -> Iterator[Section]:
    yield sections.protocol(document.protocol)
    labels = tuple(document.systems[0].iou)
    rows = tuple(map(_layout_row, document.systems))
    yield Section("IoU of the predicted layout", (), ("system", *labels, "mean"), rows)
    yield from _seg_failures(document)


def _layout_row(row: LayoutRow) -> tuple[str, ...]:
    return (row.name, *(figure(value) for value in row.iou.values()), figure(row.miou))


def _seg_failures(document: EvaluateSegDocument) -> Iterator[Section]:
    for system in document.systems:
        heading = f"failed: {system.name}; each pixel of such a photo counts as wrong"
        yield from sections.failures(heading, system.failed)
    yield from sections.failures("left out: their files cannot be used", document.left_out)
