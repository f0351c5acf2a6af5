"""Lists of who wears what: reading, making and writing them.

Two forms are read: ``<person>.jpg <garment>.jpg`` (VITON, CP-VTON, VITON-HD, ACGPN; stems without
extension too; a TAB where names hold spaces) and MPV's four TAB-separated columns, the picture of
the person, the picture with the wanted pose, the garment, and the split.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.atomic import write_atomic
from pipelines.datasets.naming import find_item, without_extension
from pipelines.errors import InputError, ListError, UsageError
from pipelines.types import ItemId

KINDS = ("paired", "unpaired", "all")
"""What ``make_pairs`` makes: everyone in the own garment, in another's, or in every garment."""

_MAX_BYTES = 200_000_000
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_EXAMPLE = "A line reads: person.jpg garment.jpg"


@dataclass(frozen=True, order=True, slots=True)
class Pair:
    """A person to be dressed in a garment, with the line of the list it came from.

    ``pose`` is the item whose pose the person is to take (MPV lists), or "".
    """

    person: ItemId
    garment: ItemId
    pose: ItemId = ItemId("")
    line: int = 0


def read_pairs(
    path: Path,
    *,
    persons: Collection[str] | None = None,
    garments: Collection[str] | None = None,
    split: str | None = None,
    nested: bool = False,
) -> list[Pair]:
    """The pairs of a list file, in its order, each once.

    With ``persons`` and ``garments`` (item ids) every name must be one of them, given as an id or
    as the name of its file; without, ids are file names without extension. ``split`` keeps the
    lines of one split of a four-column list; ``nested`` allows names of the form
    ``<product>/<file>``. Raises ``InputError`` for a file that cannot be read and ``ListError``
    (codes ``bad_row``, ``bad_name``, ``unknown_item``, ``no_pairs``) that names the line.
    """
    pairs: dict[tuple[str, str, str], Pair] = {}
    rows = scan_pairs(path, persons=persons, garments=garments, split=split, nested=nested)
    for row in rows:
        if isinstance(row, ListError):
            raise row
        pairs.setdefault((row.person, row.garment, row.pose), row)
    if not pairs:
        raise ListError(f"{path}: there is no pair in it.", code="no_pairs", hint=_EXAMPLE)
    return list(pairs.values())


def scan_pairs(
    path: Path,
    *,
    persons: Collection[str] | None = None,
    garments: Collection[str] | None = None,
    split: str | None = None,
    nested: bool = False,
) -> Iterator[Pair | ListError]:
    """Every row of a list file as ``read_pairs`` reads it; a bad row is given, not raised.

    Raises ``InputError`` for a file that cannot be read, ``ListError`` for one that is not text.
    """
    people, clothes = _lookup(persons), _lookup(garments)
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            person, garment, pose, of_split = _columns(line, where)
            if split is not None and of_split not in (split, ""):
                continue
            for name in filter(None, (person, garment, pose)):
                _check_name(name, where, nested=nested)
            yield Pair(
                _resolve(person, people, "person", where),
                _resolve(garment, clothes, "garment", where),
                _resolve(pose, people, "person", where) if pose else ItemId(""),
                number,
            )
        except ListError as error:
            yield error


def make_pairs(
    persons: Iterable[str], garments: Iterable[str], kind: str = "unpaired", *, seed: int = 0
) -> list[Pair]:
    """Pairs of each person with the own garment, with one other garment, or with every one.

    Equal items and an equal ``seed`` give equal pairs, on every machine. A person without an own
    garment is left out of ``paired``. Raises ``UsageError`` for another kind, ``ListError``
    (``no_pairs``) where no pair can be made.
    """
    people, clothes = sorted(set(persons)), sorted(set(garments))
    if kind == "paired":
        owned = ((person, own_garment(person, clothes)) for person in people)
        pairs = [Pair(ItemId(p), ItemId(g)) for p, g in owned if g is not None]
    elif kind == "unpaired":
        pairs = _unpaired(people, clothes, seed)
    elif kind == "all":
        pairs = [Pair(ItemId(p), ItemId(g)) for p in people for g in clothes]
    else:
        raise UsageError(f"not a kind of pairs: {kind!r}", hint=f"Known: {', '.join(KINDS)}.")
    if not pairs:
        raise ListError(
            f"no {kind} pairs: {len(people)} persons and {len(clothes)} garments.",
            code="no_pairs",
            hint="Paired needs a garment with the person's name; unpaired needs another one.",
        )
    return pairs


def make_triples(
    persons: Iterable[str], garments: Iterable[str], kind: str = "paired", *, seed: int = 0
) -> list[Pair]:
    """MPV triples: each pair of ``make_pairs`` with every other picture of the same person."""
    people = sorted(set(persons))
    views: dict[str, list[str]] = {}
    for person in people:
        views.setdefault(_garment_key(person), []).append(person)
    triples = [
        Pair(pair.person, pair.garment, ItemId(pose))
        for pair in make_pairs(people, garments, kind, seed=seed)
        for pose in views[_garment_key(pair.person)]
        if pose != pair.person
    ]
    if not triples:
        raise ListError(
            "no triples: no person is shown in two poses.",
            code="no_pairs",
            hint="Pictures of one person share the name up to the @.",
        )
    return triples


