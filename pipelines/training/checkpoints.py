"""Checkpoints of a training run: written whole or not at all, checked when they are read."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pipelines.atomic import write_atomic
from pipelines.errors import InputError

KEEP = 2
"""Latest checkpoints that are kept, besides the best."""


@dataclass(frozen=True)
class CheckpointFolder:
    """``step-00001000.pt`` with ``step-00001000.json`` (its config, size and sha256) beside."""

    root: Path

    def path(self, step: int) -> Path:
        """The checkpoint of a step."""
        return self.root / f"step-{step:08d}.pt"

    def steps(self) -> list[int]:
        """Steps of which there is a checkpoint, in order."""
        return sorted(int(p.stem.removeprefix("step-")) for p in self.root.glob("step-*.pt"))

    def write(
        self, step: int, state: Mapping[str, Any], config: Mapping[str, Any], *, best: int = -1
    ) -> Path:
        """Write a checkpoint and its config, then remove older ones but the ``best`` step's."""
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        data = buffer.getvalue()
        note = {
            "step": step,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "config": dict(config),
        }
        path = self.path(step)
        # the note first: a checkpoint without its note would count as damaged
        write_atomic(path.with_suffix(".json"), json.dumps(note, indent=2).encode())
        write_atomic(path, data)
        self._forget(keep={step, best})
        return path

    def _forget(self, keep: set[int]) -> None:
        kept = keep | set(self.steps()[-KEEP:])
        for note in self.root.glob("step-*.json"):
            if int(note.stem.removeprefix("step-")) not in kept:
                note.with_suffix(".pt").unlink(missing_ok=True)
                note.unlink()

    def config(self, step: int) -> dict[str, Any]:
        """The config of the run that wrote a checkpoint; call ``read`` first, which checks it."""
        note = json.loads(self.path(step).with_suffix(".json").read_bytes())
        found: dict[str, Any] = note["config"]
        return found

    def read(self, step: int) -> dict[str, Any]:
        """Read a checkpoint onto the CPU. Raises ``InputError`` for a damaged one."""
        path = self.path(step)
        try:
            note = json.loads(path.with_suffix(".json").read_bytes())
            data = path.read_bytes()
            wanted = (note["bytes"], note["sha256"])
        except (OSError, ValueError, KeyError) as error:
            raise _damaged(path, f"its note cannot be read: {error}") from error
        if wanted != (len(data), hashlib.sha256(data).hexdigest()):
            raise _damaged(path, f"{len(data)} of {note['bytes']} bytes, or bytes changed")
        try:
            state: dict[str, Any] = torch.load(
                io.BytesIO(data), map_location="cpu", weights_only=True
            )
        except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
            raise _damaged(path, str(error).splitlines()[0]) from error
        return state

    def latest(self) -> tuple[dict[str, Any] | None, list[InputError]]:
        """The newest checkpoint that is whole, and why newer ones were passed over."""
        refused: list[InputError] = []
        for step in reversed(self.steps()):
            try:
                return self.read(step), refused
            except InputError as error:
                refused.append(error)
        return None, refused


def _damaged(path: Path, why: str) -> InputError:
    return InputError(
        f"{path}: damaged checkpoint ({why}).",
        code="bad_checkpoint",
        hint="Remove it, or copy it again from where it is whole.",
    )
