"""Learning rates: against the formulas of PyTorch's schedulers, by steps and by time."""

import types

import pytest
import torch
import toy_task

from pipelines.training import loop as loop_module
from pipelines.training.task import StepInfo, constant_then_linear, cosine


def info(step, total):
    return StepInfo(step, 0, step / total, total, torch.Generator())


def scheduled(make, total):
    """Rates that a scheduler of PyTorch gives an optimizer of rate 1."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in range(total):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_cosine_is_pytorchs():
    theirs = scheduled(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 40, 0.1), 40)
    assert [cosine(info(s, 40), floor=0.1) for s in range(40)] == pytest.approx(theirs)


def test_warm_up_rises_in_equal_parts():
    rates = [cosine(info(s, 10**9), warmup_steps=4) for s in range(6)]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])


def test_constant_then_linear_is_pix2pixs():
    def factor(step):  # of pix2pix: constant for half of the run, then down to 0
        return 1.0 - max(0, step - 20) / 20

    theirs = scheduled(lambda o: torch.optim.lr_scheduler.LambdaLR(o, factor), 40)
    assert [constant_then_linear(info(s, 40)) for s in range(40)] == pytest.approx(theirs)


@pytest.fixture
def clock(monkeypatch):
    """A clock that the task moves on."""
    found = types.SimpleNamespace(now=100.0)
    found.monotonic = lambda: found.now
    monkeypatch.setattr(loop_module, "time", found)
    return found


class TakesThreeSeconds(toy_task.BrightPixels):
    """Each step takes three seconds of the clock."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def losses(self, modules, batch, info):
        self.clock.now += 3
        yield from super().losses(modules, batch, info)


def test_a_time_budget_ends_the_run_with_the_schedule_at_its_end(clock, tmp_path, read_metrics):
    task = TakesThreeSeconds(clock)
    done = toy_task.train(tmp_path, task=task, steps=None, minutes=2, loop={"log_every": 1})
    assert (done.status, done.steps, done.seconds) == ("done", 40, 120)
    lines = [line for line in read_metrics(tmp_path) if line["kind"] == "train"]
    rates = [line["lr/net"] for line in lines]
    shares = [cosine(info(step, 40)) for step in range(40)]
    assert rates == pytest.approx([3e-3 * share for share in shares])
    assert (tmp_path / "weights.pt").is_file()


def test_what_comes_first_of_steps_and_time_ends_the_run(clock, tmp_path):
    short = toy_task.train(tmp_path / "a", task=TakesThreeSeconds(clock), steps=10, minutes=2)
    assert short.steps == 10
    long = toy_task.train(tmp_path / "b", task=TakesThreeSeconds(clock), steps=90, minutes=2)
    assert long.steps == 40


def test_a_resumed_run_has_the_rest_of_its_budget(clock, tmp_path):
    task = TakesThreeSeconds(clock)
    toy_task.train(tmp_path, task=task, steps=14)
    clock.now += 1000  # the machine was off
    done = toy_task.train(tmp_path, task=task, steps=None, minutes=2, resume=True)
    assert (done.steps, done.seconds) == (40, 120)
