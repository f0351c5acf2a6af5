"""``--metrics-file``: read as Prometheus reads it, true in what it says of a run."""

import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipelines import errors
from vtonctl import app
from vtonctl.runs.result import ExitCode, ItemOutcome, RunResult
from vtonctl.show.metrics import STATUSES, Ended, render, write_metrics

NOW = 1_800_000_000.25


def read(text):
    """Metric -> labels -> value, by Prometheus's own parser."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation and family.type in ("counter", "gauge")
        for sample in family.samples:
            key = tuple(sorted(sample.labels.items()))
            assert key not in found.setdefault(sample.name, {}), "twice"
            found[sample.name][key] = sample.value
    return found


def value(found, metric, **labels):
    """The one sample of a metric that has these labels."""
    values = [v for key, v in found.get(metric, {}).items() if labels.items() <= dict(key).items()]
    assert len(values) == 1, (metric, labels, found.get(metric))
    return values[0]


def result(*statuses, **more):
    outcomes = tuple(ItemOutcome(str(n), "pose", status) for n, status in enumerate(statuses))
    return RunResult("preprocess", None, None, outcomes, 12.5, **more)


def write(path, code=0, run=None, now=NOW, seconds=12.5, command="preprocess"):
    write_metrics(path, Ended(command, code, seconds, run), clock=lambda: now)
    return read(path.read_bytes().decode())


def test_a_run_in_numbers(tmp_path):
    made = write(tmp_path / "shop.prom", 3, result("done", "done", "current", "failed", "blocked"))
    about = {"name": "shop", "command": "preprocess"}
    for metric in ("vtonctl_items_total", "vtonctl_last_run_items"):
        counts = {s: value(made, metric, stage="pose", outcome=s, **about) for s in STATUSES}
        wanted = {"done": 2, "current": 1, "failed": 1, "blocked": 1, "poison": 0, "pending": 0}
        assert counts == wanted
    assert value(made, "vtonctl_last_run_exit_code", **about) == 3
    assert value(made, "vtonctl_last_run_duration_seconds", **about) == 12.5
    assert value(made, "vtonctl_last_run_timestamp_seconds", **about) == NOW
    assert value(made, "vtonctl_last_complete_run_timestamp_seconds", **about) == NOW
    assert "vtonctl_last_success_timestamp_seconds" not in made, "there was none yet"
    assert value(made, "vtonctl_runs_total", exit_code="3", **about) == 1


def test_names_and_types_are_those_of_the_conventions(tmp_path):
    write(tmp_path / "x.prom", 0, result("done"))
    families = list(text_string_to_metric_families((tmp_path / "x.prom").read_text()))
    assert len(families) == 8
    for family in families:
        assert family.name.startswith("vtonctl_")
        samples = {sample.name for sample in family.samples}
        if family.type == "counter":
            assert samples == {f"{family.name}_total"}
        else:
            assert samples == {family.name} and not family.name.endswith("_total")
        if "timestamp" in family.name or "duration" in family.name:
            assert family.name.endswith("_seconds")


def test_counters_go_on_and_the_last_success_is_remembered(tmp_path):
    path = tmp_path / "shop.prom"
    write(path, 0, result("done", "done"), now=NOW)
    write(path, 3, result("done", "failed"), now=NOW + 10)
    made = write(path, 75, None, now=NOW + 20)
    assert value(made, "vtonctl_items_total", outcome="done") == 3
    assert value(made, "vtonctl_items_total", outcome="failed") == 1
    assert "vtonctl_last_run_items" not in made, "the last run counted nothing"
    assert {dict(k)["exit_code"]: v for k, v in made["vtonctl_runs_total"].items()} == {
        "0": 1, "3": 1, "75": 1,
    }  # fmt: skip
    assert value(made, "vtonctl_last_success_timestamp_seconds") == NOW
    assert value(made, "vtonctl_last_complete_run_timestamp_seconds") == NOW + 10
    assert value(made, "vtonctl_last_run_timestamp_seconds") == NOW + 20


def test_another_command_takes_nothing_over(tmp_path):
    path = tmp_path / "shop.prom"
    write(path, 0, result("done"))
    made = write(path, 3, result("failed"), command="preproces")
    assert value(made, "vtonctl_items_total", outcome="done") == 0
    assert "vtonctl_last_success_timestamp_seconds" not in made


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"\xff\xfe\x00",
        b"vtonctl_runs_total{} NaN\n" * 3,
        b'vtonctl_items_total{name="shop",command="preprocess",stage="pose",outcome="done"} 1e999',
        b'vtonctl_items_total{name="shop",command="preprocess",stage="pose",outcome="done"} -5',
        b'vtonctl_items_total{name="shop",command="preprocess",x="' + b"y" * (2 << 20) + b'"} 1\n',
    ],
)
def test_what_is_no_such_file_counts_nothing(tmp_path, before):
    (tmp_path / "shop.prom").write_bytes(before)
    made = write(tmp_path / "shop.prom", 0, result("done"))
    assert value(made, "vtonctl_items_total", outcome="done") == 1
    assert value(made, "vtonctl_runs_total") == 1


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "a\rb", "ä} 7", "\udcff", 'x",y="z'])
def test_hostile_file_names_are_one_label(tmp_path, name):
    path = tmp_path / f"{name}.prom"
    for runs in (1, 2):
        made = write(path, 0, result("done"))
        assert value(made, "vtonctl_runs_total") == runs
        ((key, _),) = made["vtonctl_runs_total"].items()
        assert dict(key)["name"] == name.encode("utf-8", "replace").decode()


def test_a_link_is_replaced_and_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "shop.prom").symlink_to(victim)
    write(tmp_path / "shop.prom", 0, result("done"))
    assert victim.read_text() == "precious"


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "shop.prom"
    write(path, 0, result("done"))
    before = path.read_bytes()
    monkeypatch.setattr("pipelines.atomic.os.replace", lambda *names: (_ for _ in ()).throw(
        OSError(28, "No space left on device")))  # fmt: skip
    with pytest.raises(errors.StorageError):
        write(path, 3, result("failed"))
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def run(path, *arguments):
    code = app.run([*map(str, arguments), "--metrics-file", str(path)])
    return code, read(path.read_bytes().decode()) if path.exists() else None


@pytest.mark.parametrize("command", ["preprocess", "tryon"])
def test_commands_tell_what_they_did(asked, root, tmp_path, command):
    code, made = run(tmp_path / "m.prom", command, root)
    assert code == value(made, "vtonctl_last_run_exit_code", command=command) == 3
    assert value(made, "vtonctl_last_run_items", stage="pose", outcome="failed") == 1
    assert value(made, "vtonctl_last_run_items", stage="pose", outcome="current") == 1
    assert value(made, "vtonctl_last_run_duration_seconds") == 1.25


def test_errors_are_counted_too(asked, root, tmp_path, monkeypatch):
    def locked(request, options, sink):
        raise errors.RootLocked("held by 17")

    monkeypatch.setattr(sys.modules["vtonctl.runs.preprocess"], "run_preprocess", locked)
    code, made = run(tmp_path / "m.prom", "preprocess", root)
    assert code == 75 == value(made, "vtonctl_last_run_exit_code")
    assert value(made, "vtonctl_runs_total", exit_code="75") == 1
    assert "vtonctl_last_complete_run_timestamp_seconds" not in made
    code, made = run(tmp_path / "m.prom", "preprocess", tmp_path / "nowhere")
    assert code == 66 == value(made, "vtonctl_last_run_exit_code")


def test_retry_of_nothing_is_told(root, tmp_path):
    code, made = run(tmp_path / "m.prom", "retry", root)
    assert code == 66 == value(made, "vtonctl_last_run_exit_code", command="retry")


@pytest.mark.parametrize("flag", ["--dry-run", "--show-settings"])
def test_what_does_no_work_writes_no_metrics(asked, root, tmp_path, flag, monkeypatch):
    def planned(request, options, sink):
        return result("pending", dry_run=options.dry_run)

    monkeypatch.setattr(sys.modules["vtonctl.runs.preprocess"], "run_preprocess", planned)
    assert run(tmp_path / "m.prom", "preprocess", root, flag) == (0, None)
    run(tmp_path / "m.prom", "preprocess", tmp_path / "nowhere", "--dry-run")
    assert not (tmp_path / "m.prom").exists()


def test_a_place_that_cannot_be_is_refused_before_any_work(asked, root, tmp_path, capsys):
    for place in (tmp_path / "no" / "m.prom", root):
        assert app.run(["preprocess", str(root), "--metrics-file", str(place)]) == 74
        assert str(place) in capsys.readouterr().err
    assert asked.request is None


def test_metrics_that_cannot_be_written_change_nothing(asked, root, tmp_path, monkeypatch, capsys):
    def full(path, data):
        raise errors.StorageError(f"{path}: cannot be written: No space left on device.")

    monkeypatch.setattr("vtonctl.show.metrics.write_atomic", full)
    arguments = ["preprocess", str(root), "--metrics-file", str(tmp_path / "m.prom"), "--json"]
    assert app.run(arguments) == ExitCode.SOME_FAILED
    shown = capsys.readouterr()
    assert shown.out.count('"schema_version"') == 1
    assert "m.prom: cannot be written" in shown.err


def test_the_text_is_the_same_for_the_same_run():
    ended = Ended("tryon", 0, 1.0, result("done"))
    assert render("a", ended, {}, NOW) == render("a", ended, {}, NOW)
