"""What ``vtonctl train`` found and made, in words: tables and sentences (rich)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pipelines.training.request import TrainerInfo, TrainResult
from vtonctl.show.words import duration, visible

MAX_FIGURES = 12
"""Figures that are shown where the trainer makes no table of its own."""


def trainers(infos: Iterable[TrainerInfo]) -> list[RenderableType]:
    """Every stage that can be trained: what it needs, and its settings."""
    parts: list[RenderableType] = []
    for info in infos:
        extra = f" (needs the extra {info.needs_extra})" if info.needs_extra else ""
        defaults = ", ".join(f"{key}={_setting(value)}" for key, value in info.defaults.items())
        parts += [
            Text.assemble((info.name, "bold"), f": {info.summary}{extra}"),
            Text(f"  needs: {', '.join(info.inputs)}"),
            Text(f"  settings: {defaults}"),
        ]
    return parts or [Text("nothing can be trained in this installation")]


def training(result: TrainResult, resume: str) -> list[RenderableType]:
    """What a run made; after an interruption, how to go on."""
    if result.interrupted_by:
        words = f"interrupted at step {result.steps}, after {duration(result.seconds)};"
        return [Text(f"{words} go on with: {visible(resume)}", "yellow")]
    parts: list[RenderableType] = []
    if result.rows:
        parts.append(_rows(result.rows))
    parts.append(Text(_figures(result.figures)))
    parts.append(Text(f"trained {result.steps} steps in {duration(result.seconds)}", "green"))
    return parts + [Text(f"  {visible(str(path))}") for path in result.files]


def ablation(markdown: str, path: str) -> list[RenderableType]:
    """The variants side by side."""
    return [Text(markdown), Text.assemble("table: ", (visible(path), "bold"))]


def _figures(figures: Mapping[str, float]) -> str:
    shown = [f"{name} {value:.4f}" for name, value in figures.items() if "/" not in name]
    return ", ".join(shown[:MAX_FIGURES])


def _rows(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    names = list(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        numeric = any(isinstance(row.get(name), float) for row in rows)
        table.add_column(name, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(_plain(row.get(name, "")) for name in names))
    return table


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _setting(value: Any) -> str:
    return _plain(value) or "''"
