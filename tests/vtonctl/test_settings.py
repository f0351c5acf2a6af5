"""Where settings come from, and what is refused."""

import json

import pytest

from pipelines.errors import ConfigError
from vtonctl import app
from vtonctl.settings import Settings, resolve


def write(root, text):
    (root / "vtonctl.toml").write_text(text)
    return root


def test_defaults():
    found = resolve(None, {}, {})
    assert found.settings == Settings()
    assert set(found.origins.values()) == {"default"}


def test_flag_wins_over_environment_over_file(tmp_path):
    write(tmp_path, 'jobs = 3\nseed = 5\nsize = "512x384"\n')
    environ = {"VTONCTL_SEED": "6", "VTONCTL_JOBS": "4"}
    found = resolve(tmp_path, {"jobs": 1, "seed": None}, environ)
    assert (found.settings.jobs, found.settings.seed) == (1, 6)
    assert found.settings.size == (512, 384)
    assert found.origins["jobs"] == "--jobs"
    assert found.origins["seed"] == "VTONCTL_SEED"
    assert found.origins["size"] == str(tmp_path / "vtonctl.toml")
    assert found.origins["device"] == "default"


def test_a_pose_model_may_be_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.task").write_bytes(b"model")
    found = resolve(None, {"pose_model": "own.task"}, {})
    assert found.settings.pose_model == str(tmp_path / "own.task")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("jobs = -1", "jobs"),
        ("job = 1", "unknown setting 'job'"),
        ("jobs = ", "cannot be read as TOML"),
        ('size = "1024"', "1024x768"),
        ('size = "1024x99999"', "64..8192"),
        ('format = "gif"', "format"),
        ("quality = 101", "quality"),
        ('pose_model = "huge"', "pose_model"),
        ('executor = "cluster"', "local, dask or dask:ADDRESS"),
        ('executor = "dask:10.0.0.5"', "local, dask or dask:ADDRESS"),
        ('dask_resources = "GPU"', "NAME=NUMBER"),
        ('dask_resources = "GPU=nan"', "NAME=NUMBER"),
        ('pose_model = "missing.task"', "existing .task file"),
        ("\xff = 1", "cannot be read as TOML"),
    ],
)
def test_a_bad_file_is_refused_and_named(tmp_path, text, words):
    (tmp_path / "vtonctl.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError) as refused:
        resolve(tmp_path, {}, {})
    assert "vtonctl.toml" in str(refused.value)
    assert words in str(refused.value)


def test_a_bad_variable_is_named():
    with pytest.raises(ConfigError, match="VTONCTL_JOBS"):
        resolve(None, {}, {"VTONCTL_JOBS": "many"})


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Settings().jobs = 2


def test_show_settings_tells_origins_and_runs_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("VTONCTL_SEED", "7")
    photos = tmp_path / "photos"
    photos.mkdir()
    command = ["preprocess", str(photos), "--jobs", "1", "--show-settings", "--json"]
    assert app.run(command) == 0
    settings = json.loads(capsys.readouterr().out)["settings"]
    assert settings["seed"] == {"value": 7, "origin": "VTONCTL_SEED"}
    assert settings["jobs"] == {"value": 1, "origin": "--jobs"}
    assert not (tmp_path / "photos-vton").exists()
