"""The most memory that this process has held, and since when."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
_RESET = "5"
_UNIT = 1 if sys.platform == "darwin" else 1024
"""``ru_maxrss`` counts bytes on macOS, KiB elsewhere."""


def reset_peak() -> bool:
    """Start anew from what is held now; False where the system cannot, so it goes on counting."""
    try:
        _CLEAR.write_text(_RESET)
    except OSError:
        return False
    return True


def peak_bytes() -> int:
    """The highest resident memory since ``reset_peak``, or of the whole process."""
    try:
        lines = _STATUS.read_text("ascii", "replace").splitlines()
    except OSError:
        lines = []
    found = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    if found is not None:
        return int(found) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
