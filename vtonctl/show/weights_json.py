"""The document of ``vtonctl weights --json``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vtonctl.show.document import Document, Part

if TYPE_CHECKING:
    from pipelines.checkpoint_check import Problem
    from pipelines.checkpoint_manifest import Entry

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


class WeightsDocument(Document):
    """The weights that the package carries."""

    folder: str
    ok: bool
    weights: tuple[WeightsEntry, ...]
    choices: tuple[WeightsChoice, ...]
    problems: tuple[WeightsProblem, ...]


def weights_document(
    folder: Path, entries: Sequence[Entry], problems: Sequence[Problem], *, verified: bool
) -> WeightsDocument:
    """The document; ``problems`` are what ``verified`` says was looked for."""
    return WeightsDocument(
        command="weights",
        folder=str(folder),
        ok=not problems,
        weights=tuple(_entry(entry, problems if verified else None) for entry in entries),
        choices=_choices(entries),
        problems=tuple(
            WeightsProblem(name=p.name, file=p.path.name, message=p.message) for p in problems
        ),
    )


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
