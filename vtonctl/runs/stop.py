"""Ending a run by SIGINT or SIGTERM: the first asks it to finish, the second ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether a run was asked to end, by which signal, and whether at once."""

    def __init__(self) -> None:
        self.signum = 0
        self.at_once = False

    def __bool__(self) -> bool:
        """Whether nothing new may be begun."""
        return self.signum != 0

    def request(self, signum: int, _frame: FrameType | None = None) -> None:
        """Note a signal; the first one decides the exit code."""
        self.at_once = self.signum != 0
        self.signum = self.signum or signum


@contextmanager
def listening() -> Iterator[Stop]:
    """A ``Stop`` that hears signals (in the main thread); the old handlers come back after."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop.request) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
