"""What is to do for each item: stages x ledger x files -> tasks, or why an item is blocked.

An output counts as current only if its row says so, the bytes still match, and the fingerprint of
its row is the one that its present inputs give, all the way down the chain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipelines.layout import Artifact
from pipelines.stage import Subject
from vtonctl.runs.dataroot import DataRoot
from vtonctl.runs.filehash import HashCache, is_unchanged
from vtonctl.runs.fingerprint import fingerprint
from vtonctl.runs.ledger import Row
from vtonctl.runs.ledger_rows import LedgerRows
from vtonctl.runs.result import ItemOutcome
from vtonctl.runs.tasks import ChainTask, StageSpec, Step

KEPT = ("current", "failed", "poison")
"""States of what a run leaves as an earlier one left it."""
# shared by millions of items, and never changed
_NOTHING: Mapping[str, Any] = {}
_MADE_BEFORE = {"made_before": True}
_NEVER_MADE = {"made_before": False}
NOT_RUN = "run vtonctl preprocess on the root"


@dataclass(frozen=True, slots=True)
class Planned:
    """One stage of one item: what its state is before the run."""

    item: str
    stage: str
    state: str
    """``current``, ``to_do``, ``failed``, ``poison``, ``blocked`` (it cannot be made) or
    ``waiting`` (it could be, but not by this run)."""
    row: Row | None = None
    reason: str = ""
    """Why it is blocked."""
    record: Mapping[str, str] = field(default_factory=dict)
    """What is recorded with it if it is blocked."""

    def outcome(self) -> ItemOutcome:
        """What is told of a step that the run did not do: nothing was to do, or it still is."""
        row = self.row
        if self.state not in KEPT:
            made_before = row is not None and row.status == "done"
            record = _MADE_BEFORE if made_before else _NEVER_MADE
            return ItemOutcome(self.item, self.stage, "pending", record=record)
        if row is None:
            return ItemOutcome(self.item, self.stage, self.state, record=_NOTHING)
        told = row.record if self.state != "current" else _NOTHING
        return ItemOutcome.of(self.item, self.stage, self.state, row, told)


@dataclass
class Item:
    """An item on its way through the plan."""

    name: str
    subject: Subject
    source: Path | None = None
    known: dict[Artifact, str] = field(default_factory=dict)
    """sha256 of what is up to date."""
    pending: set[Artifact] = field(default_factory=set)
    """What the run will make."""
    lost: dict[Artifact, str] = field(default_factory=dict)
    """What cannot be had, with the reason."""
    waiting: set[Artifact] = field(default_factory=set)
    """What of it another run could make."""
    steps: list[Step] = field(default_factory=list)
    planned: list[Planned] = field(default_factory=list)

    def blocked_by(self, spec: StageSpec) -> str:
        """``waiting`` if another run could make what a stage lacks, else ``blocked``."""
        return "waiting" if self.waiting & set(spec.info.inputs) else "blocked"


class ChainPlanner:
    """Plans items of a data-set root; reads files, writes nothing.

    ``runnable`` names the stages that this run may execute. Without ``trust_params`` a row's
    parameters must be those of the spec; with it, whatever it was made with is right.
    """

    def __init__(
        self,
        data: DataRoot,
        rows: LedgerRows,
        hashes: HashCache,
        specs: Sequence[StageSpec],
        *,
        runnable: frozenset[str],
        retry_failed: bool = False,
        trust_params: bool = False,
    ) -> None:
        self.data, self.rows, self.hashes = data, rows, hashes
        self.specs, self.runnable = specs, runnable
        self.retry_failed, self.trust_params = retry_failed, trust_params

    def plan(self, name: str, subject: Subject, source: Path | None) -> Item:
        """The state of an item, stage by stage, and the steps to do."""
        item = Item(name, subject, source)
        if source is not None:
            try:
                # what this run works on is fetched by a worker, and once; else it is needed now
                known = self.hashes.state_if_read if self.runnable else self.hashes.state
                state = known(source)
            except OSError as error:
                item.lost[Artifact.SOURCE] = f"{source}: {error.strerror or error}"
            else:
                if state:
                    item.known[Artifact.SOURCE] = state.sha256
                else:
                    item.pending.add(Artifact.SOURCE)
        specs = [spec for spec in self.specs if spec.info.subject is subject]
        self.rows.read_ahead([spec.info.name for spec in specs], [name])
        for spec in specs:
            item.planned.append(self._step(item, spec))
        return item

    def task(self, item: Item) -> ChainTask | None:
        """What a worker has to do for a planned item."""
        if not item.steps:
            return None
        return ChainTask(
            item=item.name,
            subject=item.subject,
            root=self.data.root,
            split=self.data.split,
            layout=self.data.layout_name,
            steps=tuple(item.steps),
            known=item.known,
            lost=item.lost,
            source=item.source,
        )

    def _step(self, item: Item, spec: StageSpec) -> Planned:
        stage = spec.info.name
        row = self.rows.get((stage, item.name))
        outputs = [a for a in spec.info.outputs if a in self.data.layout.places]
        given = [a for a in outputs if self._is_given(item, a, row)]
        item.known.update(
            {a: self.hashes.state(self.data.path(a, item.name)).sha256 for a in given}
        )
        write = [a for a in outputs if a not in given]
        if not write:
            return self._all_given(item, spec, given)
        if row and item.source is None and spec.info.inputs == (Artifact.SOURCE,):
            return self._without_source(item, row, write)
        if missing := self._missing(item, spec):
            return self._lose(item, stage, write, row, item.blocked_by(spec), missing)
        if self.trust_params and row:
            spec = replace(spec, params=row.params, weights=row.weights)
        return self._decide(item, spec, row, write)

    def _decide(
        self, item: Item, spec: StageSpec, row: Row | None, write: list[Artifact]
    ) -> Planned:
        stage, recorded = spec.info.name, self._recorded(row, write)
        if any(a in item.pending for a in spec.info.inputs):
            unless = row.fingerprint if row and recorded is not None else ""
            return self._add_step(item, spec, row, write, unless, recorded or {})
        inputs = {a.value: item.known[a] for a in spec.info.inputs}
        mark = fingerprint(spec.info, spec.params, inputs, spec.weights)
        if row and row.fingerprint == mark:
            if recorded is not None:
                item.known.update(recorded)
                return Planned(item.name, stage, "current", row)
            if row.status in ("failed", "poison") and not self.retry_failed:
                return self._lose(item, stage, write, row, row.status, f"{stage}: {row.message}")
        return self._add_step(item, spec, row, write, "", {})

    def _add_step(
        self,
        item: Item,
        spec: StageSpec,
        row: Row | None,
        write: list[Artifact],
        unless: str,
        recorded: Mapping[Artifact, str],
    ) -> Planned:
        stage = spec.info.name
        if stage not in self.runnable:
            state = "out of date" if row else "missing"
            reason = f"{stage} is {state}: {NOT_RUN}"
            return self._lose(item, stage, write, row, "waiting", reason)
        item.pending.update(write)
        item.steps.append(Step(spec, tuple(write), unless, recorded))
        return Planned(item.name, stage, "to_do", row)

    def _lose(
        self,
        item: Item,
        stage: str,
        write: list[Artifact],
        row: Row | None,
        state: str,
        reason: str,
    ) -> Planned:
        item.lost.update(dict.fromkeys(write, reason))
        item.waiting.update(write if state == "waiting" else ())
        return Planned(item.name, stage, state, row, reason)

    def _is_given(self, item: Item, artifact: Artifact, row: Row | None) -> bool:
        """Whether there is a file that we neither made nor announced."""
        if row and artifact.value in row.outputs:
            return False
        return self.data.path(artifact, item.name).is_file()

    def _all_given(self, item: Item, spec: StageSpec, given: list[Artifact]) -> Planned:
        stage = spec.info.name
        if item.source is not None and Artifact.SOURCE in spec.info.inputs:
            path = self.data.path(given[0], item.name)
            reason = f"{path} is there already, and was not made from {item.source}"
            return self._lose(item, stage, given, None, "blocked", reason)
        return Planned(item.name, stage, "current")

    def _without_source(self, item: Item, row: Row, write: list[Artifact]) -> Planned:
        """The photo is gone or not asked for: what was made from it is all there is."""
        recorded = self._recorded(row, write)
        if recorded is None:
            reason = row.message or "the photo it was made from is gone"
            return self._lose(item, row.stage, write, row, "blocked", reason)
        item.known.update(recorded)
        return Planned(item.name, row.stage, "current", row)

    def _missing(self, item: Item, spec: StageSpec) -> str:
        """Why an input cannot be had, or ""."""
        for artifact in spec.info.inputs:
            if artifact in item.lost:
                return item.lost[artifact]
            if artifact not in item.known and artifact not in item.pending:
                return f"there is no {artifact.value}"
        return ""

    def _recorded(self, row: Row | None, write: list[Artifact]) -> dict[Artifact, str] | None:
        """Hashes of the row's outputs if it says done and all bytes still match, else None."""
        if row is None or row.status != "done":
            return None
        found: dict[Artifact, str] = {}
        for artifact in write:
            name, state = row.outputs.get(artifact.value, ("", None))
            if state is None or is_unchanged(self.data.root / name, state) is None:
                return None
            found[artifact] = state.sha256
        return found
