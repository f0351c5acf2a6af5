"""Every command prints one JSON document that its published model accepts."""

import json
import os
import subprocess
import sys

import pytest

from vtonctl import app
from vtonctl.show import jsonout


def document(capsys, model, *arguments, code=0):
    assert app.run([*map(str, arguments), "--json"]) == code
    shown = capsys.readouterr().out
    parsed = json.loads(shown)
    assert parsed["schema_version"] == 1
    assert parsed["command"] == arguments[0]
    return model.model_validate_json(shown, strict=False)


@pytest.mark.reliability("R23")
def test_runs(capsys, asked, root):
    for command in (["preprocess", root], ["tryon", root, "--no-report"]):
        made = document(capsys, jsonout.RunDocument, *command, code=3)
        assert made.status == "partial" and made.exit_code == 3
        assert made.counts == {"current": 1, "failed": 1}
        assert made.failures[0].item == "bea" and made.failures[0].code == "no_person"
        assert made.flagged[0].flags[0].sentence == "side view"


@pytest.mark.reliability("R23")
def test_check(capsys, root):
    made = document(capsys, jsonout.CheckDocument, "check", root, code=65)
    assert not made.ok
    assert made.counts == {"persons": 2, "garments": 3}
    assert any(f.code == "missing_folder" for f in made.findings)
    assert all(not f.file.startswith("/") for f in made.findings)


@pytest.mark.reliability("R23")
def test_pairs(capsys, root, tmp_path):
    made = document(capsys, jsonout.PairsDocument, "pairs", root, "--all")
    assert len(made.pairs) == 6 and made.out is None
    listed = tmp_path / "list.txt"
    made = document(capsys, jsonout.PairsDocument, "pairs", root, "--paired", "--out", listed)
    assert made.pairs == (("ann", "ann"),)
    assert listed.read_text() == "ann.jpg ann.jpg\n"


def test_pairs_in_words_are_a_list_that_can_be_read_back(capsys, root, tmp_path):
    from pipelines.datasets.pairs import read_pairs

    assert app.run(["pairs", str(root), "--unpaired", "--seed", "3"]) == 0
    listed = tmp_path / "list.txt"
    listed.write_text(capsys.readouterr().out)
    assert [p.person for p in read_pairs(listed)] == ["ann", "bea"]


@pytest.mark.reliability("R23")
def test_convert(capsys, root, tmp_path):
    made = document(
        capsys, jsonout.ConvertDocument, "convert", root, tmp_path / "cp", "--to", "cp-vton"
    )
    assert made.written == {"image": 2, "cloth": 3}
    assert made.failures == ()


@pytest.mark.reliability("R23")
def test_report_of_a_root(capsys, root):
    made = document(capsys, jsonout.ReportDocument, "report", root)
    assert made.kind == "dataset"
    assert made.counts == {"good": 5, "flagged": 0, "failed": 0}
    assert (root / "report.html").is_file()


def test_report_elsewhere_leaves_the_root_alone(capsys, root, tmp_path):
    before = sorted(root.rglob("*"))
    document(capsys, jsonout.ReportDocument, "report", root, "--out", tmp_path / "page.html")
    assert sorted(root.rglob("*")) == before
    assert "shop/test/image/ann.jpg" in (tmp_path / "page.html").read_text()


@pytest.mark.reliability("R23")
def test_report_of_nothing(capsys, tmp_path):
    made = document(capsys, jsonout.ErrorDocument, "report", tmp_path, code=66)
    assert made.error.code == "nothing_to_report"


@pytest.mark.reliability("R23")
def test_status_of_a_folder_where_nothing_ran(capsys, root):
    made = document(capsys, jsonout.StatusDocument, "status", root)
    assert made.stages == {} and made.last_run is None


def test_retry_of_a_folder_where_nothing_ran(capsys, root):
    made = document(capsys, jsonout.ErrorDocument, "retry", root, code=66)
    assert made.error.code == "no_run"


@pytest.mark.reliability("R23")
def test_settings(capsys, root):
    made = document(capsys, jsonout.SettingsDocument, "preprocess", root, "--show-settings")
    assert made.settings["jobs"].origin == "default"


@pytest.mark.reliability("R23")
def test_doctor(capsys, root):
    made = document(capsys, jsonout.DoctorDocument, "doctor", root)
    assert made.ok
    names = [check.name for check in made.checks]
    assert {"Python", "torch", "mediapipe", "GPU", "disk", "ledger"} <= set(names)


def test_doctor_names_a_package_that_is_missing(capsys, monkeypatch):
    from vtonctl.commands import doctor

    monkeypatch.setattr(doctor, "requires", lambda name: ["no-such-package>=2", "typer>=999"])
    made = document(capsys, jsonout.DoctorDocument, "doctor", code=64)
    fixes = {c.name: c.fix for c in made.checks if c.state == "problem"}
    assert fixes == {
        "no-such-package": "pip install 'no-such-package>=2'",
        "typer": "pip install 'typer>=999'",
    }


@pytest.mark.parametrize("arguments", [["check", "/nowhere"], ["tryon"], ["convert", "a", "b"]])
@pytest.mark.reliability("R23")
def test_errors_are_documents_too(capsys, arguments):
    code = app.run([*arguments, "--json"])
    made = jsonout.ErrorDocument.model_validate_json(capsys.readouterr().out)
    assert made.exit_code == code != 0
    assert made.error.message


def test_names_that_are_not_utf8_are_told_all_the_same(tmp_path):
    """As a program of its own, whose output is bytes."""
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    command = [sys.executable, "-m", "vtonctl", "check", folder, "--json"]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == 65, done.stderr
    assert json.loads(done.stdout.decode("utf-8"))["root"] == str(folder)
