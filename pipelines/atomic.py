"""Writing a file so that its final name never shows a partial or unreadable version."""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from pipelines.errors import StorageError
from pipelines.store_path import as_store

_TEMPORARY = re.compile(r"\.vton-[0-9]+-[0-9a-f]{16}\.tmp")
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF})


def write_atomic(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Put ``data``, in one piece or in several, under ``path``: the old content or the new one.

    In a store it becomes one object (``pipelines.store_path``). In a folder, missing folders are
    made; a symbolic link at ``path`` is replaced, never followed. Order: temporary file in the
    same folder, write, fsync, close, rename, fsync of the folder. Raises ``StorageError`` (code
    ``disk_full`` or ``storage``) that names the path; the temporary file is removed then, and one
    that a crash left behind by ``remove_temporaries``.
    """
    if remote := as_store(path):
        remote.write_whole(data)
        return
    # a short name of its own: the final name may already be as long as the file system allows
    temporary = path.parent / f".vton-{os.getpid()}-{secrets.token_hex(8)}.tmp"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_synced(temporary, [data] if isinstance(data, bytes) else data)
        os.replace(temporary, path)  # noqa: PTH105 - the tests of failures inject here
        _sync_folder(path.parent)
    except BaseException as error:
        _remove(temporary)
        if isinstance(error, (OSError, ValueError)):
            raise _storage_error(path, error) from error
        raise


def remove_temporaries(root: Path) -> int:
    """Remove temporary files that earlier, interrupted runs left below ``root``; how many.

    In a store there are none, but for ``file://``.

    Call it only while no other process writes below ``root`` (with the lock of the root held).
    Links to folders are not followed.
    """
    if remote := as_store(root):
        return remove_temporaries(Path(remote.key)) if remote.protocol == "file" else 0
    removed = 0
    for folder, _, names in os.walk(root):
        for name in names:
            if _TEMPORARY.fullmatch(name):
                removed += _remove(Path(folder) / name)
    return removed


def is_temporary(name: str) -> bool:
    """Whether a file name is one that ``write_atomic`` gives to its temporary files."""
    return _TEMPORARY.fullmatch(name) is not None


def _write_synced(path: Path, pieces: Iterable[bytes]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    try:
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # some network file systems cannot sync a folder; the file itself is safe
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(handle)


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True


def _storage_error(path: Path, error: OSError | ValueError) -> StorageError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return StorageError(
            f"{path}: cannot be written: {reason}.",
            code="disk_full",
            hint="Free some space and run the same command again; finished work is kept.",
        )
    return StorageError(
        f"{path}: cannot be written: {reason}.",
        hint="Check that the folder exists, is writable and is not a file.",
    )
