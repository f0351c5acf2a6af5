"""Which pairs there are, what each is made from, and in which order they are best made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple, overload

from pipelines.datasets.naming import require_distinct, tryon_id
from pipelines.datasets.pairs import make_pairs, read_pairs
from pipelines.layout import Artifact
from pipelines.registry import REPOSING_VERSION
from pipelines.stage import Subject
from vtonctl.runs.dataroot import DataRoot
from vtonctl.runs.filehash import exists_below, is_unchanged_below
from vtonctl.runs.fingerprint import fingerprint, item_seed
from vtonctl.runs.ledger import Row
from vtonctl.runs.ledger_rows import LedgerRows
from vtonctl.runs.plan import ChainPlanner, Item, Planned
from vtonctl.runs.requests import TryOnRequest
from vtonctl.runs.root_lists import read_frame
from vtonctl.runs.rundir import result_name
from vtonctl.runs.target_poses import INPUT, needed
from vtonctl.runs.tasks import (
    Deferred,
    NativeSource,
    PairTask,
    PoseSource,
    StageSpec,
    Task,
    pair_names,
)

STAGE = "tryon"
TILE = 20
"""Garments that are worn by all persons before the next ones are; a worker keeps as many."""

_PAIRS_AT_ONCE = 1000
_SUBJECTS = {Artifact.CLOTH: Subject.GARMENT, Artifact.CLOTH_MASK: Subject.GARMENT}


Entry = tuple[int, str, str, PoseSource | None]
"""Tile, person, garment and pose (None: their own)."""


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


def in_poses(order: Sequence[tuple[int, str, str]], poses: Sequence[PoseSource]) -> list[Entry]:
    """Pairs in good order, each in every pose; (tile, person, garment, None) without poses.

    A person takes one pose after the other in all garments of a tile.
    """
    found: list[Entry] = []
    for _, group in groupby(order, key=lambda entry: entry[:2]):
        pairs = list(group)
        found += [(*pair, pose) for pose in poses or (None,) for pair in pairs]
    return found


def group_of(tile: int, person: str) -> str:
    """The name of the pairs that are best dressed by one worker."""
    return f"{tile}/{person}"


class _Asked(NamedTuple):
    """What a pair is made from and with."""

    inputs: dict[str, str]
    native: NativeSource | None
    seed: int
    fingerprint: str


@dataclass
class PairPlanner:
    """Plans pairs; reads files, writes nothing."""

    request: TryOnRequest
    spec: StageSpec
    seed: int
    retry_failed: bool
    rows: LedgerRows
    chains: ChainPlanner
    """Tells the state of a person's or garment's files."""
    sources: Mapping[str, Path]
    """Photos of persons, for ``native``."""
    pending: frozenset[tuple[Subject, str]] = frozenset()
    """Items whose files this run would make first (in a dry run)."""
    _items: dict[tuple[Subject, str], Item] = field(default_factory=dict)
    _of_persons: dict[str, tuple[dict[str, str], str]] = field(default_factory=dict)
    _of_garments: dict[str, tuple[dict[str, str], str]] = field(default_factory=dict)

    def plan_all(self, entries: Sequence[Entry]) -> Iterator[tuple[Entry, Planned, bool]]:
        """Each pair with what ``plan`` tells of it, in order."""
        rest = iter(entries)
        while some := list(islice(rest, _PAIRS_AT_ONCE)):
            names = [tryon_id(p, g, pose.name if pose else "") for _, p, g, pose in some]
            self.rows.read_ahead([STAGE], names)
            for entry in some:
                yield entry, *self.plan(*entry[1:])

    def plan(
        self, person: str, garment: str, pose: PoseSource | None = None
    ) -> tuple[Planned, bool]:
        """The state of a pair (in a pose), and whether ``task`` has something to do for it."""
        name = tryon_id(person, garment, pose.name if pose else "")
        row, names = self.rows.get((STAGE, name)), pair_names(person, garment, pose)
        if pose and pose.problem:
            return Planned(name, STAGE, "blocked", row, pose.problem, names), False
        if self.pending and (
            (Subject.PERSON, person) in self.pending or (Subject.GARMENT, garment) in self.pending
        ):
            return Planned(name, STAGE, "to_do", row), False
        _, reason = self._inputs(person, garment)
        if reason:
            items = (self._item(Subject.PERSON, person), self._item(Subject.GARMENT, garment))
            waiting = any(item.blocked_by(self.spec) == "waiting" for item in items)
            state = "waiting" if waiting else "blocked"
            return Planned(name, STAGE, state, row, reason, names), False
        if row and row.fingerprint == self._ask(person, garment, pose).fingerprint:
            if row.status == "done" and self._is_whole(row):
                return Planned(name, STAGE, "current", row), False
            if row.status in ("failed", "poison") and not self.retry_failed:
                return Planned(name, STAGE, row.status, row), False
        file = result_name(name, self.request.image_format)
        if not (row and "result" in row.outputs) and exists_below(self.request.out, file):
            reason = f"{self.request.out / file} is there already, and no run has made it"
            return Planned(name, STAGE, "blocked", row, reason, names), False
        return Planned(name, STAGE, "to_do", row), True

    def task(
        self, tile: int, person: str, garment: str, pose: PoseSource | None = None
    ) -> PairTask:
        """What a worker has to do for a pair that is to do."""
        asked = self._ask(person, garment, pose)
        return PairTask(
            item=tryon_id(person, garment, pose.name if pose else ""),
            person=person,
            garment=garment,
            root=self.request.root,
            split=self.request.split,
            layout=self.request.layout,
            out=self.request.out,
            spec=self.spec,
            fingerprint=asked.fingerprint,
            inputs=asked.inputs,
            seed=asked.seed,
            image_format=self.request.image_format,
            quality=self.request.quality,
            save_stages=self.request.save_stages,
            native=asked.native,
            group=group_of(tile, person),
            flags=self._flags(person, garment),
            parser=self._parser(person),
            pose=pose,
        )

    def _ask(self, person: str, garment: str, pose: PoseSource | None) -> _Asked:
        """What a pair is made from and with; its inputs are there."""
        inputs, _ = self._inputs(person, garment)
        native = self._native(person) if self.request.native else None
        if native:
            inputs[Artifact.SOURCE.value] = native.sha256
        seed = item_seed(person, garment, self.seed, pose.name if pose else "")
        params = self._params(native, seed)
        if pose:
            inputs[INPUT] = pose.sha256
            params |= needed(pose)
            if not self.spec.info.poses:
                params["reposing"] = REPOSING_VERSION
        mark = fingerprint(self.spec.info, params, inputs, self.spec.weights)
        return _Asked(inputs, native, seed, mark)

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
        of_person, missing = self._inputs_of(Subject.PERSON, person, self._of_persons)
        of_garment, lacking = self._inputs_of(Subject.GARMENT, garment, self._of_garments)
        return {**of_person, **of_garment}, missing or lacking

    def _inputs_of(
        self, subject: Subject, name: str, known: dict[str, tuple[dict[str, str], str]]
    ) -> tuple[dict[str, str], str]:
        """The same of one item, found out once however many pairs it is in."""
        if name not in known:
            known[name] = self._find_inputs(subject, name)
        return known[name]

    def _find_inputs(self, subject: Subject, name: str) -> tuple[dict[str, str], str]:
        found: dict[str, str] = {}
        item = self._item(subject, name)
        for artifact in self.spec.info.inputs:
            if _SUBJECTS.get(artifact, Subject.PERSON) is not subject:
                continue
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
        if "result" not in row.outputs:
            return False
        wanted = row.outputs.values() if self.request.save_stages else (row.outputs["result"],)
        for name, state in wanted:
            if state is None or not is_unchanged_below(self.request.out, name, state):
                return False
        return True


class PairTasks(Deferred):
    """The tasks of pairs, each made when a worker is to get it."""

    def __init__(
        self, planner: PairPlanner, entries: Sequence[Entry], poses: Sequence[PoseSource]
    ) -> None:
        self._planner, self._entries, self._poses = planner, entries, poses

    def __len__(self) -> int:
        """Number of tasks."""
        return len(self._entries)

    @overload
    def __getitem__(self, number: int) -> PairTask: ...
    @overload
    def __getitem__(self, number: slice) -> list[Task]: ...
    def __getitem__(self, number: int | slice) -> PairTask | list[Task]:
        """The task of this number, made anew."""
        if isinstance(number, slice):
            return [self._planner.task(*entry) for entry in self._entries[number]]
        return self._planner.task(*self._entries[number])

    @property
    def specs(self) -> tuple[StageSpec, ...]:
        """The system, and what finds the poses in photos."""
        finders = (pose.finder for pose in self._poses if pose.finder)
        return tuple({spec.key: spec for spec in (self._planner.spec, *finders)}.values())

    @property
    def folders(self) -> tuple[Path, ...]:
        """Of the data set and of the results."""
        return (self._planner.request.root, self._planner.request.out)

    def groups(self) -> Iterator[str]:
        """Pairs of one person in one tile of garments."""
        for (tile, person), group in groupby(self._entries, key=lambda entry: entry[:2]):
            name = group_of(tile, person)
            yield from (name for _ in group)

    def files(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        """What they will write: stage, item, output name -> file relative to the results."""
        image_format = self._planner.request.image_format
        for _, person, garment, pose in self._entries:
            item = tryon_id(person, garment, pose.name if pose else "")
            yield STAGE, item, {"result": result_name(item, image_format)}
