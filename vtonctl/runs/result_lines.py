"""``results.jsonl``: one line per try-on pair, written anew from the ledger."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.atomic import write_atomic
from pipelines.datasets.naming import PAIR_SEPARATOR
from pipelines.json_values import finite
from vtonctl.runs.engine import Record
from vtonctl.runs.filehash import FileState
from vtonctl.runs.journal import in_pieces
from vtonctl.runs.ledger import Ledger, Row
from vtonctl.runs.rundir import RunDir
from vtonctl.runs.tasks import Outcome, Task

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

INTERVAL_S = 30.0
_SELDOM = 50
_encode = json.JSONEncoder(ensure_ascii=False).encode


class ResultsFile:
    """Keeps ``results.jsonl`` in step with the ledger, at intervals and at the end."""

    def __init__(self, rundir: RunDir, ledger: Ledger, scope: str) -> None:
        self._rundir, self._ledger, self._scope = rundir, ledger, scope
        self._written, self._took_s = time.monotonic(), 0.0

    def refreshing(self, record: Record) -> Record:
        """``record``, followed by a new ``results.jsonl`` now and then."""

        def record_and_refresh(task: Task, outcomes: Sequence[Outcome]) -> None:
            record(task, outcomes)
            # a long list is written less often: always a small part of the time
            if time.monotonic() - self._written > max(INTERVAL_S, _SELDOM * self._took_s):
                self.write()

        return record_and_refresh

    def write(self) -> None:
        """Write every pair that was tried, sorted by name. Raises ``StorageError``.

        The file is left alone if it is as we wrote it and nothing was recorded since, or if there
        is none and nothing to tell.
        """
        path, started = self._rundir.results, time.monotonic()
        if _is_as_written(path, self._ledger.results()):
            return
        told = map(_line, self._ledger.each_row(self._scope, without="planned"))
        first = next(told, None)
        if first is not None or path.exists():
            lines = chain([first] if first else [], told)
            digest = hashlib.sha256()
            write_atomic(path, _hashed(lines, digest))
            found = path.stat()
            state = FileState(digest.hexdigest(), found.st_size, found.st_mtime_ns)
            self._ledger.results_written(state)
        self._written = time.monotonic()
        self._took_s = self._written - started


def _hashed(lines: Iterable[Mapping[str, Any]], digest: Hash) -> Iterator[bytes]:
    for piece in in_pieces(_encode(line) + "\n" for line in lines):
        digest.update(piece)
        yield piece


def _is_as_written(path: Path, written: FileState | None) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return written is not None and (written.size, written.mtime_ns) == (
        found.st_size,
        found.st_mtime_ns,
    )


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
        "measures": finite(record.get("measures", {})),
        "edited_fraction": record.get("edited_fraction"),
        "size": record.get("size"),
    }
    if "target_pose" in record:
        line["target_pose"] = record["target_pose"]
    if row.status != "done":
        line |= {"code": row.code, "message": row.message, "hint": row.hint}
    return line
