"""The ledger: what is done, from what, and what went wrong; SQLite, written by the parent only.

A row stands for one stage of one item. A row with status ``planned`` claims the files that are
about to be written, so that a file which appears without a later row is known to be ours.
Each row is also appended to a journal of JSON lines, from which a damaged ledger is rebuilt.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from pydantic_core import from_json as read_json

from pipelines.errors import StorageError
from pipelines.store_path import place
from vtonctl.runs import journal
from vtonctl.runs.filehash import FileState
from vtonctl.runs.ledger_schema import COPIED_BY_A_READER, MIGRATIONS, ROWS_OF_A_READER
from vtonctl.runs.rundir import RunDir

_NEWER = "it was written by a newer vtonctl"
_CACHE_KIB = 32_000
_ROWS_AT_ONCE = 5000
_encode = json.JSONEncoder(default=asdict).encode


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one stage of one item; fields as in ``vtonctl.runs.tasks.Outcome``."""

    stage: str
    item: str
    status: str
    fingerprint: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, tuple[str, FileState | None]] = field(default_factory=dict)
    """Output name -> file relative to the root, and its state once it is written."""
    params: Mapping[str, Any] = field(default_factory=dict)
    weights: str = ""
    """sha256 of the weights, if it was made with any."""
    code: str = ""
    message: str = ""
    hint: str = ""
    flags: Sequence[str] = ()
    score: float = 1.0
    seconds: float = 0.0
    record: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 0

    def to_json(self) -> str:
        """One line of JSON."""
        body = {name: getattr(self, name) for name in _FIELDS}
        body["outputs"] = {
            name: (path, asdict(state) if state else None)
            for name, (path, state) in self.outputs.items()
        }
        return _encode(body)

    @classmethod
    def from_json(cls, text: str) -> Row:
        """Back from ``to_json``."""
        try:
            body = read_json(text, cache_strings="keys")
        except ValueError:  # names that are no UTF-8, which it refuses, or a damaged row
            body = json.loads(text)
        outputs = {
            name: (path, FileState(**state) if state else None)
            for name, (path, state) in body.pop("outputs").items()
        }
        return cls(**body, outputs=outputs)


_FIELDS = tuple(each.name for each in fields(Row))


@dataclass(frozen=True)
class RunRecord:
    """One run, as it was asked for and as it ended; times are ISO 8601 in UTC."""

    command: str
    request: Mapping[str, Any]
    started: str
    ended: str
    status: str
    """``success``, ``partial``, ``error``, or empty: it is running or was killed."""


