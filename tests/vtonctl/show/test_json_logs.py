"""The log as JSON lines: one object each, whatever names and messages hold."""

import json
import logging
import sys

import pytest

from pipelines import errors
from pipelines.training.request import Progress
from vtonctl import app
from vtonctl.runs.result import ItemOutcome, RunResult
from vtonctl.show import logs
from vtonctl.show.progress import INTERVAL_S, LoggedProgress, NotesOnly
from vtonctl.show.train_progress import LoggedTraining, training_progress

HOSTILE = 'x\n{"event": "forged"}\x1b[2J\u2028\udcff"'


@pytest.fixture(autouse=True)
def quiet_afterwards():
    yield
    logs.configure(0, False, None)


@pytest.fixture
def lines(capsys, published):
    """The lines on stderr, each checked."""

    def read(text=None):
        text = capsys.readouterr().err if text is None else text
        assert text.isascii()
        return [published("LogLine", json.loads(line)) for line in text.splitlines()]

    return read


def outcome(status, **more):
    return ItemOutcome("ann", "pose", status, seconds=0.25, **more)


def stand_in(monkeypatch, behaviour):
    from types import ModuleType

    module = ModuleType("vtonctl.runs.preprocess")
    module.run_preprocess = behaviour
    monkeypatch.setitem(sys.modules, "vtonctl.runs.preprocess", module)


def two_items(request, options, sink):
    made = (
        outcome("done"),
        outcome("failed", code="no_person", message=f"nobody in {HOSTILE}", hint="Look."),
    )
    sink.note("a note")
    for one in made:
        sink.finished(one)
    return RunResult("preprocess", request.root, request.root, made, 2.0)


@pytest.mark.parametrize(
    ("flags", "events"),
    [
        ([], ["note", "item", "ended"]),
        (["-v"], ["note", "item", "item", "ended"]),
        (["--quiet"], []),
    ],
)
def test_what_stderr_tells_of_a_run(monkeypatch, tmp_path, capsys, lines, flags, events):
    stand_in(monkeypatch, two_items)
    command = ["preprocess", str(tmp_path), "--log-format", "json", "--json", *flags]
    assert app.run(command) == 3
    shown = capsys.readouterr()
    assert json.loads(shown.out)["exit_code"] == 3
    told = lines(shown.err)
    assert [line["event"] for line in told] == events
    if events:
        failed = next(line for line in told if line.get("status") == "failed")
        wanted = {"stage": "pose", "item": "ann", "code": "no_person", "hint": "Look."}
        assert wanted.items() <= failed.items() and failed["seconds"] == 0.25
        assert failed["message"] == f"pose ann: nobody in {HOSTILE}"
        ended = {"command": "preprocess", "status": "partial", "exit_code": 3, "seconds": 2.0}
        assert ended.items() <= told[-1].items()
        assert told[-1]["counts"] == {"done": 1, "failed": 1}


def test_errors_are_lines_with_code_and_next_step(monkeypatch, tmp_path, lines):
    def refuse(request, options, sink):
        raise errors.RootLocked(f"{HOSTILE}: held by 17", hint="Wait.")

    stand_in(monkeypatch, refuse)
    assert app.run(["preprocess", str(tmp_path), "--log-format", "json", "-q"]) == 75
    (line,) = lines()
    assert (line["event"], line["level"], line["exit_code"]) == ("error", "error", 75)
    assert (line["code"], line["hint"]) == ("locked", "Wait.")
    assert line["message"] == f"{HOSTILE}: held by 17"


def test_the_log_file_has_the_trace_in_one_line(monkeypatch, tmp_path, capsys, lines):
    def break_down(request, options, sink):
        raise RuntimeError("broken inside")

    stand_in(monkeypatch, break_down)
    log = tmp_path / "log.jsonl"
    command = ["preprocess", str(tmp_path), "--log-format", "json", "--log-file", str(log)]
    assert app.run(command) == 1
    told = lines(log.read_text())
    assert [line["event"] for line in told] == ["note", "error"]
    assert "Traceback" in told[0]["traceback"] and "broken inside" in told[0]["traceback"]
    assert all("traceback" not in line for line in lines(capsys.readouterr().err))
    app.run(command)
    assert len(lines(log.read_text())) == 4, "the log is appended to"


def test_progress_is_a_line_now_and_then(lines):
    logs.configure(0, False, None, "json")
    now = [0.0]
    sink = LoggedProgress(clock=lambda: now[0])
    sink.planned("pose", 100, 7)
    for _ in range(70):
        now[0] += 1.0
        sink.finished(outcome("done"))
    told = [line for line in lines() if line["event"] == "progress"]
    assert [line["seconds"] for line in told] == [INTERVAL_S, 2 * INTERVAL_S]
    assert told[0]["progress"] == {"pose": {"ended": 30, "planned": 100}}
    assert told[0]["message"].startswith("pose 30/100; 0 failed; about 1 min")


def test_training_is_told_in_lines(lines):
    logs.configure(0, False, None, "json")
    with training_progress(quiet=False) as report:
        assert isinstance(report, LoggedTraining)
        known = {"step": 3, "total_steps": 9, "epoch": 0, "fraction": 1 / 3, "seconds": 5.0}
        report(Progress(**known, note=HOSTILE))
        report(Progress(**known))
    told = lines()
    assert [(line["event"], line["message"]) for line in told] == [("note", HOSTILE)]


def test_an_unknown_format_is_64(tmp_path, capsys):
    assert app.run(["preprocess", str(tmp_path), "--log-format", "xml"]) == 64
    assert "Known: text, json" in capsys.readouterr().err


def test_names_forge_no_lines_in_the_text_log_either(tmp_path, capsys):
    log = tmp_path / "log.txt"
    logs.configure(1, False, log)
    NotesOnly().finished(outcome("failed", code="x", message=HOSTILE))
    logging.getLogger("vtonctl").error("%s", HOSTILE)
    shown, kept = capsys.readouterr().err, log.read_text("utf-8")
    assert len(shown.splitlines()) == len(kept.splitlines()) == 2
    assert "\x1b" not in shown + kept
