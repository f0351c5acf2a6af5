"""How long a plan will take, from what earlier runs took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from statistics import median

from vtonctl.executors.local import usable_cores
from vtonctl.runs.ledger import Ledger


def estimate_s(ledger: Ledger, scope: str, stages: Iterable[str], jobs: int) -> float | None:
    """Seconds for one entry per item and stage to do; None if a stage was never timed."""
    total = 0.0
    for stage, count in Counter(stages).items():
        durations = ledger.seconds(scope, stage)
        if not durations:
            return None
        total += median(durations) * count
    return total / (jobs or usable_cores())
