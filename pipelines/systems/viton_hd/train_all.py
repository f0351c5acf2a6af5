"""``vtonctl train viton-hd``: the three networks in a row, each with what the ones before made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pipelines.errors import ConfigError
from pipelines.systems.viton_hd.train import stage_weights, train_alias, train_gmm, train_seg
from pipelines.systems.viton_hd.train_settings import STAGES, settings_of_stage
from pipelines.training.request import Progress, ReportProgress, TrainRequest, TrainResult

_TRAINERS: Mapping[str, Callable[[TrainRequest, ReportProgress], TrainResult]] = {
    "seg": train_seg,
    "gmm": train_gmm,
    "alias": train_alias,
}


def train(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train all three, each into a folder of its own inside ``request.out``.

    ``minutes`` are shared out by the settings ``seg_share``, ``gmm_share`` and ``alias_share``;
    ``steps`` and ``epochs`` are those of each. The packs of examples are shared, too. With
    ``resume`` stages that are done only write their weights again. Raises what they raise.
    """
    if request.num_processes > 1:
        raise ConfigError(
            "the three stages in a row train in one process",
            code="bad_setting",
            hint="Train viton-hd.seg, viton-hd.gmm and viton-hd.alias one by one.",
        )
    results: dict[str, TrainResult] = {}
    for stage in STAGES:
        _tell(report, f"viton-hd.{stage}")
        result = _TRAINERS[stage](_of_stage(request, stage), report)
        results[stage] = result
        if result.interrupted_by:
            break
    return _together(results)


def _of_stage(request: TrainRequest, stage: str) -> TrainRequest:
    values = settings_of_stage(stage, request.settings)
    values["cache"] = values["cache"] or str(request.out / "data")
    if stage == "alias":
        for before in ("seg", "gmm"):
            values[before] = str(stage_weights(request.out / before, before))
    minutes = request.minutes
    if minutes is not None:
        shares = {name: float(request.settings[f"{name}_share"]) for name in STAGES}
        if min(shares.values()) < 0 or not shares[stage]:
            raise ConfigError(f"{stage}_share = {shares[stage]}: more than 0 wanted",
                              code="bad_setting")  # fmt: skip
        minutes *= shares[stage] / sum(shares.values())
    return replace(
        request,
        stage=f"viton-hd.{stage}",
        out=request.out / stage,
        settings=values,
        minutes=minutes,
    )


def _tell(report: ReportProgress, note: str) -> None:
    report(Progress(0, None, 0, 0.0, 0.0, note=note))


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
