"""``--num-processes``: several processes that train together, started and watched by this one.

Each gets the environment that accelerate and torchrun would give it, so that the trainer cannot
tell the difference; progress, result and errors come back through a pipe.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from pipelines.errors import VtonError
from pipelines.training.request import Progress, ReportProgress, TrainRequest, TrainResult
from pipelines.training.stopping import LAUNCHER
from vtonctl.runs.stop import Stop, listening

LOOK_EVERY_S = 0.2
LAST_WORDS_S = 10.0
"""How long the others may take to end when one has."""


def train_in_processes(request: TrainRequest, entry: str, report: ReportProgress) -> TrainResult:
    """Run the trainer ``module:function`` in ``request.num_processes`` processes.

    Raises what the trainer raises, and ``VtonError`` (``process_died``) if a process ends
    without a word. A first signal is passed on and the run ends with a checkpoint; a second one
    ends all processes at once.
    """
    with listening() as stop, _started(request, entry) as (processes, pipes):
        return _listen(processes, pipes, report, stop)


@contextmanager
def _started(
    request: TrainRequest, entry: str
) -> Iterator[tuple[list[BaseProcess], list[Connection]]]:
    context = mp.get_context("spawn")
    port, count = _free_port(), request.num_processes
    processes: list[BaseProcess] = []
    pipes: list[Connection] = []
    try:
        for rank in range(count):
            ours, theirs = context.Pipe(duplex=False)
            environment = _environment(rank, count, port)
            started = context.Process(target=_work, args=(request, entry, environment, theirs))
            started.start()
            theirs.close()
            processes.append(started)
            pipes.append(ours)
        yield processes, pipes
    finally:
        for process in processes:
            process.join(LAST_WORDS_S if process.exitcode is None else 0)
            process.kill()
            process.join()


def _environment(rank: int, count: int, port: int) -> dict[str, str]:
    threads = max(1, (os.cpu_count() or 1) // count)
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads)),
        LAUNCHER: str(os.getpid()),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _work(request: TrainRequest, entry: str, environment: dict[str, str], pipe: Connection) -> None:
    """One of the processes."""
    # Ctrl-C on a terminal goes to a whole group; only the launcher shall hear it
    os.setpgrp()
    os.environ.update(environment)
    leads = environment["RANK"] == "0"

    def say(word: Progress | TrainResult | VtonError) -> None:
        # a launcher that is gone is noticed between two steps
        with suppress(OSError):
            pipe.send(word)

    try:
        module, _, function = entry.partition(":")
        say(getattr(import_module(module), function)(request, say if leads else _nobody))
    except VtonError as error:
        say(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the launcher tells it
        say(VtonError(f"Unexpected {type(error).__name__}: {error}", code="unexpected"))


def _nobody(_progress: Progress) -> None:
    """Hear of progress and say nothing."""


def _listen(
    processes: Sequence[BaseProcess],
    pipes: Sequence[Connection],
    report: ReportProgress,
    stop: Stop,
) -> TrainResult:
    passed_on = False
    open_pipes = list(pipes)
    while True:
        if stop.at_once:
            _kill(processes)
            raise _interrupted(stop.signum)
        if stop and not passed_on:
            passed_on = True
            with suppress(ProcessLookupError):
                os.kill(processes[0].pid or 0, stop.signum)
        for pipe in wait(open_pipes, LOOK_EVERY_S):
            if not isinstance(pipe, Connection):
                continue
            try:
                word = pipe.recv()
            except (EOFError, OSError):
                open_pipes.remove(pipe)
                _check_alive(processes, pipes.index(pipe))
                continue
            if isinstance(word, VtonError):
                _kill(processes)
                raise word
            if isinstance(word, Progress):
                report(word)
            elif pipe is pipes[0]:
                result: TrainResult = word
                return result


def _check_alive(processes: Sequence[BaseProcess], rank: int) -> None:
    """Raise ``VtonError`` if a process has died rather than come to its end."""
    process = processes[rank]
    process.join(LAST_WORDS_S)
    if process.exitcode == 0 and rank != 0:
        return
    _kill(processes)
    code = process.exitcode or 0
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    raise VtonError(
        f"process {rank} of {len(processes)} ended without a result ({how}).",
        code="process_died",
        hint="Look at memory and log, then go on with --resume.",
    )


def _kill(processes: Sequence[BaseProcess]) -> None:
    for process in processes:
        process.kill()


def _interrupted(signum: int) -> VtonError:
    error = VtonError("Interrupted.", code="interrupted", hint="Go on with --resume.")
    error.exit_code = 128 + signum
    return error
