"""From outcomes to ledger rows: what was made is noted, what is no longer true is removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from vtonctl.runs.filehash import FileState, HashCache, is_unchanged
from vtonctl.runs.ledger import Row
from vtonctl.runs.ledger_rows import LedgerRows
from vtonctl.runs.plan import Planned
from vtonctl.runs.result import ItemOutcome, ProgressSink
from vtonctl.runs.tasks import ChainTask, Outcome, StageSpec, Task

_ROWS_AT_ONCE = 5000


class Recorder:
    """Writes one scope of a ledger and remembers the outcomes for the run's result."""

    def __init__(
        self,
        rows: LedgerRows,
        root: Path,
        sink: ProgressSink,
        *,
        hashes: HashCache | None = None,
        dry_run: bool = False,
    ) -> None:
        self._root, self._sink = root, sink
        self._hashes, self._dry_run = hashes, dry_run
        self.rows = rows
        self.outcomes: dict[tuple[str, str], ItemOutcome] = {}

    def claim(self, files: Iterable[tuple[str, str, Mapping[str, str]]]) -> None:
        """Announce files about to be written: (stage, item, output name -> relative file).

        A file that a crash leaves between its renaming and its row is known to be ours by this.
        """
        rest = iter(files)
        while some := list(islice(rest, _ROWS_AT_ONCE)):
            stages = dict.fromkeys(stage for stage, _, _ in some)
            self.rows.read_ahead(list(stages), list(dict.fromkeys(item for _, item, _ in some)))
            claims = [self._claim(*one) for one in some]
            self._store([row for row in claims if row is not None])

    def _claim(self, stage: str, item: str, outputs: Mapping[str, str]) -> Row | None:
        """The row that announces outputs, or None if there is nothing new in it."""
        row = self.rows.get((stage, item))
        if row is None:
            return Row(stage, item, "planned", outputs={n: (p, None) for n, p in outputs.items()})
        new = {name: (path, None) for name, path in outputs.items() if name not in row.outputs}
        if not new and row.status != "planned":
            return None
        return replace(row, outputs={**row.outputs, **new})

    def record(self, task: Task, outcomes: Sequence[Outcome]) -> None:
        """Note what a worker did, in one transaction, and tell the user."""
        specs = _specs(task)
        changed = [o for o in outcomes if o.status != "current"]
        self._store([self._row(outcome, specs.get(outcome.stage)) for outcome in changed])
        self._learn(outcomes)
        for outcome in outcomes:
            told = _told(outcome, self.rows.get((outcome.stage, outcome.item)))
            self.outcomes[told.stage, told.item] = told
            self._sink.finished(told)

    def block(self, planned: Iterable[Planned]) -> None:
        """Note items that cannot be worked on, many in one transaction.

        What was made of one that only waits for another run stays as it is.
        """
        rows: list[Row] = []
        for entry in planned:
            outcome = Outcome(
                entry.item,
                entry.stage,
                "blocked",
                code="blocked",
                message=entry.reason,
                record=entry.record,
            )
            told = _told(outcome, None)
            self.outcomes[entry.stage, entry.item] = told
            old = self.rows.get((entry.stage, entry.item))
            known = old is not None and (old.status, old.message) == ("blocked", entry.reason)
            if entry.state == "blocked" and not known:
                rows.append(self._row(outcome, None))
            self._sink.finished(told)
            if len(rows) == _ROWS_AT_ONCE:
                self._store(rows)
                rows = []
        self._store(rows)

    def _learn(self, outcomes: Iterable[Outcome]) -> None:
        """Remember what was read from a store, so that no later run has to."""
        read = {path: state for outcome in outcomes for path, state in outcome.fetched.items()}
        if read and self._hashes:
            self._hashes.learn(read)
            self.rows.ledger.remember(self._hashes.take_new())

    def _row(self, outcome: Outcome, spec: StageSpec | None) -> Row:
        old = self.rows.get((outcome.stage, outcome.item))
        outputs: dict[str, tuple[str, FileState | None]] = dict(outcome.outputs)
        if old and not self._dry_run:
            outputs.update(_remove_superseded(self._root, old, outcome))
        return Row(
            stage=outcome.stage,
            item=outcome.item,
            status=outcome.status,
            fingerprint=outcome.fingerprint,
            inputs=dict(outcome.inputs),
            outputs=outputs,
            params=dict(spec.params) if spec else {},
            weights=spec.weights if spec else "",
            code=outcome.code,
            message=outcome.message,
            hint=outcome.hint,
            flags=outcome.flags,
            score=outcome.score,
            seconds=outcome.seconds,
            record=dict(outcome.record),
            attempts=outcome.attempts,
        )

    def _store(self, rows: Sequence[Row]) -> None:
        self.rows.record(rows)


def _told(outcome: Outcome, row: Row | None) -> ItemOutcome:
    """What people see; of an outcome without details of its own, the row's are shown."""
    seen: Outcome | Row = (
        row if row and outcome.status in ("current", "failed", "poison") else outcome
    )
    return ItemOutcome.of(outcome.item, outcome.stage, outcome.status, seen)


def _remove_superseded(
    root: Path, old: Row, outcome: Outcome
) -> dict[str, tuple[str, FileState | None]]:
    """Remove the files of a row that no longer hold; what was changed by others is left.

    Returns the claims that remain.
    """
    written = {path for path, _ in outcome.outputs.values()}
    remaining: dict[str, tuple[str, FileState | None]] = {}
    for name, (relative, state) in old.outputs.items():
        path = root / relative
        if relative in written or not path.exists():
            continue
        if state is None or is_unchanged(path, state):
            path.unlink(missing_ok=True)
        else:
            remaining.setdefault(name, (relative, None))
    return {name: claim for name, claim in remaining.items() if name not in outcome.outputs}


def _specs(task: Task) -> dict[str, StageSpec]:
    """The spec of each stage that a task's outcomes may be of."""
    if isinstance(task, ChainTask):
        return {spec.info.name: spec for spec in task.specs}
    return {"tryon": task.spec}
