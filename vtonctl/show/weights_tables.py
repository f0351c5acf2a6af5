"""What ``vtonctl weights`` found, in words: tables and sentences (rich)."""

from __future__ import annotations

import shlex

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from vtonctl.show.weights_json import AUTO, ImportDocument, WeightsDocument

Shown = RenderableType
_COLOURS = {"whole": "green", "wrong": "yellow", "damaged": "bold red", "absent": "bold red"}


def listed(document: WeightsDocument) -> list[Shown]:
    """One row for each file, with its first figure; then the user's own files."""
    if not document.weights:
        none = Text(f"{document.folder}: the package carries no weights")
        return [none, *_users(document)]
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
    return [table, *_choices(document), *_users(document)]


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


def imported(document: ImportDocument) -> list[Shown]:
    """One row for each file, what went wrong, and what to type next."""
    shown: list[Shown] = []
    if document.imported:
        table = _table("weights", "network", "family", "size", "licence")
        for row in document.imported:
            size = f"{row.bytes / 1e6:.1f} MB {row.precision}"
            table.add_row(Text(row.name), row.network, row.family, size, Text(row.licence))
        shown += [table, Text(f"in {document.folder}"), *_uses(document)]
    for failure in document.failures:
        shown += [Text(failure.message, "bold red"), Text(f"next: {failure.hint}")]
    return shown


def _uses(document: ImportDocument) -> list[Shown]:
    """What to type next, for each system that has got weights."""
    of_system: dict[str, list[str]] = {}
    for row, name in zip(document.imported, document.usable_as, strict=True):
        system = row.family.partition(".")[0]
        of_system.setdefault(system, []).append(f"--weights {shlex.quote(name)}")
    return [
        Text(f"next: vtonctl tryon ROOT --system {system} {' '.join(names)}")
        for system, names in of_system.items()
    ]


def _users(document: WeightsDocument) -> list[Shown]:
    if not document.imported:
        return []
    table = _table("imported", "family", "tier", "licence", "file")
    for row in document.imported:
        family = row.family or "cannot be read"
        table.add_row(Text(row.name), Text(family), row.tier, Text(row.licence), Text(row.file))
    return [Text(), table]


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
