"""``vtonctl train acgpn``: the four networks in a row, each with what the ones before made."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.systems.acgpn.train import train_g, train_g1, train_g2, train_u
from pipelines.systems.acgpn.train_settings import ROW
from pipelines.training.request import ReportProgress, TrainRequest, TrainResult
from pipelines.training.tryon_row import Trainer, train_row

_TRAINERS: Mapping[str, Trainer] = {"g1": train_g1, "g2": train_g2, "u": train_u, "g": train_g}


def train(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train all four; see ``pipelines.training.tryon_row.train_row``. Raises what they raise."""
    return train_row(ROW, _TRAINERS, request, report)
