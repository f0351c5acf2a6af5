"""What a run is asked to do, as plain frozen data that a notebook can build too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.device import Compute


@dataclass(frozen=True)
class RunOptions:
    """How to run, whatever the work is.

    Results depend on ``seed``, and those of networks on device and precision.
    """

    jobs: int = 0
    """Worker processes; 0 = one per usable core, or all workers of a cluster."""
    executor: str = "local"
    """Where tasks run: ``local`` = processes on this machine, ``dask`` = Dask workers on it,
    ``dask:ADDRESS`` = workers of a Dask cluster that is there."""
    dask_resources: Mapping[str, float] = field(default_factory=dict)
    """What each task needs of a worker of ``dask:ADDRESS``, as it was started with."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``."""
    precision: str = "auto"
    """``auto``, ``fp32`` or ``bf16``."""
    compute: Compute | None = None
    """Device and precision as an earlier run settled them; then neither wish is looked at."""
    seed: int = 0
    """Seed of the run; each item's own seed is derived from it and the item's name."""
    item_timeout_s: float = 0.0
    """Seconds after which a hung item is given up and its worker ended; 0 = never."""
    retry_failed: bool = False
    """Try again what failed or killed its worker in an earlier run."""
    dry_run: bool = False
    """Plan and estimate only; nothing is written."""


@dataclass(frozen=True)
class PreprocessRequest:
    """Make the files of a data-set root from photos, garments or what is already in it."""

    root: Path
    """The data-set root to write."""
    photos: Path | None = None
    """Folder of person photos, searched in depth; None = the images already in the root."""
    garments: Path | None = None
    """Folder of garment photos, searched in depth; None = the garments already in the root."""
    split: str = "test"
    layout: str = "viton-hd"
    size_hw: tuple[int, int] = (1024, 768)
    only: tuple[str, ...] = ()
    """Stages to run (``pose``, ``parse``, ``agnostic``, ``cloth-mask``); () = all."""
    parser: str = "auto"
    """A name of ``pipelines.preprocess.parsing.PARSERS``; ``auto`` = the best that may be used."""
    parser_weights: str = ""
    """Weights of the parser, by name or file; empty = the best that may be used."""
    commercial: bool = False
    """Use only weights that allow commercial use."""
    pose_model: str = "full"
    agnostic_variant: str = "v3.2"
    """``v3.2`` (size-relative, hands kept) or ``viton-hd`` (fixed sizes)."""


@dataclass(frozen=True)
class TryOnRequest:
    """Make try-on pictures."""

    root: Path
    """Data-set root with persons and garments."""
    out: Path
    """Folder of the results; ``results.jsonl`` and ``report.html`` lie beside them."""
    prepare: PreprocessRequest | None = None
    """Preprocessing to bring up to date first; its root is ``root``."""
    pairs: Path | None = None
    """Pairs list; None = ``all_pairs`` or the root's own ``<split>_pairs.txt``."""
    all_pairs: bool = False
    split: str = "test"
    layout: str = "viton-hd"
    system: str = "auto"
    weights: tuple[str, ...] = ()
    """Weights of the system, by name or file; for families without any the best are taken."""
    commercial: bool = False
    """Use only weights of a system that allow commercial use."""
    native: bool = False
    """Put the result back into the original photo at its own resolution."""
    image_format: str = "png"
    """``png``, ``jpg`` or ``webp``."""
    quality: int = 95
    save_stages: bool = False
    params: dict[str, str] = field(default_factory=dict)
    """Parameters of the system."""
    pose: Path | None = None
    """A pose that all persons are to take (OpenPose's JSON), or a folder of such files."""
    pose_from: Path | None = None
    """A photo in whose pose all persons are to be shown."""
    pose_model: str = "full"
    """What finds the pose in ``pose_from``."""
