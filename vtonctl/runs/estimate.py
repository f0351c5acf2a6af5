"""How long a plan will take, from what earlier runs took."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from vtonctl.executors.local import usable_cores
from vtonctl.runs.ledger import Ledger


def estimate_s(ledger: Ledger, scope: str, to_do: Mapping[str, int], jobs: int) -> float | None:
    """Seconds for so many items of each stage to do; None if a stage was never timed."""
    total = 0.0
    for stage, count in to_do.items():
        if not count:
            continue
        durations = ledger.seconds(scope, stage)
        if not durations:
            return None
        total += median(durations) * count
    return total / (jobs or usable_cores())
