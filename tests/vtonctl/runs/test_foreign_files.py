"""Inputs are never written, files of others are never replaced, lists lead nowhere else."""

import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from run_harness import count, finish, make_photos, make_trouble, make_wardrobe, start, tree

from pipelines.errors import InputError, ListError, UsageError
from vtonctl.runs.preprocess import run_preprocess
from vtonctl.runs.requests import PreprocessRequest, RunOptions, TryOnRequest
from vtonctl.runs.status import read_status
from vtonctl.runs.tryon import run_tryon

OPTIONS = RunOptions(jobs=2)


@pytest.fixture
def photos(tmp_path):
    return make_photos(tmp_path / "a", 3)


@pytest.mark.reliability("R25")
def test_inputs_stay_as_they_are(tmp_path, prepared, sink, figure):
    inputs = tree(prepared.photos), tree(prepared.garments)
    data = tree(prepared.root)
    request = TryOnRequest(root=prepared.root, out=tmp_path / "results", all_pairs=True)
    assert count(run_tryon(request, OPTIONS, sink)) == {"done": 8}
    assert (tree(prepared.photos), tree(prepared.garments)) == inputs
    assert tree(prepared.root) == data, "a root that is only read is not written"
    figure(f"{sum(map(len, inputs)) + len(data)} files: the same sha256 before and after")


@pytest.mark.parametrize(
    ("photos", "root"),
    [("a", "a"), ("a", "a/out"), ("a/test/image", "a"), ("a/.vtonctl/x", "a"), ("a/b/..", "a")],
)
@pytest.mark.reliability("R25")
def test_folders_read_and_written_at_once(tmp_path, sink, photos, root):
    for folder in (photos, root, "a/b"):  # every one of them exists
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    before = tree(tmp_path)
    request = PreprocessRequest(root=tmp_path / root, photos=tmp_path / photos)
    with pytest.raises(UsageError, match="would be written") as caught:
        run_preprocess(request, OPTIONS, sink)
    assert caught.value.code == "same_folder"
    assert tree(tmp_path) == before


@pytest.mark.reliability("R25")
def test_a_link_does_not_hide_the_same_folder(tmp_path, photos, sink):
    (tmp_path / "link").symlink_to(photos)
    with pytest.raises(UsageError):
        run_preprocess(PreprocessRequest(root=tmp_path / "link", photos=photos), OPTIONS, sink)


@pytest.mark.parametrize("out", [".", "test/image", "test/cloth/x"])
@pytest.mark.reliability("R25")
def test_results_among_the_data(tmp_path, prepared, sink, out):
    request = TryOnRequest(root=prepared.root, out=prepared.root / out, all_pairs=True)
    with pytest.raises(UsageError):
        run_tryon(request, OPTIONS, sink)


@pytest.mark.reliability("R25")
def test_given_files_are_used_and_kept(tmp_path, fakes, sink):
    """A published data set: what is there is there, what is missing is made."""
    root = tmp_path / "root"
    make_photos(root / "test" / "image", 2)
    parses = root / "test" / "image-parse-v3"
    parses.mkdir()
    Image.fromarray(np.full((64, 48), 13, np.uint8)).save(parses / "p000.png")
    before = tree(root)
    result = run_preprocess(PreprocessRequest(root=root), OPTIONS, sink)
    states = {(o.stage, o.item): o.status for o in result.outcomes}
    assert states["frame", "p000"] == states["parse", "p000"] == "current"
    assert states["parse", "p001"] == states["agnostic", "p000"] == "done"
    after = tree(root)
    assert {name: after[name] for name in before} == before

    Image.fromarray(np.full((64, 48), 5, np.uint8)).save(parses / "p000.png")
    sink.outcomes.clear()
    run_preprocess(PreprocessRequest(root=root), OPTIONS, sink)
    assert [(o.stage, o.item) for o in sink.outcomes if o.status == "done"] == [
        ("agnostic", "p000")
    ]


def test_a_photo_does_not_replace_a_file_of_the_data_set(tmp_path, photos, fakes, sink):
    root = tmp_path / "root"
    theirs = make_photos(root / "test" / "image", 1, first=40)
    (theirs / "p040.jpg").rename(theirs / "p000.jpg")
    before = tree(theirs)
    request = PreprocessRequest(root=root, photos=photos, size_hw=(32, 24))
    result = run_preprocess(request, OPTIONS, sink)
    assert count(result, "frame") == {"done": 2, "blocked": 1}
    assert "p000.jpg is there already" in result.failures[0].message
    assert before.items() <= tree(theirs).items()


@pytest.mark.reliability("R17")
def test_planted_links_are_not_followed(tmp_path, prepared, sink):
    victim = tmp_path / "victim.txt"
    victim.write_text("precious")
    out = tmp_path / "results"
    out.mkdir()
    (out / "p000__g500.png").symlink_to(victim)
    (out / "results.jsonl").symlink_to(victim)
    request = TryOnRequest(root=prepared.root, out=out, all_pairs=True)
    result = run_tryon(request, OPTIONS, sink)
    assert count(result) == {"done": 7, "blocked": 1}
    assert victim.read_text() == "precious"

    made = out / "p001__g500.png"
    made.unlink()
    made.symlink_to(victim)  # in the place of a file that we made
    run_tryon(request, OPTIONS, sink)
    assert victim.read_text() == "precious" and not made.is_symlink()


