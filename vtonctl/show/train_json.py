"""The documents of ``vtonctl train --json``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pipelines.training.ablation import Variant
from pipelines.training.request import TrainRequest, TrainResult
from pipelines.training.run_folder import RunFolder
from vtonctl.show import jsonout


def train_document(
    request: TrainRequest, result: TrainResult, exit_code: int, resume: str | None
) -> jsonout.TrainDocument:
    """The document of one run."""
    return jsonout.TrainDocument(
        command="train",
        exit_code=exit_code,
        training=_training(request, result, RunFolder(request.out), request.settings),
        resume=resume,
    )


def ablation_document(
    request: TrainRequest, runs: tuple[tuple[Variant, TrainResult], ...], exit_code: int
) -> jsonout.AblationDocument:
    """The document of an ablation."""
    folder = RunFolder(request.out)
    variants = tuple(
        jsonout.Variant(
            name=variant.name,
            values=dict(variant.settings),
            training=_training(
                request,
                result,
                folder.variant(variant.name),
                {**request.settings, **variant.settings},
            ),
        )
        for variant, result in runs
    )
    return jsonout.AblationDocument(
        command="train",
        exit_code=exit_code,
        out=str(request.out),
        table=str(folder.ablation),
        variants=variants,
    )


def _training(
    request: TrainRequest, result: TrainResult, folder: RunFolder, settings: Mapping[str, Any]
) -> jsonout.Training:
    return jsonout.Training(
        status="interrupted" if result.interrupted_by else "done",
        stage=request.stage,
        out=str(folder.root),
        settings=dict(settings),
        seed=request.seed,
        steps=result.steps,
        seconds=round(result.seconds, 3),
        figures={k: v if math.isfinite(v) else None for k, v in result.figures.items()},
        rows=tuple(dict(row) for row in result.rows),
        files=tuple(map(str, result.files)),
    )
