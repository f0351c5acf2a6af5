"""Exit codes, error output, and what ``--help`` loads."""

import errno
import importlib
import json
import subprocess
import sys
import textwrap
import types

import pytest

from pipelines import errors
from vtonctl import app
from vtonctl.runs.result import ExitCode, ItemOutcome, RunResult

HEAVY = ("torch", "numpy", "cv2", "mediapipe", "ultralytics", "joblib", "scipy", "PIL", "dask")


def fake_run(monkeypatch, behaviour):
    """Put a stand-in in the place of the runtime; it does what ``behaviour`` does."""
    module = types.ModuleType("vtonctl.runs.preprocess")
    module.run_preprocess = behaviour
    monkeypatch.setitem(sys.modules, "vtonctl.runs.preprocess", module)


def outcome(status="done", **more):
    return ItemOutcome(item="ann", stage="pose", status=status, **more)


def result_of(*outcomes, **more):
    def run(request, options, sink):
        return RunResult(
            command="preprocess",
            root=request.root,
            out=request.root,
            outcomes=outcomes,
            seconds=1.0,
            **more,
        )

    return run


def raising(error):
    def run(request, options, sink):
        raise error

    return run


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (result_of(outcome()), ExitCode.OK),
        (result_of(), ExitCode.OK),
        (raising(RuntimeError("broken")), ExitCode.UNEXPECTED),
        (raising(errors.UsageError("contradiction")), ExitCode.USAGE),
        (result_of(outcome(), outcome("failed", code="no_person")), ExitCode.SOME_FAILED),
        (result_of(outcome("poison", code="poison")), ExitCode.SOME_FAILED),
        (raising(errors.ConfigError("bad")), ExitCode.CONFIG),
        (raising(errors.ListError("bad")), ExitCode.LIST),
        (raising(errors.InputError("bad")), ExitCode.INPUT),
        (raising(errors.WeightsMissing("bad")), ExitCode.WEIGHTS_MISSING),
        (raising(errors.ClusterError("gone")), ExitCode.WEIGHTS_MISSING),
        (raising(errors.StorageError("bad")), ExitCode.STORAGE),
        (raising(OSError(errno.ENOSPC, "No space left on device", "/x")), ExitCode.STORAGE),
        (raising(errors.RootLocked("held by 17")), ExitCode.LOCKED),
        (raising(KeyboardInterrupt()), ExitCode.INTERRUPTED),
        (result_of(outcome(), interrupted_by=2), ExitCode.INTERRUPTED),
        (result_of(outcome(), interrupted_by=15), ExitCode.TERMINATED),
    ],
    ids=lambda value: value.name if isinstance(value, ExitCode) else "",
)
@pytest.mark.parametrize("flags", [(), ("--json",)], ids=["words", "json"])
@pytest.mark.reliability("R22")
def test_each_exit_code(monkeypatch, photos, capsys, behaviour, code, flags):
    fake_run(monkeypatch, behaviour)
    assert app.run(["preprocess", str(photos), *flags]) == code
    shown = capsys.readouterr()
    assert "Traceback" not in shown.out + shown.err
    if flags:
        document = json.loads(shown.out)
        assert (document["schema_version"], document["exit_code"]) == (1, code)


def test_an_interrupted_run_says_how_to_go_on(monkeypatch, photos, capsys):
    fake_run(monkeypatch, result_of(outcome(), outcome("pending"), interrupted_by=2))
    assert app.run(["preprocess", str(photos)]) == ExitCode.INTERRUPTED
    assert "interrupted after 1 s: 1 made; the same command again" in capsys.readouterr().out


@pytest.mark.reliability("R22")
def test_exit_4_when_a_result_is_flagged_and_that_was_asked(monkeypatch, tmp_path, capsys):
    module = types.ModuleType("vtonctl.runs.tryon")
    module.run_tryon = lambda request, options, sink: RunResult(
        "tryon", request.root, request.out, (outcome(flags=("back_view",), score=0.4),), 1.0
    )
    monkeypatch.setitem(sys.modules, "vtonctl.runs.tryon", module)
    command = ["tryon", str(tmp_path), "--no-report"]
    assert app.run(command) == ExitCode.OK
    assert app.run([*command, "--fail-on-flag"]) == ExitCode.SOME_FLAGGED
    assert "1 x back view" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["preprocess", "--no-such-option"],
        ["no-such-command"],
        ["preprocess"],
        ["preprocess", "x", "--jobs", "many"],
        ["tryon"],
        ["tryon", "root", "--persons", "p"],
    ],
)
@pytest.mark.reliability("R22")
def test_wrong_use_is_2_and_says_where_to_read(arguments, capsys):
    assert app.run(arguments) == ExitCode.USAGE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "next: " in shown.err


