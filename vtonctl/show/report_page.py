"""The report as data, and its rendering to one self-contained HTML page.

The page loads nothing from outside: style and script are inlined and named by their hashes in a
Content-Security-Policy, thumbnails are embedded, full-size pictures are linked by relative
address. Every name is escaped by jinja2.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from pipelines.codecs import write_atomic
from vtonctl.show.jsonout import sentence

MATRIX_DENSITY = 0.25
"""A grid of persons x garments is shown when at least this share of its cells is filled."""
WIDEST_GRID = 60
"""Garments side by side in one of several pages."""


@dataclass(frozen=True)
class Picture:
    """A picture of a card: its name, its embedded thumbnail and the address of its file."""

    name: str
    thumb: str
    href: str = ""


@dataclass(frozen=True)
class Side:
    """A person or a garment of the grid."""

    key: str
    picture: Picture


@dataclass(frozen=True)
class Card:
    """One item: its pictures, its score and doubts, or why there is none."""

    item: str
    state: str
    """``good``, ``flagged`` or ``failed``."""
    pictures: tuple[Picture, ...]
    person: str = ""
    garment: str = ""
    pose: str = ""
    """Name of the pose that the person was to take; empty = their own."""
    score: float | None = None
    """Quality in 0..1; None = not judged."""
    flags: tuple[str, ...] = ()
    reason: str = ""
    hint: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    """Further lines for the large view: name and value."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """The flags in words."""
        return tuple(sentence(code) for code in self.flags)


@dataclass(frozen=True)
class Place:
    """Where a page stands among those of a report; addresses are relative to it."""

    number: int
    """From 1; 0 of a page that shows some results apart."""
    pages: int
    counts: Mapping[str, int]
    """Number of results of all pages in each state."""
    first: str = ""
    previous: str = ""
    next: str = ""
    folder: str = ""
    """Of the other pages, with a slash at its end; empty for a page within it."""
    apart: tuple[str, ...] = ()
    """What is shown apart: ``worst``, ``failed``."""
    shown: str = ""
    """Which of them this page is."""


@dataclass(frozen=True)
class Contents:
    """All pages of a report."""

    title: str
    counts: Mapping[str, int]
    pages: tuple[tuple[str, str, str], ...]
    """Address, first and last item of each."""
    apart: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """A whole report, or one page of it; ``kind`` is ``tryon`` or ``dataset``."""

    kind: str
    title: str
    facts: tuple[str, ...]
    cards: tuple[Card, ...]
    persons: tuple[Side, ...] = ()
    garments: tuple[Side, ...] = ()
    place: Place | None = None
    """None of a report in one page."""

    @property
    def counts(self) -> dict[str, int]:
        """Number of cards in each state."""
        found = Counter(card.state for card in self.cards)
        return {state: found[state] for state in ("good", "flagged", "failed")}

    @property
    def flag_counts(self) -> list[tuple[str, str, int]]:
        """Code, sentence and number of each flag, most frequent first."""
        found = Counter(code for card in self.cards for code in card.flags)
        return [(code, sentence(code), n) for code, n in found.most_common()]

    @property
    def poses(self) -> list[str]:
        """Names of the poses, sorted; "" among them where people are in their own, too."""
        return sorted({card.pose for card in self.cards})

    @property
    def has_matrix(self) -> bool:
        """Whether the pairs fill a grid of persons x garments well enough to show one."""
        if len(self.poses) > 1:
            return False  # a cell has room for one card
        if self.place and (self.place.shown or len(self.garments) > WIDEST_GRID):
            return False
        cells = len(self.persons) * len(self.garments)
        return cells > 1 and len(self.cards) >= MATRIX_DENSITY * cells

    @property
    def rows(self) -> list[tuple[Side, list[Card | None]]]:
        """The grid: for each person the card of each garment, or None."""
        place = {(card.person, card.garment): card for card in self.cards}
        return [
            (person, [place.get((person.key, garment.key)) for garment in self.garments])
            for person in self.persons
        ]


def render(page: Page) -> str:
    """The page as HTML."""
    here = files("vtonctl.show")
    style = here.joinpath("report.css").read_text("utf-8") + _thumb_rules(page)
    script = here.joinpath("report.js").read_text("utf-8")
    return _template("report.html.j2").render(
        page=page,
        numbers={card.item: number for number, card in enumerate(page.cards)},
        person_numbers={side.key: number for number, side in enumerate(page.persons)},
        garment_numbers={side.key: number for number, side in enumerate(page.garments)},
        style=Markup(style),  # noqa: S704 - our own file and base64
        script=Markup(script),  # noqa: S704 - our own file
        style_hash=_hash(style),
        script_hash=_hash(script),
        made=datetime.now(timezone.utc).astimezone().strftime("%d %B %Y, %H:%M"),
    )


def write(page: Page, path: Path) -> None:
    """Render the page into a file, replacing it in one step. Raises ``StorageError``."""
    write_atomic(path, render(page).encode("utf-8", "backslashreplace"))


def write_contents(contents: Contents, path: Path) -> None:
    """Write the list of all pages. Raises ``StorageError``."""
    style = files("vtonctl.show").joinpath("report.css").read_text("utf-8")
    text = _template("report_contents.html.j2").render(
        contents=contents,
        style=Markup(style),  # noqa: S704 - our own file
        style_hash=_hash(style),
    )
    write_atomic(path, text.encode("utf-8", "backslashreplace"))


@cache
def _template(name: str) -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(files("vtonctl.show").joinpath(name).read_text("utf-8"))


def _thumb_rules(page: Page) -> str:
    """Thumbnails that are shown many times are embedded once, as backgrounds of a class."""
    rules = [
        f".{letter}{number}{{background-image:url({side.picture.thumb})}}\n"
        for letter, sides in (("p", page.persons), ("g", page.garments))
        for number, side in enumerate(sides)
        if side.picture.thumb
    ]
    return "".join(rules)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
