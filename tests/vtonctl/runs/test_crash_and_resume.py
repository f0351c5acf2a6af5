"""Killed or asked to stop at any point, a run loses nothing and leaves nothing running."""

import json
import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from run_harness import (
    ON_EACH_EXECUTOR,
    ON_EACH_EXECUTOR_SLOWLY,
    finish,
    make_wardrobe,
    products,
    start,
)

from pipelines import codecs
from pipelines.layout import Encoding
from vtonctl.runs.ledger import read_ledger
from vtonctl.runs.rundir import RunDir

PERSONS, GARMENTS, JOBS = 6, 5, 2
SLOW = {"FAKE_STAGE_S": "0.02"}
LAST_POINT = 60
"""Steps that a run may note before it is disturbed; there are 64 and as many announcements."""
LAST_POINT_S = {"local": 2.5, "dask": 5.0}
"""When a run is about to work."""
IN_FLIGHT = {"local": JOBS, "dask": 2 * JOBS}
"""Tasks that workers may have ended without the run knowing."""


@pytest.fixture
def base(tmp_path):
    return make_wardrobe(tmp_path, PERSONS, GARMENTS)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The files of a run that nobody disturbed, with one worker."""
    base = tmp_path_factory.mktemp("uninterrupted")
    make_wardrobe(base, PERSONS, GARMENTS)
    code, _, error = finish(start(base, "--jobs", "1"))
    assert code == 0, error
    return products(base / "out")


def recorded(base):
    """stage/item of every row that says done."""
    done = set()
    for root, scope in (
        (base / "out", "results"),
        (base / "out" / ".vtonctl" / "data", "viton-hd/test"),
    ):
        ledger = read_ledger(RunDir(root))
        rows = ledger.rows(scope).values()
        done |= {f"{row.stage}/{row.item}" for row in rows if row.status == "done"}
        ledger.close()
    return done


def results(base):
    return {p.stem for p in (base / "out").glob("*.png")}


def group_members(group):
    """Living processes of a process group, zombies left out."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            members.append(int(stat.parent.name))
    return members


def gone(group, within_s):
    deadline = time.monotonic() + within_s
    while group_members(group):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def run_to_end(base, executor, jobs=JOBS):
    """The exit code, what was told, and stderr."""
    return finish(start(base, "--jobs", str(jobs), "--executor", executor))


def lines_noted(base):
    journals = (base / "out").rglob("journal.jsonl")
    return sum(path.read_bytes().count(b"\n") for path in journals)


def wait_for_lines(base, process, wanted):
    deadline = time.monotonic() + 60
    while process.poll() is None and lines_noted(base) < wanted:
        assert time.monotonic() < deadline, "the run stands still"
        time.sleep(0.005)


def disturb(base, rng, executor, *, whole_group, signum):
    """Start a run, end it at a random point; its exit code."""
    process = start(base, "--jobs", str(JOBS), "--executor", executor, env=SLOW)
    process.stdout.readline()
    # by what it has noted, not by time: a slow machine would never get that far
    wait_for_lines(base, process, lines_noted(base) + rng.randrange(LAST_POINT))
    time.sleep(rng.uniform(0.0, 0.1))
    if whole_group:
        with suppress(ProcessLookupError):  # it had less left to do than it was to note
            os.killpg(process.pid, signum)
    elif process.poll() is None:
        os.kill(process.pid, signum)
    asked = time.monotonic()
    code, told, error = finish(process)
    assert time.monotonic() - asked < 10
    assert gone(process.pid, 2.0), f"left running: {group_members(process.pid)}"
    return code, told, error


def check_consistent(base, executor):
    """Everything recorded is there and everything that is there can be read."""
    for path in (base / "out").glob("*.png"):
        codecs.decode(path.read_bytes(), Encoding.RGB_PNG)
    missing = {f"tryon/{item}" for item in results(base)} ^ {
        name for name in recorded(base) if name.startswith("tryon/")
    }
    assert len(missing) <= IN_FLIGHT[executor], "more unrecorded results than tasks in flight"


