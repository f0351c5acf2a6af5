"""Worker processes, whoever starts them: their deaths, their time limits, their signals."""

import atexit
import os
import signal
import time
from functools import partial

import pytest

from vtonctl.executors.base import FIRST_CALL_EXTRA_S
from vtonctl.executors.choose import make_executor
from vtonctl.executors.local import LocalExecutor


def make(name, jobs=2, warm_up=abs):
    if name == "dask":
        pytest.importorskip("distributed")
    return make_executor(name, jobs, warm_up)


@pytest.fixture(params=["local", "dask"])
def executor(request):
    made = make(request.param)
    yield made
    made.close(at_once=True)


def ended(executor, within_s=60.0):
    deadline = time.monotonic() + within_s
    while (result := executor.wait(0.1)) is None:
        assert time.monotonic() < deadline
    return result


def ready(executor, slot, within_s=60.0):
    """The slot, once it has a worker."""
    deadline = time.monotonic() + within_s
    while slot not in executor.free():
        assert executor.wait(0.1) is None
        assert time.monotonic() < deadline
    return slot


def two_slots(executor):
    """A slot of each of the two workers."""
    first, second = 0, 2 if executor.worker(1) == 0 else 1
    assert executor.worker(first) != executor.worker(second)
    return ready(executor, first), ready(executor, second)


def value_of(executor, slot, call, *args):
    """What a call gives, in a worker that is idle."""
    executor.submit(ready(executor, slot), call, *args)
    result = ended(executor)
    assert (result.slot, result.error, result.worker_died) == (slot, None, False)
    return result.value


def first_value(executor, slot, call):
    """What a call gives, asked again where it dies with a worker whose end is not known yet."""
    for _ in range(3):
        executor.submit(ready(executor, slot), call)
        result = ended(executor)
        assert result.error is None
        if result.value is not None:
            break
        assert result.worker_died or result.undone
    return result.value


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def gone(pid, within_s=10.0):
    deadline = time.monotonic() + within_s
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def test_values_and_errors_come_back(executor):
    one, two = two_slots(executor)
    executor.submit(one, divmod, 7, 2)
    executor.submit(two, int, "seven")
    results = {e.slot: e for e in (ended(executor), ended(executor))}
    assert results[one].value == (3, 1)
    assert isinstance(results[two].error, ValueError)
    assert not results[two].worker_died


def test_a_death_belongs_to_its_worker(executor):
    one, two = two_slots(executor)
    pid, other = (value_of(executor, slot, os.getpid) for slot in (one, two))
    assert pid != other
    executor.submit(one, time.sleep, 1.0)
    executor.submit(two, os._exit, 3)
    results = {e.slot: e for e in (ended(executor), ended(executor))}
    assert (results[two].worker_died, results[two].error) == (True, None)
    assert (results[one].worker_died, results[one].error) == (False, None)
    assert value_of(executor, one, os.getpid) == pid, "this worker is the same as before"
    assert value_of(executor, two, os.getpid) not in (pid, other)


def test_a_hung_call_is_ended(executor):
    slot, _ = two_slots(executor)
    pid = value_of(executor, slot, os.getpid)
    executor.submit(slot, time.sleep, 60, timeout_s=0.3)
    result = ended(executor)
    assert result.timed_out and result.slot == slot
    assert gone(pid)
    assert value_of(executor, slot, os.getpid) != pid


def test_workers_do_not_hear_stop_signals(executor):
    slot, _ = two_slots(executor)
    blocked = value_of(executor, slot, signal.pthread_sigmask, signal.SIG_BLOCK, [])
    assert {signal.SIGINT, signal.SIGTERM} <= set(blocked)
    assert not {signal.SIGINT, signal.SIGTERM} & signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_threads_are_shared_out(executor):
    slot, _ = two_slots(executor)
    threads = max(1, len(os.sched_getaffinity(0)) // 2)
    assert value_of(executor, slot, os.getenv, "OMP_NUM_THREADS") == str(threads)


def test_one_worker_per_core():
    one_each = make_executor("local", 0, abs)
    assert len(one_each.free()) == len(os.sched_getaffinity(0))
    one_each.close(at_once=True)


@pytest.mark.parametrize("name", ["local", "dask"])
def test_a_worker_is_replaced_after_many_calls(name, monkeypatch):
    for module in ("local", "dask"):
        monkeypatch.setattr(f"vtonctl.executors.{module}.RECYCLE_AFTER", 3)
    executor = make(name, 1)
    pids = [value_of(executor, 0, os.getpid) for _ in range(7)]
    executor.close(at_once=False)
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 1]
    assert all(gone(pid) for pid in pids)


