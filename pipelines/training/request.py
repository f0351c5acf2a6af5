"""What is asked of a trainer, what it reports and what it gives back.

Imports no array library: the command line reads these before anything heavy is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class TrainerInfo:
    """What is known of a trainer without loading it."""

    name: str
    """Name of the stage, ``<system>.<module>``."""
    summary: str
    """One line."""
    inputs: tuple[str, ...]
    """What each data-set root must hold."""
    defaults: Mapping[str, Any]
    """Every setting that ``--set`` and ``--config`` take, with its default value."""
    needs_extra: str = ""
    """Extra of the package that must be installed, for example ``yolo``; empty for none."""


@dataclass(frozen=True)
class TrainRequest:
    """One training run."""

    stage: str
    roots: tuple[Path, ...]
    """Data-set roots, at least one."""
    out: Path
    """Folder of the run: checkpoints, logs, pictures, final weights."""
    epochs: int | None = None
    """Passes over the training data; None = the trainer's default."""
    steps: int | None = None
    """Optimizer steps; replaces ``epochs``."""
    minutes: float | None = None
    """Time budget; the learning rate then follows the share of it that has gone by."""
    resume: bool = False
    """Go on from the last checkpoint in ``out`` (start anew if there is none)."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Values for keys of ``TrainerInfo.defaults``; the keys have been checked."""
    device: str = "auto"
    precision: str = "auto"
    """``auto``, ``fp32`` or ``bf16``."""
    seed: int = 0
    num_processes: int = 1


@dataclass(frozen=True)
class Progress:
    """How far a run is; sent a few times a minute at most."""

    step: int
    """Steps done."""
    total_steps: int | None
    """None under a time budget alone."""
    epoch: int
    fraction: float
    """Share of the run that is done, 0..1."""
    seconds: float
    """Time spent, earlier parts of a resumed run included."""
    losses: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Figures of the last validation."""
    images_per_s: float = 0.0
    note: str = ""
    """A sentence for the user (a checkpoint was written, TensorBoard is missing, ...)."""


ReportProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class TrainResult:
    """What a run made."""

    status: str
    """``done`` or ``interrupted``."""
    figures: Mapping[str, float]
    """Final validation figures, flat: ``miou``, ``iou/hair``, ..."""
    files: tuple[Path, ...]
    """Weights, curves, sheets, log: what a user would look for."""
    seconds: float
    steps: int = 0
    interrupted_by: int = 0
    """Number of the signal that ended the run; 0 if none did."""
    rows: tuple[Mapping[str, Any], ...] = ()
    """A table (per label, say), for people; may be empty."""
