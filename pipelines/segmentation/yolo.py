"""YOLO instance segmentation through ultralytics; the only file that imports it.

ultralytics is licensed under AGPL-3.0. It is imported when a function here is called, never
before. Checkpoints of ultralytics are pickles, which can run code when they are loaded; what a
training run leaves for use is therefore exported to safetensors with the network's description as
JSON, and the parser reads nothing else.
"""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import cv2
import numpy as np
import torch

from pipelines.checkpoint_files import load_into, load_safetensors
from pipelines.errors import ConfigError, WeightsMissing
from pipelines.segmentation.instances import Instances
from pipelines.segmentation.yolo_environment import (
    SETTINGS_OFF,
    require_package,
    set_environment,
)
from pipelines.segmentation.yolo_format import CLASS_NAMES, CLASSES
from pipelines.segmentation.yolo_network import read_config
from pipelines.types import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

FAMILY = "parser.yolo"
_FONT = "DejaVuSans.ttf"
_LIKE_FONTS = ("Arial.ttf", "Arial.Unicode.ttf")


@dataclass(frozen=True)
class EpochReport:
    """Where a training run is: after each batch, and with ``metrics`` after each epoch."""

    epoch: int
    epochs: int
    batch: int
    batches: int
    losses: Mapping[str, float]
    metrics: Mapping[str, float]


class Stopped(Exception):  # noqa: N818 - no error: the caller asked for it
    """The run was stopped by its listener; it can be resumed from the last whole epoch."""


@dataclass(frozen=True)
class Fitted:
    """A finished run: files of ultralytics, and its own validation of the best checkpoint."""

    best: Path
    last: Path
    rows: tuple[Mapping[str, Any], ...]


def start(folder: Path | None = None) -> Any:
    """Import ultralytics, offline, with settings in ``folder`` or a temporary one.

    Raises ``ExtraMissing`` where it is not installed. Undoes what the import does to the process:
    OpenCV's threads stay as they were, and nothing is logged to standard output.
    """
    require_package()
    set_environment(folder)
    threads = cv2.getNumThreads()
    import ultralytics
    from ultralytics import utils
    from ultralytics.engine import trainer
    from ultralytics.utils import callbacks

    cv2.setNumThreads(threads)
    # dict's own method: the settings' would write the file, which may be the user's
    dict.update(utils.SETTINGS, {k: v for k, v in SETTINGS_OFF.items() if k in utils.SETTINGS})
    # these two would connect: usage figures and loggers, and a model for a check of fp16
    callbacks.add_integration_callbacks = lambda instance: None
    trainer.check_amp = lambda model: True
    _lay_out_fonts(utils.USER_CONFIG_DIR)
    utils.LOGGER.handlers.clear()
    utils.LOGGER.setLevel(logging.WARNING)
    utils.LOGGER.propagate = True
    return ultralytics


def fit(
    *,
    data_yaml: Path,
    out: Path,
    settings: Mapping[str, Any],
    device: torch.device,
    precision: str,
    resume: bool,
    listen: Callable[[EpochReport], None],
) -> Fitted:
    """Train into ``out`` (``weights/``, ``results.csv``, curves and sheets, ``train.log``).

    ``settings`` are ultralytics' own; ``model`` is the name of a network (``yolov8n-seg.yaml``) or
    an existing checkpoint. ``listen`` is called after each batch and epoch and may raise
    ``Stopped``. Raises ``WeightsMissing`` for a checkpoint that is not there and ``ConfigError``
    for an unknown network or setting.
    """
    start(out / "config")
    from ultralytics.models.yolo.segment import SegmentationTrainer
    from ultralytics.utils import LOGGER

    overrides = {
        **settings,
        "task": "segment",
        "data": str(data_yaml),
        "project": str(out.parent.resolve()),
        "name": out.name,
        "exist_ok": True,
        "device": device_name(device),
        "amp": _mixed_precision(precision),
        "verbose": False,
    }
    last = out / "weights" / "last.pt"
    if resume:
        overrides["model"] = overrides["resume"] = str(last)
    else:
        overrides["model"] = network_name(str(settings["model"]))
        overrides["pretrained"] = overrides["model"].endswith(".pt")
    out.mkdir(parents=True, exist_ok=True)
    stdout = sys.stdout
    with _log_file(LOGGER, out / "train.log"):
        try:
            trainer = SegmentationTrainer(overrides=overrides)
        except (SyntaxError, TypeError, ValueError, FileNotFoundError) as error:
            raise ConfigError(f"ultralytics refuses these settings: {error}") from error
        _attach(trainer, listen, stdout)
        try:
            trainer.train()
        except NotImplementedError as error:  # an optimizer that it does not know
            raise ConfigError(f"ultralytics refuses these settings: {error}") from error
    return Fitted(trainer.best, trainer.last, table_rows(trainer.validator))


