"""What worker processes on this machine are started with: environment and deaf ears."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

QUIET = {"GLOG_minloglevel": "2", "TF_CPP_MIN_LOG_LEVEL": "3"}
"""What keeps MediaPipe from talking."""
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def environment(threads: int) -> dict[str, str]:
    """Variables of a worker that may use so many threads."""
    return {**QUIET, **dict.fromkeys(_THREAD_VARIABLES, str(threads))}


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Processes and threads started within never hear SIGINT or SIGTERM, which a terminal sends
    to all.

    The run decides what becomes of its workers.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
