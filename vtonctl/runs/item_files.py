"""Reading and writing an item's files in a worker, and turning trouble into outcomes."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from pipelines import labels
from pipelines.atomic import write_atomic
from pipelines.errors import ItemError, StorageError
from pipelines.labels import Labels
from pipelines.layout import Layout
from vtonctl.runs.filehash import FileState
from vtonctl.runs.tasks import Outcome

_TRACE_LINES = 12


def label_set(layout: Layout) -> type[Labels]:
    """The label set of a layout's parses."""
    return cast(type[Labels], getattr(labels, layout.label_set))


def lacks_neck(layout: Layout) -> bool:
    """Whether a layout's parses call necks background, as the VITON data set's do."""
    return "NECK" not in label_set(layout).__members__


def read_bytes(path: Path) -> bytes:
    """A file's content. Raises ``ItemError`` that names it."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> ItemError:
    """The item's error for a file that cannot be read."""
    code = "missing_input" if isinstance(error, FileNotFoundError) else "unreadable"
    return ItemError(f"{path}: {error.strerror or error}.", code=code)


def write_file(path: Path, data: bytes, sha256: str) -> FileState:
    """Write bytes of this hash atomically; the file's new state. Raises ``StorageError``."""
    write_atomic(path, data)
    try:
        found = path.stat()
    except OSError as error:
        raise StorageError(
            f"{path}: is gone as soon as it was written: {error.strerror or error}.",
            hint="Another program works in the same place; end it and run the command again.",
        ) from error
    return FileState(sha256, found.st_size, found.st_mtime_ns)


def failure(
    item: str, stage: str, error: Exception, mark: str, inputs: Mapping[str, str], started: float
) -> Outcome:
    """The outcome of an item that failed; ``started`` is of ``time.perf_counter``."""
    seconds = time.perf_counter() - started
    if isinstance(error, ItemError):
        code, message, hint, record = error.code, error.message, error.hint, {}
    else:
        # a fault of the program: the item fails, the run goes on, the trace is kept
        lines = traceback.format_exception(error)[-_TRACE_LINES:]
        code, message, hint = "unexpected", f"{type(error).__name__}: {error}", ""
        record = {"trace": "".join(lines)}
    return Outcome(
        item=item,
        stage=stage,
        status="failed",
        fingerprint=mark,
        inputs=inputs,
        code=code,
        message=message,
        hint=hint,
        seconds=seconds,
        record=record,
    )
