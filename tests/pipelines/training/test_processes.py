"""Several processes train as one does: the same batches, the mean of their gradients."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import toy_task

from pipelines.errors import ConfigError, ExtraMissing, VtonError
from pipelines.training.processes import Team, join
from pipelines.training.request import TrainRequest
from vtonctl.runs.training_processes import train_in_processes

psutil = pytest.importorskip("psutil")  # accelerate needs it
pytest.importorskip("accelerate")
slow = pytest.mark.slow
GIVES_UP_S = 300
"""On a busy machine a process needs a while to import PyTorch."""


def request(out, *, settings=None, **more):
    values = {**toy_task.DEFAULTS, "validate_every": 5, **(settings or {})}
    given = {"steps": 12, "device": "cpu", "precision": "fp32", "settings": values, **more}
    return TrainRequest("toy", (), Path(out), **given)


def losses(folder):
    lines = [json.loads(x) for x in (folder / "metrics.jsonl").read_text().splitlines()]
    return {x["step"]: x["loss/net"] for x in lines if x["kind"] == "train"}


def test_two_give_the_loss_of_one(tmp_path):
    alone, two = tmp_path / "alone", tmp_path / "two"
    toy_task.trainer(request(alone), lambda progress: None)
    heard = []
    wanted = request(two, num_processes=2)
    done = train_in_processes(wanted, "toy_task:trainer", heard.append)
    assert done.status == "done" and done.steps == 12
    assert losses(two) == pytest.approx(losses(alone), rel=1e-5)
    assert len(losses(two)) == 3
    assert heard[-1].step == 12 and heard[-1].metrics == done.figures
    assert json.loads((two / "config.json").read_text())["processes"] == 2


def test_an_error_of_one_comes_back_as_it_was(tmp_path):
    wanted = request(tmp_path, num_processes=3)
    with pytest.raises(ConfigError, match="batch_size = 10 cannot be shared by 3"):
        train_in_processes(wanted, "toy_task:trainer", lambda progress: None)


@slow
def test_a_process_that_dies_ends_the_run_and_is_named(tmp_path):
    wanted = request(tmp_path, num_processes=2, settings={"words": "die"})
    with pytest.raises(VtonError, match=r"process 1 of 2 ended without a result \(SIGKILL\)"):
        train_in_processes(wanted, "toy_task:dying_trainer", lambda progress: None)


@slow
def test_a_signal_ends_all_with_a_checkpoint(tmp_path):
    def report(progress):
        if progress.losses and progress.step == 5:
            signal.raise_signal(signal.SIGTERM)

    wanted = request(tmp_path, steps=10**6, num_processes=2)
    done = train_in_processes(wanted, "toy_task:trainer", report)
    assert (done.status, done.interrupted_by) == ("interrupted", signal.SIGTERM)
    assert done.files[0].is_file() and done.steps >= 5


@slow
def test_started_by_accelerate(tmp_path):
    """As ``accelerate launch`` starts them: by torchrun's environment."""
    script = Path(toy_task.__file__)
    command = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes=2"]
    command += ["--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no"]
    command += ["--main_process_port=0"]
    command += [str(script), str(tmp_path / "two"), "--steps", "12", "--plain"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    toy_task.train(tmp_path / "one", task=toy_task.BrightPixels(plain=True), steps=12)
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-5)


@slow
def test_processes_without_their_launcher_end(tmp_path):
    """A killed launcher leaves nothing behind that goes on computing."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import test_processes as t\n"
        "if __name__ == '__main__':\n"
        "    wanted = t.request(sys.argv[2], steps=10**6, num_processes=2)\n"
        "    tell = lambda progress: print(progress.step, flush=True)\n"
        "    t.train_in_processes(wanted, 'toy_task:trainer', tell)\n"
    )
    script = tmp_path / "launcher.py"
    script.write_text(code)
    here = str(Path(__file__).parent)
    launcher = subprocess.Popen(
        [sys.executable, str(script), here, str(tmp_path / "run")], stdout=subprocess.PIPE
    )
    assert launcher.stdout.readline()
    children = psutil.Process(launcher.pid).children()
    assert len(children) >= 2
    launcher.kill()
    launcher.communicate()
    _, alive = psutil.wait_procs(children, timeout=GIVES_UP_S)
    assert not alive


def test_accelerate_is_asked_for_only_where_there_are_several(monkeypatch):
    import torch

    monkeypatch.setitem(sys.modules, "accelerate", None)
    assert join(torch.device("cpu")) == Team(0, 1)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ExtraMissing, match=r"pip install 'vtonctl\[train\]'") as missing:
        join(torch.device("cpu"))
    assert missing.value.exit_code == 69
