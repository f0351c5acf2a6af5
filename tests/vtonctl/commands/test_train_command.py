"""``vtonctl train`` over the toy task: what is asked, made, shown, refused and resumed."""

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "pipelines" / "training"))

import toy_task

from pipelines import registry
from pipelines.errors import ExtraMissing
from pipelines.training.request import Progress, TrainerInfo
from vtonctl import app
from vtonctl.commands import train
from vtonctl.runs.lock import hold
from vtonctl.runs.rundir import RunDir
from vtonctl.show import jsonout
from vtonctl.show.train_progress import PlainTraining, sentence

INFO = TrainerInfo("toy.bright", "finds bright pixels", ("image", "parse"), toy_task.DEFAULTS)
FAST = ("--steps", "12", "--device", "cpu")


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    """The toy task among the trainers, known by the name ``toy.bright``."""
    monkeypatch.delenv("VTONCTL_DEVICE", raising=False)
    monkeypatch.setitem(registry.TRAINERS, "toy.bright", (INFO, "toy_task:trainer"))


def replace_trainer(monkeypatch, function):
    monkeypatch.setattr(toy_task, "trainer", function)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "run"


def call(*arguments):
    return app.run(["train", *map(str, arguments)])


def test_the_list_in_words_and_json(capsys):
    assert call("--list") == 0
    words = capsys.readouterr().out
    assert "toy.bright: finds bright pixels" in words
    assert "needs: image, parse" in words and "batch_size=10" in words and "plain=true" in words
    assert call("--list", "--json") == 0
    found = jsonout.TrainersDocument.model_validate_json(capsys.readouterr().out)
    (made,) = [t for t in found.trainers if t.name == "toy.bright"]
    assert made.defaults["rate"] == 3e-3
    assert [t.name for t in found.trainers] == list(registry.TRAINERS)


def test_the_list_loads_no_array_library():
    code = (
        "import sys; from vtonctl import app; code = app.run(['train', '--list'])\n"
        "print('LOADED', *sys.modules); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.rpartition("LOADED")[2].split()
    assert not {"torch", "numpy", "cv2", "PIL", "ultralytics"} & set(loaded)


def test_the_files_of_a_run_are_as_published(tmp_path, out, published):
    assert call("toy.bright", tmp_path, "--out", out, *FAST) == 0
    published("TrainingConfig", json.loads((out / "config.json").read_text()))
    published("TrainingResult", json.loads((out / "result.json").read_text()))
    lines = (out / "metrics.jsonl").read_text().splitlines()
    assert {published("TrainingMetrics", json.loads(line))["kind"] for line in lines} >= {"train"}


def test_the_figures_of_an_ablation_are_as_published(tmp_path, out, published):
    assert call("toy.bright", tmp_path, "--out", out, *FAST, "--ablate", "rate=0.003,0.03") == 0
    runs = json.loads((out / "ablation.json").read_text(), parse_constant=pytest.fail)
    assert [published("AblationRun", run)["settings"]["rate"] for run in runs] == [0.003, 0.03]


def test_every_trainer_is_where_the_table_says():
    for name, (info, entry) in registry.TRAINERS.items():
        assert info.name == name and info.summary and info.inputs
        module, _, function = entry.partition(":")
        assert function.startswith("train") or name == "toy.bright"
        path = Path(registry.__file__).parents[1] / (module.replace(".", "/") + ".py")
        assert name == "toy.bright" or f"def {function}(" in path.read_text()


def test_a_run_as_json(capsys, tmp_path, out):
    assert call("toy.bright", tmp_path, "--out", out, *FAST, "--set", "rate=0.01", "--json") == 0
    shown = capsys.readouterr()
    document = jsonout.TrainDocument.model_validate_json(shown.out)
    made = document.training
    assert (document.exit_code, document.resume) == (0, None)
    assert (made.status, made.stage, made.steps) == ("done", "toy.bright", 12)
    assert made.settings["rate"] == 0.01 and made.settings["batch_size"] == 10
    assert made.figures.keys() == {"accuracy"}
    assert all(Path(file).is_file() for file in made.files)
    assert json.loads((out / "config.json").read_text())["settings"]["rate"] == 0.01


def test_a_run_in_words(capsys, tmp_path, out):
    assert call("toy.bright", tmp_path, "--out", out, *FAST) == 0
    shown = capsys.readouterr()
    assert "trained 12 steps in" in shown.out and "weights.pt" in shown.out
    assert "accuracy 0." in shown.out
    assert call("toy.bright", tmp_path, "--out", out.with_name("b"), *FAST, "--quiet") == 0
    shown = capsys.readouterr()
    assert shown.out + shown.err == ""


def test_settings_come_from_a_file_and_a_pair_wins(capsys, tmp_path, out):
    (tmp_path / "toy.toml").write_text("rate = 0.5\nlog_every = 4\n")
    options = ("--config", tmp_path / "toy.toml", "--set", "rate=0.02", "--json")
    assert call("toy.bright", tmp_path, "--out", out, *FAST, *options) == 0
    settings = json.loads(capsys.readouterr().out)["training"]["settings"]
    assert (settings["rate"], settings["log_every"]) == (0.02, 4)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "no STAGE given"),
        (("toy.bright",), 2, "no ROOT given"),
        (("toy.bright", ".", "--epochs", "1", "--steps", "1"), 2, "contradict"),
        (("toy.bright", ".", "--steps", "0"), 2, "--steps"),
        (("toy.bright", ".", "--minutes", "-1"), 2, "--minutes"),
        (("toy.bright", ".", "--minutes", "1", "--ablate", "plain=true,false"), 2, "equal steps"),
        (("toy.bright", ".", "--ablate", "plain=true"), 2, "--ablate"),
        (("toy.bright", ".", "--num-processes", "2", "--device", "cuda:1"), 2, "one each"),
        (("toy.dark", "."), 64, "Known: parser"),
        (("toy.bright", ".", "--set", "rat=1"), 64, "Did you mean rate?"),
        (("toy.bright", ".", "--set", "plain=perhaps"), 64, "true or false"),
        (("toy.bright", ".", "--config", "missing.toml"), 64, "missing.toml"),
        (("toy.bright", ".", "--device", "tpu"), 64, "tpu"),
        (("toy.bright", ".", "--device", "cpu", "--precision", "fp4"), 64, "fp4"),
        (("toy.bright", "missing-folder"), 66, "missing-folder"),
    ],
)
def test_what_is_refused(capsys, tmp_path, out, arguments, code, words):
    assert call(*arguments, "--out", out) == code
    shown = capsys.readouterr()
    assert words in shown.err and "next: " in shown.err
    assert "Traceback" not in shown.err


