"""Which pairs there are, what each is made from, and in which order they are best made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from pipelines.datasets.naming import require_distinct, tryon_id
from pipelines.datasets.pairs import make_pairs, read_pairs
from pipelines.layout import Artifact
from pipelines.stage import Subject
from vtonctl.runs.dataroot import DataRoot
from vtonctl.runs.filehash import is_unchanged
from vtonctl.runs.fingerprint import fingerprint, item_seed
from vtonctl.runs.ledger import Row
from vtonctl.runs.plan import ChainPlanner, Item, Planned
from vtonctl.runs.requests import TryOnRequest
from vtonctl.runs.root_lists import read_frame
from vtonctl.runs.rundir import RunDir
from vtonctl.runs.target_poses import INPUT, needed
from vtonctl.runs.tasks import NativeSource, PairTask, PoseSource, StageSpec, pair_names

STAGE = "tryon"
TILE = 20
"""Garments that are worn by all persons before the next ones are; a worker keeps as many."""

_SUBJECTS = {Artifact.CLOTH: Subject.GARMENT, Artifact.CLOTH_MASK: Subject.GARMENT}


def find_pairs(
    request: TryOnRequest, persons: Sequence[str], garments: Sequence[str]
) -> list[tuple[str, str]]:
    """The pairs of a request, each once. Raises ``ListError``, ``InputError``."""
    if request.all_pairs and request.pairs is None:
        found = make_pairs(persons, garments, "all")
    else:
        data = DataRoot(request.root, request.split, request.layout)
        path = request.pairs or data.layout.pairs_path(request.root, request.split)
        found = read_pairs(
            path,
            persons=persons,
            garments=garments,
            split=request.split,
            nested=data.layout.nested,
        )
    pairs = list(dict.fromkeys((str(p.person), str(p.garment)) for p in found))
    require_distinct(pairs)
    return pairs


def in_good_order(pairs: Sequence[tuple[str, str]]) -> list[tuple[int, str, str]]:
    """Pairs as (tile, person, garment): tile after tile of garments, person after person."""
    ranks = {g: n for n, g in enumerate(dict.fromkeys(garment for _, garment in pairs))}
    people = {p: n for n, p in enumerate(dict.fromkeys(person for person, _ in pairs))}
    keyed = [(ranks[g] // TILE, p, g) for p, g in pairs]
    return sorted(keyed, key=lambda k: (k[0], people[k[1]], ranks[k[2]]))


def in_poses(
    order: Sequence[tuple[int, str, str]], poses: Sequence[PoseSource]
) -> list[tuple[int, str, str, PoseSource | None]]:
    """Pairs in good order, each in every pose; (tile, person, garment, None) without poses.

    A person takes one pose after the other in all garments of a tile.
    """
    found: list[tuple[int, str, str, PoseSource | None]] = []
    for _, group in groupby(order, key=lambda entry: entry[:2]):
        pairs = list(group)
        found += [(*pair, pose) for pose in poses or (None,) for pair in pairs]
    return found


@dataclass
class PairPlanner:
    """Plans pairs; reads files, writes nothing."""

    request: TryOnRequest
    spec: StageSpec
    seed: int
    retry_failed: bool
    rows: Mapping[tuple[str, str], Row]
    chains: ChainPlanner
    """Tells the state of a person's or garment's files."""
    sources: Mapping[str, Path]
    """Photos of persons, for ``native``."""
    pending: frozenset[tuple[Subject, str]] = frozenset()
    """Items whose files this run would make first (in a dry run)."""
    _items: dict[tuple[Subject, str], Item] = field(default_factory=dict)

    def plan(
        self, tile: int, person: str, garment: str, pose: PoseSource | None = None
    ) -> tuple[Planned, PairTask | None]:
        """The state of a pair (in a pose), and its task if there is something to do."""
        name = tryon_id(person, garment, pose.name if pose else "")
        row, names = self.rows.get((STAGE, name)), pair_names(person, garment, pose)
        if pose and pose.problem:
            return Planned(name, STAGE, "blocked", row, pose.problem, names), None
        if {(Subject.PERSON, person), (Subject.GARMENT, garment)} & self.pending:
            return Planned(name, STAGE, "to_do", row), None
        inputs, reason = self._inputs(person, garment)
        if reason:
            items = (self._item(Subject.PERSON, person), self._item(Subject.GARMENT, garment))
            waiting = any(item.blocked_by(self.spec) == "waiting" for item in items)
            state = "waiting" if waiting else "blocked"
            return Planned(name, STAGE, state, row, reason, names), None
        native = self._native(person) if self.request.native else None
        if native:
            inputs[Artifact.SOURCE.value] = native.sha256
        seed = item_seed(person, garment, self.seed, pose.name if pose else "")
        params = self._params(native, seed)
        if pose:
            inputs[INPUT] = pose.sha256
            params |= needed(pose)
        mark = fingerprint(self.spec.info, params, inputs, self.spec.weights)
        if row and row.fingerprint == mark:
            if row.status == "done" and self._is_whole(row):
                return Planned(name, STAGE, "current", row), None
            if row.status in ("failed", "poison") and not self.retry_failed:
                return Planned(name, STAGE, row.status, row), None
        out = RunDir(self.request.out).result(name, f".{self.request.image_format}")
        if out.exists() and not (row and "result" in row.outputs):
            reason = f"{out} is there already, and no run has made it"
            return Planned(name, STAGE, "blocked", row, reason, names), None
        task = PairTask(
            item=name,
            person=person,
            garment=garment,
            root=self.request.root,
            split=self.request.split,
            layout=self.request.layout,
            out=self.request.out,
            spec=self.spec,
            fingerprint=mark,
            inputs=inputs,
            seed=seed,
            image_format=self.request.image_format,
            quality=self.request.quality,
            save_stages=self.request.save_stages,
            native=native,
            group=f"{tile}/{person}",
            flags=self._flags(person, garment),
            parser=self._parser(person),
            pose=pose,
        )
        return Planned(name, STAGE, "to_do", row), task

    def _flags(self, person: str, garment: str) -> tuple[str, ...]:
        """Doubts that the stages had about what the system takes."""
        taken = {artifact.value for artifact in self.spec.info.inputs}
        items = (self._item(Subject.PERSON, person), self._item(Subject.GARMENT, garment))
        rows = (entry.row for item in items for entry in item.planned if entry.row)
        found = (flag for row in rows if taken & row.outputs.keys() for flag in row.flags)
        return tuple(dict.fromkeys(found))

    def _parser(self, person: str) -> Mapping[str, Any]:
        """What the person's parse was made with; empty if the user gave it."""
        rows = (e.row for e in self._item(Subject.PERSON, person).planned if e.stage == "parse")
        return next((row.record for row in rows if row and row.status == "done"), {})

    def _params(self, native: NativeSource | None, seed: int) -> dict[str, Any]:
        lossy = self.request.image_format != "png"
        return {
            **self.spec.params,
            "format": self.request.image_format,
            "quality": self.request.quality if lossy else None,
            "native": [*native.frame.box] if native else None,
            "seed": seed,
        }

    def _inputs(self, person: str, garment: str) -> tuple[dict[str, str], str]:
        """Hashes of what the system takes, or why one of them cannot be had."""
        found: dict[str, str] = {}
        for artifact in self.spec.info.inputs:
            subject = _SUBJECTS.get(artifact, Subject.PERSON)
            name = garment if subject is Subject.GARMENT else person
            item = self._item(subject, name)
            if artifact in item.lost:
                return {}, f"{subject.value} {name}: {item.lost[artifact]}"
            if artifact not in item.known:
                return {}, f"{subject.value} {name}: there is no {artifact.value}"
            found[artifact.value] = item.known[artifact]
        return found, ""

    def _item(self, subject: Subject, name: str) -> Item:
        if (subject, name) not in self._items:
            source = self.sources.get(name) if subject is Subject.PERSON else None
            self._items[subject, name] = self.chains.plan(name, subject, source)
        return self._items[subject, name]

    def _native(self, person: str) -> NativeSource | None:
        item = self._item(Subject.PERSON, person)
        frame = read_frame(self.chains.rows.get(("frame", person)))
        sha256 = item.known.get(Artifact.SOURCE)
        if frame is None or sha256 is None or item.source is None:
            return None  # its image is a file of the data set: that is the original
        return NativeSource(item.source, sha256, frame)

    def _is_whole(self, row: Row) -> bool:
        """Whether all files that are asked for are there, byte for byte."""
        if self.request.save_stages and not row.record.get("stages"):
            return False
        wanted = [
            output
            for name, output in row.outputs.items()
            if name == "result" or self.request.save_stages
        ]
        return bool(wanted) and all(
            state is not None and is_unchanged(self.request.out / path, state) is not None
            for path, state in wanted
        )
