"""Where a training run keeps its files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunFolder:
    """The files below the folder of one run."""

    root: Path

    @property
    def config(self) -> Path:
        """Everything that made the run what it is, JSON."""
        return self.root / "config.json"

    @property
    def metrics(self) -> Path:
        """One JSON object for each log point and each validation."""
        return self.root / "metrics.jsonl"

    @property
    def result(self) -> Path:
        """Status and final figures, JSON; written at the end."""
        return self.root / "result.json"

    @property
    def curves(self) -> Path:
        """Losses, learning rates and figures over the steps."""
        return self.root / "curves.png"

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints."""
        return self.root / "checkpoints"

    @property
    def tensorboard(self) -> Path:
        """Folder of TensorBoard's event files."""
        return self.root / "tensorboard"

    def sheet(self, step: int) -> Path:
        """Picture of samples as the networks were after so many steps."""
        return self.root / "sheets" / f"step-{step:08d}.png"

    def variant(self, name: str) -> RunFolder:
        """The run of one variant of an ablation."""
        return RunFolder(self.root / re.sub(r"[^\w.=-]+", "-", name))

    @property
    def ablation(self) -> Path:
        """The variants of an ablation side by side, Markdown."""
        return self.root / "ablation.md"

    @property
    def ablation_figures(self) -> Path:
        """The same as JSON."""
        return self.root / "ablation.json"
