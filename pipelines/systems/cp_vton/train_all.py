"""``vtonctl train cp-vton`` and ``cp-vton-plus``: the two networks of a system in a row."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.systems.cp_vton.train import train_gmm, train_tom
from pipelines.systems.cp_vton.train_settings import PLUS_ROW, ROW
from pipelines.training.request import ReportProgress, TrainRequest, TrainResult
from pipelines.training.tryon_row import Trainer, train_row

_TRAINERS: Mapping[str, Trainer] = {"gmm": train_gmm, "tom": train_tom}


def train(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train both; see ``pipelines.training.tryon_row.train_row``. Raises what they raise."""
    row = PLUS_ROW if request.stage == PLUS_ROW.system else ROW
    return train_row(row, _TRAINERS, request, report)
