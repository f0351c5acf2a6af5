"""``vtonctl train multipose``: the three networks in a row, each with what the ones before made."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.systems.multipose.train import train_gwc, train_shs, train_tog
from pipelines.systems.multipose.train_settings import ROW
from pipelines.training.request import ReportProgress, TrainRequest, TrainResult
from pipelines.training.tryon_row import Trainer, train_row

_TRAINERS: Mapping[str, Trainer] = {"shs": train_shs, "gwc": train_gwc, "tog": train_tog}


def train(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train all three; see ``pipelines.training.tryon_row.train_row``. Raises what they raise."""
    return train_row(ROW, _TRAINERS, request, report)
