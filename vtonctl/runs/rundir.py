"""Where a run keeps its own files: ``.vtonctl`` in a root, and the files beside the results.

The ledger and the lock of a root in an object store lie on this machine: in ``VTONCTL_STATE``, or
else in the user's folder of states, in a folder that is named after the root's address.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from pipelines.store_path import StorePath, as_store

STATE_FOLDER = ".vtonctl"
STATE_VARIABLE = "VTONCTL_STATE"
"""Environment variable: the folder that holds the ledgers of roots in stores."""
_DIGITS = 16


@dataclass(frozen=True)
class RunDir:
    """The files of a run in one output root (a data-set root, or the folder of results)."""

    root: Path

    @property
    def state(self) -> Path:
        """Folder of everything that is ours alone; always on this machine."""
        if remote := as_store(self.root):
            return _local_state(remote)
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
    def address(self) -> Path:
        """Says whose state this is, where that is not plain from its place."""
        return self.state / "root.txt"

    @property
    def results(self) -> Path:
        """One JSON line per try-on pair."""
        return self.root / "results.jsonl"

    @property
    def stages(self) -> Path:
        """Folder of the stages' pictures (``--save-stages``)."""
        return self.root / "stages"

    def result(self, item: str, image_format: str) -> Path:
        """The picture of a try-on pair."""
        return self.root / result_name(item, image_format)

    def stage_picture(self, stage: str, item: str) -> Path:
        """The picture of one stage of a try-on pair."""
        return self.stages / stage / f"{item}.png"

    def absolute(self, name: str) -> Path:
        """The file of a name recorded relative to the root."""
        return self.root / name


def result_name(item: str, image_format: str) -> str:
    """The picture of a try-on pair, relative to the folder of results."""
    return f"{item}.{image_format}"


def _local_state(root: StorePath) -> Path:
    """``<states>/<last part of the address>-<hash of the address>``."""
    if named := os.environ.get(STATE_VARIABLE):
        states = Path(named).absolute()
    else:
        import platformdirs  # only where a root lies in a store

        states = platformdirs.user_state_path("vtonctl") / "roots"
    words = re.sub(r"[^A-Za-z0-9_-]+", "-", root.name)[:40]
    return states / f"{words}-{hashlib.sha256(str(root).encode()).hexdigest()[:_DIGITS]}"
