"""The ledger's rows as JSON lines, appended as they are made; insurance, never read otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from pipelines.atomic import write_atomic
from pipelines.errors import StorageError

_SLACK = 1000
"""Lines a journal may have beyond twice the rows of the ledger."""


class Journal:
    """Appends lines ``[scope, row]``; a torn last line is tolerated by ``read``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._lines = 0
        with suppress(FileNotFoundError), path.open("rb") as file:
            self._lines = sum(1 for _ in file)

    def append(self, scope: str, rows: Sequence[str]) -> None:
        """Append rows. Raises ``StorageError``."""
        try:
            if self._file is None:
                self._file = self._path.open("a", encoding="utf-8")
                # a line that a crash tore must not swallow the next one
                self._file.write("\n" if self._lines else "")
            self._file.writelines(json.dumps([scope, row]) + "\n" for row in rows)
            self._file.flush()
        except OSError as error:
            raise StorageError(
                f"{self._path}: cannot be written: {error.strerror or error}.",
                hint="Free some space and run the same command again; finished work is kept.",
            ) from error
        self._lines += len(rows)

    def has_grown(self, rows: int) -> bool:
        """Whether most lines have been replaced by later ones."""
        return self._lines > 2 * rows + _SLACK

    def rewrite(self, rows: Iterable[tuple[str, str]]) -> None:
        """Replace the content by these rows."""
        self.close()
        write_atomic(self._path, "".join(json.dumps(row) + "\n" for row in rows).encode())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None


def read(path: Path) -> Iterator[tuple[str, str]]:
    """Scope and row of each readable line, oldest first; nothing if there is no journal."""
    with suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            with suppress(ValueError):
                scope, row = json.loads(line)
                yield str(scope), str(row)