@pytest.mark.parametrize("name", ["local", "dask"])
@pytest.mark.parametrize("at_once", [True, False])
def test_close_leaves_nobody(name, at_once):
    before = dict(os.environ)
    executor = make(name)
    slots = two_slots(executor)
    pids = [value_of(executor, slot, os.getpid) for slot in slots]
    assert value_of(executor, slots[1], atexit.register, time.sleep, 600)
    if at_once:
        executor.submit(slots[0], time.sleep, 60)
    asked = time.monotonic()
    executor.close(at_once=at_once)
    assert time.monotonic() - asked < 10
    assert all(gone(pid, 0.5) for pid in pids)
    assert dict(os.environ) == before
    if name == "dask":  # else it is waited for when this process ends
        from distributed import LocalCluster

        assert all(cluster.status.name == "closed" for cluster in LocalCluster._instances)


@pytest.mark.parametrize("name", ["local", "dask"])
def test_a_failing_start_is_the_error(name):
    executor = make(name, 1, partial(int, "no number"))
    with pytest.raises(ValueError, match="no number"):
        raise first_error(executor)
    executor.close(at_once=True)


def first_error(executor):
    """The error of a worker, told or raised."""
    try:
        executor.submit(ready(executor, 0), os.getpid)
        return ended(executor).error
    except ValueError as error:
        return error


def test_the_first_call_of_a_worker_has_more_time(executor):
    slot, _ = two_slots(executor)
    executor.submit(slot, time.sleep, 0.6, timeout_s=0.2)
    assert not ended(executor).worker_died
    executor.submit(slot, time.sleep, FIRST_CALL_EXTRA_S, timeout_s=0.2)
    assert ended(executor).timed_out


@pytest.mark.parametrize("after_s", [0.0, 1.0])
def test_a_worker_that_is_killed_while_it_is_idle_is_replaced(executor, after_s):
    slot, _ = two_slots(executor)
    pid = value_of(executor, slot, os.getpid)
    os.kill(pid, signal.SIGKILL)
    time.sleep(after_s)
    assert first_value(executor, slot, os.getpid) not in (None, pid)


def test_a_worker_whose_nanny_dask_sends_away_is_replaced():
    """As happens where workers need longer than Dask waits for them to come back."""
    config = pytest.importorskip("dask.config")
    executor = make("dask")
    slots = two_slots(executor)
    pids = [value_of(executor, slot, os.getpid) for slot in slots]
    with config.set({"distributed.deploy.lost-worker-timeout": "0.01s"}):
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for _ in range(10):
            assert executor.wait(0.1) is None
    for slot in slots:
        assert first_value(executor, slot, os.getpid) not in (None, *pids)
    executor.close(at_once=True)


TWO_OF_THREE_DIE = """
import os
count = len(os.listdir(folder))
open(os.path.join(folder, str(count)), "w").close()
if count % 3 < 2:
    os._exit(9)
"""


def test_a_call_is_not_begun_by_a_worker_that_dies_while_it_starts(tmp_path):
    """And one that came up ends a row of such deaths."""
    warm_up = partial(exec, TWO_OF_THREE_DIE, {"folder": str(tmp_path)})
    executor = LocalExecutor(1, threads=1, warm_up=warm_up)
    for _ in range(3):
        for _ in range(2):
            executor.submit(0, os.getpid)
            result = ended(executor)
            assert result.undone and result.error is None and not result.worker_died
        assert value_of(executor, 0, os.getpid) != os.getpid()
        executor.submit(0, os._exit, 9)
        assert ended(executor).worker_died
    executor.close(at_once=True)


def test_workers_that_all_die_while_they_start_end_the_run():
    executor = LocalExecutor(1, threads=1, warm_up=partial(os._exit, 9))
    results = []
    while not results or results[-1].undone:
        assert len(results) < 5
        executor.submit(0, os.getpid)
        results.append(ended(executor))
    assert len(results) == 3
    assert results[-1].error.code == "no_worker" and "vtonctl doctor" in results[-1].error.hint
    executor.close(at_once=True)


def test_a_worker_of_ours_has_one_call_at_a_time():
    executor = LocalExecutor(2, threads=1, warm_up=os.getpid)
    executor.submit(0, os.getpid)
    assert list(executor.free()) == [1]
    executor.withdraw()
    assert ended(executor).value
    assert list(executor.free()) == [0, 1]
    executor.close(at_once=False)
