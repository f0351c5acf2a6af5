"""No silent fall-back: a device is there or is refused."""

import sys

import pytest

from pipelines import device
from pipelines.errors import ConfigError


@pytest.fixture
def no_drivers(monkeypatch):
    """A machine that cannot have a GPU; asking PyTorch would be a waste."""
    monkeypatch.setattr(device, "_may_have_accelerator", lambda: False)
    monkeypatch.setattr(device, "probe", lambda: pytest.fail("looked up"))


@pytest.mark.parametrize("wanted", ["auto", "cpu"])
def test_without_a_gpu_nothing_is_looked_up(no_drivers, wanted):
    assert device.plan(wanted, "fp32") == device.Compute("cpu", "fp32")


@pytest.mark.parametrize(("native", "settled"), [(True, "bf16"), (False, "fp32")])
def test_half_precision_where_the_cpu_has_it(no_drivers, monkeypatch, native, settled):
    monkeypatch.setattr(device, "cpu_has_bf16", lambda: native)
    assert device.plan("auto", "auto").precision == settled
    assert device.plan("auto", "fp32").precision == "fp32"
    assert device.plan("auto", "bf16").precision == "bf16", "what is asked for is done"


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("processor: 0\nflags\t\t: fpu avx512_bf16 sse\n", True),
        ("processor: 0\nFeatures\t: fp asimd bf16\n", True),
        ("processor: 0\nflags\t\t: fpu avx512f avx512_bf16x\n", False),
        ("", False),
    ],
)
def test_processors_tell_what_they_can(monkeypatch, text, has):
    monkeypatch.setattr(device.Path, "read_text", lambda *_: text)
    assert device.cpu_has_bf16() is has


@pytest.mark.parametrize(
    ("found", "settled"),
    [
        (device.Accelerators("2", ("A",), bf16=True), ("cuda", "bf16")),
        (device.Accelerators("2", ("A",)), ("cuda", "fp32")),
        (device.Accelerators("2", mps=True), ("mps", "fp32")),
        (device.Accelerators("2"), ("cpu", "fp32")),
    ],
)
def test_auto_takes_the_best_there_is(monkeypatch, found, settled):
    monkeypatch.setattr(device, "_may_have_accelerator", lambda: True)
    monkeypatch.setattr(device, "cpu_has_bf16", lambda: False)
    monkeypatch.setattr(device, "probe", lambda: found)
    assert device.plan("auto", "auto") == device.Compute(*settled)


@pytest.mark.parametrize("name", ["tpu", "cuda:", "cuda:-1", "CUDA", "", "cuda:1x"])
def test_a_name_that_is_no_device(name):
    with pytest.raises(ConfigError, match="unknown device"):
        device.plan(name, "auto")


def test_a_name_that_is_no_precision():
    with pytest.raises(ConfigError, match="unknown precision 'fp8'"):
        device.plan("cpu", "fp8")


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
        planned = device.plan(wanted, "fp32")
        assert (planned.device, planned.kind) == (wanted, wanted.partition(":")[0])
    else:
        with pytest.raises(ConfigError) as refused:
            device.plan(wanted, "fp32")
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
