"""``frames.jsonl`` and ``sources.jsonl`` of a data-set root, written anew from the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipelines.atomic import write_atomic
from pipelines.layout import Artifact, frames_path, sources_path
from pipelines.stage import Subject
from pipelines.store_path import as_store, listed
from pipelines.types import Frame, Size
from vtonctl.runs.dataroot import DataRoot
from vtonctl.runs.filehash import FileState, HashCache, sha256_of
from vtonctl.runs.ledger import Row
from vtonctl.runs.session import Session

_FRAMING = {Subject.PERSON: "frame", Subject.GARMENT: "garment-frame"}


def write_root_lists(session: Session, data: DataRoot) -> None:
    """Write both files. Raises ``StorageError``."""
    rows = session.recorder(data.scope).rows
    with listed():
        frames, sources = _lines(session, data, rows)
    write_lines(frames_path(data.root), frames, session.hashes)
    write_lines(sources_path(data.root), sources, session.hashes)
    session.store_hashes()


def _lines(
    session: Session, data: DataRoot, rows: Mapping[tuple[str, str], Row]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Frames and sources."""
    frames, sources = [], []
    for subject, stage in _FRAMING.items():
        photos = session.ledger.sources(data.scope, subject.value)
        for item, path in sorted(photos.items()):
            row = rows.get((stage, item))
            if row and row.status == "done":
                sources.append(_source_line(item, subject, path, row))
                frame = row.record.get("frame", {})
                frames.append({"item": item, "subject": subject.value, **frame})
    return frames, sources


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]], hashes: HashCache) -> None:
    """Write a file of JSON lines atomically; left alone if nothing changed or there are none."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    data = text.encode("utf-8", "backslashreplace")  # file names need not be Unicode; JSON must
    if not _holds(path, data, hashes) and (data or path.exists()):
        write_atomic(path, data)
        if as_store(path):
            found = path.stat()
            state = FileState(sha256_of(data), found.st_size, found.st_mtime_ns)
            hashes.learn({str(path): state})


def _holds(path: Path, data: bytes, hashes: HashCache) -> bool:
    """Whether this is what the file has; an object is not read for it if it is as we left it."""
    with suppress(OSError):
        if as_store(path):
            return hashes.state(path).sha256 == sha256_of(data)
        return path.read_bytes() == data
    return False


def read_frame(row: Row | None) -> Frame | None:
    """The frame that a framing stage recorded, if it did."""
    try:
        record = row.record["frame"] if row else {}
        left, top, right, bottom = record["box"]
        return Frame(
            Size(*record["source_size"]), (left, top, right, bottom), Size(*record["size"])
        )
    except (KeyError, TypeError, ValueError):
        return None


def _source_line(item: str, subject: Subject, path: Path, row: Row) -> dict[str, Any]:
    try:
        size = path.stat().st_size
    except OSError:
        size = None
    return {
        "item": item,
        "subject": subject.value,
        "path": str(path.absolute()),
        "sha256": row.inputs.get(Artifact.SOURCE.value, ""),
        "size_bytes": size,
    }
