"""Inside a new worker process: what must hold before any task runs."""

from __future__ import annotations

import os
import threading
import time

from joblib.externals.loky import process_executor

_LOOK_EVERY_S = 0.5
_LEAK_LIMIT = 4 << 30


def start(parent: int) -> None:
    """Leave when the parent is gone; keep what was prepared in memory."""
    threading.Thread(target=_leave_with_parent, args=(parent,), daemon=True).start()
    # loky ends a worker that has grown by 300 MB since its first task; prepared garments take
    # that much on purpose, and a worker is replaced after a number of tasks anyway
    process_executor._MAX_MEMORY_LEAK_SIZE = _LEAK_LIMIT


def pid() -> int:
    """The process id of this worker."""
    return os.getpid()


def _leave_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_S)
    os._exit(1)
