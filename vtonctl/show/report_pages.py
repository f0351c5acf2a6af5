"""Reports of many results: pages of a few hundred cards, each as complete as a single report.

The first page is the report itself; the others, the worst results, the failures and a list of all
pages lie in a folder beside it. A browser opens any of them at once, however many there are.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from vtonctl.show import report_page
from vtonctl.show.report_page import Contents, Page, Place

SINGLE_PAGE = 1000
"""Results up to which a report is one file."""
PAGE_CARDS = 500
_PAGE_FILE = re.compile(r"page-[0-9]{5,}\.html|worst\.html|failed\.html|contents\.html")

Line = Mapping[str, Any]
MakePage = Callable[[list[Line], Path], Page]
"""The page of some results whose file is to lie in a folder."""


@dataclass
class Survey:
    """What a report says of all results, and the few that are shown apart."""

    total: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    failed: list[Line] = field(default_factory=list)
    worst: list[Line] = field(default_factory=list)

    @property
    def states(self) -> dict[str, int]:
        """Number of results in each state."""
        return {state: self.counts[state] for state in ("good", "flagged", "failed")}


def survey(lines: Iterable[Line], state_of: Callable[[Line], str]) -> Survey:
    """Count results; keep the first failures and the flagged ones with the lowest scores."""
    found = Survey()
    order = count()
    heap: list[tuple[float, int, Line]] = []
    for line in lines:
        state = state_of(line)
        found.total += 1
        found.counts[state] += 1
        if state == "failed" and len(found.failed) < PAGE_CARDS:
            found.failed.append(line)
        if state == "flagged":
            # the highest score is on top, and goes first
            entry = (-float(line.get("score", 1.0)), -next(order), line)
            (heapq.heappush if len(heap) < PAGE_CARDS else heapq.heappushpop)(heap, entry)
    found.worst = [line for _, _, line in sorted(heap, reverse=True)]
    return found


def write_pages(
    path: Path, lines: Iterable[Line], found: Survey, make: MakePage, title: str
) -> None:
    """Write all pages; ``path`` is the first. Raises ``StorageError``.

    Pages of an earlier, longer report are removed.
    """
    folder = path.with_name(f"{path.stem}-pages")
    pages = -(-found.total // PAGE_CARDS)
    files = [path, *(folder / f"page-{number:05}.html" for number in range(2, pages + 1))]
    apart = {
        name: some for name, some in (("worst", found.worst), ("failed", found.failed)) if some
    }
    place = Place(0, pages, found.states, apart=tuple(apart))
    contents: list[tuple[str, str, str]] = []
    for number, some in enumerate(_chunks(lines), start=1):
        file = files[number - 1]
        here = replace(
            place,
            number=number,
            previous=_address(files[number - 2], file) if number > 1 else "",
            next=_address(files[number], file) if number < pages else "",
            folder="" if file.parent == folder else f"{folder.name}/",
            first=_address(path, file),
        )
        report_page.write(replace(make(some, file.parent), place=here), file)
        contents.append((_address(file, folder / "x"), str(some[0]["item"]), str(some[-1]["item"])))
    for name, some in apart.items():
        file = folder / f"{name}.html"
        here = replace(place, shown=name, first=_address(path, file))
        report_page.write(replace(make(some, folder), place=here), file)
    listed = Contents(title, found.states, tuple(contents), tuple(apart))
    report_page.write_contents(listed, folder / "contents.html")
    _remove_others(folder, {file.name for file in files} | {f"{name}.html" for name in apart})


def remove_pages(path: Path) -> None:
    """Remove the pages of an earlier report that had several."""
    folder = path.with_name(f"{path.stem}-pages")
    if folder.is_dir():
        _remove_others(folder, set(), contents=True)


def _chunks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    some: list[Line] = []
    for line in lines:
        some.append(line)
        if len(some) == PAGE_CARDS:
            yield some
            some = []
    if some:
        yield some


def _address(file: Path, seen_from: Path) -> str:
    """The relative address of a page of the same report."""
    if file.parent == seen_from.parent:
        return file.name
    inside = file.parent.name == f"{seen_from.stem}-pages" and file.parent.parent == (
        seen_from.parent
    )
    return f"{file.parent.name}/{file.name}" if inside else f"../{file.name}"


def _remove_others(folder: Path, kept: set[str], *, contents: bool = False) -> None:
    for file in folder.iterdir():
        ours = _PAGE_FILE.fullmatch(file.name) and file.name not in kept
        if ours and (contents or file.name != "contents.html"):
            file.unlink()
    if contents and not any(folder.iterdir()):
        folder.rmdir()
