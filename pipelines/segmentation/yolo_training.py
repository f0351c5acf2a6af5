"""The trainer ``parser.yolo``: data-set roots in, a trained YOLO segmentation network out.

The folder of a run::

    dataset/                    what ultralytics trains on (``pipelines.segmentation.yolo_dataset``)
    yolo/                       ultralytics' own folder: checkpoints, results.csv, curves, sheets
    metrics.jsonl               one line per epoch
    table.json                  the final table: precision, recall and AP of boxes and masks
    parser-yolo.safetensors     the best checkpoint, for ``--parser yolo --parser-weights FILE``
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipelines import device as devices
from pipelines.atomic import write_atomic
from pipelines.checkpoint_manifest import TrainingData
from pipelines.errors import ConfigError
from pipelines.segmentation import yolo
from pipelines.segmentation.yolo_dataset import (
    DatasetPlan,
    checked_plan,
    find_root_layout,
    is_written,
    write_dataset,
)
from pipelines.segmentation.yolo_environment import require_package
from pipelines.segmentation.yolo_settings import (
    EPOCHS,
    FIXED_SETTINGS,
    MODEL_SETTINGS,
    NOTICE,
    PARSER_YOLO,
)
from pipelines.training.export import WeightsMetadata, write_weights
from pipelines.training.request import Progress, ReportProgress, TrainRequest, TrainResult
from pipelines.training.stopping import StopSignals

WEIGHTS = "parser-yolo.safetensors"
TABLE = "table.json"
METRICS = "metrics.jsonl"
_TELL_EVERY_S = 10.0


def train(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Write the data set, train, judge the best checkpoint and export it.

    A run that was interrupted goes on from its last whole epoch. ``figures`` are ``box_...`` and
    ``mask_...`` of all classes; ``rows`` is the table by class. Raises ``ExtraMissing`` without
    ultralytics, ``ConfigError`` for what it refuses, and what ``write_dataset`` raises.
    """
    require_package()
    _check(request)
    run = _Run(request, report)
    if (request.out / WEIGHTS).is_file():
        return _finished_before(request, run)
    settings = {**PARSER_YOLO.defaults, **request.settings}
    plan = checked_plan(request.roots, settings)
    run.tell(note=NOTICE)
    data_yaml = _dataset(request, plan, run)
    overrides = _overrides(request, settings, data_yaml)
    if request.minutes is not None:
        overrides["time"] = max(request.minutes * 60 - run.seconds, 1.0) / 3600
    device = devices.torch_device(request.device)
    folder = request.out / "yolo"
    last = folder / "weights" / "last.pt"
    with StopSignals() as run.stop:
        try:
            fitted = yolo.fit(
                data_yaml=data_yaml,
                out=folder,
                settings=overrides,
                device=device,
                precision=devices.resolve_precision(device, request.precision),
                resume=request.resume and last.is_file(),
                listen=run.listen,
            )
        except yolo.Stopped:
            files = (last,) if last.is_file() else ()
            number = run.stop.received
            return TrainResult("interrupted", {}, files, run.seconds, run.step, number)
    return _finished(request, plan, settings, fitted, run)


def _check(request: TrainRequest) -> None:
    if request.num_processes > 1:
        raise ConfigError(
            f"parser.yolo trains in one process, {request.num_processes} were asked for.",
            hint="Leave --num-processes out.",
        )
    if not request.resume and (request.out / "yolo" / "weights").is_dir():
        raise ConfigError(
            f"{request.out}: holds a run already.",
            code="run_exists",
            hint="Use --resume to go on with it, or another --out.",
        )


class _Run:
    """Passes on how far a run is, and stops it when asked to."""

    def __init__(self, request: TrainRequest, report: ReportProgress) -> None:
        self._report, self._log = report, request.out / METRICS
        self._minutes = request.minutes
        self._before = _seconds_before(self._log) if request.resume else 0.0
        self._started, self._told = time.monotonic(), -math.inf
        self.step = 0
        self.stop: StopSignals | None = None

    @property
    def seconds(self) -> float:
        """Time spent, whole epochs of earlier parts of the run included."""
        return self._before + time.monotonic() - self._started

    def tell(self, note: str = "", **figures: Any) -> None:
        """Report, with the figures of ``Progress`` that are known."""
        self._told = time.monotonic()
        known = {"step": self.step, "total_steps": None, "epoch": 0, "fraction": 0.0, **figures}
        self._report(Progress(seconds=self.seconds, note=note, **known))

    def listen(self, at: yolo.EpochReport) -> None:
        """Report a few times a minute and after each epoch; raise ``Stopped`` on a signal."""
        self.step = at.epoch * at.batches + at.batch
        total = at.epochs * at.batches
        if at.metrics:
            line = {"epoch": at.epoch + 1, "seconds": round(self.seconds, 1)}
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**line, **at.losses, **at.metrics}) + "\n")
        if at.metrics or time.monotonic() - self._told > _TELL_EVERY_S:
            self.tell(
                total_steps=None if self._minutes else total,
                epoch=at.epoch,
                fraction=min(1.0, self.step / max(total, 1)),
                losses=at.losses,
                metrics=at.metrics,
            )
        if self.stop is not None and self.stop.look():
            raise yolo.Stopped


