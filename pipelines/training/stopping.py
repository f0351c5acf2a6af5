"""Stopping a run between two steps when the user, the system or the launcher's end asks for it."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

LAUNCHER = "VTONCTL_LAUNCHER_PID"
"""Environment variable: the process that started this one to train with others."""


class StopSignals:
    """While open, the first SIGINT or SIGTERM is noted in ``received``; a second ends at once.

    Outside the main thread, where Python sets no handlers, nothing is noted.
    """

    def __init__(self) -> None:
        self.received = 0
        """Number of the signal; 0 = none."""
        self._before: dict[signal.Signals, Any] = {}
        self._launcher = int(os.environ.get(LAUNCHER, "0"))

    def look(self) -> int:
        """The signal received, or SIGTERM if the launcher is gone; 0 = go on."""
        if self._launcher and os.getppid() != self._launcher:
            self.received = self.received or signal.SIGTERM
        return self.received

    def __enter__(self) -> StopSignals:
        """Take the two signals over."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give them back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.received:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.received = number
