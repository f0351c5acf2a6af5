"""``weights/manifest.toml``: which learned weights the project carries, and on what terms.

One table for each file of weights; see ``weights/README.md`` for an example. Imports no array
library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from pipelines.errors import ListError
from pipelines.toml_file import read_toml

MANIFEST_NAME = "manifest.toml"
SUFFIX = ".safetensors"
OPEN, RESEARCH = "open", "research"
TIERS = (OPEN, RESEARCH)
"""``open``: trained on openly licensed data only, free for commercial use; else ``research``."""

_KINDS = {"str": str, "int": int, "float": float}
T = TypeVar("T")


@dataclass(frozen=True)
class TrainingData:
    """A data set that weights were trained on, with the licence that its owners gave it."""

    name: str
    licence: str
    images: int
    """Pictures that were trained on."""


@dataclass(frozen=True)
class Figure:
    """One measured figure; larger is better. ``protocol`` says on what and how."""

    protocol: str
    metric: str
    value: float


@dataclass(frozen=True)
class Entry:
    """One file of weights."""

    name: str
    folder: Path
    """Folder of the manifest, in which the file and its card lie."""
    family: str
    """What can load it, for example ``parser.ours``."""
    sha256: str
    bytes: int
    tier: str
    """``open`` or ``research``."""
    licence: str
    """Licence of the weights themselves: a name, as short as it can be."""
    terms: str
    """What the licence allows and asks for, in a sentence."""
    label_set: str
    """Label set of the outputs (a class of ``pipelines.labels``)."""
    data: tuple[TrainingData, ...]
    figures: tuple[Figure, ...]
    """The first one decides which weights of a family are the best."""

    @property
    def path(self) -> Path:
        """The file of the weights."""
        return self.folder / f"{self.name}{SUFFIX}"

    @property
    def card(self) -> Path:
        """The model card."""
        return self.folder / f"{self.name}.md"


def read_manifest(folder: Path) -> dict[str, Entry]:
    """Entries by name, in the order of the file. Raises ``ListError`` that names what is wrong."""
    path = folder / MANIFEST_NAME
    try:
        tables = read_toml(path)
    except (OSError, ValueError) as error:
        raise _bad(f"{path}: cannot be read as TOML: {error}") from None
    return {name: _entry(folder, name, table) for name, table in tables.items()}


def _entry(folder: Path, name: str, table: Any) -> Entry:
    where = f"{folder / MANIFEST_NAME}: [{name}]"
    if not isinstance(table, dict):
        raise _bad(f"{where}: wanted a table for each file of weights, found {table!r}")
    values = dict(table)
    for key, kind in (("data", TrainingData), ("figures", Figure)):
        rows = values.get(key, [])
        if not isinstance(rows, list):
            raise _bad(f"{where}: {key} must be a list of tables, [[{name}.{key}]]")
        values[key] = tuple(_checked(f"{where} {key}", row, kind) for row in rows)
    made = _checked(where, {**values, "name": name, "folder": folder}, Entry)
    if made.tier not in TIERS:
        raise _bad(f"{where}: tier = {made.tier!r}; wanted {' or '.join(TIERS)}")
    if len(made.sha256) != 64 or set(made.sha256) - set("0123456789abcdef"):
        raise _bad(f"{where}: sha256 = {made.sha256!r}; wanted 64 hexadecimal digits")
    if not made.figures or not made.data:
        raise _bad(f"{where}: at least one of data and one of figures are needed")
    return made


def _checked(where: str, values: Any, kind: type[T]) -> T:
    """Build a dataclass of exactly its keys, each of its type."""
    if not isinstance(values, Mapping):
        raise _bad(f"{where}: wanted a table, found {values!r}")
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]  # each kind is a dataclass
    if unknown := [key for key in values if key not in known]:
        raise _bad(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(known)}")
    for key, field in known.items():
        if key not in values:
            if field.default is MISSING:
                raise _bad(f"{where}: {key} is missing")
            continue
        wanted = _KINDS.get(str(field.type))
        value = values[key]
        fits = isinstance(value, (int, float) if wanted is float else wanted or object)
        if not fits or (wanted is not None and isinstance(value, bool)):
            raise _bad(f"{where}: {key} = {value!r}; wanted {field.type}")
    return kind(**values)


def _bad(message: str) -> ListError:
    return ListError(message, code="bad_manifest", hint="See weights/README.md for the form.")