HOSTILE = [
    "../p000.jpg g500.jpg",
    "p000.jpg /etc/passwd",
    "~/p000.jpg g500.jpg",
    "p000.jpg",
    "p000.jpg g500.jpg g501.jpg",
    "p000.jpg ../cloth/g500.jpg",
    "p0\x0000.jpg g500.jpg",
    "p000.jpg g999.jpg",
    "..\tg500.jpg",
    "p000.jpg C:\\g500.jpg",
]


@pytest.mark.parametrize("row", HOSTILE)
@pytest.mark.reliability("R16")
def test_hostile_rows(tmp_path, prepared, sink, row):
    pairs = tmp_path / "pairs.txt"
    pairs.write_text(f"p000.jpg g500.jpg\n{row}\n")
    before = tree(prepared.root)
    request = TryOnRequest(root=prepared.root, out=tmp_path / "results", pairs=pairs)
    with pytest.raises(ListError, match="line 2") as caught:
        run_tryon(request, OPTIONS, sink)
    assert caught.value.exit_code == 65
    assert tree(prepared.root) == before
    assert not list((tmp_path / "results").glob("*.*g"))


def test_pairs_lists(tmp_path, prepared, sink):
    request = TryOnRequest(root=prepared.root, out=tmp_path / "results")
    with pytest.raises(InputError):
        run_tryon(request, OPTIONS, sink)
    (prepared.root / "test_pairs.txt").write_text("p002.jpg g501.jpg\np000 g500\n")
    result = run_tryon(request, OPTIONS, sink)
    assert [o.item for o in result.outcomes] == ["p002__g501", "p000__g500"]


def test_stale_data_is_not_worn(tmp_path, prepared, sink):
    """A person whose photo was replaced is not dressed by yesterday's pose."""
    request = TryOnRequest(root=prepared.root, out=tmp_path / "results", all_pairs=True)
    run_tryon(request, OPTIONS, sink)
    (prepared.photos / "p000.jpg").write_bytes((prepared.photos / "p001.jpg").read_bytes())
    result = run_tryon(request, OPTIONS, sink)
    assert count(result) == {"current": 6, "blocked": 2}
    assert "frame is out of date" in result.failures[0].message
    assert "vtonctl preprocess" in result.failures[0].message
    assert len(list((tmp_path / "results").glob("p000__*"))) == 2, "another run may make it current"
    assert run_preprocess(replace(prepared), OPTIONS, sink).exit_code() == 0
    assert count(run_tryon(request, OPTIONS, sink)) == {"current": 6, "done": 2}


@pytest.mark.reliability("R16")
def test_bad_lists_are_found_before_any_work(finished, tmp_path, sink):
    """Also where persons are prepared first; and only those of the list are."""
    pairs = tmp_path / "pairs.txt"
    out = tmp_path / "fresh"
    data = out / "data"
    request = replace(
        finished,
        root=data,
        out=out,
        pairs=pairs,
        all_pairs=False,
        prepare=replace(finished.prepare, root=data),
    )
    pairs.write_text("p000.jpg nothing.jpg\n")
    with pytest.raises(ListError, match="line 1"):
        run_tryon(request, OPTIONS, sink)
    assert not list(data.glob("test/*/*"))
    pairs.write_text("p001.jpg g501.jpg\n")
    assert run_tryon(request, OPTIONS, sink).exit_code() == 0
    assert [p.name for p in data.glob("test/image/*")] == ["p001.jpg"]
    assert [p.name for p in out.glob("*.png")] == ["p001__g501.png"]


def test_a_dry_run_removes_nothing(finished, tmp_path, fakes, sink):
    make_trouble(finished.prepare.photos / "p000.jpg", fakes.TROUBLE["refuse"])
    run_preprocess(finished.prepare, OPTIONS, sink)
    before = tree(tmp_path)
    result = run_tryon(finished, replace(OPTIONS, dry_run=True), sink)
    assert count(result, "tryon") == {"current": 6, "blocked": 2}
    assert [s.blocked for s in read_status(finished.out).stages if s.stage == "tryon"] == [2]
    assert tree(tmp_path) == before
    run_tryon(finished, OPTIONS, sink)
    assert not list(finished.out.glob("p000__*")), "the person of these pictures is gone"


def test_pipes_and_devices_among_the_photos_do_not_hold_a_run_up(tmp_path):
    """As a program of its own: one that reads them never ends."""
    folder = make_wardrobe(tmp_path, 2, 1) / "persons"
    os.mkfifo(folder / "pipe.jpg")
    (folder / "zero.jpg").symlink_to("/dev/zero")
    process = start(tmp_path, "--jobs", "1")
    try:
        code, told, errors = finish(process)
    finally:
        process.kill()
    assert code == 3, errors
    assert {"tryon/p000__g500", "tryon/p001__g500"} <= set(told["done"])