def network_name(model: str) -> str:
    """Check the setting ``model``: the name of a network of ultralytics, or a checkpoint's path.

    ultralytics would download a checkpoint that is not there; here it is ``WeightsMissing``.
    """
    if model.endswith(".pt"):
        if not Path(model).is_file():
            raise WeightsMissing(
                f"{model}: no such checkpoint",
                hint="Nothing is downloaded. Name a file that is there, or train from scratch, "
                "for example: --set model=yolov8n-seg.yaml",
            )
        return model
    from ultralytics.utils.checks import check_yaml

    try:
        if not model.endswith((".yaml", ".yml")) or "://" in model:
            raise FileNotFoundError(model)
        check_yaml(_plain_name(model))
    except FileNotFoundError:
        raise ConfigError(
            f"model={model}: no network of ultralytics",
            hint="Wanted: a description of a segmentation network, such as yolov8n-seg.yaml to "
            "yolov8x-seg.yaml, or an existing checkpoint FILE.pt.",
        ) from None
    return model


def device_name(device: torch.device) -> str:
    """A device as ultralytics names it: ``cpu``, ``mps`` or the number of the GPU."""
    return device.type if device.type in ("cpu", "mps") else str(device.index or 0)


def table_rows(validator: Any) -> tuple[Mapping[str, Any], ...]:
    """The validator's table: all classes, then each one with instances.

    Columns: class, images (those that hold it), instances, then precision, recall, mAP50 and
    mAP50-95 of boxes and of masks.
    """
    metrics = validator.metrics
    # releases before 8.3.200 keep the counts in the validator
    instances = getattr(metrics, "nt_per_class", None)
    instances = validator.nt_per_class if instances is None else instances
    images = getattr(metrics, "nt_per_image", None)
    images = getattr(validator, "nt_per_image", instances) if images is None else images
    names = ("box_p", "box_r", "box_map50", "box_map50_95",
             "mask_p", "mask_r", "mask_map50", "mask_map50_95")  # fmt: skip
    rows: list[Mapping[str, Any]] = []
    for row, index in enumerate([None, *metrics.ap_class_index]):
        figures = metrics.mean_results() if index is None else metrics.class_result(row - 1)
        rows.append(
            {
                "class": "all" if index is None else CLASS_NAMES[int(index)],
                "images": int(validator.seen if index is None else images[int(index)]),
                "instances": int(instances.sum() if index is None else instances[int(index)]),
                **{name: float(value) for name, value in zip(names, figures, strict=True)},
            }
        )
    return tuple(rows)


def load_checkpoint(checkpoint: Path) -> tuple[torch.nn.Module, dict[str, Any]]:
    """The network of a checkpoint of ``fit``, and what ``Detector`` needs to build it again.

    The checkpoint is unpickled, by releases that can do so through a list of known classes: give
    only one that was made here.
    """
    from ultralytics.nn import tasks

    # renamed in 8.3.200
    load = getattr(tasks, "load_checkpoint", None) or tasks.attempt_load_one_weight
    network, _ = load(str(checkpoint))
    described = {**network.yaml, "yaml_file": Path(network.yaml.get("yaml_file", "")).name}
    config = {
        "network": described,
        "imgsz": int(network.args["imgsz"]),
        "names": list(CLASS_NAMES),
    }
    made: torch.nn.Module = network
    return made, config


