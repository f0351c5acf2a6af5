"""What a root holds: done, out of date, failed, missing; read without touching anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vtonctl.runs.ledger import RunRecord, read_ledger
from vtonctl.runs.lock import Holder, find_holder
from vtonctl.runs.preprocess import run_preprocess
from vtonctl.runs.recall import recall_request
from vtonctl.runs.requests import PreprocessRequest, RunOptions
from vtonctl.runs.result import ItemOutcome
from vtonctl.runs.rundir import RunDir
from vtonctl.runs.tryon import run_tryon

_KINDS = {"current": "done", "pending": "missing"}
"""What the states of a plan are called here, where it is something else."""


@dataclass(frozen=True)
class StageStatus:
    """Counts of one stage's items."""

    stage: str
    done: int = 0
    stale: int = 0
    """Made, but the inputs, parameters or files have changed since."""
    failed: int = 0
    poison: int = 0
    """Left out because they kill their worker."""
    blocked: int = 0
    """An earlier stage failed."""
    missing: int = 0
    """Never made."""


@dataclass(frozen=True)
class RootStatus:
    """The state of a root as its last request sees it."""

    root: Path
    stages: tuple[StageStatus, ...]
    failures: tuple[ItemOutcome, ...]
    last_run: RunRecord | None
    holder: Holder | None
    """The run that works in it now."""


class _Silent:
    def planned(self, stage: str, to_do: int, current: int) -> None:
        pass

    def finished(self, outcome: ItemOutcome) -> None:
        pass

    def note(self, text: str) -> None:
        pass


def read_status(root: Path) -> RootStatus:
    """Plan the root's last request again, without doing any of it.

    Raises ``StorageError`` for a ledger that cannot be read, and what the plan of the request
    raises, such as ``InputError`` when its photos are gone.
    """
    rundir = RunDir(root)
    ledger = read_ledger(rundir)
    try:
        last = ledger.last_run()
    finally:
        ledger.close()
    holder = find_holder(rundir)
    if last is None:
        return RootStatus(root, (), (), None, holder)
    asked = recall_request(last)
    options = RunOptions(dry_run=True, seed=asked.seed, compute=asked.compute)
    if isinstance(asked.request, PreprocessRequest):
        result = run_preprocess(asked.request, options, _Silent())
    else:
        result = run_tryon(asked.request, options, _Silent())
    return RootStatus(root, _count(result.outcomes), result.failures, last, holder)


def _count(outcomes: Iterable[ItemOutcome]) -> tuple[StageStatus, ...]:
    stages: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        kind = _KINDS.get(outcome.status, outcome.status)
        if outcome.status == "pending" and outcome.record.get("made_before"):
            kind = "stale"
        stages.setdefault(outcome.stage, Counter())[kind] += 1
    return tuple(StageStatus(stage, **counts) for stage, counts in stages.items())
