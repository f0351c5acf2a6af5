"""The ledger's rows as JSON lines, appended as they are made; insurance, never read otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TextIO

from pipelines.atomic import write_atomic
from pipelines.errors import StorageError

_SLACK_BYTES = 1 << 18
"""What a journal may have beyond three times the bytes of the ledger; a line takes about as much
room in the one as in the other."""
_PIECE_LINES = 1000


class Journal:
    """Appends lines ``[scope, row]``; a torn last line is tolerated by ``read``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._bytes = 0
        with suppress(FileNotFoundError):
            self._bytes = path.stat().st_size

    def append(self, scope: str, rows: Sequence[str]) -> None:
        """Append rows. Raises ``StorageError``."""
        try:
            if self._file is None:
                self._file = self._path.open("a", encoding="utf-8")
                # a line that a crash tore must not swallow the next one
                self._file.write("\n" if self._bytes else "")
            text = "".join(json.dumps([scope, row]) + "\n" for row in rows)
            self._file.write(text)
            self._file.flush()
        except OSError as error:
            raise StorageError(
                f"{self._path}: cannot be written: {error.strerror or error}.",
                hint="Free some space and run the same command again; finished work is kept.",
            ) from error
        self._bytes += len(text)

    def has_grown(self, ledger_bytes: int) -> bool:
        """Whether most lines have been replaced by later ones, judged by the ledger's size."""
        return self._bytes > 3 * ledger_bytes + _SLACK_BYTES

    def rewrite(self, rows: Iterable[tuple[str, str]]) -> None:
        """Replace the content by these rows."""
        self.close()
        lines = (json.dumps(row) + "\n" for row in rows)
        write_atomic(self._path, in_pieces(lines))
        self._bytes = self._path.stat().st_size

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None


def in_pieces(lines: Iterable[str]) -> Iterator[bytes]:
    """Many lines as few pieces of UTF-8; what is no Unicode is escaped."""
    rest = iter(lines)
    while piece := "".join(islice(rest, _PIECE_LINES)):
        yield piece.encode("utf-8", "backslashreplace")


def read(path: Path) -> Iterator[tuple[str, str]]:
    """Scope and row of each readable line, oldest first; nothing if there is no journal."""
    with suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            with suppress(ValueError):
                scope, row = json.loads(line)
                yield str(scope), str(row)