class Detector:
    """A trained network, ready to find the parts of people.

    Computes in fp32: coordinates do not survive the 8 bits of bf16.
    """

    def __init__(self, weights: Path, device: str = "cpu") -> None:
        """Load safetensors that the trainer wrote. Raises ``InputError`` for others."""
        state, metadata = load_safetensors(weights)
        config = read_config(weights, metadata, FAMILY, CLASS_NAMES)
        start()
        from ultralytics.models.yolo.segment import SegmentationPredictor
        from ultralytics.nn.tasks import SegmentationModel

        threads = torch.get_num_threads()
        network = SegmentationModel(config["network"], nc=len(CLASSES), verbose=False)
        load_into(network, state, weights)
        network.names = dict(enumerate(CLASS_NAMES))
        self._predictor = SegmentationPredictor(
            overrides={
                "imgsz": config["imgsz"],
                "device": device_name(torch.device(device)),
                "retina_masks": True,
                "save": False,
                "verbose": False,
            }
        )
        self._predictor.setup_model(network.eval(), verbose=False)
        torch.set_num_threads(threads)  # ultralytics sets its own number

    def __call__(self, image: Image, min_score: float = 0.25) -> Instances:
        """Instances of ``BODY8`` on ``uint8 [H, W, 3]`` RGB, the best first.

        Boxes that overlap another of their class by 0.7 or more are suppressed by score.
        """
        self._predictor.args.conf = min_score
        (found,) = self._predictor(np.ascontiguousarray(image[:, :, ::-1]))
        height, width = image.shape[:2]
        if found.masks is None:
            return _no_instances(height, width)
        masks = found.masks.data.cpu().numpy().astype(bool)
        numbers = found.boxes.cls.cpu().numpy().astype(int)
        return Instances(
            boxes=found.boxes.xyxy.cpu().numpy().astype(np.float32),
            masks=masks,
            labels=np.array([int(CLASSES[i]) for i in numbers], np.int64),
            scores=found.boxes.conf.cpu().numpy().astype(np.float32),
        )


def _no_instances(height: int, width: int) -> Instances:
    return Instances(
        boxes=np.zeros((0, 4), np.float32),
        masks=np.zeros((0, height, width), bool),
        labels=np.zeros(0, np.int64),
        scores=np.zeros(0, np.float32),
    )


def _attach(trainer: Any, listen: Callable[[EpochReport], None], stdout: TextIO) -> None:
    """Call ``listen``, which may print to ``stdout``, after each batch and each epoch."""
    threads = torch.get_num_threads()
    done = 0
    ended = False

    def tell(running: Any, metrics: Mapping[str, float]) -> None:
        with redirect_stdout(stdout):
            listen(_report(running, done, metrics))

    def epoch_starts(running: Any) -> None:
        nonlocal done, ended
        done, ended = 0, False
        torch.set_num_threads(threads)  # ultralytics takes all but one core on the CPU

    def batch_ends(running: Any) -> None:
        nonlocal done
        done += 1
        tell(running, {})

    def epoch_ends(running: Any) -> None:
        nonlocal ended
        if not ended:  # the validation of the best checkpoint calls this once more
            tell(running, running.metrics)
        ended = True

    trainer.add_callback("on_train_epoch_start", epoch_starts)
    trainer.add_callback("on_train_batch_end", batch_ends)
    trainer.add_callback("on_fit_epoch_end", epoch_ends)


def _report(trainer: Any, batch: int, metrics: Mapping[str, float]) -> EpochReport:
    losses = trainer.label_loss_items(trainer.tloss)
    return EpochReport(
        int(trainer.epoch),
        int(trainer.epochs),
        batch,
        len(trainer.train_loader),
        {name: float(value) for name, value in losses.items()},
        {name: float(value) for name, value in metrics.items()},
    )


def _mixed_precision(precision: str) -> bool | str:
    from ultralytics import cfg

    if precision != "bf16":
        return False
    # earlier releases know fp16 with a loss scale only
    return True if "amp" in cfg.CFG_BOOL_KEYS else "bf16"


def _plain_name(model: str) -> str:
    """``yolov8n-seg.yaml`` -> ``yolov8-seg.yaml``, the file that describes all sizes."""
    from ultralytics.nn.tasks import guess_model_scale

    scale = guess_model_scale(model)
    path = Path(model)
    if path.is_file() or not scale:
        return model
    head, _, tail = path.name.partition(f"{scale}-")
    return f"{head}-{tail}" if tail else path.name.replace(f"{scale}.", ".")


def _lay_out_fonts(folder: Path) -> None:
    """Put a font where ultralytics looks for Arial before it downloads it."""
    import matplotlib

    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / _FONT
    for name in _LIKE_FONTS:
        if font.is_file() and not (folder / name).exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(font, folder / name)


@contextmanager
def _log_file(logger: logging.Logger, path: Path) -> Iterator[None]:
    """Send what ultralytics logs and prints into a file."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        with redirect_stdout(handler.stream):
            yield
    finally:
        logger.setLevel(level)
        logger.propagate = propagate
        logger.removeHandler(handler)
        handler.close()
