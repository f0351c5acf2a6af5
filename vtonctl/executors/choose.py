"""The executor of a name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pipelines.errors import ConfigError
from vtonctl.executors.base import Executor
from vtonctl.executors.local import LocalExecutor, usable_cores


def make_executor(name: str, jobs: int, warm_up: Callable[[int], None]) -> Executor:
    """The executor; ``jobs`` 0 = one per usable core.

    ``warm_up`` is called first in each worker with the number of threads it may use. Raises
    ``ConfigError`` for an unknown name.
    """
    if name != "local":
        raise ConfigError(f"unknown executor {name!r}", hint="Known: local.")
    cores = usable_cores()
    jobs = jobs or cores
    threads = max(1, cores // jobs)
    return LocalExecutor(jobs, threads=threads, warm_up=partial(warm_up, threads))
