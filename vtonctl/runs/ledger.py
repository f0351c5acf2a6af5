"""The ledger: what is done, from what, and what went wrong; SQLite, written by the parent only.

A row stands for one stage of one item. A row with status ``planned`` claims the files that are
about to be written, so that a file which appears without a later row is known to be ours.
Each row is also appended to a journal of JSON lines, from which a damaged ledger is rebuilt.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipelines.errors import StorageError
from pipelines.store_path import place
from vtonctl.runs import journal
from vtonctl.runs.filehash import FileState
from vtonctl.runs.rundir import RunDir

_ROWS = """
CREATE TABLE rows (
    scope TEXT NOT NULL, stage TEXT NOT NULL, item TEXT NOT NULL,
    status TEXT NOT NULL, seconds REAL NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (scope, stage, item)
) WITHOUT ROWID
"""
_FILES = """
CREATE TABLE files (
    path BLOB PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL
) WITHOUT ROWID
"""
_SOURCES = """
CREATE TABLE sources (
    scope TEXT NOT NULL, subject TEXT NOT NULL, item TEXT NOT NULL, path BLOB NOT NULL,
    PRIMARY KEY (scope, subject, item)
) WITHOUT ROWID
"""
_RUNS = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, command TEXT NOT NULL, request TEXT NOT NULL,
    started TEXT NOT NULL, ended TEXT NOT NULL DEFAULT '', status TEXT NOT NULL DEFAULT ''
)
"""
MIGRATIONS = (_ROWS, _FILES, _SOURCES, _RUNS)
"""Applied in order; ``PRAGMA user_version`` counts those a ledger has. Only ever append."""


@dataclass(frozen=True)
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
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Row:
        """Back from ``to_json``."""
        body = json.loads(text)
        outputs = {
            name: (path, FileState(**state) if state else None)
            for name, (path, state) in body.pop("outputs").items()
        }
        return cls(**body, outputs=outputs)


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

    def rows(self, scope: str) -> dict[tuple[str, str], Row]:
        """All rows of a scope by (stage, item)."""
        found = self._db.execute("SELECT body FROM rows WHERE scope = ?", (scope,))
        made = (Row.from_json(body) for (body,) in found)
        return {(row.stage, row.item): row for row in made}

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
            db.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?)", values)
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
            count = self._db.execute("SELECT count(*) FROM rows").fetchone()[0]
            if self._journal.has_grown(count):
                self._journal.rewrite(self._db.execute("SELECT scope, body FROM rows"))
            self._journal.close()
        self._db.close()

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
    if not database.execute("SELECT count(*) FROM rows").fetchone()[0]:
        if restored := _restore(database, rundir.journal):
            note(f"{path}: {restored} rows restored from {rundir.journal.name}")
    return Ledger(database, rundir, keep=True)


def read_ledger(rundir: RunDir) -> Ledger:
    """A copy in memory: nothing on disk is touched, whatever is done with it."""
    memory = sqlite3.connect(":memory:")
    try:
        if rundir.ledger.exists():
            _copy_into(memory, rundir.ledger)
        _migrate(memory)
    except sqlite3.DatabaseError as error:
        raise _cannot_open(rundir.ledger, error) from error
    return Ledger(memory, rundir, keep=False)


def _copy_into(memory: sqlite3.Connection, path: Path) -> None:
    with suppress(sqlite3.OperationalError), closing(_read_only(path)) as disk:
        disk.backup(memory)
        return
    # a run that was killed left a journal that only a writer may roll back: do so in a copy
    with tempfile.TemporaryDirectory() as folder:
        for file in path.parent.glob(path.name + "*"):
            (Path(folder) / file.name).write_bytes(file.read_bytes())
        with closing(sqlite3.connect(Path(folder) / path.name)) as disk:
            disk.backup(memory)


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5)


def _checked(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=5)
    try:
        database.execute("PRAGMA synchronous = FULL")
        # as safe as deleting the rollback journal, without syncing the folder for every row; WAL
        # would leave files behind that a reader has to write to
        database.execute("PRAGMA journal_mode = PERSIST")
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
        raise sqlite3.OperationalError("it was written by a newer vtonctl")
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
    rows = {}
    for scope, body in journal.read(path):
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            row = Row.from_json(body)
            rows[scope, row.stage, row.item] = (row.status, row.seconds, body)
    with database:
        database.executemany(
            "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)", [k + v for k, v in rows.items()]
        )
    return len(rows)


def _cannot_open(path: Path, error: sqlite3.Error) -> StorageError:
    return StorageError(
        f"{path}: cannot be read: {error}.",
        hint="The next run sets a damaged ledger aside and rebuilds it.",
    )
