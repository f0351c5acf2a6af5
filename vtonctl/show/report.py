"""Reports: one page for the try-on pictures of a run, one for the files of a data-set root."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipelines.datasets.records import read_sources
from pipelines.errors import InputError, ListError
from pipelines.layout import Artifact, Layout, find_layout, sources_path
from pipelines.store_path import as_store, listed, place
from pipelines.thumbnails import data_uris
from vtonctl.runs.result import ItemOutcome
from vtonctl.runs.rundir import RunDir
from vtonctl.show import report_page, report_pages
from vtonctl.show.pose_drawing import pose_drawing
from vtonctl.show.report_page import Card, Page, Picture, Side

REPORT_NAME = "report.html"
THUMBS = ((600, (200, 150), 74), (2500, (160, 120), 68), (10**9, (104, 78), 60))
"""Up to so many pictures: height and width of thumbnails, and their quality."""
PERSON_VIEWS = {
    "photo": Artifact.IMAGE,
    "pose": Artifact.POSE_IMAGE,
    "parse": Artifact.PARSE,
    "agnostic": Artifact.AGNOSTIC,
    "mask": Artifact.AGNOSTIC_MASK,
}
GARMENT_VIEWS = {"garment": Artifact.CLOTH, "mask": Artifact.CLOTH_MASK}
EMBEDDED = 20_000
"""Results up to which thumbnails are made; pages of more show the files themselves, those that are
in sight."""
SIDES_KEPT = 5000
FAILED = ("failed", "blocked", "poison")


@dataclass(frozen=True)
class DataPlace:
    """Where the persons and garments of results lie."""

    root: Path
    layout: str = "viton-hd"
    split: str = "test"
    native: bool = False
    """Results are in the original photos, not in the stored pictures."""

    def path(self, artifact: Artifact, item: str) -> Path | None:
        """The file of an artifact of an item; None for a name that cannot be an item's."""
        try:
            return find_layout(self.layout).path(self.root, self.split, artifact, item)
        except ListError:
            return None


def write_tryon_report(
    out: Path, data: DataPlace | None, path: Path | None = None
) -> tuple[Path, dict[str, int]]:
    """Write the page of the results in ``out``; returns its path and the counts in it.

    The page is ``report.html`` beside the results unless ``path`` says otherwise. Without
    ``data`` the photos and garments are left out. Raises ``InputError`` where there is no list
    of results, ``StorageError``.
    """
    path = path or out / REPORT_NAME
    found = report_pages.survey(each_result(out), _state)
    if found.total <= report_pages.SINGLE_PAGE:
        page = tryon_page(list(each_result(out)), out, data, path.parent)
        report_page.write(page, path)
        report_pages.remove_pages(path)
        return path, page.counts
    sides = SideThumbs()

    def make(lines: Sequence[Mapping[str, Any]], base: Path) -> Page:
        return tryon_page(lines, out, data, base, sides, embedded=found.total <= EMBEDDED)

    report_pages.write_pages(path, each_result(out), found, make, _title(out))
    return path, found.states


def write_dataset_report(
    data: DataPlace, outcomes: Iterable[ItemOutcome], path: Path | None = None
) -> tuple[Path, dict[str, int]]:
    """Write the page of a data-set root; ``outcomes`` tell of failures and doubts."""
    path = path or data.root / REPORT_NAME
    with listed():
        page = dataset_page(data, outcomes, path.parent)
    report_page.write(page, path)
    return path, page.counts


def each_result(out: Path) -> Iterator[dict[str, Any]]:
    """The lines of ``results.jsonl``, one by one. Raises ``InputError``."""
    path = RunDir(out).results
    try:
        with path.open("rb") as file:
            for line in file:
                if line.strip():
                    yield json.loads(line.decode("utf-8", "replace"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: the list of results cannot be read: {error}.",
            code="no_results",
            hint="Run vtonctl tryon again; finished work is kept.",
        ) from None


class SideThumbs:
    """Thumbnails of persons and garments, kept from page to page: many show the same ones."""

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}

    def uris(self, paths: Sequence[Path | None]) -> list[str]:
        """``data:`` addresses, in order; empty for what gives none."""
        if len(self._known) > SIDES_KEPT:
            self._known.clear()
        new = [path for path in dict.fromkeys(paths) if path and path not in self._known]
        self._known.update(zip(new, data_uris(new, THUMBS[0][1], THUMBS[0][2]), strict=True))
        return [self._known[path] if path else "" for path in paths]


