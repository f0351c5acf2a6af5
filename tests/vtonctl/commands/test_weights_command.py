"""``vtonctl weights`` and what other commands do with weights."""

import json

import pytest

from vtonctl import app
from vtonctl.show import jsonout


def shown(capsys, *arguments, code=0):
    assert app.run(["weights", *arguments, "--json"]) == code
    return jsonout.WeightsDocument.model_validate_json(capsys.readouterr().out, strict=False)


def test_an_empty_shelf(shelf, capsys):
    for part in ("list", "verify", "licences"):
        made = shown(capsys, part)
        assert made.ok and made.weights == ()
        assert app.run(["weights", part]) == 0
        words = " ".join(capsys.readouterr().out.split())
        assert ("carries no weights" in words) or "nothing wrong; 0 files" in words


@pytest.fixture
def two(shelf):
    shelf.add("free", family="parser.ours", value=0.5)
    shelf.add("lab", family="parser.ours", tier="research", value=0.7)
    return shelf


def test_what_is_listed(two, capsys):
    made = shown(capsys, "list")
    assert [(w.name, w.tier, w.state) for w in made.weights] == [
        ("free", "open", "present"),
        ("lab", "research", "present"),
    ]
    assert made.weights[1].figures[0].value == 0.7
    app.run(["weights", "list"])
    words = capsys.readouterr().out
    assert "0.7 mean IoU (drawn val)" in words and "research" in words


def test_what_commercial_takes(two, capsys):
    taken = {c.family: (c.taken, c.commercial) for c in shown(capsys, "licences").choices}
    assert taken == {"parser.ours": ("lab", "free"), "parser": ("lab", "free")}
    (two.folder / "free.safetensors").unlink()
    assert shown(capsys, "licences").choices[0].commercial is None
    app.run(["weights", "licences"])
    words = " ".join(capsys.readouterr().out.split())
    assert "--parser auto takes lab; with --commercial none" in words
    assert "Drawn people (CC0-1.0, 7 images)" in words


def test_verify(two, capsys):
    assert [w.state for w in shown(capsys, "verify").weights] == ["whole", "whole"]
    (two.folder / "free.md").write_text("# free\n")
    made = shown(capsys, "verify", code=65)
    assert [w.state for w in made.weights] == ["wrong", "whole"]
    path = two.folder / "lab.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    made = shown(capsys, "verify", code=66)
    assert not made.ok
    assert [w.state for w in made.weights] == ["wrong", "damaged"]
    assert any(p.file == "lab.safetensors" and "bytes" in p.message for p in made.problems)
    assert app.run(["weights", "verify"]) == 66
    assert "lab.safetensors" in capsys.readouterr().out


def test_verify_some(two, capsys):
    (two.folder / "free.md").unlink()
    assert shown(capsys, "verify", "lab").ok
    shown(capsys, "verify", "lab", "free", code=65)
    assert app.run(["weights", "verify", "fre"]) == 64
    assert "unknown weights 'fre'" in capsys.readouterr().err


def test_a_manifest_that_cannot_be_read(two, capsys):
    (two.folder / "manifest.toml").write_text("[x]\n")
    assert app.run(["weights", "list", "--json"]) == 65
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "bad_manifest"


def test_doctor_looks_at_weights(two, capsys):
    def found():
        app.run(["doctor", "--json"])
        checks = json.loads(capsys.readouterr().out)["checks"]
        return next((c["state"], c["found"]) for c in checks if c["name"] == "weights")

    assert found() == ("ok", "whole: free (open), lab (research)")
    (two.folder / "lab.safetensors").write_bytes(b"")
    state, words = found()
    assert state == "problem" and "lab.safetensors" in words


def test_options_reach_the_request(asked, root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app.run(
        ["preprocess", str(root), "--parser", "ours", "--parser-weights", "own.safetensors"]
        + ["--commercial", "--precision", "bf16", "--device", "cuda:1"]
    )
    made = asked.request
    assert (made.parser, made.commercial) == ("ours", True)
    assert made.parser_weights == str(tmp_path / "own.safetensors")
    assert (asked.options.precision, asked.options.device) == ("bf16", "cuda:1")

    app.run(["preprocess", str(root), "--parser-weights", "parser-ours-open"])
    made = asked.request
    assert (made.parser, made.parser_weights, made.commercial) == (
        "auto",
        "parser-ours-open",
        False,
    )
    (root / "vtonctl.toml").write_text("commercial = true\n")
    app.run(["preprocess", str(root)])
    assert asked.request.commercial, "the file in the root counts"


def test_tryon_prepares_with_them_too(asked, root, tmp_path):
    (root / "test" / "image").rename(tmp_path / "people")
    app.run(
        ["tryon", "--persons", str(tmp_path / "people"), "--garments", str(root), "--commercial"]
        + ["--out", str(tmp_path / "out"), "--parser-weights", "free", "--no-report"]
    )
    prepare = asked.request.prepare
    assert (prepare.parser_weights, prepare.commercial) == ("free", True)


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (["--parser", "ours", "--commercial"], 69),
        (["--parser", "theirs"], 64),
        (["--parser-weights", "gone"], 64),
        (["--parser-weights", "gone.safetensors"], 66),
        (["--precision", "fp8"], 64),
    ],
)
def test_exit_codes(root, shelf, flags, code, capsys):
    shelf.add("lab", family="parser.ours", tier="research")
    assert app.run(["preprocess", str(root), "--dry-run", *flags]) == code
    told = capsys.readouterr().err
    assert "next: " in told
    assert code != 69 or "--parser geometric" in told
