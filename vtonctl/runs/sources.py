"""Which items a run is about, and which photo each is made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipelines.datasets.naming import item_ids
from pipelines.datasets.scan import photo_files
from pipelines.errors import InputError
from pipelines.stage import Subject
from pipelines.store_path import listed
from vtonctl.runs.dataroot import DataRoot
from vtonctl.runs.session import Session


def find_items(
    session: Session, data: DataRoot, subject: Subject, folder: Path | None
) -> dict[str, Path | None]:
    """Items of a run, sorted, each with its photo if there is one.

    Without a folder these are the items of the root, and those that an earlier run made from
    photos that are still there. Raises ``InputError`` for a folder without files, ``ListError``
    for names that clash.
    """
    if folder is not None:
        ids = item_ids(photo_files(folder), folder)
        photos = {str(item): path for path, item in ids.items()}
        if not photos:
            raise InputError(f"{folder}: there are no photos in it.", hint="Give another folder.")
        session.ledger.set_sources(data.scope, subject.value, photos)
        return {item: photos[item] for item in sorted(photos)}
    earlier = session.ledger.sources(data.scope, subject.value)
    there = alive(earlier)
    return {item: there.get(item) for item in sorted({*data.items(subject), *there})}


def alive(sources: Mapping[str, Path]) -> dict[str, Path]:
    """Those whose photo is still there."""
    with listed():
        return {item: path for item, path in sources.items() if path.is_file()}
