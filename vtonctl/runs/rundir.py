"""Where a run keeps its own files: ``.vtonctl`` in a root, and the files beside the results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

STATE_FOLDER = ".vtonctl"


@dataclass(frozen=True)
class RunDir:
    """The files of a run in one output root (a data-set root, or the folder of results)."""

    root: Path

    @property
    def state(self) -> Path:
        """Folder of everything that is ours alone."""
        return self.root / STATE_FOLDER

    @property
    def ledger(self) -> Path:
        """The SQLite ledger."""
        return self.state / "ledger.sqlite"

    @property
    def journal(self) -> Path:
        """The ledger's rows as JSON lines, from which a damaged ledger is rebuilt."""
        return self.state / "journal.jsonl"

    @property
    def lock(self) -> Path:
        """The lock file; locked by the operating system while a run holds the root."""
        return self.state / "lock"

    @property
    def holder(self) -> Path:
        """Who holds the lock, as JSON."""
        return self.state / "holder.json"

    @property
    def results(self) -> Path:
        """One JSON line per try-on pair."""
        return self.root / "results.jsonl"

    @property
    def stages(self) -> Path:
        """Folder of the stages' pictures (``--save-stages``)."""
        return self.root / "stages"

    def result(self, item: str, suffix: str) -> Path:
        """The picture of a try-on pair."""
        return self.root / f"{item}{suffix}"

    def stage_picture(self, stage: str, item: str) -> Path:
        """The picture of one stage of a try-on pair."""
        return self.stages / stage / f"{item}.png"

    def absolute(self, name: str) -> Path:
        """The file of a name recorded relative to the root."""
        return self.root / name
