"""What the engine needs of whatever runs its tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

RECYCLE_AFTER = 2000
"""Calls after which a worker of ours is replaced: a bound on what libraries leak."""

FIRST_CALL_EXTRA_S = 20.0
"""More time for a worker's first call: models are loaded when they are first used, and an
innocent item must not be given up for that, in one new worker after the other."""


@dataclass(frozen=True)
class Ended:
    """The call of a slot has ended: with a value, an error, or the death of its worker.

    A call that was ``undone`` never began: it was withdrawn, or its worker has gone for another
    reason.
    """

    slot: int
    value: Any = None
    error: BaseException | None = None
    worker_died: bool = False
    timed_out: bool = False
    undone: bool = False


class Executor(Protocol):
    """Runs one call per slot, in processes of their own.

    Slots of one worker take turns: one call runs, the others wait behind it. A worker that dies
    takes only the calls of its own slots with it.
    """

    def free(self) -> Sequence[int]:
        """The slots that can take a call now; a slot without a living worker cannot."""
        ...

    def worker(self, slot: int) -> int:
        """The number of the worker that a slot belongs to."""
        ...

    def submit(
        self, slot: int, call: Callable[..., Any], *args: Any, timeout_s: float = 0.0
    ) -> None:
        """Run a call in a free slot; one that runs over ``timeout_s`` (0 = no limit) is ended."""
        ...

    def wait(self, timeout_s: float) -> Ended | None:
        """The next call that ended, or None after ``timeout_s``.

        Raises ``ClusterError`` when there is nobody left to work.
        """
        ...

    def withdraw(self) -> None:
        """Let calls that have not begun end as ``undone``."""
        ...

    def close(self, *, at_once: bool) -> None:
        """End all workers; ``at_once`` kills those that are busy."""
        ...
