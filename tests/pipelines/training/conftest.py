"""The toy task, one thread for equal arithmetic, how to stop a run and read what it wrote."""

import json
import signal
import sys
from pathlib import Path

import pytest
import torch

# programs of their own and tests import the same toy by name
sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def stopping_at():
    """A listener that sends this process a signal when the line of a step is written."""

    def listener(step, signum):
        def report(progress):
            if progress.step == step and progress.losses:
                signal.raise_signal(signum)

        return report

    return listener


@pytest.fixture
def read_metrics():
    """The lines of ``metrics.jsonl`` without what depends on the clock."""

    def read(folder):
        lines = [json.loads(x) for x in (folder / "metrics.jsonl").read_text().splitlines()]
        clock = ("seconds", "images_per_s")
        return [{k: v for k, v in line.items() if k not in clock} for line in lines]

    return read


@pytest.fixture
def last_state():
    """Everything that the last checkpoint of a run holds, but for the clock."""

    def read(folder):
        path = max((folder / "checkpoints").glob("*.pt"))
        state = torch.load(path, weights_only=True)
        del state["seconds"]
        return state

    return read


@pytest.fixture
def assert_same():
    """Equal to the last bit, in nested dictionaries and lists of tensors and plain values."""

    def check(one, other, where=""):
        assert type(one) is type(other), where
        if isinstance(one, torch.Tensor):
            assert torch.equal(one, other), where
        elif isinstance(one, dict):
            assert one.keys() == other.keys(), where
            for key in one:
                check(one[key], other[key], f"{where}/{key}")
        elif isinstance(one, (list, tuple)):
            assert len(one) == len(other), where
            for number, pair in enumerate(zip(one, other, strict=True)):
                check(*pair, f"{where}/{number}")
        else:
            assert one == other, where

    return check


@pytest.fixture
def check_resume(tmp_path, stopping_at, read_metrics, last_state, assert_same):
    """A run ``train(out, steps=...)`` that is stopped and resumed is the one that was not."""

    def check(train):
        whole, parts = tmp_path / "whole", tmp_path / "parts"
        train(whole, steps=3)
        stopped = train(parts, steps=3, report=stopping_at(2, signal.SIGTERM))
        assert (stopped.status, stopped.steps) == ("interrupted", 2)
        train(parts, steps=3, resume=True)
        assert read_metrics(parts) == read_metrics(whole)
        assert_same(last_state(parts), last_state(whole))

    return check
