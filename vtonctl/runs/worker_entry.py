"""What the run sends to a worker; imports the array libraries only once it is there."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path

from pipelines.errors import StorageError
from pipelines.store_path import StorePath, as_store
from vtonctl.runs.tasks import Outcome, StageSpec, Task


def warm_up(specs: Sequence[StageSpec], folders: Sequence[Path], threads: int) -> None:
    """Import and build what the tasks need, outside of any item's time limit.

    Raises ``StorageError`` on a machine that does not see the folders of the run, and what the
    stages raise for weights that are not there or not those that the run has planned with.
    """
    for folder in folders:
        if remote := as_store(folder):
            _check_store(remote)
        elif not folder.is_dir():
            raise StorageError(
                f"{folder}: there is no such folder on {platform.node()}.",
                code="no_such_folder",
                hint="Every worker must see the folders of the run under the same path.",
            )
    from vtonctl.runs import worker

    worker.warm_up(specs, threads)


def _check_store(root: StorePath) -> None:
    """Raise ``StorageError`` on a machine that may not use the store of a run."""
    try:
        there, reason = root.has_bucket(), "there is no such bucket"
    except OSError as error:
        there, reason = False, error.strerror or str(error)
    if not there:
        raise StorageError(
            f"{root}: {reason}, for a worker on {platform.node()}.",
            code="denied",
            hint="Every worker needs the store's configuration and rights: docs/stores.md",
        )


def run_task(task: Task) -> Sequence[Outcome]:
    """Do one task."""
    from vtonctl.runs import worker

    return worker.run_task(task)
