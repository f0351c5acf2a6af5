"""Asking a store through fsspec: opened once in each process, every trouble told in one way."""

from __future__ import annotations

import errno
import hashlib
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from pipelines.errors import ExtraMissing, StorageError

CREDENTIALS = "Check the credentials and rights in the store's own configuration: docs/stores.md"
"""What to do about denied access."""

_MARK_BITS = 60
"""Of a mark; as nanoseconds that is 2006: no mark is taken for a file that was just changed."""
_TAGS = ("ETag", "etag", "generation")
_TIMES = ("LastModified", "last_modified", "updated", "mtime", "created")
_SECRET = re.compile(
    r"((?:sig|signature|token|key|secret|password|credential)[\w-]*\s*[=:]\s*)[^\s&;,]+", re.I
)


@dataclass(frozen=True)
class ObjectState:
    """What a store tells of an object; named as in ``os.stat_result``."""

    st_size: int
    st_mtime_ns: int
    """The mark: it changes with the content, and is no time."""
    st_mode: int = stat.S_IFREG
    modified_ns: int = 0
    """When it was written, by the store's clock; 0 = not told."""


def object_state(info: Mapping[str, Any]) -> ObjectState:
    """What fsspec tells of an object or a prefix, in one form for all stores."""
    if info["type"] == "directory":
        return ObjectState(0, 0, stat.S_IFDIR)
    size = int(info["size"] or 0)
    # a listing and a question for one object tell the time in different forms
    written = _nanoseconds(next((info[name] for name in _TIMES if info.get(name)), None))
    tags = (str(info[name]).strip('"') for name in _TAGS if info.get(name))
    tag = next(tags, str(written))
    digest = hashlib.sha256(f"{size} {tag}".encode()).digest()
    mark = int.from_bytes(digest[:8], "big") >> (64 - _MARK_BITS)
    return ObjectState(size, mark, modified_ns=written)


def _nanoseconds(when: object) -> int:
    if isinstance(when, str):
        try:
            when = datetime.fromisoformat(when.replace("Z", "+00:00"))
        except ValueError:
            return 0
    seconds = when.timestamp() if isinstance(when, datetime) else when
    return int(seconds * 1e9) if isinstance(seconds, (int, float)) else 0


@cache
def filesystem(protocol: str) -> Any:
    """The store, opened once in each process. Raises ``ExtraMissing``."""
    try:
        import fsspec  # takes time to load: only where a store is used

        return fsspec.filesystem(protocol, use_listings_cache=False)
    except ImportError as error:
        raise ExtraMissing(f"{protocol}:// cannot be used: {error}.", "stores") from error


@contextmanager
def asking(address: str) -> Iterator[None]:
    """Turn whatever a store's package raises into what ``StorePath`` raises.

    Raises ``FileNotFoundError``, ``PermissionError``, ``StorageError`` (``store_lost``).
    """
    try:
        yield
    except (ExtraMissing, StorageError):
        raise
    except Exception as error:  # noqa: BLE001 - each package has exceptions of its own
        raise _explained(address, error) from error


def _explained(address: str, error: Exception) -> Exception:
    words = f"{type(error).__name__} {error}"
    status = getattr(error, "status_code", None) or getattr(error, "code", None)
    if isinstance(error, (FileNotFoundError, IsADirectoryError)) or status == 404:
        return FileNotFoundError(errno.ENOENT, "there is no such object", address)
    if re.search(r"Credentials|DefaultCredentialsError|AuthenticationError", words):
        told = "no valid credentials were found in the store's configuration"
        return PermissionError(errno.EACCES, told, address)
    if (
        isinstance(error, PermissionError)
        or status in (401, 403)
        or words.startswith("OSError Forbidden")  # as gcsfs tells it
    ):
        return PermissionError(errno.EACCES, "access is denied", address)
    if address.startswith("file:") and isinstance(error, OSError):
        return error
    reason = " ".join(_SECRET.sub(r"\1...", str(error)).split())[:300] or type(error).__name__
    return StorageError(
        f"{address}: the store does not answer as it should: {reason.rstrip('.')}.",
        code="store_lost",
        hint="Check the connection and run the same command again; finished work is kept.",
    )
