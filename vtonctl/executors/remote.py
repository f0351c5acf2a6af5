"""Inside a worker process of a Dask cluster: one call at a time, on one thread, by the clock.

Such a process may outlive a run, serve several at once and have several threads; networks and
MediaPipe's objects want one. Imports nothing of Dask.
"""

from __future__ import annotations

import faulthandler
import os
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any, Literal

from vtonctl.executors.base import FIRST_CALL_EXTRA_S
from vtonctl.executors.spawning import QUIET

PACKAGE = "vtonctl"
_MORE_PATIENCE_S = 30.0
"""How much later a process ends itself whose hung call lets no other thread of it run."""
_FAREWELL_S = 0.1


@dataclass(frozen=True)
class Greeting:
    """A process that is ready for calls; without a token it is not, and never will be."""

    token: str
    version: str


@dataclass(frozen=True)
class Call:
    """What a run asks of one process, in a form that Dask does not look into.

    ``timeout_s`` (0 = no limit) counts from when it is this call's turn.
    """

    token: str
    run: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    timeout_s: float = 0.0


@dataclass(frozen=True)
class Reply:
    """What became of a call.

    The others have not begun: ``refused``, as an earlier one hangs in this process;
    ``withdrawn`` by its run; ``elsewhere``, as it was meant for a process that has died, in whose
    place this one is.
    """

    kind: Literal["done", "timed_out", "refused", "withdrawn", "elsewhere"]
    value: Any = None


class _Process:
    """This worker process: ``token`` names it, ``turn`` is held by the call that runs."""

    def __init__(self) -> None:
        self.token = uuid.uuid4().hex
        self.turn = threading.Lock()
        self.thread = ThreadPoolExecutor(1)
        self.hangs = False
        self.calls = 0
        self.withdrawn: set[str] = set()
        """Runs that are about to end."""


_process = _Process()


@cache
def own_version() -> str:
    """Version of the package when this process began to use it; an update changes it on disk."""
    return version(PACKAGE)


def prepare(wanted: str, warm_up: Callable[[], Any]) -> Greeting:
    """Get ready for the calls of a run that has the version ``wanted`` of the package.

    Raises what ``warm_up`` raises.
    """
    with _process.turn:
        if own_version() != wanted or _process.hangs:
            return Greeting("", own_version())
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        _process.thread.submit(warm_up).result()
        _process.calls = 0
    return Greeting(_process.token, own_version())


def take_turn(call: Call) -> Reply:
    """Do a call once it is its turn. Raises what it raises."""
    with _process.turn:
        if call.token != _process.token:
            return Reply("elsewhere")
        if _process.hangs:
            return Reply("refused")
        if call.run in _process.withdrawn:
            return Reply("withdrawn")
        _process.calls += 1
        limit_s = None
        if call.timeout_s:
            limit_s = call.timeout_s + (FIRST_CALL_EXTRA_S if _process.calls == 1 else 0.0)
            faulthandler.dump_traceback_later(limit_s + _MORE_PATIENCE_S, exit=True)
        future = _process.thread.submit(call.function, *call.args)
        _process.hangs = bool(wait([future], limit_s).not_done)
        if _process.hangs:
            return Reply("timed_out")
        faulthandler.cancel_dump_traceback_later()
        return Reply("done", future.result())


def withdraw(run: str) -> None:
    """Begin no more calls of a run."""
    _process.withdrawn.add(run)


def leave(token: str) -> None:
    """End this process, if it is the one that is meant, once this call has been answered."""
    if token == _process.token:
        threading.Timer(_FAREWELL_S, os._exit, (1,)).start()
