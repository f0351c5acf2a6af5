"""What the run sends to a worker; imports the array libraries only once it is there."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path

from pipelines.errors import StorageError
from vtonctl.runs.tasks import Outcome, StageSpec, Task


def warm_up(specs: Sequence[StageSpec], folders: Sequence[Path], threads: int) -> None:
    """Import and build what the tasks need, outside of any item's time limit.

    Raises ``StorageError`` on a machine that does not see the folders of the run, and what the
    stages raise for weights that are not there or not those that the run has planned with.
    """
    for folder in folders:
        if not folder.is_dir():
            raise StorageError(
                f"{folder}: there is no such folder on {platform.node()}.",
                code="no_such_folder",
                hint="Every worker must see the folders of the run under the same path.",
            )
    from vtonctl.runs import worker

    worker.warm_up(specs, threads)


def run_task(task: Task) -> Sequence[Outcome]:
    """Do one task."""
    from vtonctl.runs import worker

    return worker.run_task(task)
