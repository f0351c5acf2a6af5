"""What made a run what it is: written beside each checkpoint, compared when a run goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from pipelines.errors import ConfigError
from pipelines.training.checkpoints import CheckpointFolder
from pipelines.training.request import TrainRequest
from pipelines.training.settings import LoopSettings
from pipelines.training.task import Task

_MAY_CHANGE = frozenset({"code", "torch", "precision", "processes"})
"""What a resumed run may have otherwise without a word."""


def check_folder(checkpoints: CheckpointFolder, request: TrainRequest) -> None:
    """Raise ``ConfigError`` if the folder holds a run and this one is not to go on from it."""
    if not request.resume and checkpoints.steps():
        raise ConfigError(
            f"{request.out}: holds a run of {checkpoints.steps()[-1]} steps already.",
            code="run_exists",
            hint="Use --resume to go on with it, or another --out.",
        )


def describe(
    request: TrainRequest, settings: LoopSettings, task: Task, precision: str, processes: int
) -> dict[str, Any]:
    """Settings, data, seed and versions, as JSON values."""
    return {
        "stage": request.stage,
        "roots": [str(root) for root in request.roots],
        "seed": request.seed,
        "epochs": request.epochs,
        "steps": request.steps,
        "minutes": request.minutes,
        "precision": precision,
        "processes": processes,
        "settings": {**request.settings},
        "loop": asdict(settings),
        "task": task.describe(),
        "code": code_version(),
        "torch": torch.__version__,
    }


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """``name old -> new`` for what was set otherwise in the run that wrote a checkpoint."""
    old, new = dict(_flat(before)), dict(_flat(now))
    return [
        f"{name} {old.get(name)} -> {new.get(name)}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name) and name.partition(".")[0] not in _MAY_CHANGE
    ]


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, list(value) if isinstance(value, tuple) else value


@cache
def code_version() -> str:
    """Version of the package and twelve digits of the sha256 of its sources."""
    digest = hashlib.sha256()
    package = Path(__file__).resolve().parents[1]
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    try:
        number = version("vtonctl")
    except PackageNotFoundError:
        # run from the sources
        number = "0"
    return f"{number}+{digest.hexdigest()[:12]}"
