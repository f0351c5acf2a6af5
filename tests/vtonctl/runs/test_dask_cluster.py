"""A Dask cluster that others have started: its workers, their faults, its loss."""

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import pytest

pytest.importorskip("distributed")

from dask_harness import OthersDask
from distributed.comm import CommClosedError
from run_harness import count, finish, make_photos, make_trouble, make_wardrobe, products, start

from pipelines.errors import ClusterError, ConfigError, ExtraMissing
from pipelines.registry import STAGES
from vtonctl.executors import dask, dask_cluster, remote
from vtonctl.executors.choose import make_executor
from vtonctl.executors.names import address_of, read_resources
from vtonctl.runs.preprocess import run_preprocess
from vtonctl.runs.requests import PreprocessRequest, RunOptions
from vtonctl.runs.tasks import StageSpec
from vtonctl.runs.worker_entry import warm_up

PATIENCE_S = 60


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """A worker with two threads and a "GPU", and one with neither."""
    cluster = OthersDask(tmp_path_factory.mktemp("dask"))
    cluster.add_worker("--nthreads", "2", "--resources", "GPU=1")
    cluster.add_worker("--nthreads", "1")
    yield cluster
    cluster.close()


@pytest.fixture
def connect(others):
    """Makes executors on the cluster."""
    made = []

    def connect(jobs=0, warm_up=abs, **resources):
        made.append(make_executor(others.executor, jobs, warm_up, resources))
        return made[-1]

    yield connect
    for executor in made:
        executor.close(at_once=True)


def ended(executor):
    deadline = time.monotonic() + PATIENCE_S
    while (result := executor.wait(0.1)) is None:
        assert time.monotonic() < deadline
    return result


def until_free(executor, slots):
    deadline = time.monotonic() + PATIENCE_S
    while len(executor.free()) < slots:
        assert executor.wait(0.1) is None
        assert time.monotonic() < deadline
    return executor


def refusal(executor):
    """The error with which an executor gives up before it takes a call."""
    with pytest.raises(ClusterError) as refused:
        until_free(executor, 1)
    assert refused.value.exit_code == 69
    return refused.value


def value_of(executor, call, *args):
    executor.submit(executor.free()[0], call, *args)
    result = ended(executor)
    assert (result.error, result.worker_died) == (None, False)
    return result.value


def gone(pid):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_all_workers_are_used_or_as_many_as_asked_for(connect):
    executor = until_free(connect(), 2 * dask.AHEAD)
    assert len({executor.worker(slot) for slot in executor.free()[:2]}) == 2, "idle ones first"
    executor = until_free(connect(jobs=1), dask.AHEAD)
    for _ in range(10):
        assert executor.wait(0.05) is None
    assert len(executor.free()) == dask.AHEAD


def test_calls_of_a_process_take_turns_on_one_thread(connect):
    executor = until_free(connect(GPU=1), dask.AHEAD)
    started = time.monotonic()
    for slot in list(executor.free()):
        executor.submit(slot, time.sleep, 0.4)
    assert not executor.free()
    assert ended(executor).error is ended(executor).error is None
    assert time.monotonic() - started > 0.8
    assert len({value_of(executor, threading.get_ident) for _ in range(8)}) == 1


def test_only_workers_with_the_resources_are_used(connect, monkeypatch):
    executor = until_free(connect(GPU=1), dask.AHEAD)
    assert len({value_of(executor, os.getpid) for _ in range(4)}) == 1
    assert len(executor.free()) == dask.AHEAD
    monkeypatch.setattr(dask, "NO_WORKER_S", 1.0)
    error = refusal(connect(GPU=2))
    assert error.code == "no_worker" and "GPU=2" in error.message


def test_whoever_was_in_a_worker_that_died_is_suspect(connect):
    executor = until_free(connect(jobs=1), dask.AHEAD)
    first, second = executor.free()
    executor.submit(first, os._exit, 3)
    executor.submit(second, time.sleep, 30)
    results = {e.slot: e for e in (ended(executor), ended(executor))}
    assert all(results[slot].worker_died for slot in (first, second))
    assert not any(e.timed_out or e.error or e.undone for e in results.values())
    assert value_of(until_free(executor, dask.AHEAD), abs, -3) == 3


def test_what_waits_behind_a_hung_call_is_undone(connect, monkeypatch):
    monkeypatch.setattr(dask, "_STARTS", 1)  # its end is no failed start of another
    executor = until_free(connect(jobs=1), dask.AHEAD)
    pid = value_of(executor, os.getpid)
    first, second = executor.free()
    executor.submit(first, time.sleep, 600, timeout_s=0.5)
    executor.submit(second, os.getpid, timeout_s=0.5)
    hung, behind = ended(executor), ended(executor)
    assert (hung.slot, hung.worker_died, hung.timed_out) == (first, True, True)
    assert (behind.slot, behind.worker_died, behind.undone) == (second, False, True)
    assert gone(pid)
    assert value_of(until_free(executor, dask.AHEAD), abs, -3) == 3


