"""Content hashes of files, remembered by path, size and time of change."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.store_path import as_store, fetched

_BLOCK = 1 << 20
_SETTLED_NS = 100_000_000
"""A file changed less than this ago may change again within the clock's resolution."""


@dataclass(frozen=True)
class FileState:
    """A file's content and the marks by which a change is noticed cheaply."""

    sha256: str
    size: int
    mtime_ns: int
    """Of an object in a store its mark (``pipelines.store_path.ObjectState``)."""


def sha256_of(data: bytes) -> str:
    """sha256 (hex) of bytes."""
    return hashlib.sha256(data).hexdigest()


def hash_file(path: Path) -> FileState:
    """Read a file and hash it. Raises ``OSError``, also for what is no regular file."""
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device may have no end
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    digest = hashlib.sha256()
    with path.open("rb") as file:
        found = path.stat()
        while block := file.read(_BLOCK):
            digest.update(block)
    return FileState(digest.hexdigest(), found.st_size, found.st_mtime_ns)


def is_unchanged(path: Path, recorded: FileState) -> FileState | None:
    """The state of ``path`` if it still has the recorded content, else None.

    Size and time are compared first; only if the time alone differs is the file read.
    """
    try:
        found = path.stat()
        if found.st_size != recorded.size:
            return None
        if found.st_mtime_ns == recorded.mtime_ns:
            return recorded
        state = hash_file(fetched(path))
    except OSError:
        return None
    return state if state.sha256 == recorded.sha256 else None


def exists_below(root: Path, name: str) -> bool:
    """Whether there is a file or folder of this name below a folder; quick like the next one."""
    if as_store(root) is None:
        return os.path.exists(f"{root}{os.sep}{name}")  # noqa: PTH110 - see below
    return (root / name).exists()


def is_unchanged_below(root: Path, name: str, recorded: FileState) -> bool:
    """Whether ``is_unchanged`` of a file below a folder; of a local one that nobody has touched
    without making a path, which takes longer than the question, and there may be a million.
    """  # noqa: D205 - one sentence
    if as_store(root) is None:
        try:
            found = os.stat(f"{root}{os.sep}{name}")  # noqa: PTH116 - see above
        except OSError:
            return False
        if (found.st_size, found.st_mtime_ns) == (recorded.size, recorded.mtime_ns):
            return True
    return is_unchanged(root / name, recorded) is not None


class HashCache:
    """sha256 of files that we did not make; a file is read again only when it changed."""

    def __init__(self, known: Iterable[tuple[str, FileState]] = ()) -> None:
        self._known = dict(known)
        self._new: dict[str, FileState] = {}

    def state(self, path: Path) -> FileState:
        """The file's present state. Raises ``OSError``."""
        key = str(path)
        found = path.stat()
        known = self._known.get(key)
        if known and (known.size, known.mtime_ns) == (found.st_size, found.st_mtime_ns):
            return known
        state = hash_file(fetched(path))
        if time.time_ns() - state.mtime_ns > _SETTLED_NS:
            self._known[key] = self._new[key] = state
        return state

    def state_if_read(self, path: Path) -> FileState | None:
        """The same, but None for an object in a store that would have to be fetched.

        Raises ``OSError``.
        """
        if as_store(path) is None:
            return self.state(path)
        found, known = path.stat(), self._known.get(str(path))
        if known and (known.size, known.mtime_ns) == (found.st_size, found.st_mtime_ns):
            return known
        return None

    def learn(self, states: Mapping[str, FileState], *, new: bool = True) -> None:
        """Take over what others have read, by path; ``new`` = it is yet to be stored."""
        self._known.update(states)
        if new:
            self._new.update(states)

    def take_new(self) -> dict[str, FileState]:
        """What was learnt since the last call, to be stored."""
        new, self._new = self._new, {}
        return new