@pytest.mark.parametrize("flags", [["--jobs", "-1"], ["--size", "wide"], ["--device", "tpu"]])
@pytest.mark.reliability("R22")
def test_a_bad_value_is_64_and_named(photos, capsys, flags):
    assert app.run(["preprocess", str(photos), *flags]) == ExitCode.CONFIG
    assert flags[1] in capsys.readouterr().err


def test_a_gpu_that_is_not_there_is_64_and_never_a_fall_back(monkeypatch, photos, capsys):
    from pipelines import device

    monkeypatch.setattr(device, "probe", lambda: device.Accelerators(torch="2.15"))
    monkeypatch.delenv("VTONCTL_DEVICE", raising=False)
    assert app.run(["preprocess", str(photos), "--device", "cuda"]) == ExitCode.CONFIG
    assert "sees the CPU only" in capsys.readouterr().err


@pytest.mark.reliability("R22")
def test_a_missing_folder_is_66_and_named(tmp_path, capsys):
    missing = tmp_path / "nowhere"
    assert app.run(["preprocess", str(missing)]) == ExitCode.INPUT
    assert str(missing) in capsys.readouterr().err


@pytest.mark.reliability("R23")
def test_errors_are_json_too(tmp_path, capsys):
    assert app.run(["preprocess", str(tmp_path / "nowhere"), "--json"]) == ExitCode.INPUT
    document = json.loads(capsys.readouterr().out)
    assert document["command"] == "preprocess"
    assert document["error"]["code"] == "no_such_folder"
    assert document["error"]["hint"]


def test_an_unexpected_error_shows_its_trace_only_when_asked(monkeypatch, photos, tmp_path, capsys):
    fake_run(monkeypatch, raising(RuntimeError("broken inside")))
    log = tmp_path / "log.txt"
    assert app.run(["preprocess", str(photos), "--log-file", str(log)]) == ExitCode.UNEXPECTED
    shown = capsys.readouterr().err
    assert "broken inside" in shown and "Traceback" not in shown
    assert "Traceback" in log.read_text()
    assert app.run(["preprocess", str(photos), "-vv"]) == ExitCode.UNEXPECTED
    assert "Traceback" in capsys.readouterr().err


def test_names_cannot_write_control_codes_to_the_terminal(monkeypatch, photos, capsys):
    fake_run(monkeypatch, raising(errors.InputError("bad \x1b[2J\n name")))
    app.run(["preprocess", str(photos)])
    shown = capsys.readouterr().err
    assert "\x1b" not in shown and "\\x1b[2J\\n name" in shown


def test_quiet_says_nothing_when_all_is_well(monkeypatch, photos, capsys):
    fake_run(monkeypatch, result_of(outcome()))
    assert app.run(["preprocess", str(photos), "--quiet"]) == ExitCode.OK
    shown = capsys.readouterr()
    assert shown.out + shown.err == ""


def python(code, **more):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, **more
    )


def test_help_loads_no_array_library():
    done = python("""
        import sys
        from vtonctl import app
        code = app.run(["--help"])
        print("LOADED", *sys.modules)
        sys.exit(code)
    """)
    assert done.returncode == 0, done.stderr
    page, _, loaded = done.stdout.rpartition("LOADED")
    assert "tryon" in page
    assert not set(loaded.split()) & {*HEAVY, "rich.console", "pydantic", "sqlite3"}


def typed(name):
    """What is typed for a command, or for each part of a group."""
    parts = getattr(importlib.import_module(f"vtonctl.commands.{name}"), "PARTS", {})
    return [f"{name} {part}" for part in parts] or [name]


@pytest.mark.parametrize("command", [line for name in app.COMMANDS for line in typed(name)])
def test_every_command_has_help_with_an_example(command, capsys):
    assert app.run([*command.split(), "--help"]) == 0
    page = capsys.readouterr().out
    assert "Example:" in page
    assert f"vtonctl {command}" in page.partition("Example:")[2]
    assert "--json" in page and "--log-file" in page


@pytest.mark.reliability("R21")
def test_a_reader_that_goes_away_is_no_error():
    done = python("""
        import subprocess, sys
        run = subprocess.Popen(
            [sys.executable, "-m", "vtonctl", "doctor", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        run.stdout.close()
        shown = run.stderr.read()
        run.wait()
        print(run.returncode, "Traceback" in shown, "BrokenPipe" in shown)
    """)
    assert done.stdout.split() == ["0", "False", "False"], done.stderr


def test_version(capsys):
    assert app.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("vtonctl 0.")
