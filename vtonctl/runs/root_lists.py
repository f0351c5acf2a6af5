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
from pipelines.types import Frame, Size
from vtonctl.runs.dataroot import DataRoot
from vtonctl.runs.ledger import Row
from vtonctl.runs.session import Session

_FRAMING = {Subject.PERSON: "frame", Subject.GARMENT: "garment-frame"}


def write_root_lists(session: Session, data: DataRoot) -> None:
    """Write both files. Raises ``StorageError``."""
    rows = session.recorder(data.scope).rows
    frames, sources = [], []
    for subject, stage in _FRAMING.items():
        photos = session.ledger.sources(data.scope, subject.value)
        for item, path in sorted(photos.items()):
            row = rows.get((stage, item))
            if row and row.status == "done":
                sources.append(_source_line(item, subject, path, row))
                frame = row.record.get("frame", {})
                frames.append({"item": item, "subject": subject.value, **frame})
    write_lines(frames_path(data.root), frames)
    write_lines(sources_path(data.root), sources)


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write a file of JSON lines atomically; left alone if nothing changed or there are none."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    data = text.encode("utf-8", "backslashreplace")  # file names need not be Unicode; JSON must
    with suppress(OSError):
        if path.read_bytes() == data:
            return
    if data or path.exists():
        write_atomic(path, data)


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
