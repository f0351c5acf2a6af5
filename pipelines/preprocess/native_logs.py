"""Keep the chatter of native libraries off the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silenced() -> Iterator[None]:
    """Send what C++ code writes to file descriptor 2 nowhere while the block runs.

    MediaPipe's first runs in a process log warnings before its log settings apply, so no
    environment variable silences them. Python's own ``sys.stderr`` is flushed first.
    """
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # no standard error to speak of: a daemon
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
