"""A rerun does what changed, all of it, and nothing else."""

import json
import os
import random
from dataclasses import replace

import pytest
from run_harness import count, make_photo, make_photos, products, tree

from vtonctl.runs.preprocess import run_preprocess
from vtonctl.runs.requests import PreprocessRequest, RunOptions
from vtonctl.runs.status import read_status
from vtonctl.runs.tryon import run_tryon

OPTIONS = RunOptions(jobs=2)
PERSONS, GARMENTS = 4, 2


def rerun(request, sink, **options):
    sink.outcomes.clear()
    result = run_tryon(request, replace(OPTIONS, **options), sink)
    assert result.exit_code() == 0, result.failures
    return result


@pytest.mark.reliability("R3")
def test_nothing_to_do(finished, sink):
    before = tree(finished.out, without=("ledger.sqlite", "ledger.sqlite-journal"))
    result = rerun(finished, sink)
    assert set(count(result)) == {"current"}
    assert tree(finished.out, without=("ledger.sqlite", "ledger.sqlite-journal")) == before


@pytest.mark.reliability("R3")
def test_truncated_and_deleted_outputs(finished, sink, figure):
    before = products(finished.out)
    rng = random.Random(3)
    results = sorted(finished.out.glob("*.png"))
    chosen = rng.sample(results, 6)
    for path in chosen[:3]:
        path.write_bytes(path.read_bytes()[:-20])
    for path in chosen[3:]:
        path.unlink()
    assert [s.stale for s in read_status(finished.out).stages if s.stage == "tryon"] == [6]
    rerun(finished, sink)
    assert sink.done("tryon") == sorted(p.stem for p in chosen)
    assert {o.stage for o in sink.outcomes} == {"tryon"}
    figure("3 cut off, 3 deleted of 8: exactly these 6 made again")
    assert products(finished.out) == before


def test_the_list_of_results_is_written_when_it_has_to_be(finished, sink):
    path = finished.out / "results.jsonl"
    rerun(finished, sink)
    before, text = path.stat().st_mtime_ns, path.read_text()
    rerun(finished, sink)
    assert path.stat().st_mtime_ns == before, "nothing was recorded"
    for spoil in (lambda: path.write_text(text[:-9]), path.unlink):
        spoil()
        rerun(finished, sink)
        assert path.read_text() == text
    (finished.out / "p000__g500.png").unlink()
    rerun(finished, sink)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    old = {line["item"]: line for line in map(json.loads, text.splitlines())}
    changed = [line["item"] for line in lines if line != old[line["item"]]]
    assert len(lines) == len(old) and changed in ([], ["p000__g500"])


@pytest.mark.reliability("R3")
def test_damaged_files_inside_the_chain(finished, sink):
    """The damaged stage is done again; equal bytes come out, so nothing that follows is."""
    before = products(finished.out)
    image = finished.root / "test" / "image" / "p001.jpg"
    image.write_bytes(image.read_bytes()[:-20])
    (finished.root / "test" / "image-parse-v3" / "p002.png").unlink()
    rerun(finished, sink)
    assert sink.done("frame") == ["p001"]
    assert sink.done("parse") == ["p002"]
    assert not sink.done("pose", "agnostic", "tryon")
    assert products(finished.out) == before


@pytest.mark.reliability("R3")
def test_changed_inputs(finished, sink, figure):
    photos = finished.prepare.photos
    changed = [f"p{number:03}" for number in range(3)]
    for number, name in enumerate(changed):
        make_photo(photos / f"{name}.jpg", 900 + number)
    os.utime(photos / "p003.jpg", (1, 1))  # another time, the same bytes
    result = rerun(finished, sink)
    assert sink.done("frame") == sink.done("pose") == sink.done("agnostic") == changed
    assert len(sink.done("tryon")) == 3 * GARMENTS
    assert count(result, "tryon") == {"done": 3 * GARMENTS, "current": GARMENTS}
    figure("3 of 4 photos changed: exactly their 6 pictures")


