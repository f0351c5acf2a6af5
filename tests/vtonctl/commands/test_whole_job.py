"""The main job as a user types it: real processes, a real photo, a drawn garment."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.demo_garments import draw_garment
from vtonctl.show.jsonout import RunDocument, StatusDocument


def vtonctl(*arguments, code):
    done = subprocess.run(
        [sys.executable, "-m", "vtonctl", *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def job(tmp_path_factory, astronaut):
    """The command line of a small job with one good photo and two bad ones."""
    base = tmp_path_factory.mktemp("job")
    for folder in ("people", "tops"):
        (base / folder).mkdir()
    Image.fromarray(astronaut).save(base / "people" / "eileen.jpg", quality=95)
    (base / "people" / "text.jpg").write_text("no picture at all")
    Image.new("1", (50_000, 50_000)).save(base / "people" / "bomb.png")
    Image.fromarray(draw_garment("striped-long-sleeve")).save(base / "tops" / "stripes.png")
    return base, (
        ["tryon", "--persons", base / "people", "--garments", base / "tops"]
        + ["--out", base / "out", "--size", "512x384", "--jobs", "1"]
    )


@pytest.fixture(scope="module")
def first(job):
    """The document of the first run."""
    return RunDocument.model_validate_json(vtonctl(*job[1], "--json", code=3))


def test_good_photos_become_pictures_and_bad_ones_reasons(job, first):
    out = job[0] / "out"
    assert first.status == "partial"
    codes = {(f.item, f.stage): f.code for f in first.failures}
    assert codes["text", "frame"] == "not_an_image"
    assert codes["bomb_png", "frame"] == "too_large"
    made = np.asarray(Image.open(out / "eileen__stripes_png.png"))
    assert made.shape == (512, 384, 3)
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    done = {line["item"] for line in lines if line["status"] == "done"}
    assert done == {"eileen__stripes_png"}


def test_the_report_is_there_and_names_all_three(job, first):
    assert first.report == str(job[0] / "out" / "report.html")
    page = Path(first.report).read_text("utf-8")
    for item in ("eileen__stripes_png", "text__stripes_png", "bomb_png__stripes_png"):
        assert f'data-item="{item}"' in page


def test_the_same_command_again_makes_nothing_anew(job, first):
    picture = job[0] / "out" / "eileen__stripes_png.png"
    page = job[0] / "out" / "report.html"
    before = picture.stat().st_mtime_ns, page.stat().st_mtime_ns
    again = RunDocument.model_validate_json(vtonctl(*job[1], "--json", code=3))
    assert again.counts.get("done", 0) == 0
    assert (picture.stat().st_mtime_ns, page.stat().st_mtime_ns) == before
    assert again.report == first.report


def test_status_tells_the_same(job, first):
    shown = vtonctl("status", job[0] / "out", "--json", code=0)
    status = StatusDocument.model_validate_json(shown)
    assert status.stages["tryon"]["done"] == 1
    assert status.last_run.command == "tryon"
    assert {f.item for f in status.failures} >= {"text", "bomb_png"}