def tryon_page(
    lines: Sequence[Mapping[str, Any]],
    out: Path,
    data: DataPlace | None,
    base: Path,
    side_thumbs: SideThumbs | None = None,
    *,
    embedded: bool = True,
) -> Page:
    """The page of try-on results; addresses are relative to ``base``.

    Unless thumbnails are ``embedded``, the pictures' own files are shown.
    """
    address = _Addresses(base)
    # of several pages none is to be heavy
    size_hw, quality = _thumb_size(len(lines)) if side_thumbs is None else THUMBS[1][1:]
    results = [out / str(line["output"]) if line.get("output") else None for line in lines]
    if embedded:
        thumbs = data_uris(results, size_hw, quality)
    else:
        thumbs = [address(path) if path else "" for path in results]
    cards = tuple(
        _pair_card(line, _picture("result", path, thumb, address) if path else None)
        for line, path, thumb in zip(lines, results, thumbs, strict=True)
    )
    persons, garments = (
        _sides(
            sorted({str(line[kind]) for line in lines}),
            kind,
            data,
            address,
            side_thumbs or SideThumbs(),
        )
        for kind in ("person", "garment")
    )
    poses = {str(line["pose"]) for line in lines if line.get("pose")}
    systems = sorted({str(line["system"]) for line in lines if line.get("system")})
    facts = (
        *(name.removeprefix("tryon-") for name in systems),
        *_parsers(line.get("parser") or {} for line in lines),
        _counted(len(persons), "person"),
        _counted(len(garments), "garment"),
        *([_counted(len(poses), "pose")] if poses else []),
    )
    return Page("tryon", _title(out), facts, cards, persons, garments)


def _title(out: Path) -> str:
    return f"Try-on: {out.resolve().name}"


def dataset_page(data: DataPlace, outcomes: Iterable[ItemOutcome], base: Path) -> Page:
    """The page of a data-set root: failed items first, then the doubtful ones, then the rest."""
    layout = find_layout(data.layout)
    told: dict[str, list[ItemOutcome]] = {}
    for outcome in outcomes:
        kind = "garment" if outcome.stage in ("garment-frame", "cloth-mask") else "person"
        told.setdefault(f"{kind} {outcome.item}", []).append(outcome)
    work: list[tuple[str, str, dict[str, Path]]] = []
    for kind, views in (("person", PERSON_VIEWS), ("garment", GARMENT_VIEWS)):
        main = next(iter(views.values()))
        stored = layout.items(data.root, data.split, main)
        failed = [key.partition(" ")[2] for key in told if key.startswith(kind + " ")]
        for item in dict.fromkeys((*stored, *failed)):
            work.append((kind, item, _existing(layout, data, views, item)))
    size_hw, quality = _thumb_size(sum(len(paths) for _, _, paths in work))
    flat = [path for _, _, paths in work for path in paths.values()]
    thumbs = iter(data_uris(flat, size_hw, quality))
    address = _Addresses(base)
    cards = [
        _item_card(
            kind,
            item,
            [_picture(name, path, next(thumbs), address) for name, path in paths.items()],
            told.get(f"{kind} {item}", []),
        )
        for kind, item, paths in work
    ]
    order = {"failed": 0, "flagged": 1, "good": 2}
    cards.sort(key=lambda c: (order[c.state], 1.0 if c.score is None else c.score, c.item))
    numbers = [_counted(sum(k == kind for k, _, _ in work), kind) for kind in ("person", "garment")]
    records = [outcome.record for group in told.values() for outcome in group]
    facts = (data.layout, data.split, *_parsers(records), *numbers)
    return Page("dataset", f"Data set: {data.root.resolve().name}", facts, tuple(cards))


def _state(line: Mapping[str, Any]) -> str:
    if line.get("status") in FAILED:
        return "failed"
    return "flagged" if line.get("flags") else "good"


def _pair_card(line: Mapping[str, Any], picture: Picture | None) -> Card:
    state, flags = _state(line), tuple(map(str, line.get("flags") or ()))
    failed = state == "failed"
    facts = {
        "system": str(line.get("system", "")).removeprefix("tryon-"),
        "seconds": line.get("seconds"),
        "changed": _percent(line.get("edited_fraction")),
        **{str(k).replace("_", " "): _short(v) for k, v in (line.get("measures") or {}).items()},
    }
    return Card(
        item=str(line["item"]),
        state=state,
        pictures=() if failed or picture is None else (picture, *_target_pose(line)),
        person=str(line["person"]),
        garment=str(line["garment"]),
        pose=str(line.get("pose") or ""),
        score=None if failed else float(line.get("score", 1.0)),
        flags=flags,
        reason=str(line.get("message") or line.get("code") or "") if failed else "",
        hint=str(line.get("hint", "")),
        facts=tuple((name, str(value)) for name, value in facts.items() if value not in (None, "")),
    )


