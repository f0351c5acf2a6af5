"""A full disk and a damaged ledger: the run says so, and nothing that is done is lost."""

import os
import resource

import pytest
from run_harness import count, finish, make_wardrobe, start

from pipelines import codecs
from pipelines.layout import Encoding
from vtonctl.runs.preprocess import run_preprocess
from vtonctl.runs.requests import RunOptions
from vtonctl.runs.rundir import RunDir

OPTIONS = RunOptions(jobs=2)
BIG = ("--size", "256", "192")


def limit_file_size():
    """Every file over 60 kB meets a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))


@pytest.mark.reliability("R4")
def test_disk_full(tmp_path, figure):
    make_wardrobe(tmp_path, 6, 1)
    code, _, error = finish(start(tmp_path, *BIG, preexec_fn=limit_file_size))
    assert code == 74, error
    assert "disk_full" in error and str(tmp_path / "out") in error
    assert "Traceback" not in error
    root = tmp_path / "out" / ".vtonctl" / "data" / "test"
    for path in root.glob("*/*.jpg"):
        codecs.decode(path.read_bytes(), Encoding.RGB_JPEG)
    assert len(list(root.glob("image/*.jpg"))) <= 4, "it stops within two items"
    assert not list(root.rglob(".vton-*"))
    figure(f"{len(list(root.glob('image/*.jpg')))} photos were begun of 6, 0 truncated")
    code, told, error = finish(start(tmp_path, *BIG))
    assert code == 0, error
    assert len(list((tmp_path / "out").glob("*.png"))) == 6


def zero_a_page(path):
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(bytes(4096 * 2))


def cut_in_half(path):
    os.truncate(path, path.stat().st_size // 2)


def empty(path):
    os.truncate(path, 0)


def fill_with_text(path):
    path.write_text("this is no database " * 1000)


@pytest.mark.parametrize("damage", [zero_a_page, cut_in_half, empty, fill_with_text, os.remove])
@pytest.mark.reliability("R24")
def test_damaged_ledger(prepared, sink, damage, figure):
    rundir = RunDir(prepared.root)
    damage(rundir.ledger)
    result = run_preprocess(prepared, OPTIONS, sink)
    assert count(result) == {"current": 20}, "nothing is done again"
    assert any("restored" in note for note in sink.notes)
    if damage not in (empty, os.remove):
        assert list(rundir.state.glob("ledger.damaged-*")), "it is kept"
    figure(f"{damage.__name__}: 20 rows restored, 0 made again")
    sink.notes.clear()
    assert count(run_preprocess(prepared, OPTIONS, sink)) == {"current": 20}
    assert not sink.notes


@pytest.mark.reliability("R2")
def test_temporary_files_of_a_crash_are_removed(prepared, sink):
    left = prepared.root / "test" / "image" / f".vton-1-{'0' * 16}.tmp"
    left.write_bytes(b"half a photo")
    run_preprocess(prepared, OPTIONS, sink)
    assert not left.exists()
