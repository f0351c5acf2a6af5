"""What the engine needs of whatever runs its tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Ended:
    """The task of a slot has ended: with a value, an error, or the death of its worker."""

    slot: int
    value: Any = None
    error: BaseException | None = None
    worker_died: bool = False
    timed_out: bool = False


class Executor(Protocol):
    """Runs one call per slot, each in a process of its own.

    A worker that dies takes only the call of its own slot with it; the slot then gets a new one.
    """

    slots: int

    def submit(
        self, slot: int, call: Callable[..., Any], *args: Any, timeout_s: float = 0.0
    ) -> None:
        """Run a call in an idle slot; one over ``timeout_s`` (0 = no limit) is ended."""
        ...

    def wait(self, timeout_s: float) -> Ended | None:
        """The next call that ended, or None after ``timeout_s``."""
        ...

    def close(self, *, at_once: bool) -> None:
        """End all workers; ``at_once`` kills those that are busy."""
        ...