@pytest.mark.reliability("R3")
def test_changed_parameters(finished, sink, figure):
    other = replace(finished.prepare, size_hw=(48, 36))
    rerun(replace(finished, prepare=other), sink)
    for stage in ("frame", "pose", "parse", "agnostic"):
        assert len(sink.done(stage)) == PERSONS
    assert len(sink.done("tryon")) == PERSONS * GARMENTS

    rerun(replace(finished, prepare=replace(other, agnostic_variant="viton-hd")), sink)
    assert len(sink.done("agnostic")) == PERSONS
    assert not sink.done("frame", "pose", "parse", "tryon")

    before = products(finished.out)
    rerun(replace(finished, prepare=replace(other, agnostic_variant="viton-hd")), sink, seed=5)
    assert len(sink.done("tryon")) == PERSONS * GARMENTS
    assert products(finished.out) != before
    figure("1 parameter: all that depends on it")


@pytest.mark.reliability("R3")
def test_new_version_of_a_stage(finished, sink, fakes, monkeypatch):
    from pipelines import registry

    info, target = registry.STAGES["parse"]
    monkeypatch.setitem(registry.STAGES, "parse", (replace(info, version=info.version + 1), target))
    rerun(finished, sink)
    assert len(sink.done("parse")) == PERSONS
    assert not sink.done("agnostic", "tryon"), "the same parses came out"


def test_added_and_removed_photos(finished, sink):
    photos = finished.prepare.photos
    make_photo(photos / "new.png", 77)
    (photos / "p000.jpg").unlink()
    result = rerun(finished, sink)
    assert sink.done("frame") == ["new_png"]
    assert len(sink.done("tryon")) == GARMENTS
    assert not [o for o in result.outcomes if o.item.startswith("p000")]


def test_other_format_replaces_the_pictures(finished, sink):
    rerun(replace(finished, image_format="jpg", quality=80), sink)
    suffixes = {p.suffix for p in finished.out.glob("p*")}
    assert suffixes == {".jpg"}


def test_stage_pictures(finished, sink):
    rerun(replace(finished, save_stages=True), sink)
    stages = finished.out / "stages"
    assert sorted(p.name for p in stages.iterdir()) == ["parse", "warp"]
    assert len(list(stages.glob("warp/*.png"))) == PERSONS * GARMENTS
    (stages / "warp" / "p001__g501.png").unlink()
    rerun(finished, sink)
    assert not sink.outcomes, "not asked for, not missed"
    rerun(replace(finished, save_stages=True), sink)
    assert sink.done("tryon") == ["p001__g501"]


def test_dry_run_writes_nothing(finished, sink, tmp_path):
    make_photo(finished.prepare.photos / "new.jpg", 78)
    before = tree(tmp_path)
    result = rerun(finished, sink, dry_run=True)
    assert tree(tmp_path) == before
    assert count(result, "tryon") == {"current": PERSONS * GARMENTS, "pending": GARMENTS}
    assert sink.plans["frame"] == (1, PERSONS) and sink.plans["tryon"][0] == GARMENTS
    assert result.estimate_s > 0

    nowhere = replace(
        finished,
        out=tmp_path / "other",
        root=tmp_path / "other" / "data",
        prepare=replace(finished.prepare, root=tmp_path / "other" / "data"),
    )
    fresh = rerun(nowhere, sink, dry_run=True)
    assert count(fresh, "tryon") == {"pending": (PERSONS + 1) * GARMENTS}
    assert not (tmp_path / "other").exists()


def test_only_some_stages(tmp_path, fakes, sink):
    photos = make_photos(tmp_path / "photos", 3)
    request = PreprocessRequest(root=tmp_path / "root", photos=photos, size_hw=(32, 24))
    result = run_preprocess(replace(request, only=("pose",)), OPTIONS, sink)
    assert count(result) == {"done": 6}
    assert {o.stage for o in result.outcomes} == {"frame", "pose"}
    agnostic = run_preprocess(replace(request, only=("agnostic",)), OPTIONS, sink)
    assert count(agnostic, "agnostic") == {"blocked": 3}
    assert "parse is missing" in agnostic.failures[0].message
    assert count(run_preprocess(request, OPTIONS, sink)) == {"current": 6, "done": 6}
