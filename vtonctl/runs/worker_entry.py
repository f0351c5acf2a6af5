"""What the run sends to a worker; imports the array libraries only once it is there."""

from __future__ import annotations

from collections.abc import Sequence

from vtonctl.runs.tasks import Outcome, StageSpec, Task


def warm_up(specs: Sequence[StageSpec], threads: int) -> None:
    """Import and build what the tasks need, outside of any item's time limit."""
    from vtonctl.runs import worker

    worker.warm_up(specs, threads)


def run_task(task: Task) -> Sequence[Outcome]:
    """Do one task."""
    from vtonctl.runs import worker

    return worker.run_task(task)
