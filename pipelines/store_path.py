"""Places in object stores: ``s3://bucket/photos``, ``gs://...``, ``az://...``, ``file:///...``.

The design, from which the rest follows:

- **A place is a path.** ``StorePath`` has those methods of ``pathlib.Path`` that runs use, so
  planner, worker, lists and report are the code that local folders are worked on with, and an
  object is named by its address in every message. It travels to workers as protocol and key; each
  process opens the store itself, with the store's own configuration. Local paths stay ``Path``:
  nothing here is met, and fsspec is imported with the first question to a store.
- **Whole objects.** An object is fetched with one GET into memory and written with one PUT, from
  the bytes that would have been written to a local file. A store shows an object when its upload
  (in parts, if it is large) is complete, never before: a process killed at any point leaves the
  old object, the new one or none. ``file://`` has renaming instead, and is written with
  ``pipelines.atomic``. There is no cache on disk, and nothing to clean up.
- **The object first, its row second**, in a ledger that stays on the local disk
  (``vtonctl.runs.rundir``), as with local files.
- **A change is seen without reading.** An object's mark is 60 bits of a hash of its ETag (or what
  the store has in its place) and size; it stands where a file has its time of change. Planning
  asks for whole listings (``listed``), not for one object after the other, and what a worker
  fetched is remembered by its mark: a run with nothing to do fetches nothing.
- **Two kinds of trouble.** Something about one object (not there, access denied) is an
  ``OSError`` as for a file, and costs that item. A store that does not answer is a
  ``StorageError``: the run ends, and the same command goes on where it stopped.
"""

from __future__ import annotations

import errno
import io
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from pipelines.errors import StorageError, UsageError
from pipelines.store_access import CREDENTIALS, ObjectState, asking, filesystem, object_state

MAX_BYTES = 512_000_000
"""Largest object that is fetched; a photo of 64 million pixels has less, in any format."""

_ALIASES = {"s3": "s3", "gs": "gs", "gcs": "gs", "az": "az", "abfs": "az", "file": "file"}
KNOWN = "s3://, gs://, az://, file://"
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_COLLAPSED = re.compile(r"(?:s3|s3a|gs|gcs|az|abfs|abfss|file|memory):/+")

_Listing = Mapping[str, ObjectState]
_listings: ContextVar[dict[str, _Listing] | None] = ContextVar("listings", default=None)


