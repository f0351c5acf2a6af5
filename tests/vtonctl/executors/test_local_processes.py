"""Workers on this machine: their deaths, their time limits, their signals."""

import os
import signal
import time
from functools import partial

import pytest

from vtonctl.executors.choose import make_executor
from vtonctl.executors.local import LocalExecutor


@pytest.fixture
def executor():
    made = LocalExecutor(2, threads=1, warm_up=os.getpid)
    yield made
    made.close(at_once=True)


def ended(executor, within_s=20.0):
    result = executor.wait(within_s)
    assert result is not None
    return result


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_values_and_errors_come_back(executor):
    executor.submit(0, divmod, 7, 2)
    executor.submit(1, int, "seven")
    results = {e.slot: e for e in (ended(executor), ended(executor))}
    assert results[0].value == (3, 1)
    assert isinstance(results[1].error, ValueError)
    assert not results[1].worker_died


def test_a_death_belongs_to_its_slot(executor):
    executor.submit(0, os.getpid)
    pid = ended(executor).value
    executor.submit(0, time.sleep, 1.0)
    executor.submit(1, os._exit, 3)
    results = {e.slot: e for e in (ended(executor), ended(executor))}
    assert (results[1].worker_died, results[1].error) == (True, None)
    assert (results[0].worker_died, results[0].error) == (False, None)
    executor.submit(0, os.getpid)
    assert ended(executor).value == pid, "the other worker is the same as before"
    executor.submit(1, os.getpid)
    assert ended(executor).value != pid


def test_a_hung_call_is_ended(executor):
    executor.submit(0, os.getpid)
    pid = ended(executor).value
    executor.submit(0, time.sleep, 60, timeout_s=0.3)
    result = ended(executor, 10.0)
    assert result.timed_out and result.slot == 0
    deadline = time.monotonic() + 5
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(pid)


def test_workers_do_not_hear_stop_signals(executor):
    executor.submit(0, signal.pthread_sigmask, signal.SIG_BLOCK, [])
    assert {signal.SIGINT, signal.SIGTERM} <= set(ended(executor).value)
    assert not {signal.SIGINT, signal.SIGTERM} & signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_threads_are_shared_out(executor):
    cores = len(os.sched_getaffinity(0))
    one_each = make_executor("local", 0, abs)
    assert len(one_each.free()) == cores
    one_each.close(at_once=True)
    executor.submit(0, os.getenv, "OMP_NUM_THREADS")
    assert ended(executor).value == "1"


def test_close_leaves_nobody(executor):
    executor.submit(0, os.getpid)
    pid = ended(executor).value
    executor.close(at_once=False)
    assert not alive(pid)


def test_a_failing_start_is_the_error():
    executor = LocalExecutor(1, threads=1, warm_up=partial(int, "no number"))
    executor.submit(0, os.getpid)
    assert isinstance(ended(executor).error, ValueError)
    executor.close(at_once=True)


def test_the_first_call_of_a_worker_has_more_time(executor):
    executor.submit(0, time.sleep, 0.6, timeout_s=0.2)
    assert not ended(executor).worker_died
    executor.submit(0, time.sleep, 20, timeout_s=0.2)
    assert ended(executor).timed_out
