"""Workers of a Dask cluster, of one's own or of others, through ``distributed.Client.submit``.

Every call is pinned to one worker process, which a token names (``vtonctl.executors.remote``).
Dask would hand the call of a dead worker to the next one, and that to the next, also when it is
the call that kills them. Here it comes back to the run, which decides. A call that takes too long
is noticed by its own process, which then refuses all others and is asked to end; a nanny, where
there is one, starts another.
"""

from __future__ import annotations

import asyncio
import queue
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from typing import TYPE_CHECKING, Any

from pipelines.errors import ClusterError, VtonError
from vtonctl.executors import remote
from vtonctl.executors.base import RECYCLE_AFTER, Ended
from vtonctl.executors.dask_cluster import CallLost, Cluster, WorkerGone

if TYPE_CHECKING:
    from distributed import Future

AHEAD = 2
"""Calls that a worker has at a time: while one runs, the next one is there already."""

NO_WORKER_S = 300.0
"""How long a run waits while there is no worker for it."""
_LOOK_EVERY_S = 0.25
_LEAVE_WITHIN_S = 5.0
_STARTS = 3
_GOING_S = 2.0


@dataclass(eq=False)
class _Worker:
    """A worker process; ``token`` is empty until it is ready."""

    number: int
    address: str
    threads: int
    token: str = ""
    calls: dict[int, Future] = field(default_factory=dict)
    taken: int = 0
    """Calls so far."""

    @property
    def free(self) -> list[int]:
        """Slots without a call."""
        slots = range(self.number * AHEAD, (self.number + 1) * AHEAD)
        return [slot for slot in slots if slot not in self.calls]


@dataclass(frozen=True)
class _Seen:
    """The workers that there are: address -> threads."""

    workers: Mapping[str, int]


@dataclass(frozen=True)
class _Greeted:
    worker: _Worker
    token: str = ""
    error: BaseException | None = None


@dataclass(frozen=True)
class _Answer:
    worker: _Worker
    slot: int
    future: Future
    reply: remote.Reply | None = None
    error: BaseException | None = None


_News = _Seen | _Greeted | _Answer | BaseException


