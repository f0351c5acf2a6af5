"""Choice of the device to compute on; the only file that names ``cuda``.

Nothing falls back silently: a device that was asked for and is not there is an error.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import ConfigError

if TYPE_CHECKING:
    import torch

PRECISIONS = ("auto", "fp32", "bf16")

DEVICE_PATTERN = re.compile(r"cpu|mps|cuda(:\d{1,3})?")
_PROBE = (
    "import json, torch\n"
    "names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]\n"
    "bf16 = bool(names) and torch.cuda.is_bf16_supported(including_emulation=False)\n"
    "print(json.dumps({'torch': torch.__version__, 'cuda': names,"
    " 'mps': torch.backends.mps.is_available(), 'bf16': bf16}))\n"
)
_DRIVERS = ("/dev/nvidiactl", "/dev/nvhost-ctrl", "/dev/dxg", "/dev/kfd")
"""Files that Linux has where a GPU may be found: NVIDIA, its Jetson, WSL, AMD."""
_CPU_BF16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Flags of processors (x86, ARM) that multiply in bf16."""

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""Names of settings in glibc's ``malloc.h``."""


@dataclass(frozen=True)
class Accelerators:
    """What PyTorch can compute on, besides the CPU."""

    torch: str
    """Version of PyTorch; empty if it cannot be imported."""
    gpus: tuple[str, ...] = ()
    """Names of the CUDA devices, by index."""
    mps: bool = False
    """Whether Apple's Metal is there."""
    bf16: bool = False
    """Whether the first CUDA device computes in bf16 itself."""
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
    return Accelerators(
        torch=found["torch"], gpus=tuple(found["cuda"]), mps=found["mps"], bf16=found["bf16"]
    )


@dataclass(frozen=True)
class Compute:
    """Where and how networks compute, decided before any process has loaded PyTorch."""

    device: str = "cpu"
    """``cpu``, ``cuda``, ``cuda:N`` or ``mps``."""
    precision: str = "fp32"
    """``fp32`` or ``bf16``."""

    @property
    def kind(self) -> str:
        """The device without its number."""
        return self.device.partition(":")[0]


def plan(device: str, precision: str) -> Compute:
    """Settle the wishes for inference; ``auto`` is the best there is.

    As ``auto`` precision, bf16 is taken where the device computes in it itself, also on a CPU.
    PyTorch is asked, in a process of its own, only where there may be a GPU. Raises
    ``ConfigError`` for unknown names and for a device that is not there.
    """
    check_precision(precision)
    check_name(device)
    look = _may_have_accelerator() if device == "auto" else device != "cpu"
    found = probe() if look else Accelerators(torch="")
    if device == "auto":
        device = "cuda" if found.gpus else "mps" if found.mps else "cpu"
    if device == "cpu":
        return Compute("cpu", _settled(precision, cpu_has_bf16()))
    _check(device, found)
    return Compute(device, _settled(precision, found.bf16 and device != "mps"))


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies in bf16 itself; False where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return bool(_CPU_BF16 & set(flags.partition(":")[2].split()))


def _may_have_accelerator() -> bool:
    return sys.platform != "linux" or any(Path(name).exists() for name in _DRIVERS)


def _settled(precision: str, bf16: bool) -> str:
    return ("bf16" if bf16 else "fp32") if precision == "auto" else precision


def check_name(name: str) -> None:
    """Raise ``ConfigError`` for a name that is no device."""
    if name != "auto" and not DEVICE_PATTERN.fullmatch(name):
        raise ConfigError(
            f"unknown device {name!r}",
            code="bad_device",
            hint="Known: auto, cpu, cuda, cuda:N, mps.",
        )


def check_precision(name: str) -> None:
    """Raise ``ConfigError`` for a name that is no precision."""
    if name not in PRECISIONS:
        raise ConfigError(
            f"unknown precision {name!r}",
            code="bad_precision",
            hint=f"Known: {', '.join(PRECISIONS)}.",
        )


def _check(wanted: str, found: Accelerators) -> None:
    check_name(wanted)
    if not _is_there(wanted, found):
        raise ConfigError(
            f"--device {wanted} was asked for, but is not there ({_words(found)})",
            code="no_such_device",
            hint="Use --device cpu, or see what is there with: vtonctl doctor.",
        )


def _is_there(wanted: str, found: Accelerators) -> bool:
    if wanted == "mps":
        return found.mps
    return int(wanted.partition(":")[2] or 0) < len(found.gpus)


def _words(found: Accelerators) -> str:
    if not found.torch:
        return f"PyTorch cannot be used: {found.problem}"
    devices = [f"cuda:{i} {name}" for i, name in enumerate(found.gpus)] + ["mps"] * found.mps
    return f"PyTorch {found.torch} sees {', '.join(devices) or 'the CPU only'}"


def torch_device(name: str) -> torch.device:
    """The device to train or infer on: ``auto`` is the best there is (CUDA, MPS, CPU).

    Loads PyTorch. Raises ``ConfigError`` for a name that is no device and for one that is not
    there; a process of several on one machine gets the GPU of its ``LOCAL_RANK``.
    """
    import torch

    found = Accelerators(
        torch=torch.__version__,
        gpus=tuple(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())),
        mps=torch.backends.mps.is_available(),
    )
    local = os.environ.get("LOCAL_RANK", "")
    if name == "auto":
        name = "cuda" if found.gpus else "mps" if found.mps else "cpu"
    if name == "cuda" and local.isdigit() and int(local) > 0:
        name = f"cuda:{local}"
    if name != "cpu":
        _check(name, found)
    return torch.device(name)


def resolve_precision(device: torch.device, wanted: str) -> str:
    """``fp32`` or ``bf16`` for training; ``auto`` is bf16 on GPUs that compute in it, else fp32.

    Raises ``ConfigError`` for an unknown name.
    """
    import torch

    check_precision(wanted)
    if wanted != "auto":
        return wanted
    good = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16" if good else "fp32"


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Context in which networks compute in a precision (``auto``, ``fp32``, ``bf16``)."""
    import torch

    enabled = resolve_precision(device, precision) == "bf16"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


def free_bytes(device: torch.device) -> int | None:
    """Free memory of a GPU in bytes; None where it is the host's."""
    import torch

    return int(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else None


def mix_seed(*numbers: int) -> int:
    """One seed of 63 bits from several numbers (seed, epoch, step, process, ...)."""
    text = " ".join(map(str, numbers)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1


def can_pin(device: torch.device) -> bool:
    """Whether copies to the device run beside computing when they come from pinned memory."""
    return device.type == "cuda"


def seed_everything(seed: int) -> None:
    """Seed torch's global generators, of the CPU and of every GPU."""
    import torch

    torch.manual_seed(seed)


def backend(device: torch.device) -> str:
    """How processes that compute on such a device exchange tensors, on it and on the CPU."""
    return "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"


def synchronise_norms(device: torch.device) -> bool:
    """Whether batch normalisation can take its statistics over several processes' batches."""
    return device.type == "cuda"


def keep_freed_memory() -> bool:
    """Let this process keep what it frees for what it allocates next; False if that cannot be.

    On the CPU the tensors of each training step are allocated anew. Large ones come from the
    kernel, which clears their pages first: a fifth of the time of a small network's step. Known to
    glibc only; the process stays as large as it has been at most.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        return False
    return bool(set_option(_M_MMAP_MAX, 0) and set_option(_M_TRIM_THRESHOLD, -1))
