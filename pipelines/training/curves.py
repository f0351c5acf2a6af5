"""Losses, learning rates and figures of a run as one picture."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_BESIDE = frozenset({"kind", "step", "epoch", "seconds", "images_per_s"})
COLUMNS = 2
MAX_NAMED = 16
"""Curves of one panel that the legend names."""

Series = dict[str, tuple[list[int], list[float]]]


def draw_curves(metrics: Path) -> bytes | None:
    """Draw ``metrics.jsonl`` as PNG, one panel for each kind of figure.

    None if there is nothing to draw yet, or no matplotlib to draw with.
    """
    panels = read_panels(metrics)
    if not panels or find_spec("matplotlib") is None:
        return None
    # the object interface: no window system, no global state
    from matplotlib.figure import Figure

    rows = math.ceil(len(panels) / COLUMNS)
    figure = Figure(figsize=(6.4 * COLUMNS, 3.6 * rows), layout="constrained")
    for number, (title, series) in enumerate(panels.items(), 1):
        _draw_panel(figure.add_subplot(rows, COLUMNS, number), title, series)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_panel(axes: Any, title: str, series: Series) -> None:
    from matplotlib import colormaps
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_prop_cycle(color=colormaps["tab20"](range(20)))
    for name, (steps, values) in series.items():
        marker = "." if len(steps) < 50 else ""
        axes.plot(steps, values, marker=marker, linewidth=1.0, label=name)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("step", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)
    if title == "training" and all(v > 0 for _, (_, vs) in series.items() for v in vs):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    if len(series) <= MAX_NAMED:
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))


def read_panels(metrics: Path) -> dict[str, Series]:
    """Title -> name -> (steps, values): losses, learning rates, then figures by their prefix."""
    panels: dict[str, Series] = {}
    for line in _lines(metrics):
        for name, value in line.items():
            if name in _BESIDE or value is None:
                continue
            title, short = _place(line["kind"], name)
            steps, values = panels.setdefault(title, {}).setdefault(short, ([], []))
            steps.append(line["step"])
            values.append(value)
    return panels


def _place(kind: str, name: str) -> tuple[str, str]:
    prefix, slash, last = name.rpartition("/")
    if kind == "train":
        return ("learning rate", last) if prefix == "lr" else ("training", name)
    return (f"validation: {prefix}", last) if slash else ("validation", name)


def _lines(metrics: Path) -> Iterator[dict[str, Any]]:
    if metrics.is_file():
        for line in metrics.read_text("utf-8").splitlines():
            yield json.loads(line)
