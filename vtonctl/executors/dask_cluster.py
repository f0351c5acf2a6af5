"""A Dask cluster, as much of it as runs need; the only file that imports Dask."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import resource_tracker
from typing import Any

import dask
from distributed import CancelledError, Client, Future, KilledWorker, LocalCluster
from distributed.comm import CommClosedError

from pipelines.errors import ClusterError
from vtonctl.executors import remote
from vtonctl.executors.spawning import environment, signals_blocked

_CONNECT_S = 15
_FAREWELL_S = 2.0
_CLOSE_S = 8.0
_QUIET = logging.CRITICAL + 1
_HINT = "Check that the scheduler runs there: dask scheduler"


class WorkerGone(Exception):
    """The worker of a call has died, says the scheduler."""


class CallLost(Exception):
    """A call will not be answered: it was cancelled, or the scheduler was lost."""


class Cluster:
    """A scheduler and its workers; ``own`` if they are ours alone and end with the run."""

    own = False

    def __init__(self, client: Client, resources: Mapping[str, float]) -> None:
        self.address = str(client.scheduler.address)
        self.resources = dict(resources)
        self._client = client
        self._asked = 0
        self._loud = _hush()

    @property
    def connected(self) -> bool:
        """Whether the scheduler is there; once lost, whatever was asked is lost."""
        return bool(self._client.status == "running")

    def ask(self, worker: str, call: Callable[..., Any], *args: Any) -> Future:
        """Have a worker, given by its address, call something; nobody else ever does it."""
        self._asked += 1
        return self._client.submit(
            call,
            *args,
            key=f"vtonctl-{self._client.id}-{self._asked}",
            workers=[worker],
            allow_other_workers=False,
            resources=self.resources or None,
            pure=False,
        )

    async def answer(self, future: Future) -> Any:
        """The value of a call. Raises ``WorkerGone``, ``CallLost``, or the call's own error."""
        try:
            return await future
        except KilledWorker as error:
            raise WorkerGone from error
        except (CancelledError, asyncio.CancelledError, CommClosedError) as error:
            # the last: the scheduler died while it handed the answer over
            raise CallLost from error

    def cancel(self, futures: Sequence[Future]) -> None:
        """Forget calls; those that run already run on, unheard."""

        async def cancel() -> None:
            await self._client.cancel(futures)

        if futures:
            self.in_background(cancel)

    async def workers(self) -> dict[str, int]:
        """Address -> threads."""
        return dict(await self._client.nthreads())

    def offering(self, workers: Iterable[str]) -> list[str]:
        """Those of the workers that have the resources, in order."""
        if not self.resources:
            return sorted(workers)
        known = self._client.scheduler_info(n_workers=-1)["workers"]
        has = {address: known.get(address, {}).get("resources", {}) for address in workers}
        return sorted(
            address
            for address, amounts in has.items()
            if all(amounts.get(name, 0) >= wanted for name, wanted in self.resources.items())
        )

    def in_background(self, call: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Run a coroutine where answers arrive, beside the caller."""
        self._client.loop.add_callback(call, *args)

    async def tell(self, workers: Sequence[str], call: Callable[..., None], *args: Any) -> None:
        """Have worker processes call something at once, beside what they do."""
        with suppress(Exception):  # they may have gone
            told = self._client.run(call, *args, workers=list(workers), on_error="ignore")
            await asyncio.wait_for(told, _FAREWELL_S)

    def end_workers(self, busy: Mapping[str, str]) -> None:
        """End workers at once, given by address and token, that are busy with calls of ours."""

        async def end() -> None:
            await asyncio.gather(*(self.tell([a], remote.leave, t) for a, t in busy.items()))

        if self.connected:
            with suppress(Exception):  # they may have gone
                self._client.sync(end, callback_timeout=2 * _FAREWELL_S)

    def close(self) -> None:
        """Let go of the cluster."""
        self._leave()
        # last: what goes away slowly complains about what has gone before
        for handler in self._loud:
            handler.removeFilter(_nothing)

    def _leave(self) -> None:
        with suppress(Exception):  # the connection may be lost
            self._client.close(timeout=_FAREWELL_S)


class OthersCluster(Cluster):
    """A cluster that others have started and may use, too."""

    def __init__(self, address: str, resources: Mapping[str, float]) -> None:
        try:
            with signals_blocked():
                client = Client(address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError) as error:
            words = f"{address}: no Dask scheduler answers ({str(error).splitlines()[0]})."
            raise ClusterError(words, code="no_scheduler", hint=_HINT) from error
        super().__init__(client, resources)


class OwnCluster(Cluster):
    """A scheduler in this process, and workers with nannies on this machine."""

    own = True

    def __init__(self, jobs: int, threads: int) -> None:
        self._environ = dict(os.environ)
        resource_tracker.ensure_running()  # starting it unblocks the signals again
        variables = {"distributed.nanny.pre-spawn-environ": environment(threads)}
        try:
            with signals_blocked(), dask.config.set(variables):
                self._cluster = LocalCluster(
                    n_workers=jobs,
                    threads_per_worker=threads,
                    processes=True,
                    host="127.0.0.1",
                    memory_limit=0,
                    silence_logs=_QUIET,
                    dashboard_address=None,
                    scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                )
                client = Client(self._cluster, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, RuntimeError) as error:
            raise ClusterError(
                f"no workers could be started: {error}",
                code="no_worker",
                hint="Check memory and the installation with: vtonctl doctor",
            ) from error
        super().__init__(client, {})
        self._jobs = jobs

    async def workers(self) -> dict[str, int]:
        """Address -> threads; whose nanny has left is replaced.

        Dask sends away the nanny of a worker that is not back within 15 seconds, and lets it be.
        """
        if len(self._cluster.workers) < self._jobs:
            self._cluster.scale(self._jobs)
        return await super().workers()

    def end_workers(self, busy: Mapping[str, str]) -> None:
        """All workers end when the cluster is closed."""

    def _leave(self) -> None:
        """Kill all workers: those that are idle have nothing to lose, and might take their time."""

        async def end() -> None:
            for nanny in nannies:
                nanny.close_gracefully()  # it starts no other one
                with suppress(ProcessLookupError):
                    if nanny.pid:
                        os.kill(nanny.pid, signal.SIGKILL)

        nannies = list(self._cluster.workers.values())
        with suppress(Exception):
            self._client.sync(end, callback_timeout=_FAREWELL_S)
        super()._leave()
        with suppress(Exception):
            self._cluster.close(timeout=_CLOSE_S)
        self._restore_environment({name for nanny in nannies for name in nanny.pre_spawn_env})

    def _restore_environment(self, names: set[str]) -> None:
        """Take back what nannies set in this process for the sake of their workers."""
        for name in names & os.environ.keys():
            del os.environ[name]
        os.environ.update({n: self._environ[n] for n in names if n in self._environ})


def _hush() -> list[logging.Handler]:
    """Keep Dask from logging what the run tells in its own words; the handlers that were stopped.

    By a filter: levels are set back by ``LocalCluster`` while it still complains.
    """
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    handlers = [handler for logger in loggers for handler in logger.handlers]
    for handler in handlers:
        handler.addFilter(_nothing)
    return handlers


def _nothing(_: logging.LogRecord) -> bool:
    return False
