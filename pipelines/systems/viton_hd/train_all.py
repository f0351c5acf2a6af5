"""``vtonctl train viton-hd``: the three networks in a row, each with what the ones before made."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.systems.viton_hd.train import train_alias, train_gmm, train_seg
from pipelines.systems.viton_hd.train_settings import ROW
from pipelines.training.request import ReportProgress, TrainRequest, TrainResult
from pipelines.training.tryon_row import Trainer, train_row

_TRAINERS: Mapping[str, Trainer] = {"seg": train_seg, "gmm": train_gmm, "alias": train_alias}


def train(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train all three; see ``pipelines.training.tryon_row.train_row``. Raises what they raise."""
    return train_row(ROW, _TRAINERS, request, report)