class Ledger:
    """An open ledger. Every writing method is one transaction, on disk when it returns."""

    def __init__(self, database: sqlite3.Connection, rundir: RunDir, *, keep: bool) -> None:
        self._db, self._rundir = database, rundir
        self._journal = journal.Journal(rundir.journal) if keep else None
        self._results_hold = True
        self._when_closed = ExitStack()

    def rows(self, scope: str) -> dict[tuple[str, str], Row]:
        """All rows of a scope by (stage, item)."""
        return {(row.stage, row.item): row for row in self.each_row(scope)}

    def each_row(self, scope: str, *, without: str = "") -> Iterator[Row]:
        """All rows of a scope but those of one status, sorted by stage and item."""
        query = """
            SELECT stage, item, body FROM rows WHERE scope = ? AND (stage, item) > (?, ?)
            AND status <> ? ORDER BY scope, stage, item LIMIT ?
        """
        last = ("", "")
        # a reader that took long would keep a run from writing
        while found := self._db.execute(query, (scope, *last, without, _ROWS_AT_ONCE)).fetchall():
            for _, _, body in found:
                yield Row.from_json(body)
            last = found[-1][:2]

    def some_rows(self, scope: str, stages: Iterable[str], items: Iterable[str]) -> list[Row]:
        """What rows there are of these stages of these items."""
        query = """
            SELECT body FROM rows WHERE scope = ? AND stage IN (SELECT value FROM json_each(?))
            AND item IN (SELECT value FROM json_each(?))
        """
        asked = (scope, json.dumps(list(stages)), json.dumps(list(items)))
        return [Row.from_json(body) for (body,) in self._db.execute(query, asked).fetchall()]

    def record(self, scope: str, rows: Iterable[Row]) -> None:
        """Write rows, replacing older ones of the same stage and item."""
        rows = list(rows)
        if not rows:
            return
        lines = [row.to_json() for row in rows]
        values = [
            (scope, row.stage, row.item, row.status, row.seconds, line)
            for row, line in zip(rows, lines, strict=True)
        ]
        with self._writing() as db:
            db.executemany("INSERT OR REPLACE INTO main.rows VALUES (?, ?, ?, ?, ?, ?)", values)
            if self._results_hold:
                results = os.fsencode(str(self._rundir.results))
                db.execute("DELETE FROM files WHERE path = ?", (results,))
        self._results_hold = False
        if self._journal:
            self._journal.append(scope, lines)

    def seconds(self, scope: str, stage: str) -> list[float]:
        """Sorted durations of what is done of a stage."""
        query = "SELECT seconds FROM rows WHERE scope = ? AND stage = ? AND status = 'done'"
        return sorted(value for (value,) in self._db.execute(query, (scope, stage)))

    def files(self) -> list[tuple[str, FileState]]:
        """Remembered hashes of files that we did not make, by path."""
        found = self._db.execute("SELECT path, sha256, size, mtime_ns FROM files")
        return [(os.fsdecode(path), FileState(*state)) for path, *state in found]

    def remember(self, files: Mapping[str, FileState]) -> None:
        """Store hashes of files that we did not make."""
        values = [(os.fsencode(p), s.sha256, s.size, s.mtime_ns) for p, s in files.items()]
        if values:
            with self._writing() as db:
                db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", values)

    def results(self) -> FileState | None:
        """The list of results as it was written, if no row has been recorded since."""
        query = "SELECT sha256, size, mtime_ns FROM files WHERE path = ?"
        found = self._db.execute(query, (os.fsencode(str(self._rundir.results)),)).fetchone()
        return FileState(*found) if found else None

    def results_written(self, state: FileState) -> None:
        """The list of results has all rows; until the next row is recorded."""
        self.remember({str(self._rundir.results): state})
        self._results_hold = True

    def sources(self, scope: str, subject: str) -> dict[str, Path]:
        """The photo of each item that was made from one."""
        query = "SELECT item, path FROM sources WHERE scope = ? AND subject = ?"
        found = self._db.execute(query, (scope, subject))
        return {item: place(os.fsdecode(path)) for item, path in found}

    def set_sources(self, scope: str, subject: str, sources: Mapping[str, Path]) -> None:
        """Store which photo each item is made from."""
        values = [(scope, subject, item, os.fsencode(str(path))) for item, path in sources.items()]
        if values:
            with self._writing() as db:
                db.executemany("INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?)", values)

    def begin_run(self, command: str, request: Mapping[str, Any], started: str) -> int:
        """Note a run's beginning; returns its number."""
        insert = "INSERT INTO runs (command, request, started) VALUES (?, ?, ?)"
        with self._writing() as db:
            made = db.execute(insert, (command, json.dumps(request), started))
        return made.lastrowid or 0

    def end_run(self, number: int, ended: str, status: str) -> None:
        """Note a run's end."""
        with self._writing() as db:
            db.execute(
                "UPDATE runs SET ended = ?, status = ? WHERE id = ?", (ended, status, number)
            )

    def last_run(self) -> RunRecord | None:
        """The last run that was begun."""
        query = "SELECT command, request, started, ended, status FROM runs ORDER BY id DESC LIMIT 1"
        found = self._db.execute(query).fetchone()
        return RunRecord(found[0], json.loads(found[1]), *found[2:]) if found else None

    def close(self) -> None:
        """Close; the journal is compacted if it has grown."""
        if self._journal:
            query = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
            if self._journal.has_grown(self._db.execute(query).fetchone()[0]):
                self._journal.rewrite(self._db.execute("SELECT scope, body FROM rows"))
            self._journal.close()
        self._db.close()
        self._when_closed.close()

    def when_closed(self, call: Callable[[], object]) -> None:
        """Call this once the database has been closed."""
        self._when_closed.callback(call)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._db:
                yield self._db
        except sqlite3.Error as error:
            raise StorageError(
                f"{self._rundir.ledger}: cannot be written: {error}.",
                hint="Free some space and run the same command again; finished work is kept.",
            ) from error


