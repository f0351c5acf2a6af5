"""One run per root: the second is told who holds it, and a dead holder holds nothing."""

import os
import signal
import time

import pytest
from run_harness import finish, make_wardrobe, start

from pipelines.errors import RootLocked, StorageError
from vtonctl.runs.lock import find_holder, hold
from vtonctl.runs.rundir import RunDir


@pytest.mark.parametrize("count", [3, pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.reliability("R5")
def test_several_at_once(tmp_path, count, figure):
    make_wardrobe(tmp_path, 1, 1)
    slow = {"FAKE_STAGE_S": "0.5"}
    runs = [start(tmp_path, "--jobs", "1", env=slow) for _ in range(count)]
    ended = {run.pid: finish(run) for run in runs}
    winners = [pid for pid, (code, _, _) in ended.items() if code == 0]
    assert len(winners) == 1
    for pid, (code, _, error) in ended.items():
        if pid not in winners:
            assert code == 75
            assert f"process {winners[0]} " in error
    figure(f"{count} at once: 1 worked, {count - 1} ended with 75 and its number")


@pytest.mark.reliability("R5")
def test_killed_holder_holds_nothing(tmp_path, figure):
    make_wardrobe(tmp_path, 1, 1)
    first = start(tmp_path, "--jobs", "1", env={"FAKE_STAGE_S": "30"})
    rundir = RunDir(tmp_path / "out")
    deadline = time.monotonic() + 20
    while find_holder(rundir) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert find_holder(rundir).pid == first.pid
    with pytest.raises(RootLocked, match=str(first.pid)), hold(rundir, "test"):
        pass
    os.kill(first.pid, signal.SIGKILL)
    finish(first)
    asked = time.monotonic()
    with hold(rundir, "test"):
        assert find_holder(rundir).pid == os.getpid()
        figure(f"held {time.monotonic() - asked:.2f} s after the holder was killed")
    assert find_holder(rundir) is None


def test_a_root_that_is_a_file(tmp_path):
    (tmp_path / "root").write_text("no folder")
    with pytest.raises(StorageError, match="root"), hold(RunDir(tmp_path / "root"), "test"):
        pass
