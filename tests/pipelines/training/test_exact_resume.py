"""A run that was interrupted and resumed is the run that was not, to the last bit."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import toy_task

from pipelines.errors import ConfigError, InputError

TASKS = [toy_task.BrightPixels, toy_task.Adversaries]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_after_a_signal(tmp_path, stopping_at, read_metrics, last_state, assert_same, task, signum):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    toy_task.train(whole, task=task())
    stopped = toy_task.train(parts, task=task(), report=stopping_at(10, signum))
    assert (stopped.status, stopped.steps, stopped.interrupted_by) == ("interrupted", 10, signum)
    assert stopped.files[0].name == "step-00000010.pt"
    done = toy_task.train(parts, task=task(), resume=True)
    assert (done.status, done.steps) == ("done", 24)
    assert read_metrics(parts) == read_metrics(whole)
    assert_same(last_state(parts), last_state(whole))


def test_a_signal_between_two_lines_keeps_the_sums_of_the_loss(tmp_path, read_metrics):
    class StopsAtSeven(toy_task.BrightPixels):
        def losses(self, modules, batch, info):
            if info.step == 6:
                signal.raise_signal(signal.SIGTERM)
            yield from super().losses(modules, batch, info)

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    toy_task.train(whole)
    assert toy_task.train(parts, task=StopsAtSeven()).steps == 7
    toy_task.train(parts, resume=True)
    assert read_metrics(parts) == read_metrics(whole)
    steps = [line["step"] for line in read_metrics(parts) if line["kind"] == "train"]
    assert steps == [5, 10, 15, 20, 24]


def program(*arguments):
    path = Path(toy_task.__file__)
    command = [sys.executable, str(path), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_after_a_kill_between_checkpoints(tmp_path, read_metrics, last_state, assert_same):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    toy_task.train(whole)
    killed = program(parts, "--kill-at", 20)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    lost = [line["step"] for line in read_metrics(parts)]
    assert lost[-1] == 20, "the line after the last checkpoint (step 14) was written"
    # a line that the kill cut short
    with (parts / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "train", "st')
    toy_task.train(parts, resume=True)
    assert read_metrics(parts) == read_metrics(whole)
    assert_same(last_state(parts), last_state(whole))


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def swap_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def lose_the_note(path):
    path.with_suffix(".json").unlink()


@pytest.mark.parametrize("damage", [cut, swap_a_bit, lose_the_note])
def test_a_damaged_checkpoint_is_refused_and_the_one_before_used(
    tmp_path, stopping_at, read_metrics, damage
):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    toy_task.train(whole)
    toy_task.train(parts, report=stopping_at(20, signal.SIGTERM))
    damage(parts / "checkpoints" / "step-00000020.pt")
    notes = []
    toy_task.train(parts, resume=True, report=lambda progress: notes.append(progress.note))
    assert any("step-00000020.pt: damaged checkpoint" in note for note in notes)
    assert any(note == "resumed at step 14" for note in notes)
    assert read_metrics(parts) == read_metrics(whole)


def test_no_whole_checkpoint_is_an_error_that_names_the_newest(tmp_path):
    toy_task.train(tmp_path)
    for path in (tmp_path / "checkpoints").glob("*.pt"):
        cut(path)
    with pytest.raises(InputError, match=r"step-00000024\.pt: damaged") as refused:
        toy_task.train(tmp_path, resume=True)
    assert refused.value.code == "bad_checkpoint"


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path):
    toy_task.train(tmp_path, steps=7)
    path = tmp_path / "checkpoints" / "step-00000007.pt"

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "owned"),)

    torch.save({"step": Evil()}, path)
    note = json.loads(path.with_suffix(".json").read_text())
    import hashlib

    note |= {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(note))
    with pytest.raises(InputError, match="damaged checkpoint"):
        toy_task.train(tmp_path, resume=True)
    assert not (tmp_path / "owned").exists()


def test_two_checkpoints_and_the_best_are_kept(tmp_path):
    class WorseAndWorse(toy_task.BrightPixels):
        def validate(self, modules, device):
            self.shown = getattr(self, "shown", 1.0) * 0.5
            return {"accuracy": self.shown}

    task = WorseAndWorse()
    done = toy_task.train(tmp_path, task=task, steps=35)
    kept = sorted(p.name for p in (tmp_path / "checkpoints").iterdir())
    steps = (7, 28, 35)
    assert kept == [f"step-{s:08d}.{e}" for s in steps for e in ("json", "pt")]
    # the best is exported, with its own figures
    assert done.figures == {"accuracy": 0.5}
    exported = torch.load(tmp_path / "weights.pt", weights_only=True)
    best = torch.load(tmp_path / "checkpoints" / "step-00000007.pt", weights_only=True)
    average = best["learner"]["average"]["weights"]["net"]
    assert exported["step"] == 7
    assert all(torch.equal(exported["state"][name], average[name]) for name in average)


def test_a_folder_that_holds_a_run_is_not_overwritten(tmp_path):
    toy_task.train(tmp_path, steps=7)
    before = (tmp_path / "metrics.jsonl").read_bytes()
    with pytest.raises(ConfigError, match="holds a run of 7 steps") as refused:
        toy_task.train(tmp_path)
    assert refused.value.code == "run_exists"
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


def test_what_was_set_otherwise_is_told_and_another_network_refused(tmp_path):
    toy_task.train(tmp_path, steps=7)
    notes = []
    toy_task.train(
        tmp_path,
        task=toy_task.BrightPixels(rate=1e-4),
        resume=True,
        report=lambda progress: notes.append(progress.note),
    )
    assert "resumed at step 7; changed since: steps 7 -> 24, task.rate 0.003 -> 0.0001" in notes
    with pytest.raises(ConfigError, match="of another network"):
        toy_task.train(tmp_path, task=toy_task.BrightPixels(plain=True), resume=True)


def test_a_finished_run_resumed_exports_again_and_trains_no_more(tmp_path, read_metrics):
    toy_task.train(tmp_path)
    lines = read_metrics(tmp_path)
    (tmp_path / "weights.pt").unlink()
    done = toy_task.train(tmp_path, resume=True)
    assert done.status == "done" and done.files[0].is_file()
    assert read_metrics(tmp_path) == lines