def test_a_missing_extra_is_69_and_named(monkeypatch, capsys, tmp_path, out):
    def needs_more(request, report):
        raise ExtraMissing("This needs accelerate.", "train")

    replace_trainer(monkeypatch, needs_more)
    assert call("toy.bright", tmp_path, "--out", out) == 69
    assert "pip install 'vtonctl[train]'" in capsys.readouterr().err


def test_a_folder_that_another_run_holds_is_75(capsys, tmp_path, out):
    with hold(RunDir(out), "train toy.bright"):
        assert call("toy.bright", tmp_path, "--out", out, *FAST) == 75
    assert "works in it" in capsys.readouterr().err


def test_a_folder_with_a_run_wants_resume(capsys, tmp_path, out):
    assert call("toy.bright", tmp_path, "--out", out, *FAST) == 0
    assert call("toy.bright", tmp_path, "--out", out, *FAST) == 64
    assert "Use --resume" in capsys.readouterr().err


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_tells_the_command_that_goes_on(
    monkeypatch, capsys, tmp_path, out, signum, code
):
    plain = toy_task.trainer

    def interrupted(request, report):
        def signalling(progress):
            report(progress)
            if progress.losses and progress.step == 5:
                signal.raise_signal(signum)

        return plain(request, signalling)

    options = ("--steps", "20", "--device", "cpu", "--seed", "3", "--set", "plain=false")
    options += ("--set", "sizes=[4, 5]", "--set", "words=two words")
    replace_trainer(monkeypatch, interrupted)
    assert call("toy.bright", tmp_path, "--out", out, *options) == code
    shown = " ".join(capsys.readouterr().out.split())
    assert "interrupted at step 5" in shown
    assert (out / "checkpoints" / "step-00000005.pt").is_file()
    replace_trainer(monkeypatch, plain)
    words = shlex.split(shown.partition("go on with: vtonctl ")[2])
    assert app.run([*words, "--json"]) == 0
    resumed = json.loads(capsys.readouterr().out)["training"]
    whole = tmp_path / "whole"
    assert call("toy.bright", tmp_path, "--out", whole, *options, "--json") == 0
    alone = json.loads(capsys.readouterr().out)["training"]
    for key in ("figures", "settings", "seed", "steps"):
        assert resumed[key] == alone[key]


def test_an_interrupted_run_as_json(monkeypatch, capsys, tmp_path, out):
    plain = toy_task.trainer

    def interrupted(request, report):
        def signalling(progress):
            if progress.losses:
                signal.raise_signal(signal.SIGTERM)

        return plain(request, signalling)

    replace_trainer(monkeypatch, interrupted)
    assert call("toy.bright", tmp_path, "--out", out, *FAST, "--json") == 143
    document = jsonout.TrainDocument.model_validate_json(capsys.readouterr().out)
    assert document.exit_code == 143 and document.training.status == "interrupted"
    assert document.resume.endswith(f"--out {out} --resume --steps 12 --device cpu")


