"""Whether the manifest, the files of weights, their metadata and their model cards agree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.checkpoint_files import check_file, read_metadata, tensor_types
from pipelines.checkpoint_manifest import SUFFIX, Entry
from pipelines.errors import InputError

MAX_BYTES = 40_000_000
CARD_SECTIONS = ("Use", "Data", "Recipe", "Figures", "Limits", "Licence")
"""Headings (``## ...``) that every model card has."""
_WIDE_TYPES = frozenset({"F64", "F32", "BF16"})
_REQUIRED = ("config", "figures", "code_version")
_PARSERS = "parser"
_NO_CARDS = frozenset({"README"})


@dataclass(frozen=True)
class Problem:
    """What is wrong with a file; ``damaged``: its bytes are not those of the manifest."""

    name: str
    """Name of the weights, or of a file that belongs to none."""
    path: Path
    message: str
    damaged: bool = False


def check_weights(folder: Path, entries: Sequence[Entry]) -> list[Problem]:
    """All that is wrong in a folder of weights; empty if nothing is."""
    return [
        *(problem for entry in entries for problem in check_entry(entry)),
        *_strangers(folder, {entry.name for entry in entries}),
        *_not_comparable(entries),
    ]


def check_entry(entry: Entry) -> list[Problem]:
    """What is wrong with one entry: its file, what the file says of itself, its card."""
    try:
        check_file(entry.path, entry.sha256, entry.bytes)
        problems = [*_file(entry), *_metadata(entry)]
    except InputError as error:
        message = error.message.removeprefix(f"{entry.path}: ")
        problems = [Problem(entry.name, entry.path, message, damaged=True)]
    return [*problems, *_card(entry)]


def _file(entry: Entry) -> Iterator[Problem]:
    if entry.bytes > MAX_BYTES:
        words = f"{entry.bytes / 1e6:.1f} MB; the package carries up to {MAX_BYTES / 1e6:.0f} MB"
        yield Problem(entry.name, entry.path, words)
    # statistics of normalisation are few and may need the range of single precision
    types = {name: kind for name, (kind, shape) in tensor_types(entry.path).items() if shape[1:]}
    if wide := [name for name, kind in types.items() if kind in _WIDE_TYPES]:
        words = f"{len(wide)} arrays are not F16, for example {wide[0]} ({types[wide[0]]})"
        yield Problem(entry.name, entry.path, words)


def _metadata(entry: Entry) -> Iterator[Problem]:
    about = read_metadata(entry.path)
    for key in _REQUIRED:
        if not about.get(key):
            yield Problem(entry.name, entry.path, f"its metadata have no {key}")
    for key in ("config", "figures", "data"):
        try:
            json.loads(about.get(key) or "null")
        except ValueError:
            yield Problem(entry.name, entry.path, f"{key} in its metadata is not JSON")
            return
    wanted = {"family": entry.family, "tier": entry.tier, "label_set": entry.label_set}
    for key, value in wanted.items():
        if about.get(key, "") != value:
            words = f"its metadata say {key} = {about.get(key, '')!r}, the manifest {value!r}"
            yield Problem(entry.name, entry.path, words)
    told = {str(d.get("name")): d.get("licence") for d in json.loads(about.get("data") or "[]")}
    listed = {d.name: d.licence for d in entry.data}
    if told != listed:
        words = f"its metadata name as data {told}, the manifest {listed}"
        yield Problem(entry.name, entry.path, words)


def _card(entry: Entry) -> Iterator[Problem]:
    try:
        text = entry.card.read_text("utf-8")
    except (OSError, ValueError):
        yield Problem(entry.name, entry.card, "the model card is missing or unreadable")
        return
    headings = {line[3:].strip() for line in text.splitlines() if line.startswith("## ")}
    if lacking := [section for section in CARD_SECTIONS if section not in headings]:
        yield Problem(entry.name, entry.card, f"no section {', '.join(lacking)}")
    flat = " ".join(text.split())
    facts = [entry.name, entry.family, f"tier: {entry.tier}", entry.licence, entry.label_set]
    facts += [words for data in entry.data for words in (data.name, data.licence)]
    facts += [words for f in entry.figures for words in (f.protocol, f.metric, str(f.value))]
    for fact in dict.fromkeys(facts):
        if fact and fact.lower() not in flat.lower():
            yield Problem(entry.name, entry.card, f"does not say {fact!r}, as the manifest does")


def _strangers(folder: Path, names: set[str]) -> Iterator[Problem]:
    """Weights and cards that the manifest does not know."""
    for path in sorted(folder.iterdir()):
        known = path.stem in names | (_NO_CARDS if path.suffix == ".md" else set())
        if path.suffix in (SUFFIX, ".md") and not known:
            yield Problem(path.name, path, "is not in the manifest")


def _not_comparable(entries: Sequence[Entry]) -> Iterator[Problem]:
    """Weights that stand in for each other must be judged by the same figure."""
    first: dict[str, Entry] = {}
    for entry in entries:
        kind, _, part = entry.family.partition(".")
        # one parser stands in for another; the networks of a system have parts of their own
        other = first.setdefault(kind if kind == _PARSERS else f"{kind}.{part}", entry)
        mine, its = entry.figures[0], other.figures[0]
        if (mine.protocol, mine.metric) != (its.protocol, its.metric):
            words = f"its first figure cannot be compared with that of {other.name}"
            yield Problem(entry.name, entry.path, words)