def test_what_has_not_begun_can_be_withdrawn(connect, tmp_path):
    executor = until_free(connect(jobs=1), dask.AHEAD)
    first, second = executor.free()
    begun, end = tmp_path / "begun", tmp_path / "end"
    wait_for_end = f"touch {begun}; until [ -e {end} ]; do sleep 0.05; done"
    executor.submit(first, subprocess.run, ["sh", "-c", wait_for_end])
    executor.submit(second, os.getpid)
    while not begun.exists():
        assert executor.wait(0.1) is None
    executor.withdraw()
    assert executor.wait(2.0) is None, "what has begun goes on"
    end.touch()
    one, two = ended(executor), ended(executor)
    assert (one.slot, one.undone, one.error) == (first, False, None)
    assert (two.slot, two.undone, two.value) == (second, True, None)


def test_no_call_is_left_hanging_in_a_worker(connect):
    executor = until_free(connect(jobs=1), dask.AHEAD)
    pid = value_of(executor, os.getpid)
    executor.submit(executor.free()[0], time.sleep, 600)
    executor.close(at_once=True)
    assert gone(pid)
    assert value_of(until_free(connect(), 2 * dask.AHEAD), abs, -3) == 3


def test_another_version_on_a_worker(connect, monkeypatch):
    has = remote.own_version()
    monkeypatch.setattr(remote, "own_version", lambda: "99.1")
    error = refusal(connect())
    assert error.code == "version_mismatch"
    assert f"has vtonctl {has}, this run has 99.1" in error.message and "tcp://" in error.message
    assert "pip install vtonctl==99.1" in error.hint


def test_a_process_that_began_with_another_version_says_so():
    greeting = remote.prepare("99.1", partial(int, "never called"))
    assert greeting == remote.Greeting("", remote.own_version())


def test_other_weights_on_a_worker(connect, tmp_path):
    weights = tmp_path / "parser.safetensors"
    weights.write_bytes(b"not those that were planned with")
    info, target = STAGES["parse"]
    spec = StageSpec(
        info,
        target,
        {"parser": "ours"},
        runtime={"weights": weights, "weights_sha256": "ab" * 32, "device": "cpu"},
    )
    error = refusal(connect(warm_up=partial(warm_up, (spec,), ())))
    assert error.code == "damaged_weights" and error.hint
    for words in ("worker tcp://", str(weights), "sha256", "wanted abab"):
        assert words in error.message


def test_a_folder_that_a_worker_does_not_see(connect, tmp_path):
    error = refusal(connect(warm_up=partial(warm_up, (), (tmp_path / "elsewhere",))))
    assert "worker tcp://" in error.message and "elsewhere" in error.message
    assert "same path" in error.hint


def test_a_scheduler_that_cancels_what_it_is_asked(connect, monkeypatch):
    """As one does whose Dask has another version."""

    async def cancelled(self, future):
        raise dask_cluster.CallLost

    monkeypatch.setattr(dask_cluster.Cluster, "answer", cancelled)
    assert "same version of Dask" in refusal(connect()).hint


def test_a_scheduler_that_cancels_because_it_dies(connect, monkeypatch):
    """What it was asked comes back before the connection is seen to be gone."""

    async def cancelled(self, future):
        raise dask_cluster.CallLost

    executor = connect()
    lost = time.monotonic() + 0.5
    monkeypatch.setattr(dask_cluster.Cluster, "answer", cancelled)
    connected = property(lambda self: time.monotonic() < lost)
    monkeypatch.setattr(dask_cluster.Cluster, "connected", connected)
    assert refusal(executor).code == "scheduler_lost"


def test_a_scheduler_that_dies_while_it_hands_an_answer_over(connect, monkeypatch):
    executor = until_free(connect(), 1)
    answer, lost = dask_cluster.Cluster.answer, CommClosedError("ConnectionResetError")

    async def cut_off(self, future):
        async def reset():
            raise lost

        return await answer(self, reset())

    monkeypatch.setattr(dask_cluster.Cluster, "answer", cut_off)
    executor.submit(executor.free()[0], os.getpid)
    with pytest.raises(ClusterError) as error:
        ended(executor)
    assert (error.value.code, error.value.exit_code) == ("scheduler_lost", 69)


def test_nobody_answers(monkeypatch):
    monkeypatch.setattr(dask_cluster, "_CONNECT_S", 1)
    with pytest.raises(ClusterError, match="tcp://127.0.0.1:1: no Dask scheduler") as refused:
        make_executor("dask:tcp://127.0.0.1:1", 0, abs)
    assert (refused.value.code, refused.value.exit_code) == ("no_scheduler", 69)


