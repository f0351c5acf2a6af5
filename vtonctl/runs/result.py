"""What a run did: counts, failures, flags; from it come exit code, table, JSON and report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, Protocol


class ExitCode(IntEnum):
    """Exit codes of the command line (errors carry their own, see ``pipelines.errors``)."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    SOME_FAILED = 3
    SOME_FLAGGED = 4
    CONFIG = 64
    LIST = 65
    INPUT = 66
    WEIGHTS_MISSING = 69
    STORAGE = 74
    LOCKED = 75
    INTERRUPTED = 130
    TERMINATED = 143


class Said(Protocol):
    """What the outcome of a worker and a row of the ledger say alike; as in ``ItemOutcome``."""

    @property
    def code(self) -> str:
        """Of a failure."""

    @property
    def message(self) -> str:
        """Of a failure."""

    @property
    def hint(self) -> str:
        """Of a failure."""

    @property
    def flags(self) -> Sequence[str]:
        """Doubts."""

    @property
    def score(self) -> float:
        """0..1."""

    @property
    def seconds(self) -> float:
        """That the work took."""

    @property
    def record(self) -> Mapping[str, Any]:
        """What is noted besides."""


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """One item of one stage, as recorded in the ledger and shown to people."""

    item: str
    stage: str
    status: str
    """``done``, ``current`` (nothing to do), ``failed``, ``blocked``, ``poison`` or ``pending``
    (to do, and not done because of a dry run or an interruption)."""
    code: str = ""
    """Error code of a failure (``pipelines.errors.ItemError``)."""
    message: str = ""
    hint: str = ""
    flags: tuple[str, ...] = ()
    score: float = 1.0
    seconds: float = 0.0
    record: Mapping[str, Any] = field(default_factory=dict)
    """What the ledger has beyond this of what the run did itself; little of what was up to date."""

    @classmethod
    def of(
        cls, item: str, stage: str, status: str, said: Said, record: Mapping[str, Any] | None = None
    ) -> ItemOutcome:
        """An outcome with what is ``said`` of it; ``record`` in the place of that one's."""
        return cls(
            item=item,
            stage=stage,
            status=status,
            code=said.code,
            message=said.message,
            hint=said.hint,
            flags=tuple(said.flags),
            score=said.score,
            seconds=said.seconds,
            record=said.record if record is None else record,
        )


@dataclass(frozen=True)
class ParserUsed:
    """The parser of a run; all but the name is empty where it needs no weights."""

    name: str
    weights: str = ""
    """Name in the manifest, or the user's file."""
    sha256: str = ""
    tier: str = ""
    """``open`` (free for commercial use) or ``research``; empty if the file does not say."""
    device: str = ""
    precision: str = ""


@dataclass(frozen=True)
class SystemWeights:
    """One file of weights of a try-on system."""

    family: str
    name: str
    """Name in the manifest, or the user's file."""
    sha256: str
    tier: str
    """``open`` (free for commercial use) or ``research``; empty if the file does not say."""


@dataclass(frozen=True)
class SystemUsed:
    """The try-on system of a run; all but the name is empty where it needs no weights."""

    name: str
    weights: tuple[SystemWeights, ...] = ()
    device: str = ""
    precision: str = ""


@dataclass(frozen=True)
class RunResult:
    """The whole run."""

    command: str
    """``preprocess`` or ``tryon``."""
    root: Path
    out: Path
    outcomes: tuple[ItemOutcome, ...]
    """One per stage and item of this run's plan, blocked ones included."""
    seconds: float
    interrupted_by: int = 0
    """Number of the signal that ended the run early, or 0."""
    dry_run: bool = False
    estimate_s: float = 0.0
    """Estimated duration of what is to do (with ``dry_run``)."""
    parser: ParserUsed | None = None
    """The parser that this run's parses are made with; None if it makes none."""
    system: SystemUsed | None = None
    """The try-on system; None of a run that dresses nobody."""

    def count(self, *statuses: str) -> int:
        """Number of outcomes with one of these statuses."""
        return sum(o.status in statuses for o in self.outcomes)

    @property
    def failures(self) -> tuple[ItemOutcome, ...]:
        """The outcomes that are neither done nor current."""
        return tuple(o for o in self.outcomes if o.status in ("failed", "blocked", "poison"))

    @property
    def status(self) -> str:
        """``success``, ``partial`` or ``error`` (nothing succeeded)."""
        if not self.failures and not self.interrupted_by:
            return "success"
        return "partial" if self.count("done", "current") else "error"

    def exit_code(self, *, fail_on_flag: bool = False) -> int:
        """The exit code for this run."""
        if self.interrupted_by:
            return 128 + self.interrupted_by
        if self.failures:
            return ExitCode.SOME_FAILED
        if fail_on_flag and any(o.flags for o in self.outcomes):
            return ExitCode.SOME_FLAGGED
        return ExitCode.OK


class ProgressSink(Protocol):
    """Who hears of progress; all methods return quickly and never raise."""

    def planned(self, stage: str, to_do: int, current: int) -> None:
        """So many items of a stage are to do, so many are up to date."""
        ...

    def finished(self, outcome: ItemOutcome) -> None:
        """One item of one stage has ended."""
        ...

    def note(self, text: str) -> None:
        """Something a person may want to know."""
        ...
