"""Settings of a trainer: defaults < file < pairs, each of the type of its default."""

import subprocess
import sys

import pytest
import toy_task

from pipelines.errors import ConfigError, UsageError
from pipelines.training.ablation import Variant, comparison, find_variants
from pipelines.training.request import TrainerInfo, TrainResult
from pipelines.training.settings import LoopSettings, settle

INFO = TrainerInfo("toy", "a toy", ("image",), toy_task.DEFAULTS)


def test_later_ones_win(tmp_path):
    path = tmp_path / "toy.toml"
    path.write_text('batch_size = 4\nrate = 1\nwords = "file"\nsizes = [3, 4]\n')
    found = settle(INFO, path, ["rate=2e-4", "plain=false", "words=three of them"])
    assert found["batch_size"] == 4
    assert found["sizes"] == (3, 4)
    assert (found["rate"], found["plain"], found["words"]) == (2e-4, False, "three of them")
    assert found["ema_decay"] == INFO.defaults["ema_decay"]
    assert settle(INFO, path)["rate"] == 1.0 and type(settle(INFO, path)["rate"]) is float


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("batch_size=many", "wanted a whole number"),
        ("batch_size=2.5", "wanted a whole number"),
        ("batch_size=true", "wanted a whole number"),
        ("plain=1", "wanted true or false"),
        ("plain=yes", "wanted true or false"),
        ("rate=fast", "wanted a number"),
        ("plain", "wanted key=value"),
    ],
)
def test_a_value_of_another_type(pair, words):
    with pytest.raises(ConfigError, match=words) as refused:
        settle(INFO, None, [pair])
    assert refused.value.exit_code == 64


def test_an_unknown_key_names_the_known_ones():
    with pytest.raises(ConfigError, match="no setting 'bach_size'. Did you mean batch_size") as no:
        settle(INFO, None, ["bach_size=3"])
    assert "batch_size, channels_last" in no.value.hint


def test_a_file_that_cannot_be_read(tmp_path):
    path = tmp_path / "toy.toml"
    with pytest.raises(ConfigError, match="toy.toml: cannot be read"):
        settle(INFO, path)
    path.write_text("rate = = 2")
    with pytest.raises(ConfigError, match="toy.toml: cannot be read"):
        settle(INFO, path)


@pytest.mark.parametrize(
    "wrong", [{"batch_size": 0}, {"ema_decay": 1.0}, {"clip_norm": -1.0}, {"log_every": 0}]
)
def test_the_loop_refuses_numbers_that_make_no_sense(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        LoopSettings(**wrong)


def test_the_loops_settings_out_of_a_trainers():
    found = LoopSettings.from_settings({**toy_task.DEFAULTS, "batch_size": 6})
    assert (found.batch_size, found.epochs) == (6, 2)
    assert LoopSettings().defaults().keys() == {*LoopSettings.__dataclass_fields__}


def test_variants_are_all_combinations():
    found = find_variants(INFO, ["plain=true,false", "rate=0.1,1"])
    assert [v.name for v in found] == [
        "plain-true_rate-0.1",
        "plain-true_rate-1.0",
        "plain-false_rate-0.1",
        "plain-false_rate-1.0",
    ]
    assert found[3].settings == {"plain": False, "rate": 1.0}


@pytest.mark.parametrize("text", ["plain", "plain=true", "plain=true,true", "plain="])
def test_one_value_compares_nothing(text):
    with pytest.raises(UsageError, match="--ablate"):
        find_variants(INFO, [text])


def test_an_ablation_knows_the_settings():
    with pytest.raises(ConfigError, match="no setting 'plan'"):
        find_variants(INFO, ["plan=true,false"])


def test_the_comparison_has_a_row_for_each_figure():
    runs = [
        (Variant("a", {"plain": True}), TrainResult("done", {"m": 0.5, "iou/x": 0.25}, (), 1.0, 9)),
        (Variant("b", {"plain": False}), TrainResult("done", {"m": 0.75}, (), 1.0, 9)),
    ]
    lines = comparison(runs).splitlines()
    assert lines[0] == "| figure | plain=true | plain=false | difference |"
    assert lines[2] == "| m | 0.5000 | 0.7500 | +0.2500 |"
    assert lines[3] == "| iou/x | 0.2500 | nan | +nan |"
    assert lines[-1] == "Steps: 9, 9."


@pytest.mark.parametrize("module", ["request", "settings", "ablation", "run_folder"])
def test_descriptions_of_training_import_no_array_library(module):
    code = f"import sys, pipelines.training.{module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"torch", "numpy", "cv2", "PIL", "pydantic"}
