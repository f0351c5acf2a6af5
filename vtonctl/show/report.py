"""Reports: one page for the try-on pictures of a run, one for the files of a data-set root."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
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
from vtonctl.show import report_page
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
    page = tryon_page(out, read_results(out), data, path.parent)
    report_page.write(page, path)
    return path, page.counts


def write_dataset_report(
    data: DataPlace, outcomes: Iterable[ItemOutcome], path: Path | None = None
) -> tuple[Path, dict[str, int]]:
    """Write the page of a data-set root; ``outcomes`` tell of failures and doubts."""
    path = path or data.root / REPORT_NAME
    with listed():
        page = dataset_page(data, outcomes, path.parent)
    report_page.write(page, path)
    return path, page.counts


def read_results(out: Path) -> list[dict[str, Any]]:
    """The lines of ``results.jsonl``. Raises ``InputError``."""
    path = RunDir(out).results
    try:
        lines = path.read_text("utf-8", "replace").split("\n")
        return [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: the list of results cannot be read: {error}.",
            code="no_results",
            hint="Run vtonctl tryon again; finished work is kept.",
        ) from None


def tryon_page(
    out: Path, lines: Sequence[Mapping[str, Any]], data: DataPlace | None, base: Path
) -> Page:
    """The page of try-on results; addresses are relative to ``base``."""
    size_hw, quality = _thumb_size(len(lines))
    results = [out / str(line["output"]) if line.get("output") else None for line in lines]
    thumbs = data_uris(results, size_hw, quality)
    cards = tuple(
        _pair_card(line, _picture("result", path, thumb, base) if path else None)
        for line, path, thumb in zip(lines, results, thumbs, strict=True)
    )
    persons, garments = (
        _sides(sorted({str(line[kind]) for line in lines}), kind, data, base)
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
    title = f"Try-on: {out.resolve().name}"
    return Page("tryon", title, facts, cards, persons, garments)


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
    cards = [
        _item_card(
            kind,
            item,
            [_picture(name, path, next(thumbs), base) for name, path in paths.items()],
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


def _pair_card(line: Mapping[str, Any], picture: Picture | None) -> Card:
    failed = line.get("status") in FAILED
    flags = tuple(map(str, line.get("flags") or ()))
    facts = {
        "system": str(line.get("system", "")).removeprefix("tryon-"),
        "seconds": line.get("seconds"),
        "changed": _percent(line.get("edited_fraction")),
        **{str(k).replace("_", " "): _short(v) for k, v in (line.get("measures") or {}).items()},
    }
    return Card(
        item=str(line["item"]),
        state="failed" if failed else "flagged" if flags else "good",
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


def _sides(keys: Sequence[str], kind: str, data: DataPlace | None, base: Path) -> tuple[Side, ...]:
    artifact = Artifact.IMAGE if kind == "person" else Artifact.CLOTH
    paths: list[Path | None] = [data.path(artifact, key) if data else None for key in keys]
    if data and data.native and kind == "person":
        originals = {s.item: place(s.path) for s in read_sources(sources_path(data.root))
                     if s.subject == kind}  # fmt: skip
        paths = [originals.get(key, path) for key, path in zip(keys, paths, strict=True)]
    name = "photo" if kind == "person" else "garment"
    thumbs = data_uris(paths, THUMBS[0][1], THUMBS[0][2])
    return tuple(
        Side(key, _picture(name, path, thumb, base) if path else Picture(name, ""))
        for key, path, thumb in zip(keys, paths, thumbs, strict=True)
    )


def _picture(name: str, path: Path, thumb: str, base: Path) -> Picture:
    return Picture(name, thumb, _address(path, base))


def _address(path: Path, base: Path) -> str:
    """Of a picture, relative to the page; empty where there is no way from one to the other."""
    ours, pages = as_store(path), as_store(base)
    if ours and pages:
        near = (ours.protocol, ours.bucket) == (pages.protocol, pages.bucket)
        return quote(os.path.relpath(f"/{ours.key}", f"/{pages.key}")) if near else ""
    if ours or pages:
        return ""
    return quote(os.fsencode(os.path.relpath(path.resolve(), base.resolve())))


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
