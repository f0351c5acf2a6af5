"""One run per output root: a lock of the operating system, and a note on who holds it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

from filelock import FileLock, Timeout

from pipelines.atomic import write_atomic
from pipelines.errors import RootLocked, StorageError
from vtonctl.runs.rundir import RunDir

_NOTE_WAIT_S = 0.5


@dataclass(frozen=True)
class Holder:
    """The run that holds a root."""

    pid: int
    command: str
    since: str
    """Time of start, ISO 8601 in UTC."""


@contextmanager
def hold(rundir: RunDir, command: str) -> Iterator[None]:
    """Hold the root; the lock ends with the process, however that ends.

    Raises ``RootLocked`` at once if another run holds it, ``StorageError`` where the root
    cannot be written.
    """
    lock = FileLock(str(rundir.lock), timeout=0)
    try:
        rundir.state.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise _locked(rundir) from None
    except OSError as error:
        raise StorageError(
            f"{rundir.lock}: {error.strerror or error}.", hint="Choose a folder you can write to."
        ) from error
    try:
        since = datetime.now(timezone.utc).isoformat(timespec="seconds")
        holder = Holder(os.getpid(), command, since)
        write_atomic(rundir.holder, json.dumps(asdict(holder)).encode())
        yield
    finally:
        rundir.holder.unlink(missing_ok=True)
        lock.release()


def find_holder(rundir: RunDir) -> Holder | None:
    """The living process that says it holds the root, or None; touches nothing."""
    with suppress(OSError, ValueError, TypeError):
        holder = Holder(**json.loads(rundir.holder.read_bytes()))
        if _alive(holder.pid):
            return holder
    return None


def _locked(rundir: RunDir) -> RootLocked:
    deadline = time.monotonic() + _NOTE_WAIT_S
    # the holder writes its note just after it gets the lock
    while (holder := find_holder(rundir)) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    who = f"process {holder.pid} ({holder.command})" if holder else "another process"
    since = f" since {holder.since}" if holder else ""
    return RootLocked(
        f"{rundir.root}: {who} works in it{since}.",
        hint="Wait until it has finished, or end it; a killed run needs no clean-up.",
    )


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
