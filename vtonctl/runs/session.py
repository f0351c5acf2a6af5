"""What every run shares: lock, ledger, remembered hashes, stop signals, notes of begin and end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.atomic import remove_temporaries, write_atomic
from pipelines.errors import StorageError
from pipelines.store_access import CREDENTIALS
from pipelines.store_path import StorePath, as_store
from vtonctl.runs.filehash import HashCache
from vtonctl.runs.ledger import Ledger, open_ledger, read_ledger
from vtonctl.runs.ledger_rows import LedgerRows
from vtonctl.runs.lock import hold
from vtonctl.runs.recorder import Recorder
from vtonctl.runs.requests import PreprocessRequest, RunOptions, TryOnRequest
from vtonctl.runs.result import ProgressSink
from vtonctl.runs.rundir import RunDir
from vtonctl.runs.stop import Stop

if TYPE_CHECKING:
    from pipelines.device import Compute


@dataclass
class Session:
    """One output root in use. In a dry run the ledger forgets what is written."""

    rundir: RunDir
    ledger: Ledger
    hashes: HashCache
    options: RunOptions
    sink: ProgressSink
    stop: Stop
    recorders: dict[str, Recorder] = field(default_factory=dict)

    def recorder(self, scope: str) -> Recorder:
        """The recorder of a scope."""
        if scope not in self.recorders:
            self.recorders[scope] = Recorder(
                LedgerRows(self.ledger, scope),
                self.rundir.root,
                self.sink,
                hashes=self.hashes,
                dry_run=self.options.dry_run,
            )
        return self.recorders[scope]

    def store_hashes(self) -> None:
        """Keep what was learnt about files of others."""
        self.ledger.remember(self.hashes.take_new())


@contextmanager
def open_session(
    root: Path, command: str, options: RunOptions, sink: ProgressSink, stop: Stop
) -> Iterator[Session]:
    """Hold a root and open its ledger. Raises ``RootLocked``, ``StorageError``."""
    rundir = RunDir(root)
    with ExitStack() as stack:
        if options.dry_run:
            ledger = read_ledger(rundir)
        else:
            _check_store(rundir, sink)
            stack.enter_context(hold(rundir, command))
            if removed := remove_temporaries(root):
                sink.note(f"{root}: {removed} temporary files of an interrupted run removed")
            ledger = open_ledger(rundir, sink.note)
        stack.callback(ledger.close)
        yield Session(rundir, ledger, HashCache(ledger.files()), options, sink, stop)


def _check_store(rundir: RunDir, sink: ProgressSink) -> None:
    """Find out before the work whether a root's bucket is there; note whose state this is."""
    remote = as_store(rundir.root)
    if remote is None:
        return
    try:
        there = remote.has_bucket()
    except OSError as error:
        raise StorageError(
            f"{remote}: {error.strerror or error}.", code="denied", hint=CREDENTIALS
        ) from error
    if not there:
        raise StorageError(
            f"{remote}: there is no such bucket.",
            code="no_bucket",
            hint="Make the bucket first, or check the spelling.",
        )
    if not rundir.address.exists():
        write_atomic(rundir.address, f"{remote}\n".encode())
        sink.note(f"{remote}: what is done there is noted in {rundir.state}")


@contextmanager
def noted_run(
    session: Session,
    command: str,
    request: PreprocessRequest | TryOnRequest,
    compute: Compute | None,
) -> Iterator[RunNote]:
    """Note a run in the ledger, from which ``status`` and ``retry`` know what was asked for.

    ``compute`` is where its networks compute; None if it has none.
    """
    note = RunNote()
    if session.options.dry_run:
        yield note
        return
    asked = {
        "request": plain(request),
        "seed": session.options.seed,
        "compute": asdict(compute) if compute else None,
    }
    number = session.ledger.begin_run(command, asked, now())
    try:
        yield note
    except BaseException:
        with suppress(StorageError):
            session.ledger.end_run(number, now(), "error")
        raise
    session.ledger.end_run(number, now(), note.status)


@dataclass
class RunNote:
    """How a run ended."""

    status: str = ""


@dataclass(frozen=True)
class Clock:
    """Seconds since the run began."""

    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """So far."""
        return time.monotonic() - self.started


def now() -> str:
    """The time, ISO 8601 in UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def plain(value: Any) -> Any:
    """A request as JSON-able data; paths become absolute."""
    if isinstance(value, (Path, StorePath)):
        return str(value.absolute())
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value
