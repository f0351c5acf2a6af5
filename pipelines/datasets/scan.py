"""Finding the photos below a folder; nothing is opened, content is judged when it is read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn, cast

from pipelines.errors import InputError
from pipelines.store_path import StorePath, as_store

_JUNK = frozenset({"thumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "vtonctl.toml"})


def photo_files(folder: Path) -> list[Path]:
    """Every file below ``folder``, in a fixed order.

    Hidden files and folders and what operating systems leave behind are skipped. A link to a file
    counts as a file; links to folders are not followed, so the search never leaves the folder and
    never runs in circles. A file that is no photo is returned like any other: it is refused with
    a reason when it is read. Raises ``InputError``.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder}: there is no such folder.", code="no_folder", hint="Check the path."
        )
    remote = as_store(folder)
    found = _in_store(remote) if remote else _on_disk(folder)
    return sorted(found, key=lambda path: os.fsencode(path.relative_to(folder)))


def _on_disk(folder: Path) -> list[Path]:
    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=_refuse):
        here = Path(place)
        folders[:] = filter(_wanted, folders)
        found += [here / name for name in names if _wanted(name)]
    return found


def _in_store(folder: StorePath) -> list[Path]:
    try:
        found = folder.files_below()
    except OSError as error:
        _refuse(error)
    return [cast(Path, p) for p in found if all(map(_wanted, p.relative_to(folder).parts))]


def _wanted(name: str) -> bool:
    return not name.startswith(".") and name.lower() not in _JUNK


def _refuse(error: OSError) -> NoReturn:
    raise InputError(
        f"{error.filename}: cannot be searched: {error.strerror}.",
        code="no_folder",
        hint="Check its permissions.",
    ) from error