def test_the_extra_is_named_where_it_is_absent(monkeypatch):
    for name in ("vtonctl.executors.dask", "vtonctl.executors.dask_cluster"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in ("dask", "distributed"):
        monkeypatch.setitem(sys.modules, name, None)
    for executor in ("dask", "dask:tcp://127.0.0.1:1"):
        with pytest.raises(ExtraMissing, match="'vtonctl\\[dask\\]'") as refused:
            make_executor(executor, 1, abs)
        assert refused.value.exit_code == 69


def test_names_and_resources():
    assert (address_of("local"), address_of("dask")) == (None, "")
    assert address_of("dask:tls://host:8786") == "tls://host:8786"
    assert read_resources(" GPU=1, MEMORY=2e9") == {"GPU": 1.0, "MEMORY": 2e9}
    for wrong in ("GPU", "GPU=", "GPU=0", "GPU=-1", "GPU=inf", "=1", "GPU=1;X=2"):
        with pytest.raises(ValueError, match="NAME=NUMBER"):
            read_resources(wrong)
    for executor in ("local", "dask"):
        with pytest.raises(ConfigError, match="--dask-resources"):
            make_executor(executor, 1, abs, {"GPU": 1})


@pytest.mark.slow
def test_bad_items_on_a_cluster(others, fakes, sink, tmp_path):
    make_photos(tmp_path / "photos", 12)
    make_trouble(tmp_path / "photos" / "bad.jpg", fakes.TROUBLE["die"])
    make_trouble(tmp_path / "photos" / "z-hung.jpg", fakes.TROUBLE["hang"])
    request = PreprocessRequest(
        root=tmp_path / "root", photos=tmp_path / "photos", size_hw=(32, 24)
    )
    # one worker: the first call of a new one would be given much more time
    options = RunOptions(executor=others.executor, jobs=1, item_timeout_s=1.0)
    result = run_preprocess(request, options, sink)
    poses = {o.item: o for o in result.outcomes if o.stage == "pose"}
    assert count(result, "pose") == {"done": 12, "poison": 1, "failed": 1}
    assert poses["bad"].status == "poison" and "2 times" in poses["bad"].message
    assert (poses["z-hung"].status, poses["z-hung"].code) == ("failed", "timeout")
    assert result.exit_code() == 3


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The files of a run with the local executor."""
    base = make_wardrobe(tmp_path_factory.mktemp("uninterrupted"), 6, 5)
    code, _, error = finish(start(base))
    assert code == 0, error
    return products(base / "out")


def test_the_same_files_come_from_a_cluster(others, tmp_path, uninterrupted):
    base = make_wardrobe(tmp_path, 6, 5)
    code, _, error = finish(start(base, "--executor", others.executor, "--jobs", "0"))
    assert code == 0, error
    assert products(base / "out") == uninterrupted


@pytest.fixture
def slow_cluster(tmp_path):
    """A cluster of one worker, whose stages take their time."""
    cluster = OthersDask(tmp_path / "dask", FAKE_STAGE_S="0.1")
    cluster.add_worker("--nthreads", "1")
    yield cluster
    cluster.close()


def begin(base, executor):
    """A run of which something is done already."""
    process = start(base, "--executor", executor)
    deadline = time.monotonic() + PATIENCE_S
    # the third is begun when the answer for the first has been recorded
    while len(list((base / "out").glob("*.png"))) < 3:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    return process


def check_the_rest_is_done(base, uninterrupted):
    code, told, error = finish(start(base))
    assert code == 0, error
    assert 0 < len([name for name in told["done"] if name.startswith("tryon/")]) < 30
    assert products(base / "out") == uninterrupted


@pytest.mark.slow
def test_a_scheduler_that_dies(slow_cluster, tmp_path, uninterrupted):
    base = make_wardrobe(tmp_path, 6, 5)
    process = begin(base, slow_cluster.executor)
    slow_cluster.scheduler.kill()
    code, _, error = finish(process)
    assert code == 69, error
    assert slow_cluster.address in error and "finished work is kept" in error
    assert "Traceback" not in error
    check_the_rest_is_done(base, uninterrupted)


def pid_of_worker(cluster):
    executor = until_free(make_executor(cluster.executor, 0, abs), dask.AHEAD)
    pid = value_of(executor, os.getpid)
    executor.close(at_once=False)
    return pid


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_leaves_the_cluster_alone(slow_cluster, tmp_path, uninterrupted, signum):
    pid = pid_of_worker(slow_cluster)
    base = make_wardrobe(tmp_path, 6, 5)
    process = begin(base, slow_cluster.executor)
    os.kill(process.pid, signum)
    asked = time.monotonic()
    code, told, error = finish(process)
    assert (code, time.monotonic() - asked < 10) == (128 + signum, True), error
    assert "Traceback" not in error
    assert told["counts"]["pending"] > 0
    assert pid_of_worker(slow_cluster) == pid
    check_the_rest_is_done(base, uninterrupted)


HOG = """
import re
from vtonctl.executors import remote
remote._MORE_PATIENCE_S = remote.FIRST_CALL_EXTRA_S = 0.5
token = remote.prepare(remote.own_version(), int).token
remote.take_turn(remote.Call(token, "run", re.match, ("(a+)+$", "a" * 64 + "b"), 0.5))
"""


def test_a_process_that_nothing_can_be_told_ends_itself():
    """The call lets no other thread of the process run."""
    done = subprocess.run([sys.executable, "-c", HOG], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "Timeout" in done.stderr