def kill_and_rerun(base, uninterrupted, executor, seed, points, figure):
    rng = random.Random(seed)
    for _ in range(points):
        before = recorded(base)
        disturb(base, rng, executor, whole_group=rng.random() < 0.5, signum=signal.SIGKILL)
        assert before <= recorded(base)
        check_consistent(base, executor)
    finished = recorded(base)
    code, told, error = run_to_end(base, executor)
    assert code == 0, error
    assert not finished & set(told["done"]), "finished items were done again"
    assert products(base / "out") == uninterrupted
    assert not list((base / "out").rglob(".vton-*"))
    lines = (base / "out" / "results.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["item"] for line in lines) == sorted(results(base))
    assert len(lines) == PERSONS * GARMENTS
    figure(f"{executor}: 30 pairs killed at {points} points, {len(finished)} steps noted by then, "
           "0 lost, 0 made again")  # fmt: skip


@ON_EACH_EXECUTOR_SLOWLY
@pytest.mark.reliability("R1", "R20")
def test_killed_runs_resume(base, uninterrupted, executor, figure):
    kill_and_rerun(base, uninterrupted, executor, seed=1, points=3, figure=figure)


@pytest.mark.slow
@ON_EACH_EXECUTOR
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.reliability("R1")
def test_killed_at_fifty_points(base, uninterrupted, executor, seed, figure):
    kill_and_rerun(base, uninterrupted, executor, seed=100 + seed, points=5, figure=figure)


def stop_and_rerun(base, uninterrupted, executor, seed, signum, points):
    rng = random.Random(seed)
    for _ in range(points):
        whole_group = rng.random() < 0.5
        code, told, error = disturb(base, rng, executor, whole_group=whole_group, signum=signum)
        if told.get("counts", {}).get("pending", 0) == 0 and code == 0:
            break  # it had finished before
        assert code in (128 + signum, -signum), error  # -signum: before the run began to listen
        assert "Traceback" not in error
        check_consistent(base, executor)
        assert {f"tryon/{i}" for i in results(base)} <= recorded(base)
    code, _, error = run_to_end(base, executor)
    assert code == 0, error
    assert products(base / "out") == uninterrupted


@ON_EACH_EXECUTOR_SLOWLY
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.reliability("R21", "R20")
def test_stopped_runs_resume(base, uninterrupted, executor, signum):
    stop_and_rerun(base, uninterrupted, executor, seed=int(signum), signum=signum, points=2)


@pytest.mark.slow
@ON_EACH_EXECUTOR
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.reliability("R21")
def test_stopped_at_twenty_points(base, uninterrupted, executor, seed):
    signum = signal.SIGTERM
    stop_and_rerun(base, uninterrupted, executor, seed=200 + seed, signum=signum, points=4)


@ON_EACH_EXECUTOR_SLOWLY
@pytest.mark.reliability("R21")
def test_second_signal_ends_at_once(base, executor):
    process = start(base, "--jobs", "2", "--executor", executor, env={"FAKE_STAGE_S": "60"})
    process.stdout.readline()
    time.sleep(LAST_POINT_S[executor])
    os.kill(process.pid, signal.SIGTERM)
    time.sleep(0.3)
    assert process.poll() is None, "items in flight are given time"
    os.kill(process.pid, signal.SIGTERM)
    asked = time.monotonic()
    code, _, error = finish(process)
    assert (code, time.monotonic() - asked < 20) == (143, True), error
    assert gone(process.pid, 2.0)


@ON_EACH_EXECUTOR_SLOWLY
@pytest.mark.reliability("R20")
def test_neither_jobs_nor_executor_change_results(base, uninterrupted, executor, figure):
    code, _, error = run_to_end(base, executor, jobs=4)
    assert code == 0, error
    assert products(base / "out") == uninterrupted
    figure(f"{len(uninterrupted)} files with 1 worker and with 4 ({executor}): the same sha256")