@dataclass(frozen=True, order=True)
class StorePath:
    """An object or a prefix; ``key`` is ``bucket/folder/name``, with ``file`` an absolute path.

    Methods do what those of ``pathlib.Path`` do. They raise ``FileNotFoundError`` and
    ``PermissionError`` for the object, ``StorageError`` (code ``store_lost``) when the store does
    not answer and ``ExtraMissing`` without the package that speaks to it.
    """

    protocol: str
    key: str

    def __str__(self) -> str:
        """The address."""
        return f"{self.protocol}://{self.key}"

    def __truediv__(self, name: str) -> StorePath:
        """A place below this one. Raises ``ValueError`` for a name that leads elsewhere."""
        if ".." in name.split("/") or name.startswith("/"):
            raise ValueError(f"not below {self}: {name!r}")
        return StorePath(self.protocol, f"{self.key.rstrip('/')}/{name}")

    @property
    def name(self) -> str:
        """The last part."""
        return self.key.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """The end of the name, from the last dot on."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> StorePath:
        """The place that this one is in; a bucket is in itself."""
        above = self.key.rpartition("/")[0]
        return StorePath(self.protocol, above) if above else self

    @property
    def bucket(self) -> str:
        """The first part."""
        return self.key.partition("/")[0]

    def with_name(self, name: str) -> StorePath:
        """A neighbour. Raises ``ValueError`` for a bucket."""
        if "/" not in self.key:
            raise ValueError(f"{self} is a whole bucket")
        return self.parent / name

    def resolve(self) -> StorePath:
        """Itself: it is absolute, and stores have no links."""
        return self

    def absolute(self) -> StorePath:
        """Itself."""
        return self

    def is_relative_to(self, other: object) -> bool:
        """Whether it is ``other`` or lies below it."""
        if not isinstance(other, StorePath) or other.protocol != self.protocol:
            return False
        return self == other or self.key.startswith(other.key.rstrip("/") + "/")

    def relative_to(self, other: StorePath) -> PurePosixPath:
        """The way from ``other``. Raises ``ValueError`` if it does not lie below."""
        if not self.is_relative_to(other):
            raise ValueError(f"{self} is not below {other}")
        return PurePosixPath(self.key[len(other.key.rstrip("/")) + 1 :])

    def stat(self) -> ObjectState:
        """Size and mark; of a prefix only that it is one."""
        if (listings := _listings.get()) is not None and "/" in self.key:
            found = _listing(self.parent, listings).get(self.name)
            if found is None:
                raise FileNotFoundError(errno.ENOENT, "there is no such object", str(self))
            return found
        return self.stat_now()

    def stat_now(self) -> ObjectState:
        """The same, always asked for anew."""
        with asking(str(self)):
            return object_state(filesystem(self.protocol).info(self.key))

    def exists(self) -> bool:
        """Whether there is an object, or one below."""
        try:
            self.stat()
        except FileNotFoundError:
            return False
        return True

    def is_file(self) -> bool:
        """Whether there is an object."""
        try:
            return stat.S_ISREG(self.stat().st_mode)
        except FileNotFoundError:
            return False

    def is_dir(self) -> bool:
        """Whether there are objects below."""
        if (listings := _listings.get()) is not None:
            return bool(_listing(self, listings))
        try:
            return stat.S_ISDIR(self.stat().st_mode)
        except FileNotFoundError:
            return False

    def is_symlink(self) -> bool:
        """Never."""
        return False

    def iterdir(self) -> Iterator[StorePath]:
        """What lies directly below."""
        with listed():
            found = _listing(self, _listings.get() or {})
        return iter([self / name for name in found])

    def files_below(self) -> list[StorePath]:
        """Every object below, in no particular order; markers of folders are left out."""
        with asking(str(self)):
            found = filesystem(self.protocol).find(self.key, detail=True)
        return [
            StorePath(self.protocol, name)
            for name, info in found.items()
            if info["type"] == "file" and not name.endswith("/")
        ]

    def read_bytes(self) -> bytes:
        """The content, with one GET."""
        with asking(str(self)):
            content: bytes = filesystem(self.protocol).cat_file(self.key)
        return content

    def read_text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The content as text."""
        return self.read_bytes().decode(encoding, errors)

    def open(self, mode: str = "rb") -> BinaryIO:
        """The content as a file in memory; only for reading."""
        if mode != "rb":
            raise ValueError(f"{self}: objects are written whole")
        return io.BytesIO(self.read_bytes())

    def write_whole(self, data: bytes | Iterable[bytes]) -> None:
        """Put ``data`` as one object: the old content is there, or the new.

        Pieces are collected in memory first. Raises ``StorageError``.
        """
        try:
            if self.protocol == "file":
                from pipelines.atomic import write_atomic  # which calls this for other stores

                write_atomic(Path(self.key), data)
                return
            whole = data if isinstance(data, bytes) else b"".join(data)
            with asking(str(self)):
                filesystem(self.protocol).pipe_file(self.key, whole)
        except OSError as error:
            raise _not_written(self, error) from error
        finally:
            self._forget()

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the object."""
        self._forget()
        try:
            with asking(str(self)):
                filesystem(self.protocol).rm_file(self.key)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def rmdir(self) -> None:
        """Remove an empty folder; a prefix is gone with its last object."""
        if self.protocol == "file":
            Path(self.key).rmdir()

    def has_bucket(self) -> bool:
        """Whether its bucket (or container) is there; asks the store."""
        try:
            with asking(str(self)):
                filesystem(self.protocol).info(self.bucket or "/")
        except FileNotFoundError:
            return False
        return True

    def _forget(self) -> None:
        if (listings := _listings.get()) is not None:
            listings.pop(self.parent.key, None)


@dataclass(frozen=True)
class FetchedObject:
    """An object as it was fetched, to be read like a file any number of times."""

    path: StorePath
    content: bytes
    state: ObjectState

    def __str__(self) -> str:
        """The address."""
        return str(self.path)

    def stat(self) -> ObjectState:
        """Size and mark of this content."""
        return self.state

    def open(self, _mode: str = "rb") -> BinaryIO:
        """The content as a file in memory."""
        return io.BytesIO(self.content)

    def read_bytes(self) -> bytes:
        """The content."""
        return self.content


def place(text: str) -> Path:
    """The place that a user names: a local path, or an address in a store.

    What is typed as ``Path`` in requests and tasks may be a ``StorePath``, which does the same.
    Raises ``UsageError`` for an address that is none, or that holds a password.
    """
    found = _URL.fullmatch(text)
    if found is None:
        return Path(text)
    protocol, rest = _ALIASES.get(found[1].lower(), ""), found[2]
    if not protocol:
        raise UsageError(
            f"{found[1]}://...: no known store", code="bad_address", hint=f"Known: {KNOWN}."
        )
    bucket = rest.partition("/")[0]
    if "@" in bucket or "?" in rest or "#" in rest:
        raise UsageError(
            f"{protocol}://...: an address holds a bucket and a name, nothing else",
            code="bad_address",
            hint="Passwords, keys and options belong into the store's own configuration: "
            "docs/stores.md",
        )
    parts = [part for part in rest.split("/") if part]
    if ".." in parts or "." in parts or not parts or bool(bucket) == (protocol == "file"):
        raise UsageError(
            f"{text}: not a place in a store",
            code="bad_address",
            hint="Give for example s3://bucket/photos or file:///srv/photos",
        )
    lead = "/" if protocol == "file" else ""
    return cast(Path, StorePath(protocol, lead + "/".join(parts)))


def as_store(path: object) -> StorePath | None:
    """The path as a place in a store; None for a local one."""
    return path if isinstance(path, StorePath) else None


def fetched(path: Path) -> Path:
    """An object with its content, of one moment; a local path as it is.

    Raises ``OSError``, also over ``MAX_BYTES``, and ``StorageError``.
    """
    if (remote := as_store(path)) is None:
        return path
    while True:
        state = remote.stat_now()
        if state.st_size > MAX_BYTES:
            told = f"{state.st_size / 1e6:.0f} MB, over the limit of {MAX_BYTES / 1e6:g} MB"
            raise OSError(errno.EOVERFLOW, told, str(path))
        content = remote.read_bytes()
        if remote.stat_now() == state and len(content) == state.st_size:
            return cast(Path, FetchedObject(remote, content, state))


def is_newer(path: Path, other: Path) -> bool:
    """Whether a file is there and was written after another one.

    The clocks of stores may count whole seconds; there it may also be of the same one.
    """
    if not path.is_file():
        return False
    ours, others = as_store(path), as_store(other)
    if ours and others:
        return ours.stat().modified_ns >= others.stat().modified_ns
    return path.stat().st_mtime_ns > other.stat().st_mtime_ns


def refuse_address(path: Path) -> None:
    """Raise ``UsageError`` for a local path that was meant as an address."""
    if as_store(path) is None and _COLLAPSED.match(str(path)):
        name, _, rest = str(path).partition(":/")
        raise UsageError(
            f"{name}://{rest.lstrip('/')}: no place in a store can be given here",
            code="no_store_here",
            hint="Only folders of photos, data-set roots and results may lie in one: "
            "docs/stores.md",
        )


@contextmanager
def listed() -> Iterator[None]:
    """Within, states of objects come from listings of their folders, each asked for once.

    For planning, which asks for all of them. What other processes change is not seen within.
    """
    if _listings.get() is not None:
        yield
        return
    token = _listings.set({})
    try:
        yield
    finally:
        _listings.reset(token)


def _listing(folder: StorePath, listings: dict[str, _Listing]) -> _Listing:
    if folder.key not in listings:
        found: list[dict[str, Any]] = []
        try:
            with asking(str(folder)):
                found = filesystem(folder.protocol).ls(folder.key, detail=True)
        except FileNotFoundError:
            pass
        except PermissionError as error:  # or all that was made would seem to be gone
            told = f"{folder}: cannot be listed: {error.strerror}."
            raise StorageError(told, code="denied", hint=CREDENTIALS) from error
        below = folder.key.rstrip("/") + "/"
        named = ((info["name"].rstrip("/"), info) for info in found)
        listings[folder.key] = {
            name[len(below) :]: object_state(info)
            for name, info in named
            if name.startswith(below) and name != below
        }
    return listings[folder.key]


def _not_written(path: StorePath, error: OSError) -> StorageError:
    if isinstance(error, FileNotFoundError):
        reason, code, hint = "there is no such bucket", "no_bucket", "Make the bucket first."
    else:
        reason, code, hint = str(error.strerror or error), "denied", CREDENTIALS
    return StorageError(f"{path}: cannot be written: {reason}.", code=code, hint=hint)
