"""What travels between the run and its workers: ids, parameters and hashes, never arrays."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.layout import Artifact
from pipelines.stage import StageInfo, Subject
from pipelines.types import Frame
from vtonctl.runs.filehash import FileState

Made = Mapping[str, tuple[str, FileState]]
"""Output name -> file relative to its root, and its state."""


@dataclass(frozen=True)
class StageSpec:
    """A stage or try-on system with its parameters; ``target`` is ``module:class``.

    ``params`` and ``weights`` (a hash) enter the fingerprint. ``runtime`` holds further keywords
    for the class that change no output: where weights lie, the number of a GPU.
    """

    info: StageInfo
    target: str
    params: Mapping[str, Any] = field(default_factory=dict)
    weights: str = ""
    runtime: Mapping[str, Any] = field(default_factory=dict)

    @property
    def keywords(self) -> dict[str, Any]:
        """What the class is called with."""
        return {**self.params, **self.runtime}

    @property
    def key(self) -> str:
        """Equal for specs that one object can serve."""
        return f"{self.target} {self.weights} {sorted(self.keywords.items())!r}"


@dataclass(frozen=True)
class Step:
    """One stage of one item."""

    spec: StageSpec
    write: tuple[Artifact, ...]
    """Outputs to write; the others were given by the user and stay."""
    unless: str = ""
    """Skip the step if its fingerprint turns out to be this one: the files are still good."""
    recorded: Mapping[Artifact, str] = field(default_factory=dict)
    """Hashes of its files, if it is skipped."""


@dataclass(frozen=True)
class ChainTask:
    """Stages of one item, in order, run in one worker."""

    item: str
    subject: Subject
    root: Path
    split: str
    layout: str
    steps: tuple[Step, ...]
    known: Mapping[Artifact, str] = field(default_factory=dict)
    """sha256 of files that are up to date."""
    lost: Mapping[Artifact, str] = field(default_factory=dict)
    """Artifacts that cannot be had, each with the reason in words."""
    source: Path | None = None

    @property
    def group(self) -> str:
        """Tasks of one group are better run by one worker."""
        return ""

    @property
    def specs(self) -> tuple[StageSpec, ...]:
        """What a worker needs to have loaded."""
        return tuple(step.spec for step in self.steps)

    @property
    def folders(self) -> tuple[Path, ...]:
        """What a worker reads and writes."""
        return (self.root,)


@dataclass(frozen=True)
class NativeSource:
    """The photo that a person was framed from."""

    path: Path
    sha256: str
    frame: Frame


@dataclass(frozen=True)
class PoseSource:
    """A pose that persons are to take: a pose file, or a photo in which it is found."""

    name: str
    path: Path
    sha256: str = ""
    finder: StageSpec | None = None
    """The stage that finds the pose in a photo; None for a pose file."""
    problem: str = ""
    """Why it cannot be used, in words."""

    @property
    def key(self) -> str:
        """Equal for sources of one and the same pose."""
        return f"{self.path} {self.sha256} {self.finder.key if self.finder else ''}"


@dataclass(frozen=True)
class PairTask:
    """One person in one garment, in a pose of their own or in a given one."""

    item: str
    person: str
    garment: str
    root: Path
    split: str
    layout: str
    out: Path
    spec: StageSpec
    fingerprint: str
    inputs: Mapping[str, str]
    """Artifact value -> sha256 that the file must have."""
    seed: int
    image_format: str
    quality: int
    save_stages: bool = False
    native: NativeSource | None = None
    group: str = ""
    flags: tuple[str, ...] = ()
    """Doubts about the person and the garment, which the result inherits."""
    parser: Mapping[str, Any] = field(default_factory=dict)
    """What the person's parse was made with; empty if it was given."""
    pose: PoseSource | None = None

    @property
    def specs(self) -> tuple[StageSpec, ...]:
        """What a worker needs to have loaded."""
        finder = self.pose.finder if self.pose else None
        return (self.spec, finder) if finder else (self.spec,)

    @property
    def folders(self) -> tuple[Path, ...]:
        """What a worker reads and writes."""
        return (self.root, self.out)

    @property
    def names(self) -> dict[str, str]:
        """Person, garment and pose by name, as they are recorded with the result."""
        return pair_names(self.person, self.garment, self.pose)


Task = ChainTask | PairTask


class Deferred(Sequence[Task]):
    """Very many tasks, each made when it is asked for."""

    @property
    @abstractmethod
    def specs(self) -> tuple[StageSpec, ...]:
        """What a worker needs to have loaded for any of them."""

    @property
    @abstractmethod
    def folders(self) -> tuple[Path, ...]:
        """What a worker reads and writes for any of them."""

    @abstractmethod
    def groups(self) -> Iterable[str]:
        """The group of each task, in order."""


def pair_names(person: str, garment: str, pose: PoseSource | None) -> dict[str, str]:
    """What a result shows, by name."""
    return {"person": person, "garment": garment, **({"pose": pose.name} if pose else {})}


@dataclass(frozen=True)
class Outcome:
    """How one stage of one item ended, with all that the ledger keeps of it."""

    item: str
    stage: str
    status: str
    """``done``, ``current``, ``failed``, ``blocked`` or ``poison``."""
    fingerprint: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Made = field(default_factory=dict)
    code: str = ""
    message: str = ""
    hint: str = ""
    flags: tuple[str, ...] = ()
    score: float = 1.0
    seconds: float = 0.0
    record: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 1
    fetched: Mapping[str, FileState] = field(default_factory=dict)
    """Objects of a store that were read for it, by address."""
