"""What ``vtonctl weights`` found, in words: tables and sentences (rich)."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from vtonctl.show.weights_json import AUTO, WeightsDocument

Shown = RenderableType
_COLOURS = {"whole": "green", "wrong": "yellow", "damaged": "bold red", "absent": "bold red"}


def listed(document: WeightsDocument) -> list[Shown]:
    """One row for each file, with its first figure."""
    if not document.weights:
        return [Text(f"{document.folder}: the package carries no weights")]
    table = _table("weights", "family", "tier", "size", "figure", "state")
    for row in document.weights:
        figure = row.figures[0]
        table.add_row(
            Text(row.name),
            row.family,
            row.tier,
            f"{row.bytes / 1e6:.1f} MB",
            Text(f"{figure.value:g} {figure.metric} ({figure.protocol})"),
            Text(row.state, _COLOURS.get(row.state, "")),
        )
    return [table, *_choices(document)]


def verified(document: WeightsDocument) -> list[Shown]:
    """What is wrong, file by file."""
    table = _table("file", "what is wrong")
    for problem in document.problems:
        table.add_row(Text(problem.file), Text(problem.message))
    number = len(document.weights)
    if document.ok:
        words = f"{document.folder}: nothing wrong; {number} file{'' if number == 1 else 's'}"
        return [Text(words, "green")]
    return [table, Text(f"{document.folder}: {len(document.problems)} problems", "bold red")]


def licences(document: WeightsDocument) -> list[Shown]:
    """Terms and data of each file, and what ``--commercial`` takes."""
    if not document.weights:
        return [Text(f"{document.folder}: the package carries no weights")]
    table = _table("weights", "tier", "licence", "terms", "trained on")
    for row in document.weights:
        data = "\n".join(f"{d.name} ({d.licence}, {d.images} images)" for d in row.data)
        table.add_row(Text(row.name), row.tier, Text(row.licence), Text(row.terms), Text(data))
    return [table, *_choices(document)]


def _choices(document: WeightsDocument) -> list[Shown]:
    lines = []
    for choice in document.choices:
        what = "--parser auto" if choice.family == AUTO else choice.family
        taken = choice.taken or "none"
        lines.append(Text(f"{what} takes {taken}; with --commercial {choice.commercial or 'none'}"))
    return [Text(), *lines]


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
