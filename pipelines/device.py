"""Choice of the device to compute on; the only file that names ``cuda``.

Nothing falls back silently: a device that was asked for and is not there is an error.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass

from pipelines.errors import ConfigError

DEVICE_PATTERN = re.compile(r"cpu|mps|cuda(:\d{1,3})?")
_PROBE = (
    "import json, torch\n"
    "names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]\n"
    "print(json.dumps({'torch': torch.__version__, 'cuda': names,"
    " 'mps': torch.backends.mps.is_available()}))\n"
)


@dataclass(frozen=True)
class Accelerators:
    """What PyTorch can compute on, besides the CPU."""

    torch: str
    """Version of PyTorch; empty if it cannot be imported."""
    gpus: tuple[str, ...] = ()
    """Names of the CUDA devices, by index."""
    mps: bool = False
    """Whether Apple's Metal is there."""
    problem: str = ""
    """Why nothing could be found out."""


def probe(timeout_s: float = 120.0) -> Accelerators:
    """Ask PyTorch in a process of its own, so that the caller stays small."""
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, fixed text
            [sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=timeout_s
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Accelerators(torch="", problem=str(error))
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit {done.returncode}"]
        return Accelerators(torch="", problem=last[0])
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return Accelerators(torch=found["torch"], gpus=tuple(found["cuda"]), mps=found["mps"])


def choose(wanted: str) -> str:
    """Return the device for a wish: ``auto`` and ``cpu`` cost nothing, others are looked up.

    ``auto`` is the CPU: no stage or system of this release computes on anything else.
    Raises ``ConfigError`` for a name that is no device and for a device that is not there.
    """
    if wanted in ("auto", "cpu"):
        return "cpu"
    if not DEVICE_PATTERN.fullmatch(wanted):
        raise ConfigError(
            f"unknown device {wanted!r}",
            code="bad_device",
            hint="Known: auto, cpu, cuda, cuda:N, mps.",
        )
    found = probe()
    if not _is_there(wanted, found):
        raise ConfigError(
            f"--device {wanted} was asked for, but is not there ({_words(found)})",
            code="no_such_device",
            hint="Use --device cpu, or see what is there with: vtonctl doctor.",
        )
    return wanted


def _is_there(wanted: str, found: Accelerators) -> bool:
    if wanted == "mps":
        return found.mps
    return int(wanted.partition(":")[2] or 0) < len(found.gpus)


def _words(found: Accelerators) -> str:
    if not found.torch:
        return f"PyTorch cannot be used: {found.problem}"
    devices = [f"cuda:{i} {name}" for i, name in enumerate(found.gpus)] + ["mps"] * found.mps
    return f"PyTorch {found.torch} sees {', '.join(devices) or 'the CPU only'}"
