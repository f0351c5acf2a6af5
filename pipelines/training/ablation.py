"""Comparing settings: the same training with each combination of some values, side by side."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.errors import UsageError
from pipelines.training.request import TrainerInfo, TrainResult
from pipelines.training.settings import parsed


@dataclass(frozen=True)
class Variant:
    """One combination."""

    name: str
    """``equalised-true_pose-false``: also the name of its folder."""
    settings: Mapping[str, Any]
    """The values that set it apart."""


def find_variants(info: TrainerInfo, texts: Sequence[str]) -> tuple[Variant, ...]:
    """Every combination of ``key=a,b`` texts, in their order.

    Raises ``UsageError`` for a text without two values, ``ConfigError`` for an unknown key or a
    value of another type than the default's.
    """
    axes: dict[str, list[Any]] = {}
    for text in texts:
        key, _, listed = text.partition("=")
        words = [word.strip() for word in listed.split(",") if word.strip()]
        if len(words) < 2 or len(set(words)) < len(words):
            raise UsageError(
                f"--ablate {text}: wanted key=value,value[,...] with different values",
                hint="For example: --ablate equalised=true,false",
            )
        axes[key.strip()] = [parsed(info, key.strip(), word, "--ablate") for word in words]
    combinations = itertools.product(*axes.values())
    return tuple(_variant(dict(zip(axes, values, strict=True))) for values in combinations)


def _variant(settings: dict[str, Any]) -> Variant:
    words = [f"{key}-{_shown(value)}" for key, value in settings.items()]
    return Variant("_".join(words), settings)


def comparison(runs: Sequence[tuple[Variant, TrainResult]]) -> str:
    """A Markdown table: a row for each figure, a column for each variant.

    With two variants a third column tells by how much the second one is larger.
    """
    names = list(dict.fromkeys(name for _, result in runs for name in result.figures))
    heads = [", ".join(f"{k}={_shown(v)}" for k, v in run.settings.items()) for run, _ in runs]
    if len(runs) == 2:
        heads.append("difference")
    lines = [f"| figure | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    for name in names:
        values = [result.figures.get(name, math.nan) for _, result in runs]
        cells = [f"{value:.4f}" for value in values]
        if len(runs) == 2:
            cells.append(f"{values[1] - values[0]:+.4f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    steps = ", ".join(str(result.steps) for _, result in runs)
    return "\n".join(lines) + f"\n\nSteps: {steps}.\n"


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