class DaskExecutor:
    """Workers of a cluster; see ``vtonctl.executors.base.Executor``.

    Uses at most ``jobs`` workers (0 = all), also such as join later. ``warm_up`` is called first
    in each with the number of its threads.
    """

    def __init__(self, cluster: Cluster, jobs: int, warm_up: Callable[[int], None]) -> None:
        self._cluster, self._jobs, self._warm_up = cluster, jobs, warm_up
        self._run = uuid.uuid4().hex
        self._workers: dict[int, _Worker] = {}
        self._unfit: set[str] = set()
        """Addresses of workers that do not have the resources."""
        self._dismissed: set[str] = set()
        """Tokens of processes that were sent away."""
        self._leaving: dict[str, float] = {}
        """Their addresses, and until when nobody is greeted there."""
        self._told: deque[Ended] = deque()
        self._news: queue.SimpleQueue[_News] = queue.SimpleQueue()
        self._failed_starts = 0
        self._idle_since = time.monotonic()
        cluster.in_background(self._watch)

    def free(self) -> Sequence[int]:
        """The free slots of workers that are ready, those of the least busy first."""
        ready = [w for w in self._workers.values() if w.token and not self._worn(w)]
        ranked = [
            (len(worker.calls) + rank, worker.number, slot)
            for worker in ready
            for rank, slot in enumerate(worker.free)
        ]
        return [slot for _, _, slot in sorted(ranked)]

    def worker(self, slot: int) -> int:
        """The number of the worker that a slot belongs to."""
        return slot // AHEAD

    def submit(
        self, slot: int, call: Callable[..., Any], *args: Any, timeout_s: float = 0.0
    ) -> None:
        """Run a call in a free slot; its worker keeps the time."""
        self._check_connection()
        worker = self._workers[self.worker(slot)]
        asked = remote.Call(worker.token, self._run, call, args, timeout_s)
        future = self._cluster.ask(worker.address, remote.take_turn, asked)
        worker.calls[slot] = future
        worker.taken += 1
        self._cluster.in_background(self._follow, worker, slot, future)

    def wait(self, timeout_s: float) -> Ended | None:
        """The next call that ended. Raises ``ClusterError``."""
        until = time.monotonic() + timeout_s
        while not self._told:
            self._check_connection()
            try:
                self._hear(self._news.get(timeout=max(until - time.monotonic(), 0.001)))
            except queue.Empty:
                break
        self._check_somebody_works()
        return self._told.popleft() if self._told else None

    def withdraw(self) -> None:
        """Have the workers begin nothing more; what they have begun, they end."""
        addresses = [worker.address for worker in self._workers.values() if worker.calls]
        if addresses:
            self._cluster.in_background(self._cluster.tell, addresses, remote.withdraw, self._run)

    def close(self, *, at_once: bool) -> None:
        """End the workers of one's own cluster; of others, those that hang in a call of ours."""
        if at_once:
            busy = [worker for worker in self._workers.values() if worker.calls]
            self._cluster.end_workers({worker.address: worker.token for worker in busy})
        self._workers.clear()
        self._cluster.close()

    def _hear(self, news: _News) -> None:
        match news:
            case _Seen():
                self._look(news.workers)
            case _Greeted():
                self._welcome(news)
            case _Answer():
                if news.worker.calls.get(news.slot) is news.future:
                    self._take(news)
            case _:
                raise self._lost() from news

    def _look(self, workers: Mapping[str, int]) -> None:
        """Note who has gone, and greet who is new and wanted."""
        for worker in [w for w in self._workers.values() if w.address not in workers]:
            if not worker.token:
                self._failed_starts += 1
            self._drop(worker)
        if self._failed_starts >= _STARTS:
            raise ClusterError(
                f"{self._failed_starts} worker processes ended while they got ready.",
                code="no_worker",
                hint="Check memory and the installation on the workers with: vtonctl doctor",
            )
        self._unfit &= workers.keys()
        now = time.monotonic()
        self._leaving = {a: t for a, t in self._leaving.items() if a in workers and now < t}
        known = {worker.address for worker in self._workers.values()}
        known |= self._unfit | self._leaving.keys()
        room = (self._jobs or len(workers)) - len(self._workers)
        if room > 0 and (new := workers.keys() - known):
            fit = self._cluster.offering(new)
            self._unfit |= new - set(fit)
            for address in fit[:room]:
                self._begin(address, workers[address])

    def _begin(self, address: str, threads: int) -> None:
        """Greet a worker, which gets the lowest number that is free."""
        number = next(n for n in count() if n not in self._workers)
        worker = self._workers[number] = _Worker(number, address, threads)
        self._cluster.in_background(self._greet, worker)

    def _welcome(self, greeted: _Greeted) -> None:
        worker = greeted.worker
        if self._workers.get(worker.number) is not worker:
            return
        if isinstance(greeted.error, WorkerGone):
            self._drop(worker)
            self._failed_starts += 1
        elif greeted.error:
            raise greeted.error
        elif greeted.token and greeted.token not in self._dismissed:
            worker.token, self._failed_starts = greeted.token, 0
        else:  # it is about to end
            self._drop(worker)

    def _take(self, answer: _Answer) -> None:
        """An answer to a call that is still waited for."""
        worker, slot = answer.worker, answer.slot
        kind = answer.reply.kind if answer.reply else ""
        if isinstance(answer.error, CallLost):
            raise self._lost()
        if isinstance(answer.error, WorkerGone) or kind == "elsewhere":
            self._drop(worker)
            return
        del worker.calls[slot]
        if kind == "timed_out":
            self._told.append(Ended(slot, worker_died=True, timed_out=True))
            self._send_away(worker)
            self._drop(worker, undone=True)
        elif kind == "refused":
            self._told.append(Ended(slot, undone=True))
            self._drop(worker, undone=True)
        elif kind == "withdrawn":
            self._told.append(Ended(slot, undone=True))
        else:
            value = answer.reply.value if answer.reply else None
            self._told.append(Ended(slot, value, answer.error))
        if self._worn(worker) and not worker.calls and worker.number in self._workers:
            self._send_away(worker)
            self._drop(worker)

    def _worn(self, worker: _Worker) -> bool:
        return self._cluster.own and worker.taken >= RECYCLE_AFTER

    def _drop(self, worker: _Worker, *, undone: bool = False) -> None:
        """Expect nothing more of a worker; its calls have died with it, or never began."""
        del self._workers[worker.number]
        self._idle_since = time.monotonic()
        self._told.extend(Ended(s, worker_died=not undone, undone=undone) for s in worker.calls)
        self._cluster.cancel(list(worker.calls.values()))
        worker.calls.clear()

    def _send_away(self, worker: _Worker) -> None:
        """Have a worker process end itself; its nanny, where it has one, starts another."""
        self._dismissed.add(worker.token)
        self._leaving[worker.address] = time.monotonic() + _LEAVE_WITHIN_S
        tell = self._cluster.tell
        self._cluster.in_background(tell, [worker.address], remote.leave, worker.token)

    async def _watch(self) -> None:
        try:
            while self._cluster.connected:
                self._news.put(_Seen(await self._cluster.workers()))
                await asyncio.sleep(_LOOK_EVERY_S)
        except Exception as error:  # noqa: BLE001 - whatever it was, the scheduler does not answer
            self._news.put(error)

    async def _greet(self, worker: _Worker) -> None:
        try:
            token = await self._introduce(worker)
        except Exception as error:  # noqa: BLE001 - told by who waits
            self._news.put(_Greeted(worker, error=self._explained(worker, error)))
        else:
            self._news.put(_Greeted(worker, token))

    async def _introduce(self, worker: _Worker) -> str:
        """The token of a worker that has the same package as this process, and is ready."""
        wanted = remote.own_version()
        try:
            # nothing of the package is unpickled by one that may not have it
            found = await self._ask(worker, version, remote.PACKAGE)
        except PackageNotFoundError:
            found = ""
        if found == wanted:
            warm_up = partial(self._warm_up, worker.threads)
            greeting = await self._ask(worker, remote.prepare, wanted, warm_up)
            found = greeting.version
            if found == wanted:
                return str(greeting.token)
        raise _another_version(worker, found, wanted)

    async def _ask(self, worker: _Worker, call: Callable[..., Any], *args: Any) -> Any:
        return await self._cluster.answer(self._cluster.ask(worker.address, call, *args))

    async def _follow(self, worker: _Worker, slot: int, future: Future) -> None:
        try:
            reply = await self._cluster.answer(future)
            self._news.put(_Answer(worker, slot, future, reply))
        except Exception as error:  # noqa: BLE001 - told by who waits
            self._news.put(_Answer(worker, slot, future, error=error))

    def _explained(self, worker: _Worker, error: Exception) -> Exception:
        """What went wrong when a worker got ready, with its name unless it is our own."""
        if self._cluster.own or isinstance(error, ClusterError | WorkerGone):
            return error
        if isinstance(error, VtonError):
            message, code, hint = error.message, error.code, error.hint
        elif isinstance(error, CallLost):
            if self._is_being_lost():
                return self._lost()
            message, code = "the scheduler has cancelled what it was asked", "no_worker"
            hint = "Check that scheduler, workers and this program have the same version of Dask."
        else:
            message, code = f"{type(error).__name__}: {error}", "no_worker"
            hint = "Check the installation on the worker with: vtonctl doctor"
        return ClusterError(f"worker {worker.address}: {message}", code=code, hint=hint)

    def _is_being_lost(self) -> bool:
        """Whether the scheduler is going: it takes calls back before its connection is gone."""
        until = time.monotonic() + _GOING_S
        while self._cluster.connected and time.monotonic() < until:
            time.sleep(0.05)
        return not self._cluster.connected

    def _check_connection(self) -> None:
        if not self._cluster.connected:
            raise self._lost()

    def _check_somebody_works(self) -> None:
        if self._workers:
            self._idle_since = time.monotonic()
        elif time.monotonic() - self._idle_since > NO_WORKER_S:
            asked = ", ".join(f"{name}={n:g}" for name, n in self._cluster.resources.items())
            that = f" that offers {asked}" if asked else ""
            raise ClusterError(
                f"{self._cluster.address}: no worker{that} for {NO_WORKER_S:g} s.",
                code="no_worker",
                hint="Start workers and run the same command again; finished work is kept.",
            )

    def _lost(self) -> ClusterError:
        return ClusterError(
            f"{self._cluster.address}: the connection to the Dask scheduler was lost.",
            code="scheduler_lost",
            hint="Start it again and run the same command again, with any executor; finished "
            "work is kept.",
        )


def _another_version(worker: _Worker, found: str, wanted: str) -> ClusterError:
    has = f"has {remote.PACKAGE} {found}" if found else f"has no {remote.PACKAGE}"
    return ClusterError(
        f"worker {worker.address} {has}, this run has {wanted}.",
        code="version_mismatch",
        hint=f"Type there: pip install {remote.PACKAGE}=={wanted}, and start the worker again.",
    )