def _target_pose(line: Mapping[str, Any]) -> tuple[Picture, ...]:
    """The pose that a result was asked for, drawn where its joints are in the picture."""
    drawn = pose_drawing(line.get("target_pose"))
    return (Picture("target pose", drawn),) if drawn else ()


def _item_card(
    kind: str, item: str, pictures: Sequence[Picture], outcomes: Sequence[ItemOutcome]
) -> Card:
    wrong = [o for o in outcomes if o.status in FAILED]
    flags = tuple(dict.fromkeys(flag for o in outcomes for flag in o.flags))
    scores = {o.stage: o.score for o in outcomes if o.status not in FAILED}
    first = wrong[0] if wrong else None
    return Card(
        item=item,
        state="failed" if wrong else "flagged" if flags else "good",
        pictures=tuple(pictures),
        score=None if wrong else min(scores.values(), default=None),
        flags=flags,
        reason=f"{first.stage}: {first.message or first.code}" if first else "",
        hint=first.hint if first else "",
        facts=(("kind", kind), *((stage, _percent(s)) for stage, s in scores.items())),
    )


def _parsers(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """The parsers that these records name, with their weights."""
    named = {(str(r["parser"]), str(r.get("weights", ""))) for r in records if r.get("parser")}
    return [f"parser {n} ({w})" if w else f"parser {n}" for n, w in sorted(named)]


def _sides(
    keys: Sequence[str],
    kind: str,
    data: DataPlace | None,
    address: _Addresses,
    side_thumbs: SideThumbs,
) -> tuple[Side, ...]:
    artifact = Artifact.IMAGE if kind == "person" else Artifact.CLOTH
    paths: list[Path | None] = [data.path(artifact, key) if data else None for key in keys]
    if data and data.native and kind == "person":
        originals = {s.item: place(s.path) for s in read_sources(sources_path(data.root))
                     if s.subject == kind}  # fmt: skip
        paths = [originals.get(key, path) for key, path in zip(keys, paths, strict=True)]
    name = "photo" if kind == "person" else "garment"
    thumbs = side_thumbs.uris(paths)
    return tuple(
        Side(key, _picture(name, path, thumb, address) if path else Picture(name, ""))
        for key, path, thumb in zip(keys, paths, thumbs, strict=True)
    )


class _Addresses:
    """Relative addresses of files, for a page in ``base``; empty where no way leads to one."""

    def __init__(self, base: Path) -> None:
        self._base = base.resolve()
        self._folders: dict[Path, str | None] = {}

    def __call__(self, path: Path) -> str:
        folder = path.parent
        if folder not in self._folders:
            self._folders[folder] = _way(self._base, folder.resolve())
        prefix = self._folders[folder]
        if prefix is None:
            return ""
        return quote(os.fsencode(path.name if prefix == "." else f"{prefix}/{path.name}"))


def _way(base: Path, folder: Path) -> str | None:
    """From one folder to another; None between a disk and a store, or two buckets."""
    theirs, ours = as_store(base), as_store(folder)
    if theirs and ours:
        near = (theirs.protocol, theirs.bucket) == (ours.protocol, ours.bucket)
        return os.path.relpath(f"/{ours.key}", f"/{theirs.key}") if near else None
    return None if theirs or ours else os.path.relpath(folder, base)


def _picture(name: str, path: Path, thumb: str, address: _Addresses) -> Picture:
    return Picture(name, thumb, address(path))


def _existing(
    layout: Layout, data: DataPlace, views: Mapping[str, Artifact], item: str
) -> dict[str, Path]:
    paths = {n: data.path(a, item) for n, a in views.items() if a in layout.places}
    return {name: path for name, path in paths.items() if path and path.is_file()}


def _thumb_size(number: int) -> tuple[tuple[int, int], int]:
    return next((size, quality) for limit, size, quality in THUMBS if number <= limit)


def _counted(number: int, kind: str) -> str:
    return f"{number} {kind}{'' if number == 1 else 's'}"


def _percent(value: Any) -> str:
    return f"{100 * float(value):.0f} %" if value is not None else ""


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