def both_directions(triples: Iterable[Pair]) -> list[Pair]:
    """MPV triples for training: each from its first picture to its second, and back.

    A line says that both pictures show one person in the garment, so that either is the truth for
    the other. Each triple occurs once; a pair without a pose of another picture is left out.
    """
    found: dict[tuple[str, str, str], Pair] = {}
    for one in triples:
        if one.pose in ("", one.person):
            continue
        for turned in (one, Pair(one.pose, one.garment, one.person, one.line)):
            found.setdefault((turned.person, turned.garment, turned.pose), turned)
    return list(found.values())


def write_pairs(
    path: Path, pairs: Iterable[Pair], *, suffix: str = ".jpg", split: str = "test"
) -> None:
    """Write a list that ``read_pairs`` and the published readers read.

    Pairs with a pose become four-column lines; such a list holds every split, so the lines of
    other splits that ``path`` has already stay. Raises ``StorageError``.
    """
    lines = [_line(pair, suffix, split) for pair in pairs]
    if any("\t" in line for line in lines) and path.is_file():
        columns = ((line, line.split("\t")) for line in _lines(path))
        lines += [f"{line}\n" for line, c in columns if len(c) == 4 and c[3].strip() != split]
    write_atomic(path, "".join(lines).encode())


def own_garment(person: str, garments: Collection[str]) -> str | None:
    """The garment that a person wears, judged by the published naming rules; None if unknown.

    VITON-HD gives both one name, VITON and its followers end them in ``_0`` and ``_1``, MPV has
    them share the name up to the ``@``.
    """
    if person in garments:
        return person
    if person.endswith("_0") and person[:-1] + "1" in garments:
        return person[:-1] + "1"
    if "@" in person:
        key = _garment_key(person)
        return next((g for g in sorted(garments) if "@" in g and _garment_key(g) == key), None)
    return None


def _unpaired(people: list[str], clothes: list[str], seed: int) -> list[Pair]:
    order = sorted(clothes, key=lambda name: _rank(seed, name))
    pairs, turn = [], 0
    for person in sorted(people, key=lambda name: _rank(seed, name)):
        own = own_garment(person, clothes)
        others = (order[(turn + step) % len(order)] for step in range(len(order)))
        garment = next((g for g in others if g != own), None)
        turn += 1
        if garment is not None:
            pairs.append(Pair(ItemId(person), ItemId(garment)))
    return sorted(pairs)


def _rank(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogateescape")).digest()


def _garment_key(name: str) -> str:
    return name.partition("@")[0]


def _line(pair: Pair, suffix: str, split: str) -> str:
    person, garment = pair.person + suffix, pair.garment + suffix
    if pair.pose:
        return f"{person}\t{pair.pose}{suffix}\t{garment}\t{split}\n"
    return f"{person}{chr(9) if ' ' in person + garment else ' '}{garment}\n"


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path}: over {_MAX_BYTES // 10**6} MB.", code="too_large")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: the list cannot be read: {error.strerror}.",
            code="no_list",
            hint="Make one with: vtonctl pairs ROOT",
        ) from error
    try:
        return re.split(r"\r\n|\n|\r", data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise ListError(
            f"{path}, line {number}: not UTF-8 text.", code="bad_row", hint="Save it as UTF-8."
        ) from None


def _columns(line: str, where: str) -> tuple[str, str, str, str]:
    """Person, garment, pose and split; the last two are "" in a list of pairs."""
    parts = line.split("\t") if "\t" in line.strip() else line.split()
    columns = [part.strip(" ") for part in parts]
    if len(columns) == 2 and all(columns):
        return columns[0], columns[1], "", ""
    if len(columns) == 4 and all(columns) and "\t" in line:
        return columns[0], columns[2], columns[1], columns[3]
    raise ListError(
        f"{where}: two names are wanted, found {len(columns)}: {_shown(line)}.",
        code="bad_row",
        hint=_EXAMPLE,
    )


def _check_name(name: str, where: str, *, nested: bool) -> None:
    parts = name.split("/")
    reason = ""
    if any(unicodedata.category(c) == "Cc" or c in _BIDI for c in name):
        reason = "it holds a control character"
    elif name.startswith(("/", "~")) or "\\" in name or re.match(r"[A-Za-z]:", name):
        reason = "it is a path"
    elif any(part in ("", ".", "..") for part in parts) or len(parts) > 1 + nested:
        reason = "it leads to another folder"
    elif len(name.encode()) > 255:
        reason = "it is longer than 255 bytes"
    if reason:
        raise ListError(
            f"{where}: {_shown(name)} is not an item: {reason}.",
            code="bad_name",
            hint="Give the file's name as it stands in the data set, without folder.",
        )


def _lookup(items: Collection[str] | None) -> frozenset[str] | None:
    return None if items is None else frozenset(items)


def _resolve(name: str, items: frozenset[str] | None, kind: str, where: str) -> ItemId:
    if items is None:
        return ItemId(without_extension(name))
    item = find_item(name, items)
    if item is None:
        near = difflib.get_close_matches(without_extension(name), sorted(items)[:20000], n=1)
        raise ListError(
            f"{where}: there is no {kind} {_shown(name)}.",
            code="unknown_item",
            hint=f"Did you mean {near[0]}?" if near else f"There are {len(items)} {kind}s.",
        )
    return item


def _shown(text: str) -> str:
    short = text if len(text) <= 80 else text[:77] + "..."
    return repr(short) if short.isprintable() else ascii(short)
