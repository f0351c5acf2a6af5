"""Lost, outdated, deadly and hanging items among two hundred, a disk that is full amid them."""

import os
import random
import resource
import time
from dataclasses import replace

import pytest
from run_harness import (
    ON_EACH_EXECUTOR,
    count,
    finish,
    make_photo,
    make_photos,
    make_trouble,
    make_wardrobe,
    products,
    start,
)

from pipelines import codecs
from pipelines.layout import Encoding
from vtonctl.runs.preprocess import run_preprocess
from vtonctl.runs.requests import PreprocessRequest, RunOptions, TryOnRequest
from vtonctl.runs.tryon import run_tryon

pytestmark = pytest.mark.slow

PERSONS, GARMENTS = 20, 10
ITEMS = 200
OPTIONS = RunOptions(jobs=2)


@pytest.fixture
def photos(tmp_path):
    return make_photos(tmp_path / "photos", ITEMS)


def preprocess(photos, root, sink, **options):
    request = PreprocessRequest(root=root, photos=photos, size_hw=(32, 24))
    started = time.monotonic()
    result = run_preprocess(request, replace(OPTIONS, **options), sink)
    return result, time.monotonic() - started


@pytest.mark.reliability("R3")
def test_ten_of_each(tmp_path, fakes, sink, figure):
    make_wardrobe(tmp_path, PERSONS, GARMENTS)
    persons, garments = tmp_path / "persons", tmp_path / "garments"
    root, out = tmp_path / "root", tmp_path / "out"
    prepare = PreprocessRequest(root=root, photos=persons, garments=garments, size_hw=(32, 24))
    request = TryOnRequest(root=root, out=out, prepare=prepare, all_pairs=True)

    def made_again(**options):
        sink.outcomes.clear()
        assert run_tryon(request, replace(OPTIONS, **options), sink).exit_code() == 0
        return sink.done("tryon")

    assert len(made_again()) == ITEMS
    before, rng = products(out), random.Random(3)
    cut = rng.sample(sorted(out.glob("*.png")), 10)
    for path in cut:
        os.truncate(path, path.stat().st_size - 20)
    assert made_again() == sorted(path.stem for path in cut)
    gone = rng.sample(sorted(out.glob("*.png")), 10)
    for path in gone:
        path.unlink()
    assert made_again() == sorted(path.stem for path in gone)
    assert products(out) == before
    changed = rng.sample(range(PERSONS), 10)
    for number in changed:
        make_photo(persons / f"p{number:03}.jpg", 900 + number)
    assert len(made_again()) == 10 * GARMENTS
    assert sink.done("frame") == sorted(f"p{number:03}" for number in changed)
    assert len(made_again(seed=5)) == ITEMS
    assert not made_again(seed=5)
    figure(f"of {ITEMS}: 10 cut off, 10 deleted, 10 photos changed, 1 parameter: exactly 10, 10, "
           f"the {10 * GARMENTS} of these 10, and all made again")  # fmt: skip


@ON_EACH_EXECUTOR
@pytest.mark.parametrize("deadly", [1, 5])
@pytest.mark.reliability("R6")
def test_deadly_items(tmp_path, photos, fakes, sink, executor, deadly, figure, monkeypatch):
    monkeypatch.setenv("FAKE_STAGE_S", "0.02")
    _, alone_s = preprocess(photos, tmp_path / "alone", sink, executor=executor)
    for number in range(deadly):
        make_trouble(photos / f"p{number * 40:03}.jpg", fakes.TROUBLE["die"])
    result, seconds = preprocess(photos, tmp_path / "root", sink, executor=executor)
    assert count(result, "pose") == {"done": ITEMS - deadly, "poison": deadly}
    assert result.exit_code() == 3
    assert all("2 times" in o.message for o in result.outcomes if o.status == "poison")
    figure(f"{executor}: {deadly} of {ITEMS} deadly: {ITEMS - deadly} done, 2 tries each, "
           f"{seconds / alone_s:.2f} times the clock's time of a run without")  # fmt: skip


@ON_EACH_EXECUTOR
@pytest.mark.reliability("R7")
def test_a_hung_item(tmp_path, photos, fakes, sink, executor, figure):
    make_trouble(photos / "p100.jpg", fakes.TROUBLE["hang"])
    result, seconds = preprocess(
        photos, tmp_path / "root", sink, executor=executor, item_timeout_s=3.0
    )
    assert count(result, "pose") == {"done": ITEMS - 1, "failed": 1}
    assert [o.code for o in result.outcomes if o.status == "failed"] == ["timeout"]
    assert seconds < fakes.HANG_S
    figure(f"{executor}: limit 3 s, the other {ITEMS - 1} done, {seconds:.1f} s in all")


@pytest.mark.reliability("R4")
def test_a_full_disk(tmp_path, figure):
    """Every file over 60 kB meets one."""
    make_wardrobe(tmp_path, ITEMS, 1)
    big = ("--size", "256", "192")
    full = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))}
    code, _, error = finish(start(tmp_path, *big, **full))
    assert code == 74, error
    # it may be a picture or the ledger that is met by it first
    assert str(tmp_path / "out") in error and "Free some space" in error
    assert "Traceback" not in error
    root = tmp_path / "out" / ".vtonctl" / "data" / "test"
    begun = list(root.glob("image/*.jpg"))
    for path in begun:
        codecs.decode(path.read_bytes(), Encoding.RGB_JPEG)
    assert len(begun) <= 4, "it stops within two items a worker"
    assert not list(root.rglob(".vton-*"))
    code, _, error = finish(start(tmp_path, *big), timeout=300)
    assert code == 0, error
    assert len(list((tmp_path / "out").glob("*.png"))) == ITEMS
    figure(f"{len(begun)} photos were begun of {ITEMS}, 0 truncated; all {ITEMS} made by the rerun")
