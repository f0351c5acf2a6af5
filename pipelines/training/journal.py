"""What a run tells while it goes on: ``metrics.jsonl``, TensorBoard, sheets, curves."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.atomic import write_atomic
from pipelines.codecs import encode
from pipelines.json_values import finite
from pipelines.layout import Encoding
from pipelines.training.curves import draw_curves
from pipelines.training.run_folder import RunFolder

CURVES_EVERY_S = 120.0
"""Shortest time between two drawings of the curves while the run goes on."""


class Journal:
    """The record of one run, kept by its first process.

    ``start`` drops what an interrupted run wrote after the checkpoint it goes on from, since
    those steps are made again: no step is missing and none is there twice.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.notes: list[str] = []
        """Sentences for the user on what is left out."""
        self._tensorboard: Any = None
        self._drawn_s = 0.0

    def start(self, step: int) -> None:
        """Open the record at a step."""
        path, kept = self.folder.metrics, b""
        if step and path.is_file():
            lines = path.read_bytes().splitlines(keepends=True)
            whole = [line for line in lines if line.endswith(b"\n")]
            kept = b"".join(line for line in whole if int(json.loads(line)["step"]) <= step)
        write_atomic(path, kept)
        self._tensorboard = self._open_tensorboard(step)

    def _open_tensorboard(self, step: int) -> Any:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self.notes.append("no TensorBoard log: type pip install 'vtonctl[train]' to have one")
            return None
        writer: Any = SummaryWriter  # untyped in torch
        return writer(log_dir=str(self.folder.tensorboard), purge_step=step + 1 if step else None)

    def write(self, kind: str, step: int, epoch: float, seconds: float, values: Any) -> None:
        """Add a line; what is not finite becomes null, which JSON has."""
        line = {"kind": kind, "step": step, "epoch": round(epoch, 4), "seconds": round(seconds, 3)}
        plain = {k: v if math.isfinite(v) else None for k, v in values.items()}
        with self.folder.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**line, **plain}) + "\n")
        if self._tensorboard:
            for name, value in values.items():
                self._tensorboard.add_scalar(f"{kind}/{name}", value, step)
        if seconds - self._drawn_s > CURVES_EVERY_S:
            self._drawn_s = seconds
            self.draw()

    def show(self, step: int, sheet: npt.NDArray[np.uint8]) -> None:
        """Keep a picture of samples, RGB [H, W, 3]."""
        write_atomic(self.folder.sheet(step), encode(sheet, Encoding.RGB_PNG))
        if self._tensorboard:
            self._tensorboard.add_image("sheet", sheet, step, dataformats="HWC")

    def sync(self) -> None:
        """Bring to disk what has been written, before a checkpoint counts on it."""
        with self.folder.metrics.open("rb") as file:
            os.fsync(file.fileno())
        if self._tensorboard:
            self._tensorboard.flush()

    def draw(self) -> None:
        """Draw the curves anew."""
        picture = draw_curves(self.folder.metrics)
        if picture:
            write_atomic(self.folder.curves, picture)

    def end(self, result: Mapping[str, Any] | None = None) -> None:
        """Close the record, with the result if the run came to its end."""
        self.draw()
        if result is not None:
            write_json(self.folder.result, result)
        if self._tensorboard:
            self._tensorboard.close()


def write_json(path: Any, value: Any) -> None:
    """Write a JSON file; numbers that JSON does not have become null."""
    write_atomic(path, (json.dumps(finite(value), indent=2) + "\n").encode())
