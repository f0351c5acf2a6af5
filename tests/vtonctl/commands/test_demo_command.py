"""The demonstration: real photos out of installed packages, garments that are drawn."""

import json

import numpy as np
import pytest
from PIL import Image

from pipelines import demo_garments
from pipelines.demo_garments import garment_names
from vtonctl import app
from vtonctl.commands import demo


@pytest.fixture(autouse=True)
def quick_drawing(monkeypatch):
    """How garments look is tested elsewhere."""
    grey = np.full((64, 48, 3), 128, np.uint8)
    monkeypatch.setattr(demo_garments, "draw_garment", lambda name: grey)


def test_photos_and_garments_are_laid_out_and_all_pairs_asked_for(asked, tmp_path, astronaut):
    out = tmp_path / "demo"
    assert app.run(["demo", "--out", str(out)]) == 3
    assert np.array_equal(np.asarray(Image.open(out / "photos" / "astronaut.png")), astronaut)
    assert (out / "photos" / "hopper.jpg").is_file()
    drawn = sorted(path.stem for path in (out / "garments").iterdir())
    assert drawn == sorted(garment_names()) and len(drawn) >= 3
    assert asked.request.prepare.photos == out / "photos"
    assert asked.request.out == out / "results" and asked.request.all_pairs


def test_a_second_time_nothing_is_drawn_again(asked, tmp_path):
    app.run(["demo", "--out", str(tmp_path)])
    times = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.jpg")}
    app.run(["demo", "--out", str(tmp_path)])
    assert times == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.jpg")}


def test_a_missing_package_is_named_with_the_extra_to_install(tmp_path, monkeypatch, capsys):
    photos = {"x.png": ("no_such_package", "x.png", "Some-Package")}
    monkeypatch.setattr(demo, "PHOTOS", photos)
    assert app.run(["demo", "--out", str(tmp_path), "--json"]) == 64
    error = json.loads(capsys.readouterr().out)["error"]
    assert "Some-Package" in error["message"]
    assert "vtonctl[dev]" in error["hint"]
