"""Items that kill, hang or confuse their worker cost themselves only."""

import time

import pytest
from run_harness import (
    ON_EACH_EXECUTOR,
    ON_EACH_EXECUTOR_SLOWLY,
    count,
    make_photos,
    make_trouble,
)

from vtonctl.runs.preprocess import run_preprocess
from vtonctl.runs.requests import PreprocessRequest, RunOptions
from vtonctl.runs.retry import run_retry
from vtonctl.runs.status import read_status


@pytest.fixture
def request_of(tmp_path):
    make_photos(tmp_path / "photos", 12)
    return PreprocessRequest(root=tmp_path / "root", photos=tmp_path / "photos", size_hw=(32, 24))


def by_item(result, stage):
    return {o.item: o for o in result.outcomes if o.stage == stage}


@ON_EACH_EXECUTOR
@pytest.mark.reliability("R6")
def test_poison(fakes, request_of, sink, executor, figure):
    for number in range(2):
        make_trouble(request_of.photos / f"bad{number}.jpg", fakes.TROUBLE["die"])
    options = RunOptions(jobs=2, executor=executor)
    result = run_preprocess(request_of, options, sink)
    poses = by_item(result, "pose")
    assert count(result, "frame") == {"done": 14}
    assert count(result, "pose") == {"done": 12, "poison": 2}
    assert count(result, "agnostic") == {"done": 12, "blocked": 2}
    assert poses["bad0"].code == "poison" and "2 times" in poses["bad0"].message
    assert result.exit_code() == 3

    again = run_preprocess(request_of, options, sink)
    assert count(again, "pose") == {"current": 12, "poison": 2}
    assert again.exit_code() == 3
    figure(f"{executor}: 12 of 12 others done, 2 tries each")
    assert again.seconds < result.seconds, "nothing was started for what is left out"

    status = {s.stage: s for s in read_status(request_of.root).stages}
    assert (status["pose"].done, status["pose"].poison) == (12, 2)


@ON_EACH_EXECUTOR_SLOWLY
@pytest.mark.reliability("R6")
def test_poison_is_tried_again_on_request_and_when_replaced(fakes, request_of, sink, executor):
    bad, options = request_of.photos / "bad.jpg", RunOptions(jobs=2, executor=executor)
    make_trouble(bad, fakes.TROUBLE["die"])
    run_preprocess(request_of, options, sink)
    retried = run_retry(request_of.root, options, sink)
    assert by_item(retried, "pose")["bad"].status == "poison"
    assert count(retried, "pose") == {"current": 12, "poison": 1}
    make_trouble(bad, (90, 90, 90))
    assert run_preprocess(request_of, options, sink).exit_code() == 0


@ON_EACH_EXECUTOR_SLOWLY
@pytest.mark.reliability("R7")
def test_hung_item(fakes, request_of, sink, executor, figure):
    make_trouble(request_of.photos / "z-hung.jpg", fakes.TROUBLE["hang"])
    started = time.monotonic()
    options = RunOptions(jobs=2, item_timeout_s=1.0, executor=executor)
    result = run_preprocess(request_of, options, sink)
    hung = by_item(result, "pose")["z-hung"]
    assert (hung.status, hung.code) == ("failed", "timeout")
    assert count(result, "pose") == {"done": 12, "failed": 1}
    assert time.monotonic() - started < fakes.HANG_S / 2
    figure(f"{executor}: limit 1 s, the other 12 done, {time.monotonic() - started:.1f} s in all")


@ON_EACH_EXECUTOR
@pytest.mark.reliability("R9")
def test_failures_in_words(fakes, request_of, sink, executor):
    options = RunOptions(jobs=2, executor=executor)
    make_trouble(request_of.photos / "nobody.jpg", fakes.TROUBLE["refuse"])
    make_trouble(request_of.photos / "bug.jpg", fakes.TROUBLE["bug"])
    (request_of.photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no photo")
    (request_of.photos / "empty.jpg").write_bytes(b"")
    result = run_preprocess(request_of, options, sink)
    poses, frames = by_item(result, "pose"), by_item(result, "frame")
    assert (poses["nobody"].code, poses["nobody"].hint) == ("no_person", "Take another photo.")
    assert poses["bug"].code == "unexpected"
    assert poses["bug"].message == "ZeroDivisionError: a fault of the program"
    assert "fake_stages.py" in poses["bug"].record["trace"]
    assert frames["empty"].code == "empty" and "empty.jpg" in frames["empty"].message
    assert frames["broken"].status == "failed" and frames["broken"].message
    assert (
        poses["broken"].status == "blocked" and frames["broken"].message in poses["broken"].message
    )
    assert count(result, "agnostic") == {"done": 12, "blocked": 4}
    assert result.exit_code() == 3

    again = run_preprocess(request_of, options, sink)
    assert count(again, "pose") == {"current": 12, "failed": 2, "blocked": 2}
    assert not any(to_do for to_do, _ in sink.plans.values()), "failures are not tried again"
    assert by_item(again, "pose")["nobody"].message == "no person found"


def test_yesterdays_files_go_when_a_new_photo_fails(fakes, request_of, sink):
    run_preprocess(request_of, RunOptions(jobs=2), sink)
    root = request_of.root / "test"
    assert len(list(root.glob("*/p003*"))) == 7
    make_trouble(request_of.photos / "p003.jpg", fakes.TROUBLE["refuse"])
    run_preprocess(request_of, RunOptions(jobs=2), sink)
    assert [p.parent.name for p in root.glob("*/p003*")] == ["image"]
    make_photos(request_of.photos, 1, first=3)
    assert run_preprocess(request_of, RunOptions(jobs=2), sink).exit_code() == 0
    assert len(list(root.glob("*/p003*"))) == 7
