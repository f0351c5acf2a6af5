"""Training runs: one at a time in a folder, in one process or several, alone or compared."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines import registry
from pipelines.atomic import write_atomic
from pipelines.errors import ConfigError
from pipelines.training.ablation import Variant, comparison
from pipelines.training.request import ReportProgress, TrainRequest, TrainResult
from pipelines.training.run_folder import RunFolder
from vtonctl.runs.lock import hold
from vtonctl.runs.rundir import RunDir
from vtonctl.runs.training_processes import train_in_processes

Runs = tuple[tuple[Variant, TrainResult], ...]


def launched() -> bool:
    """Whether a launcher (accelerate, torchrun) has started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def leads() -> bool:
    """Whether this process is the one that speaks and writes."""
    return int(os.environ.get("RANK", "0")) == 0


def recall(out: Path, stage: str) -> dict[str, Any]:
    """The config of the run that a folder holds; empty if it has none that can be read.

    Raises ``ConfigError`` if it is of another stage.
    """
    path = RunFolder(out).config
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict) or found.get("stage", stage) != stage:
        raise ConfigError(
            f"{path}: is of another run than one of {stage}.",
            code="other_run",
            hint="Give the --out of the run to go on with.",
        )
    return found


def run_training(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train into ``request.out``, which is held meanwhile.

    Raises ``RootLocked`` if another run holds the folder, and what the trainer raises.
    """
    holding = hold(RunDir(request.out), f"train {request.stage}") if leads() else nullcontext()
    with holding:
        if request.num_processes > 1 and not launched():
            return train_in_processes(request, registry.TRAINERS[request.stage][1], report)
        return registry.train(request, report)


def run_ablation(
    request: TrainRequest,
    variants: Sequence[Variant],
    report: ReportProgress,
    begin: Callable[[Variant], None],
) -> Runs:
    """Train every variant with the same seed and steps; ends early when one is interrupted.

    The comparison is written anew after each. With ``request.resume`` finished ones are kept.
    """
    folder = RunFolder(request.out)
    runs: list[tuple[Variant, TrainResult]] = []
    for variant in variants:
        begin(variant)
        own = replace(
            request,
            out=folder.variant(variant.name).root,
            settings={**request.settings, **variant.settings},
        )
        result = _finished(own) or run_training(own, report)
        if result.status != "done":
            runs.append((variant, result))
            break
        runs.append((variant, result))
        if leads():
            _write_comparison(folder, runs)
    return tuple(runs)


def _finished(request: TrainRequest) -> TrainResult | None:
    """The result of an earlier run that was the same, if this one is to go on."""
    folder = RunFolder(request.out)
    try:
        found: dict[str, Any] = json.loads(folder.result.read_bytes())
        config: dict[str, Any] = json.loads(folder.config.read_bytes())
    except (OSError, ValueError):
        return None
    wanted = {"seed": request.seed, "epochs": request.epochs, "steps": request.steps}
    wanted["settings"] = json.loads(json.dumps(dict(request.settings)))
    if not request.resume or any(config.get(name) != value for name, value in wanted.items()):
        return None
    figures = {name: float("nan") if v is None else v for name, v in found["figures"].items()}
    rows = tuple(found.get("rows", ()))
    return TrainResult("done", figures, (), found["seconds"], found["steps"], rows=rows)


def _write_comparison(folder: RunFolder, runs: Sequence[tuple[Variant, TrainResult]]) -> None:
    from pipelines.training.journal import write_json  # loads numpy

    write_atomic(folder.ablation, comparison(runs).encode())
    listed = [
        {"variant": v.name, "settings": dict(v.settings), "figures": dict(r.figures),
         "rows": list(r.rows), "steps": r.steps, "seconds": r.seconds}
        for v, r in runs
    ]  # fmt: skip
    write_json(folder.ablation_figures, listed)
