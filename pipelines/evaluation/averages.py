"""Means and medians over the figures that are defined; NaN stands for one that is not."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable


def known(values: Iterable[float]) -> list[float]:
    """The figures that are defined."""
    return [value for value in values if not math.isnan(value)]


def mean_known(values: Iterable[float]) -> float:
    """Their mean; NaN of none."""
    defined = known(values)
    return math.fsum(defined) / len(defined) if defined else math.nan


def median_known(values: Iterable[float]) -> float:
    """Their median; NaN of none."""
    defined = known(values)
    return statistics.median(defined) if defined else math.nan
