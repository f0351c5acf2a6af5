"""A result as sections: one set of tables, for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from vtonctl.show.evaluate_json import PhotoFailure
from vtonctl.show.words import visible

MAX_ITEMS = 20
"""Names and failures that are shown; the JSON document has all."""


@dataclass(frozen=True)
class Section:
    """A heading, sentences, and a table whose first column is words."""

    heading: str
    sentences: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    numbers: bool = True
    """Whether the other columns are numbers."""


def protocol(lines: Mapping[str, str]) -> Section:
    """How a figure was made."""
    return Section("protocol", (), ("what", "how"), tuple(lines.items()), numbers=False)


def failures(heading: str, found: Sequence[PhotoFailure]) -> list[Section]:
    """What went wrong and why; nothing where nothing did."""
    if not found:
        return []
    lines = [f"{f.item}: {f.code}: {f.message}" for f in found[:MAX_ITEMS]]
    more = len(found) - MAX_ITEMS
    return [Section(heading, (*lines, *([f"... and {more} more"] if more > 0 else [])))]


def figure(value: float | None, digits: int = 3) -> str:
    """A figure, or a dash where it is not defined."""
    return "-" if value is None else f"{value:.{digits}f}"


def words(sections: Iterable[Section]) -> list[RenderableType]:
    """For the terminal."""
    parts: list[RenderableType] = []
    for section in sections:
        parts.append(Text(section.heading, "bold"))
        parts += [Text(visible(sentence)) for sentence in section.sentences]
        if section.rows:
            parts.append(_table(section))
        parts.append(Text())
    return parts


def markdown(sections: Iterable[Section]) -> str:
    """For documents and notes."""
    blocks = []
    for section in sections:
        blocks.append(f"## {section.heading}")
        blocks += section.sentences
        if section.rows:
            rule = ["---", *["---:" if section.numbers else "---"] * (len(section.columns) - 1)]
            lines = (section.columns, rule, *section.rows)
            blocks.append("\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines))
    return "\n\n".join(blocks) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _table(section: Section) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, heading in enumerate(section.columns):
        numbers = place > 0 and section.numbers
        table.add_column(heading, overflow="fold", justify="right" if numbers else "left")
    for row in section.rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    return table
