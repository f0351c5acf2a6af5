"""Item ids from file names: portable, unique, and never changed by another file.

An id depends on the file's own path below the photos folder and on nothing else, so adding or
removing files renames no item. ``portrait.jpg`` becomes ``portrait``; another extension stays
visible (``portrait.png`` -> ``portrait_png``); whatever is not portable is replaced and marked
with ten digits of a hash of the path (``Größe.jpg`` -> ``Grosse-99b4cc8d6d``).
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Container, Iterable
from pathlib import Path, PurePath

from pipelines.errors import ListError
from pipelines.types import ItemId

MAX_LENGTH = 96
"""Longest id: two of them, a separator and a suffix fit into 255 bytes."""

PAIR_SEPARATOR = "__"
"""Between person and garment in the id of a try-on item; never inside an id of ``item_ids``."""

_EXTENSIONS = frozenset("jpg jpeg jpe jfif png webp gif bmp tif tiff avif heic heif mpo".split())
_WINDOWS = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)
_MARK = re.compile(r"-[0-9a-f]{10}")
_UNLIKE_ASCII = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "ł": "l", "đ": "d"})


def item_ids(paths: Iterable[Path], base: Path) -> dict[Path, ItemId]:
    """The id of each file, all different; ``paths`` lie below ``base``.

    Raises ``ListError`` (code ``name_clash``) where two files would get one id, which takes a
    name made for the purpose, and ``bad_name`` for a path outside ``base``.
    """
    ids = {path: item_id(_below(path, base)) for path in paths}
    first: dict[ItemId, Path] = {}
    for path, item in ids.items():
        if first.setdefault(item, path) != path:
            raise ListError(
                f"{_shown(first[item])} and {_shown(path)} would both be called {item!r}.",
                code="name_clash",
                hint="Rename one of them.",
            )
    return ids


def item_id(relative: PurePath) -> ItemId:
    """The id of a file at this path relative to the folder of photos."""
    stem, extension = relative.stem, relative.suffix[1:]
    if extension.lower() not in _EXTENSIONS:
        stem, extension = relative.name, "jpg"
    plain = _portable(stem)
    if len(relative.parts) == 1 and plain == stem and _is_free(stem):
        whole = stem if extension == "jpg" else f"{stem}_{extension}"
        if len(whole) <= MAX_LENGTH and relative.suffix:
            return ItemId(whole)
    digest = hashlib.sha256(os.fsencode(relative.as_posix())).hexdigest()[:10]
    words = _portable("-".join((*relative.parts[:-1], stem)))
    words = words[: MAX_LENGTH - len(digest) - 1].rstrip("_-") or "photo"
    return ItemId(f"{words}-{digest}")


def tryon_id(person: str, garment: str, pose: str = "") -> ItemId:
    """The id of a person dressed in a garment, in a named pose if there is one."""
    return ItemId(PAIR_SEPARATOR.join(filter(None, (person, garment, pose))))


def require_distinct(pairs: Iterable[tuple[str, str]]) -> None:
    """Make sure that no two pairs share a try-on id. Raises ``ListError`` (``name_clash``).

    Ids of ``item_ids`` never clash; the names of a data set made elsewhere may (``a__b`` in ``c``
    and ``a`` in ``b__c``), also where a file system ignores case.
    """
    first: dict[str, tuple[str, str]] = {}
    for pair in pairs:
        earlier = first.setdefault(tryon_id(*pair).casefold(), pair)
        if earlier != pair:
            raise ListError(
                f"{earlier[0]} in {earlier[1]} and {pair[0]} in {pair[1]} would both be written "
                f"to {tryon_id(*pair)}.",
                code="name_clash",
                hint="Rename one of the four.",
            )


def find_item(name: str, items: Container[str]) -> ItemId | None:
    """The item that a name in a list means: its id, its file name, or its stem; else None."""
    candidates = [name, without_extension(name)]
    if "\0" not in name:
        candidates.insert(1, item_id(PurePath(name)))
    return next((ItemId(c) for c in candidates if c in items), None)


def is_picture_name(name: str) -> bool:
    """Whether a file name has a picture's extension."""
    return without_extension(name) != name


def without_extension(name: str) -> str:
    """A file name without a picture's extension; any other dot belongs to the name."""
    stem, dot, extension = name.rpartition(".")
    return stem if dot and stem and extension.lower() in _EXTENSIONS else name


def _is_free(stem: str) -> bool:
    """Whether a portable stem cannot be mistaken for a name that this module makes."""
    _, underscore, end = stem.rpartition("_")
    looks_made = _MARK.fullmatch(stem[-11:]) or (underscore and end.lower() in _EXTENSIONS)
    return bool(stem) and not looks_made and not _WINDOWS.fullmatch(stem)


def _portable(text: str) -> str:
    text = unicodedata.normalize("NFKD", text.translate(_UNLIKE_ASCII))
    text = "".join(c for c in text if not unicodedata.combining(c))
    text = re.sub(r"[^A-Za-z0-9_-]+", "-", text)
    return re.sub(r"__+", "_", text).strip("_-")


def _below(path: Path, base: Path) -> PurePath:
    try:
        return path.relative_to(base)
    except ValueError:
        raise ListError(
            f"{_shown(path)} is not inside {_shown(base)}.",
            code="bad_name",
            hint="Give files of one folder.",
        ) from None


def _shown(path: Path) -> str:
    """A path fit for a message: no control characters, no broken encoding."""
    return ascii(str(path)) if not str(path).isprintable() else str(path)
