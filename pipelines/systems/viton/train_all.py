"""``vtonctl train viton``: the two networks in a row, the second with what the first makes."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.systems.viton.train import train_coarse, train_refine
from pipelines.systems.viton.train_settings import ROW
from pipelines.training.request import ReportProgress, TrainRequest, TrainResult
from pipelines.training.tryon_row import Trainer, train_row

_TRAINERS: Mapping[str, Trainer] = {"coarse": train_coarse, "refine": train_refine}


def train(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train both; see ``pipelines.training.tryon_row.train_row``. Raises what they raise."""
    return train_row(ROW, _TRAINERS, request, report)
