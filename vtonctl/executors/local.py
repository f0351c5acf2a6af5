"""Processes on this machine, through joblib's loky.

``joblib.Parallel`` raises for the whole call when one worker dies. Here every slot is a loky
executor with a single worker, so that a death is known to belong to one task, a hung task can be
ended alone, and results arrive one by one.
"""

from __future__ import annotations

import os
import queue
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from multiprocessing import resource_tracker as standard_tracker
from typing import Any

from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.backend import resource_tracker as loky_tracker

from pipelines.errors import VtonError
from vtonctl.executors import process
from vtonctl.executors.base import FIRST_CALL_EXTRA_S, RECYCLE_AFTER, Ended
from vtonctl.executors.spawning import environment, signals_blocked

_FAREWELL_S = 2.0
_STARTS = 3
"""Workers in a row that may end while they start: a few may be killed for others' memory, but where
all are, the installation is at fault."""
_TRACKERS = (loky_tracker, standard_tracker)


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


class _Worker:
    """One process, what it is busy with, and until when it may be."""

    def __init__(self, env: dict[str, str], warm_up: Callable[[], Any]) -> None:
        for tracker in _TRACKERS:  # starting one of them unblocks the signals again
            tracker.ensure_running()
        with signals_blocked():
            self.pool = ProcessPoolExecutor(
                max_workers=1, env=env, initializer=process.start, initargs=(os.getpid(),)
            )
            self._pid: Future[int] = self.pool.submit(process.pid)
            self.warm: Future[Any] = self.pool.submit(warm_up)
        self.calls = 0
        self.busy: Future[Any] | None = None
        self.deadline = float("inf")

    @property
    def pid(self) -> int | None:
        """The process id, or None while it starts or if it never did."""
        started = self._pid.done() and not self._pid.exception()
        return self._pid.result() if started else None

    def begin(self, call: Callable[..., Any], args: tuple[Any, ...], timeout_s: float) -> None:
        self.calls += 1
        self.deadline = float("inf")
        with signals_blocked():
            self.busy = self.pool.submit(call, *args)
        if timeout_s:
            extra_s = FIRST_CALL_EXTRA_S if self.calls == 1 else 0.0
            self.warm.add_done_callback(partial(self._set_deadline, timeout_s + extra_s))

    def end(self, *, at_once: bool) -> None:
        pid = self.pid
        if at_once and pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(AttributeError):  # shut down before: loky has let go of everything
            self.pool.shutdown(wait=False, kill_workers=at_once and pid is None)

    def _set_deadline(self, timeout_s: float, _: Future[Any]) -> None:
        self.deadline = time.monotonic() + timeout_s


class LocalExecutor:
    """Worker processes on this machine; see ``vtonctl.executors.base.Executor``.

    ``warm_up`` is called first in each new worker, outside of any task's time limit.
    """

    def __init__(self, jobs: int, *, threads: int, warm_up: Callable[[], Any]) -> None:
        self._slots = range(jobs)
        self._env = environment(threads)
        self._warm_up = warm_up
        self._workers: dict[int, _Worker] = {}
        self._failed_starts = 0
        self._ended: queue.SimpleQueue[tuple[int, Future[Any]]] = queue.SimpleQueue()

    def free(self) -> Sequence[int]:
        """The slots whose worker is idle, or yet to be started."""
        workers = self._workers
        return [s for s in self._slots if s not in workers or workers[s].busy is None]

    def worker(self, slot: int) -> int:
        """Every slot has a worker of its own."""
        return slot

    def submit(
        self, slot: int, call: Callable[..., Any], *args: Any, timeout_s: float = 0.0
    ) -> None:
        """Run a call in an idle slot, in a new worker if it has none."""
        worker = self._workers.get(slot)
        if worker and worker.calls >= RECYCLE_AFTER:
            worker.end(at_once=False)
            worker = None
        worker = worker or _Worker(self._env, self._warm_up)
        try:
            worker.begin(call, args, timeout_s)
        except BrokenProcessPool:  # it was killed while it was idle
            worker.end(at_once=True)
            worker = _Worker(self._env, self._warm_up)
            worker.begin(call, args, timeout_s)
        self._workers[slot] = worker
        if worker.busy:
            worker.busy.add_done_callback(partial(self._tell, slot))

    def wait(self, timeout_s: float) -> Ended | None:
        """The next call that ended; a call over its time is ended here."""
        until = time.monotonic() + timeout_s
        while True:
            busy = {s: w for s, w in self._workers.items() if w.busy and not w.busy.done()}
            now = time.monotonic()
            for slot, worker in busy.items():
                if now > worker.deadline:
                    self._drop(slot)
                    return Ended(slot, worker_died=True, timed_out=True)
            next_look = min((until, *(worker.deadline for worker in busy.values())))
            try:
                slot, future = self._ended.get(timeout=max(next_look - now, 0.001))
            except queue.Empty:
                if time.monotonic() >= until:
                    return None
                continue
            if slot in self._workers and self._workers[slot].busy is future:
                return self._end(slot, future)

    def withdraw(self) -> None:
        """Every call has begun."""

    def close(self, *, at_once: bool) -> None:
        """End all workers: by a message, which idle ones heed, or by a kill."""
        workers = list(self._workers.values())
        self._workers.clear()
        for worker in workers:
            worker.end(at_once=at_once)
        deadline = time.monotonic() + _FAREWELL_S
        while any(_alive(w.pid) for w in workers) and time.monotonic() < deadline:
            time.sleep(0.005)
        for worker in workers:
            if _alive(worker.pid):
                worker.end(at_once=True)

    def _tell(self, slot: int, future: Future[Any]) -> None:
        self._ended.put((slot, future))

    def _end(self, slot: int, future: Future[Any]) -> Ended:
        worker, error = self._workers[slot], future.exception()
        worker.busy = None
        if isinstance(error, BrokenProcessPool):
            self._drop(slot)
            if worker.warm.done() and not worker.warm.exception():
                self._failed_starts = 0
                return Ended(slot, worker_died=True)
            # before its first task, which is not to blame
            self._failed_starts += 1
            if self._failed_starts < _STARTS:
                return Ended(slot, undone=True)
            return Ended(slot, error=_no_worker(), worker_died=True)
        self._failed_starts = 0
        error = worker.warm.exception() or error
        return Ended(slot, error=error) if error else Ended(slot, value=future.result())

    def _drop(self, slot: int) -> None:
        self._workers.pop(slot).end(at_once=True)


def _no_worker() -> VtonError:
    return VtonError(
        "a worker process ended while it started.",
        code="no_worker",
        hint="Check memory and the installation with: vtonctl doctor",
    )


def _alive(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