def open_ledger(rundir: RunDir, note: Callable[[str], None]) -> Ledger:
    """Open for a run that holds the root; made if there is none, rebuilt if it is damaged."""
    path = rundir.ledger
    try:
        database = _checked(path)
    except sqlite3.OperationalError as error:
        raise _cannot_open(path, error) from error
    except sqlite3.DatabaseError as error:
        aside = _set_aside(path)
        note(f"{path} was damaged ({error}); it is kept as {aside.name}")
        database = _checked(path)
    if not database.execute("SELECT EXISTS (SELECT 1 FROM rows)").fetchone()[0]:
        if restored := _restore(database, rundir.journal):
            note(f"{path}: {restored} rows restored from {rundir.journal.name}")
    return Ledger(database, rundir, keep=True)


def read_ledger(rundir: RunDir) -> Ledger:
    """To read only: nothing on disk is touched; what is written to it is forgotten with it.

    Rows stay on disk until they are asked for. Raises ``StorageError``.
    """
    memory = sqlite3.connect(":memory:", uri=True, timeout=5)
    with ExitStack() as undo:
        undo.callback(memory.close)
        try:
            _migrate(memory)
            if rundir.ledger.exists():
                _attach(memory, rundir.ledger, undo)
        except sqlite3.DatabaseError as error:
            raise _cannot_open(rundir.ledger, error) from error
        ledger = Ledger(memory, rundir, keep=False)
        ledger.when_closed(undo.pop_all().close)
    return ledger


def _attach(memory: sqlite3.Connection, path: Path, undo: ExitStack) -> None:
    try:
        _attach_read_only(memory, path)
    except sqlite3.OperationalError:
        # a run that was killed left a journal that only a writer may roll back, or an earlier
        # version wrote it: do what is to do in a copy
        with suppress(sqlite3.OperationalError):
            memory.execute("DETACH disk")
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory()))
        for file in path.parent.glob(path.name + "*"):
            shutil.copyfile(file, folder / file.name)
        with closing(sqlite3.connect(folder / path.name)) as copy:
            _migrate(copy)
        _attach_read_only(memory, folder / path.name)
    with memory:
        for statement in COPIED_BY_A_READER:
            memory.execute(statement)
    memory.execute(ROWS_OF_A_READER)


def _attach_read_only(memory: sqlite3.Connection, path: Path) -> None:
    memory.execute("ATTACH ? AS disk", (f"{path.resolve().as_uri()}?mode=ro",))
    version = memory.execute("PRAGMA disk.user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise sqlite3.DatabaseError(_NEWER)
    if version < len(MIGRATIONS):
        raise sqlite3.OperationalError("it was written by an earlier vtonctl")


def _checked(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=5)
    try:
        database.execute("PRAGMA synchronous = FULL")
        # as safe as deleting the rollback journal, without syncing the folder for every row; WAL
        # would leave files behind that a reader has to write to
        database.execute("PRAGMA journal_mode = PERSIST")
        database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        _migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def _migrate(database: sqlite3.Connection) -> None:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise sqlite3.OperationalError(_NEWER)
    for number, statement in enumerate(MIGRATIONS[version:], start=version + 1):
        with database:
            database.execute("BEGIN IMMEDIATE")
            database.execute(statement)
            database.execute(f"PRAGMA user_version = {number}")


def _set_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"ledger.damaged-{number}.sqlite")).exists():
        number += 1
    for file in path.parent.glob(path.name + "-*"):
        file.rename(aside.with_name(aside.name + file.name.removeprefix(path.name)))
    return path.rename(aside)


def _restore(database: sqlite3.Connection, path: Path) -> int:
    with database:
        # a later line of a row replaces an earlier one
        database.executemany(
            "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?)", _readable(path)
        )
    found: int = database.execute("SELECT count(*) FROM rows").fetchone()[0]
    return found


def _readable(path: Path) -> Iterator[tuple[str, str, str, str, float, str]]:
    for scope, body in journal.read(path):
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            row = Row.from_json(body)
            yield scope, row.stage, row.item, row.status, row.seconds, body


def _cannot_open(path: Path, error: sqlite3.Error) -> StorageError:
    return StorageError(
        f"{path}: cannot be read: {error}.",
        hint="The next run sets a damaged ledger aside and rebuilds it.",
    )
