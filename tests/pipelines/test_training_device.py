"""The device, precision and seeds of a process that has loaded PyTorch."""

import ctypes
import subprocess
import sys

import pytest
import torch

from pipelines import device
from pipelines.errors import ConfigError


@pytest.fixture
def machine(monkeypatch):
    """Pretend that there are so many GPUs, and a Metal one or none."""

    def make(gpus=0, *, mps=False, rank=None):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"GPU {index}")
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.delenv("LOCAL_RANK", raising=False)
        if rank is not None:
            monkeypatch.setenv("LOCAL_RANK", str(rank))

    return make


@pytest.mark.parametrize(
    ("given", "wanted", "found"),
    [
        ({}, "auto", "cpu"),
        ({"gpus": 2}, "auto", "cuda"),
        ({"mps": True}, "auto", "mps"),
        ({"gpus": 1, "mps": True}, "auto", "cuda"),
        ({"gpus": 2}, "cpu", "cpu"),
        ({"gpus": 2}, "cuda:1", "cuda:1"),
        ({"gpus": 4, "rank": 3}, "auto", "cuda:3"),
        ({"gpus": 4, "rank": 3}, "cuda", "cuda:3"),
        ({"gpus": 4, "rank": 0}, "cuda", "cuda"),
        ({"rank": 1}, "cpu", "cpu"),
    ],
)
def test_the_best_there_is_or_what_was_asked_for(machine, given, wanted, found):
    machine(**given)
    assert device.torch_device(wanted) == torch.device(found)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, "cuda"),
        ({"gpus": 1}, "cuda:1"),
        ({"gpus": 1}, "mps"),
        # the third process of a machine with two GPUs
        ({"gpus": 2, "rank": 2}, "cuda"),
    ],
)
def test_what_is_not_there_is_refused(machine, given, wanted):
    machine(**given)
    with pytest.raises(ConfigError, match="was asked for, but is not there") as refused:
        device.torch_device(wanted)
    assert refused.value.code == "no_such_device"


@pytest.mark.parametrize(
    ("kind", "native", "settled"),
    [("cuda", True, "bf16"), ("cuda", False, "fp32"), ("cpu", True, "fp32")],
)
def test_training_takes_bf16_where_a_gpu_computes_in_it(monkeypatch, kind, native, settled):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    assert device.resolve_precision(torch.device(kind), "auto") == settled
    assert device.resolve_precision(torch.device(kind), "bf16") == "bf16"
    with pytest.raises(ConfigError, match="unknown precision"):
        device.resolve_precision(torch.device(kind), "half")


def test_autocast_computes_in_the_precision():
    layer, x = torch.nn.Linear(2, 2), torch.ones(1, 2)
    for precision, kind in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        with device.autocast(torch.device("cpu"), precision):
            assert layer(x).dtype == kind


def test_seeds_of_different_numbers_differ():
    numbers = [(s, p, n) for s in range(3) for p in range(3) for n in range(50)]
    seeds = {device.mix_seed(*row) for row in numbers}
    assert len(seeds) == len(numbers)
    assert device.mix_seed(1, 23) != device.mix_seed(12, 3)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert device.mix_seed(1, 2, 3) == device.mix_seed(1, 2, 3)


_ALLOCATES = """
import ctypes, sys
import torch
from pipelines.device import keep_freed_memory
NAMES = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
class Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in NAMES.split()]
libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Mallinfo
if sys.argv[1] == "keep":
    assert keep_freed_memory()
tensor = torch.ones(12_000_000)
mapped = libc.mallinfo2().hblkhd
del tensor
print(mapped, libc.mallinfo2().fordblks)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="known to glibc 2.33")
def test_freed_memory_is_used_again_without_the_kernel():
    (mapped, free), (mapped_as_it_is, free_as_it_is) = (
        map(int, subprocess.run([sys.executable, "-c", _ALLOCATES, kind], check=True,
                                capture_output=True, text=True).stdout.split())
        for kind in ("keep", "as it is")
    )  # fmt: skip
    tensor_bytes = 48_000_000
    assert mapped_as_it_is >= tensor_bytes > free_as_it_is
    assert mapped < tensor_bytes <= free
