"""No silent fall-back: a device is there or is refused."""

import sys

import pytest

from pipelines import device
from pipelines.errors import ConfigError


def test_auto_and_cpu_cost_no_lookup(monkeypatch):
    monkeypatch.setattr(device, "probe", lambda: pytest.fail("looked up"))
    assert device.choose("auto") == device.choose("cpu") == "cpu"


@pytest.mark.parametrize("name", ["tpu", "cuda:", "cuda:-1", "CUDA", "", "cuda:1x"])
def test_a_name_that_is_no_device(name):
    with pytest.raises(ConfigError, match="unknown device"):
        device.choose(name)


@pytest.mark.parametrize(
    ("wanted", "found", "there"),
    [
        ("cuda", device.Accelerators("2", ("A",)), True),
        ("cuda:0", device.Accelerators("2", ("A",)), True),
        ("cuda:1", device.Accelerators("2", ("A",)), False),
        ("cuda", device.Accelerators("2"), False),
        ("mps", device.Accelerators("2", mps=True), True),
        ("mps", device.Accelerators("2", ("A",)), False),
        ("cuda", device.Accelerators("", problem="no torch"), False),
    ],
)
def test_what_is_asked_for_is_there_or_refused(monkeypatch, wanted, found, there):
    monkeypatch.setattr(device, "probe", lambda: found)
    if there:
        assert device.choose(wanted) == wanted
    else:
        with pytest.raises(ConfigError) as refused:
            device.choose(wanted)
        assert refused.value.code == "no_such_device"


def test_the_lookup_asks_pytorch_and_leaves_the_caller_small():
    before = "torch" in sys.modules
    found = device.probe()
    import torch

    assert found.torch == torch.__version__
    assert len(found.gpus) == torch.cuda.device_count()
    assert before or found.problem == ""


def test_a_python_without_torch_is_a_problem_in_words(monkeypatch):
    monkeypatch.setattr(device, "_PROBE", "import no_such_torch")
    assert "no_such_torch" in device.probe().problem
