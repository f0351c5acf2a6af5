"""The document of ``vtonctl weights --json``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vtonctl.show.document import Document, Part

if TYPE_CHECKING:
    from pipelines.checkpoint_check import Problem
    from pipelines.checkpoint_import import Imported
    from pipelines.checkpoint_manifest import Entry
    from pipelines.errors import VtonError

AUTO = "parser"
"""Name of the choice between all parsers (``--parser auto``)."""


class TrainedOn(Part):
    """A data set that weights were trained on."""

    name: str
    licence: str
    images: int


class MeasuredFigure(Part):
    """One figure; larger is better."""

    protocol: str
    metric: str
    value: float


class WeightsEntry(Part):
    """One file of weights."""

    name: str
    family: str
    state: Literal["present", "absent", "whole", "wrong", "damaged"]
    """``present`` and ``absent`` are seen at a glance; the others are what ``verify`` found."""
    tier: Literal["open", "research"]
    licence: str
    terms: str
    label_set: str
    file: str
    bytes: int
    sha256: str
    data: tuple[TrainedOn, ...]
    figures: tuple[MeasuredFigure, ...]


class WeightsProblem(Part):
    """What is wrong with a file."""

    name: str
    file: str
    message: str


class WeightsChoice(Part):
    """Which weights of a family are taken, and which with ``--commercial``; null: none."""

    family: str
    taken: str | None
    commercial: str | None


class UserWeights(Part):
    """A file in the user's own folder; all but name and file is empty if it cannot be read."""

    name: str
    file: str
    family: str
    tier: str
    licence: str


class WeightsDocument(Document):
    """The weights that the package carries, and with ``list`` those that the user imported."""

    folder: str
    ok: bool
    weights: tuple[WeightsEntry, ...]
    imported: tuple[UserWeights, ...]
    choices: tuple[WeightsChoice, ...]
    problems: tuple[WeightsProblem, ...]


class ImportedWeights(Part):
    """Weights that were made of a checkpoint."""

    source: str
    name: str
    file: str
    family: str
    network: str
    precision: Literal["fp16", "fp32"]
    bytes: int
    sha256: str
    tier: Literal["research"] = "research"
    licence: str


class ImportFailure(Part):
    """A checkpoint that was not imported, and why."""

    source: str
    code: str
    message: str
    hint: str


class ImportDocument(Document):
    """What ``weights import`` made; ``usable_as`` is what ``--weights`` takes."""

    folder: str
    imported: tuple[ImportedWeights, ...]
    usable_as: tuple[str, ...]
    failures: tuple[ImportFailure, ...]


def import_document(
    folder: Path,
    made: Sequence[Imported],
    failed: Sequence[tuple[Path, VtonError]],
    *,
    by_name: bool,
) -> ImportDocument:
    """The document of an import; ``by_name``: the folder is the one where names are looked up."""
    return ImportDocument(
        command="weights",
        folder=str(folder),
        imported=tuple(
            ImportedWeights(
                source=str(one.source),
                name=one.name,
                file=str(one.path),
                family=one.family,
                network=one.words,
                precision="fp16" if one.precision == "fp16" else "fp32",
                bytes=one.bytes,
                sha256=one.sha256,
                licence=one.licence,
            )
            for one in made
        ),
        usable_as=tuple(one.name if by_name else str(one.path) for one in made),
        failures=tuple(
            ImportFailure(source=str(path), code=e.code, message=e.message, hint=e.hint)
            for path, e in failed
        ),
    )


def weights_document(
    folder: Path,
    entries: Sequence[Entry],
    problems: Sequence[Problem],
    *,
    verified: bool,
    own: Sequence[Path] = (),
) -> WeightsDocument:
    """The document; ``problems`` are what ``verified`` says was looked for, ``own`` the user's."""
    return WeightsDocument(
        command="weights",
        folder=str(folder),
        ok=not problems,
        weights=tuple(_entry(entry, problems if verified else None) for entry in entries),
        imported=tuple(map(_users, own)),
        choices=_choices(entries),
        problems=tuple(
            WeightsProblem(name=p.name, file=p.path.name, message=p.message) for p in problems
        ),
    )


def _users(path: Path) -> UserWeights:
    from pipelines.checkpoint_files import read_metadata
    from pipelines.errors import InputError

    try:
        about = read_metadata(path)
    except InputError:
        about = {}
    told = {key: about.get(key, "") for key in ("family", "tier", "licence")}
    return UserWeights(name=path.stem, file=str(path), **told)


def _entry(entry: Entry, problems: Sequence[Problem] | None) -> WeightsEntry:
    return WeightsEntry(
        name=entry.name,
        family=entry.family,
        state=_state(entry, problems),
        tier="open" if entry.tier == "open" else "research",
        licence=entry.licence,
        terms=entry.terms,
        label_set=entry.label_set,
        file=entry.path.name,
        bytes=entry.bytes,
        sha256=entry.sha256,
        data=tuple(TrainedOn(name=d.name, licence=d.licence, images=d.images) for d in entry.data),
        figures=tuple(
            MeasuredFigure(protocol=f.protocol, metric=f.metric, value=f.value)
            for f in entry.figures
        ),
    )


def _state(
    entry: Entry, problems: Sequence[Problem] | None
) -> Literal["present", "absent", "whole", "wrong", "damaged"]:
    if not entry.path.is_file():
        return "absent"
    if problems is None:
        return "present"
    own = [problem for problem in problems if problem.name == entry.name]
    if any(problem.damaged for problem in own):
        return "damaged"
    return "wrong" if own else "whole"


def _choices(entries: Sequence[Entry]) -> tuple[WeightsChoice, ...]:
    from pipelines.checkpoints import allowed
    from pipelines.preprocess.parser_choice import usable_parsers

    def first(families: Sequence[str], *, commercial: bool) -> str | None:
        found = allowed(entries, families, commercial=commercial)
        return found[0].name if found else None

    chosen = [
        WeightsChoice(
            family=family,
            taken=first([family], commercial=False),
            commercial=first([family], commercial=True),
        )
        for family in dict.fromkeys(entry.family for entry in entries)
    ]
    parsers = WeightsChoice(
        family=AUTO,
        taken=first([*usable_parsers(commercial=False)], commercial=False),
        commercial=first([*usable_parsers(commercial=True)], commercial=True),
    )
    return (*chosen, parsers)
