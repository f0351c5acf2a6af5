"""``results.jsonl``: one line per try-on pair, written anew from the ledger."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.datasets.naming import PAIR_SEPARATOR
from vtonctl.runs.engine import Record
from vtonctl.runs.filehash import HashCache
from vtonctl.runs.ledger import Row
from vtonctl.runs.root_lists import write_lines
from vtonctl.runs.rundir import RunDir
from vtonctl.runs.tasks import Outcome, Task

INTERVAL_S = 30.0


class ResultsFile:
    """Keeps ``results.jsonl`` in step with the ledger, at intervals and at the end."""

    def __init__(
        self, rundir: RunDir, rows: Mapping[tuple[str, str], Row], hashes: HashCache
    ) -> None:
        self._rundir, self._rows, self._hashes = rundir, rows, hashes
        self._written = time.monotonic()

    def refreshing(self, record: Record) -> Record:
        """``record``, followed by a new ``results.jsonl`` now and then."""

        def record_and_refresh(task: Task, outcomes: Sequence[Outcome]) -> None:
            record(task, outcomes)
            if time.monotonic() - self._written > INTERVAL_S:
                self.write()

        return record_and_refresh

    def write(self) -> None:
        """Write every pair that was tried, sorted by name. Raises ``StorageError``."""
        rows = sorted(self._rows.values(), key=lambda row: row.item)
        lines = [_line(r) for r in rows if r.status != "planned"]
        write_lines(self._rundir.results, lines, self._hashes)
        self._written = time.monotonic()


def _finite(value: float) -> float | None:
    """None for what is no finite number, which JSON does not have."""
    return value if math.isfinite(value) else None


def _line(row: Row) -> dict[str, Any]:
    record = row.record
    # a row of an earlier version may not say whom it shows
    person, _, garment = row.item.partition(PAIR_SEPARATOR)
    path, state = row.outputs.get("result", ("", None))
    line = {
        "item": row.item,
        "person": record.get("person", person),
        "garment": record.get("garment", garment),
        "pose": record.get("pose", ""),
        "status": row.status,
        "output": path if state else "",
        "sha256": state.sha256 if state else "",
        "system": record.get("system", ""),
        "weights": record.get("weights", ""),
        "parser": record.get("parser", {}),
        "seed": record.get("seed"),
        "inputs": row.inputs,
        "seconds": round(row.seconds, 3),
        "score": row.score,
        "flags": list(row.flags),
        "measures": {name: _finite(value) for name, value in record.get("measures", {}).items()},
        "edited_fraction": record.get("edited_fraction"),
        "size": record.get("size"),
    }
    if "target_pose" in record:
        line["target_pose"] = record["target_pose"]
    if row.status != "done":
        line |= {"code": row.code, "message": row.message, "hint": row.hint}
    return line
