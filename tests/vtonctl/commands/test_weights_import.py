"""``vtonctl weights import``: what it prints, its exit codes, and where the weights go."""

from pathlib import Path

import pytest

from pipelines import checkpoint_import, checkpoints
from pipelines.checkpoint_import import Imported
from pipelines.errors import ConfigError, InputError
from vtonctl import app
from vtonctl.show import jsonout


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """Stands in for reading checkpoints, which has its own tests."""
    made = []

    def stand_in(source, folder, *, precision, licence):
        made.append((source, folder, precision, licence))
        if source.stem == "torn":
            raise InputError(f"{source}: torn", code="damaged_weights", hint="Get it again.")
        if source.stem == "taken":
            raise ConfigError(f"{source}: taken", code="exists", hint="Another name.")
        path = folder / f"{source.stem}.safetensors"
        family = "cp-vton.tom" if source.stem == "tom" else "viton-hd.seg"
        return Imported(source, path.stem, path, family, "a network", precision, "ab", 7, licence)

    monkeypatch.setattr(checkpoint_import, "import_checkpoint", stand_in)
    monkeypatch.setattr(checkpoints, "user_folder", lambda: tmp_path / "mine")
    return made


def shown(capsys, *arguments, code=0):
    assert app.run(["weights", "import", *arguments, "--json"]) == code
    return jsonout.ImportDocument.model_validate_json(capsys.readouterr().out, strict=False)


def test_weights_go_to_the_users_folder(calls, tmp_path, capsys):
    made = shown(capsys, "seg_final.pth", "x.pth")
    assert calls[0] == (Path("seg_final.pth"), tmp_path / "mine", "fp16", "not stated")
    assert made.usable_as == ("seg_final", "x") and made.failures == ()
    assert made.imported[0].tier == "research"
    app.run(["weights", "import", "seg_final.pth"])
    words = " ".join(capsys.readouterr().out.split())
    assert "next: vtonctl tryon ROOT --system viton-hd --weights seg_final" in words


def test_each_system_is_named_with_its_own_weights(calls, capsys):
    assert app.run(["weights", "import", "seg.pth", "tom.pth", "x.pth"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "next: vtonctl tryon ROOT --system viton-hd --weights seg --weights x next" in words
    assert words.endswith("next: vtonctl tryon ROOT --system cp-vton --weights tom")


def test_another_folder_is_named_by_path(calls, tmp_path, capsys):
    options = ["--out", str(tmp_path), "--precision", "fp32", "--licence", "CC BY-NC 4.0"]
    made = shown(capsys, "seg.pth", *options)
    assert calls == [(Path("seg.pth"), tmp_path, "fp32", "CC BY-NC 4.0")]
    assert made.usable_as == (str(tmp_path / "seg.safetensors"),)
    assert made.imported[0].licence == "CC BY-NC 4.0"


def test_one_bad_file_does_not_stop_the_others(calls, capsys):
    made = shown(capsys, "torn.pth", "seg.pth", code=66)
    assert [i.name for i in made.imported] == ["seg"]
    assert [(f.source, f.code, f.hint) for f in made.failures] == [
        ("torn.pth", "damaged_weights", "Get it again.")
    ]
    assert app.run(["weights", "import", "torn.pth"]) == 66
    assert "torn.pth: torn" in capsys.readouterr().out
    assert app.run(["weights", "import", "taken.pth"]) == 64


def test_bad_options(tmp_path, capsys):
    (tmp_path / "seg.pth").write_bytes(b"x")
    arguments = ["weights", "import", str(tmp_path / "seg.pth"), "--out", str(tmp_path)]
    assert app.run([*arguments, "--precision", "fp8"]) == 64
    assert "Known: fp16, fp32" in capsys.readouterr().out
    assert app.run(["weights", "import", str(tmp_path / "gone.pth")]) == 66
    assert app.run(["weights", "import"]) == 2


def test_imported_weights_are_listed(shelf, monkeypatch, capsys, tmp_path):
    mine = shelf.add("mine", tier="research", about={"licence": "CC BY-NC 4.0"})
    (tmp_path / "own").mkdir()
    mine.rename(tmp_path / "own" / "mine.safetensors")
    (tmp_path / "own" / "torn.safetensors").write_bytes(b"torn")
    monkeypatch.setattr(checkpoints, "user_folder", lambda: tmp_path / "own")
    app.run(["weights", "list", "--json"])
    made = jsonout.WeightsDocument.model_validate_json(capsys.readouterr().out, strict=False)
    assert [(w.name, w.family, w.licence) for w in made.imported] == [
        ("mine", "parser.toy", "CC BY-NC 4.0"),
        ("torn", "", ""),
    ]
    app.run(["weights", "list"])
    words = capsys.readouterr().out
    assert "CC BY-NC 4.0" in words and "cannot be read" in words
