"""The trainers of a try-on system in a row, each with what the ones before it made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipelines.errors import ConfigError
from pipelines.training.request import Progress, ReportProgress, TrainRequest, TrainResult
from pipelines.training.tryon_settings import Row

if TYPE_CHECKING:
    from pathlib import Path

Trainer = Callable[[TrainRequest, ReportProgress], TrainResult]


def train_row(
    row: Row, trainers: Mapping[str, Trainer], request: TrainRequest, report: ReportProgress
) -> TrainResult:
    """Train all stages of a row, each into a folder of its own inside ``request.out``.

    ``minutes`` are shared out by the settings ``<stage>_share``; ``steps`` and ``epochs`` are
    those of each. The packs of examples are shared, too. A stage that has a setting with the name
    of an earlier one is given that one's weights. With ``resume`` stages that are done only write
    their weights again. Raises what they raise.
    """
    if request.num_processes > 1:
        names = [info.name for info in row.stages.values()]
        raise ConfigError(
            f"the {len(names)} stages in a row train in one process",
            code="bad_setting",
            hint=f"Train {', '.join(names[:-1])} and {names[-1]} one by one.",
        )
    results: dict[str, TrainResult] = {}
    for stage, info in row.stages.items():
        report(Progress(0, None, 0, 0.0, 0.0, note=info.name))
        result = trainers[stage](_of_stage(row, request, stage), report)
        results[stage] = result
        if result.interrupted_by:
            break
    return _together(results)


def stage_weights(row: Row, folder: Path, stage: str) -> Path:
    """The file of weights that one stage leaves below the folder of the row's run."""
    return folder / stage / f"{row.stages[stage].name}.safetensors"


def _of_stage(row: Row, request: TrainRequest, stage: str) -> TrainRequest:
    values = row.settings_of(stage, request.settings)
    values["cache"] = values["cache"] or str(request.out / "data")
    for before in row.stages:
        if before == stage:
            break
        if before in values:
            values[before] = str(stage_weights(row, request.out, before))
    minutes = request.minutes
    if minutes is not None:
        shares = {name: float(request.settings[f"{name}_share"]) for name in row.stages}
        if min(shares.values()) < 0 or not shares[stage]:
            raise ConfigError(f"{stage}_share = {shares[stage]}: more than 0 wanted",
                              code="bad_setting")  # fmt: skip
        minutes *= shares[stage] / sum(shares.values())
    return replace(
        request,
        stage=row.stages[stage].name,
        out=request.out / stage,
        settings=values,
        minutes=minutes,
    )


def _together(results: Mapping[str, TrainResult]) -> TrainResult:
    """One result; figures have the name of their stage before them."""
    last = list(results.values())[-1]
    rows: list[dict[str, Any]] = []
    for stage, result in results.items():
        rows += [{"stage": stage, "figure": n, "value": v} for n, v in result.figures.items()]
    return TrainResult(
        status=last.status,
        figures={f"{s}/{n}": v for s, r in results.items() for n, v in r.figures.items()},
        files=tuple(path for result in results.values() for path in result.files),
        seconds=sum(result.seconds for result in results.values()),
        steps=sum(result.steps for result in results.values()),
        interrupted_by=last.interrupted_by,
        rows=tuple(rows),
    )