def _seconds_before(log: Path) -> float:
    """Time up to the last whole epoch in ``metrics.jsonl``."""
    lines = log.read_text("utf-8").splitlines() if log.is_file() else []
    return float(json.loads(lines[-1])["seconds"]) if lines else 0.0


def _dataset(request: TrainRequest, plan: DatasetPlan, run: _Run) -> Path:
    folder = request.out / "dataset"
    if request.resume and is_written(folder, plan):
        return folder / "data.yaml"
    made = write_dataset(folder, plan, lambda note: run.tell(note=note))
    counts = ", ".join(f"{count} {name}" for name, count in made.instances.items())
    run.tell(
        note=f"{made.train_images} images to train on, {made.val_images} to judge on; "
        f"instances: {counts}; {len(made.skipped)} photos left out"
    )
    return made.data_yaml


def _overrides(
    request: TrainRequest, settings: Mapping[str, Any], data_yaml: Path
) -> dict[str, Any]:
    overrides = {name: settings[name] for name in MODEL_SETTINGS} | dict(FIXED_SETTINGS)
    overrides["freeze"] = overrides["freeze"] or None
    overrides["seed"] = request.seed
    overrides["epochs"] = request.epochs or EPOCHS
    if request.steps is not None:
        images = sum(1 for _ in (data_yaml.parent / "labels" / "train").rglob("*.txt"))
        per_epoch = max(1, math.ceil(images / int(settings["batch"])))
        overrides["epochs"] = max(1, math.ceil(request.steps / per_epoch))
    return overrides


def _finished_before(request: TrainRequest, run: _Run) -> TrainResult:
    """What a finished run has left; ultralytics cannot go on with one."""
    table, best = request.out / TABLE, request.out / "yolo" / "weights" / "best.pt"
    run.tell(
        note=f"this run is finished; to go on from its weights start another one with --set "
        f"model={best}",
        fraction=1.0,
    )
    rows = tuple(json.loads(table.read_text("utf-8")))
    files = (request.out / WEIGHTS, table, request.out / METRICS)
    return TrainResult("done", _figures(rows[0]), files, 0.0, rows=rows)


def _finished(
    request: TrainRequest,
    plan: DatasetPlan,
    settings: Mapping[str, Any],
    fitted: yolo.Fitted,
    run: _Run,
) -> TrainResult:
    table, weights = request.out / TABLE, request.out / WEIGHTS
    write_atomic(table, json.dumps(list(fitted.rows), indent=2).encode())
    figures = _figures(fitted.rows[0])
    network, config = yolo.load_checkpoint(fitted.best)
    metadata = WeightsMetadata(
        family=yolo.FAMILY,
        config=config,
        figures=figures,
        data=_data(plan, request.out / "dataset"),
        label_set="BODY8",
        run={
            "settings": dict(settings),
            "seed": request.seed,
            "steps": run.step,
            "trained_with": f"ultralytics {version('ultralytics')}",
            "licence_of_the_trainer": "AGPL-3.0",
        },
    )
    write_weights(weights, network, metadata)
    drawn = sorted((request.out / "yolo").glob("*.png"))
    files = (weights, table, request.out / METRICS, *drawn)
    return TrainResult("done", figures, files, run.seconds, run.step, rows=fitted.rows)


def _data(plan: DatasetPlan, dataset: Path) -> tuple[TrainingData, ...]:
    """The roots by their layouts; whose photos they are, and on what terms, no folder tells."""
    rows = []
    for number, root in enumerate(plan.roots):
        layout = plan.layout if plan.layout != "auto" else find_root_layout(root, plan.train).name
        photos = sum(1 for _ in (dataset / "labels" / "train" / str(number)).rglob("*.txt"))
        rows.append(TrainingData(f"a data set in the layout {layout}", "", photos))
    return tuple(rows)


def _figures(row: Mapping[str, Any]) -> dict[str, float]:
    return {
        f"{kind}_{figure}": float(row[f"{kind}_{figure}"])
        for kind in ("box", "mask")
        for figure in ("p", "r", "map50", "map50_95")
    }