def test_resume_takes_from_the_run_what_is_not_given(monkeypatch, capsys, tmp_path, out):
    options = ("--steps", "12", "--seed", "5", "--set", "plain=false", "--set", "sizes=[7]")
    assert call("toy.bright", tmp_path, "--out", out, "--device", "cpu", *options) == 0
    plain, asked = toy_task.trainer, []
    replace_trainer(
        monkeypatch, lambda request, report: asked.append(request) or plain(request, report)
    )
    again = ("toy.bright", tmp_path, "--out", out, "--resume", "--device", "cpu")
    assert call(*again) == 0
    assert call(*again, "--epochs", "2", "--set", "sizes=[8]", "--precision", "bf16") == 0
    same, other = asked
    assert (same.steps, same.epochs, same.seed, same.precision) == (12, None, 5, "fp32")
    assert (same.settings["plain"], same.settings["sizes"]) == (False, (7,))
    assert (other.steps, other.epochs, other.seed, other.precision) == (None, 2, 5, "bf16")
    assert (other.settings["plain"], other.settings["sizes"]) == (False, (8,))
    monkeypatch.setitem(registry.TRAINERS, "toy.two", (INFO, "toy_task:trainer"))
    (out / "config.json").write_text('{"stage": "toy.two"}')
    capsys.readouterr()
    assert call(*again) == 64
    assert "another run than one of toy.bright" in capsys.readouterr().err


def test_an_ablation_compares_equal_steps(monkeypatch, capsys, tmp_path, out):
    options = ("--out", out, *FAST, "--ablate", "plain=true,false", "--ablate", "rate=0.01,0.001")
    assert call("toy.bright", tmp_path, *options) == 0
    table = (out / "ablation.md").read_text()
    heads = [h.strip() for h in table.splitlines()[0].split("|")[2:-1]]
    assert heads == [
        "plain=true, rate=0.01",
        "plain=true, rate=0.001",
        "plain=false, rate=0.01",
        "plain=false, rate=0.001",
    ]
    assert "Steps: 12, 12, 12, 12." in table
    listed = json.loads((out / "ablation.json").read_text())
    shown = [float(c) for c in table.splitlines()[2].split("|")[2:-1]]
    assert [round(v["figures"]["accuracy"], 4) for v in listed] == shown
    assert len(set(shown)) > 1
    config = json.loads((out / "plain-false_rate-0.01" / "config.json").read_text())
    assert config["settings"]["plain"] is False and config["settings"]["rate"] == 0.01
    # the same command again, to go on: what is finished is kept
    capsys.readouterr()
    replace_trainer(monkeypatch, lambda request, report: pytest.fail("trained again"))
    assert call("toy.bright", tmp_path, *options, "--resume", "--json") == 0
    document = jsonout.AblationDocument.model_validate_json(capsys.readouterr().out)
    assert [v.training.figures["accuracy"] for v in document.variants] == pytest.approx(
        shown, abs=1e-4
    )


def test_an_interrupted_ablation_ends(monkeypatch, capsys, tmp_path, out):
    plain = toy_task.trainer

    def interrupted(request, report):
        def signalling(progress):
            if progress.losses and not request.settings["plain"]:
                signal.raise_signal(signal.SIGINT)

        return plain(request, signalling)

    replace_trainer(monkeypatch, interrupted)
    options = ("--out", out, *FAST, "--ablate", "plain=true,false,true")
    assert call("toy.bright", tmp_path, *options) == 2
    options = ("--out", out, *FAST, "--ablate", "plain=false,true")
    assert call("toy.bright", tmp_path, *options) == 130
    assert "--resume" in capsys.readouterr().out
    assert not (out / "plain-true").exists()


def progress(step, **more):
    values = {"losses": {"loss/net": 0.5}, "metrics": {"miou": 0.25}, **more}
    return Progress(step, 100, 2, step / 100, float(step), images_per_s=8.0, **values)


def test_lines_of_progress_are_rare_and_notes_are_not():
    import io

    clock, stream = [0.0], io.StringIO()
    told = PlainTraining(stream, lambda: clock[0])
    for second in range(65):
        clock[0] = float(second)
        told(progress(second))
    lines = stream.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "vtonctl: step 30/100 (30%)",
        "vtonctl: step 60/100 (60%)",
    ]
    told(progress(65, note="resumed at step 3"))
    assert stream.getvalue().splitlines()[-1] == "vtonctl: resumed at step 3"


def test_a_line_says_where_the_run_is():
    assert sentence(progress(40)) == (
        "step 40/100 (40%), epoch 3; loss/net 0.5; miou 0.25; 8 images/s; about 1 min 0 s left"
    )


def test_one_of_several_processes_is_silent_unless_it_leads(monkeypatch, capsys, tmp_path, out):
    asked = []

    def silent(request, report):
        report(progress(1, note="nobody shall hear this"))
        asked.append(request)
        return train.TrainResult("done", {}, (), 1.0, 12)

    replace_trainer(monkeypatch, silent)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert call("toy.bright", tmp_path, "--out", out, *FAST, "--json") == 0
    shown = capsys.readouterr()
    assert shown.out + shown.err == "" and len(asked) == 1
    assert not out.exists(), "the leading process holds the folder"


@pytest.mark.slow
def test_several_processes_from_the_command_line(capsys, tmp_path, out):
    pytest.importorskip("accelerate")
    options = (*FAST, "--num-processes", "2", "--json")
    assert call("toy.bright", tmp_path, "--out", out, *options) == 0
    made = json.loads(capsys.readouterr().out)["training"]
    assert made["steps"] == 12 and Path(made["files"][0]).is_file()
