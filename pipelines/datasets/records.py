"""The two lists that lie in a data-set root beside the folders, one JSON object per line.

``frames.jsonl`` says how each stored image was cut out of its photo, ``sources.jsonl`` which file
each item was made from. Both are described in ``docs/layout.md``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.atomic import write_atomic
from pipelines.errors import InputError
from pipelines.types import Frame, Size


@dataclass(frozen=True)
class Source:
    """The file that an item was made from; ``path`` as it was found, ``sha256`` of its bytes."""

    item: str
    subject: str
    """``person`` or ``garment``."""
    path: str
    sha256: str
    size_bytes: int | None
    """None where the file was gone when the list was written."""


Frames = dict[tuple[str, str], Frame]
"""Frame by subject (``person`` or ``garment``) and item."""


def read_frames(path: Path) -> Frames:
    """The frame of each item; {} without the file. Raises ``InputError`` naming the line."""
    frames: Frames = {}
    for number, row in _rows(path):
        try:
            left, top, right, bottom = (float(edge) for edge in row["box"])
            source, size = (Size(*map(int, row[key])) for key in ("source_size", "size"))
            subject = str(row.get("subject", "person"))
            frames[subject, str(row["item"])] = Frame(source, (left, top, right, bottom), size)
        except (KeyError, TypeError, ValueError) as error:
            raise _bad_row(path, number, error) from None
    return frames


def write_frames(path: Path, frames: Frames) -> None:
    """Replace the list of frames. Raises ``StorageError``."""
    rows = (
        {
            "item": item,
            "subject": subject,
            "source_size": frame.source_size,
            "box": frame.box,
            "size": frame.size,
        }
        for (subject, item), frame in sorted(frames.items(), key=lambda entry: entry[0])
    )
    _write(path, rows)


def read_sources(path: Path) -> list[Source]:
    """The sources in file order; [] without the file. Raises ``InputError`` naming the line."""
    sources = []
    for number, row in _rows(path):
        try:
            sources.append(
                Source(
                    str(row["item"]),
                    str(row["subject"]),
                    str(row["path"]),
                    str(row["sha256"]),
                    None if row["size_bytes"] is None else int(row["size_bytes"]),
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _bad_row(path, number, error) from None
    return sources


def write_sources(path: Path, sources: Iterable[Source]) -> None:
    """Replace the list of sources. Raises ``StorageError``."""
    _write(path, map(asdict, sorted(sources, key=lambda s: (s.subject, s.item))))


def _rows(path: Path) -> Iterable[tuple[int, dict[str, Any]]]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}.") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                # names that are not UTF-8 stand in the list as they are on the disk
                row = json.loads(line.decode("utf-8", "surrogateescape"))
            except (ValueError, RecursionError) as error:
                raise _bad_row(path, number, error) from None
            if not isinstance(row, dict):
                raise _bad_row(path, number, ValueError("not an object"))
            yield number, row


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_atomic(path, text.encode("utf-8", "surrogateescape"))


def _bad_row(path: Path, number: int, error: Exception) -> InputError:
    return InputError(
        f"{path}, line {number}: {error}.",
        code="bad_record",
        hint="Remove the file; it is written again with the next preprocess.",
    )
