"""Submit, record, try again, quarantine, stop cleanly."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from pipelines.errors import StorageError
from pipelines.layout import Artifact
from pipelines.store_path import fetched
from vtonctl.executors.base import Ended, Executor
from vtonctl.executors.choose import make_executor
from vtonctl.runs.filehash import FileState, hash_file
from vtonctl.runs.fingerprint import fingerprint
from vtonctl.runs.requests import RunOptions
from vtonctl.runs.schedule import Job, Schedule
from vtonctl.runs.stop import Stop
from vtonctl.runs.tasks import ChainTask, Deferred, Outcome, StageSpec, Task
from vtonctl.runs.worker_entry import run_task, warm_up

GRACE_S = 8.0
"""How long tasks in flight may take to finish once the run was asked to stop."""
_LOOK_EVERY_S = 0.1
_TRIES = 2

Record = Callable[[Task, Sequence[Outcome]], None]


def run_tasks(tasks: Sequence[Task], options: RunOptions, stop: Stop, record: Record) -> None:
    """Run tasks in worker processes; ``record`` hears of each in this process.

    Returns early when ``stop`` is requested. Raises the ``StorageError`` (or another error that
    is not of one item) that a task raised, once those in flight have ended; ``ConfigError``,
    ``ExtraMissing`` and ``ClusterError`` where the executor cannot be had or is lost.
    """
    if not tasks or stop:
        return
    prepare = partial(warm_up, _distinct_specs(tasks), _folders(tasks))
    executor = make_executor(options.executor, options.jobs, prepare, options.dask_resources)
    engine = _Engine(executor, Schedule(tasks), options, stop, record)
    try:
        engine.run()
    except BaseException:
        executor.close(at_once=True)
        raise
    executor.close(at_once=bool(engine.busy))


class _Engine:
    def __init__(
        self,
        executor: Executor,
        schedule: Schedule,
        options: RunOptions,
        stop: Stop,
        record: Record,
    ) -> None:
        self.executor, self.schedule, self.options = executor, schedule, options
        self.stop, self.record = stop, record
        self.busy: dict[int, Job] = {}
        self.trouble: BaseException | None = None
        self.give_up = float("inf")

    def run(self) -> None:
        while self.fill() and not self.stop.at_once and time.monotonic() < self.give_up:
            ended = self.executor.wait(_LOOK_EVERY_S)
            if ended:
                self.handle(ended)
            if self.ending and self.give_up == float("inf"):
                self.give_up = time.monotonic() + GRACE_S
                self.executor.withdraw()
        if self.trouble:
            raise self.trouble

    @property
    def ending(self) -> bool:
        return bool(self.stop) or self.trouble is not None

    def fill(self) -> bool:
        """Give work to whoever is free; whether there is anything to wait for."""
        for slot in self.executor.free():
            if self.ending:
                break
            if slot not in self.busy:
                self.give(slot)
        return bool(self.busy) or (bool(self.schedule) and not self.ending)

    def give(self, slot: int) -> None:
        worker = self.executor.worker(slot)
        beside = [job for s, job in self.busy.items() if self.executor.worker(s) == worker]
        if job := self.schedule.next(worker, beside):
            self.busy[slot] = job
            timeout_s = self.options.item_timeout_s
            self.executor.submit(slot, run_task, job.task, timeout_s=timeout_s)

    def handle(self, ended: Ended) -> None:
        job = self.busy.pop(ended.slot)
        if ended.worker_died and self.ending:
            return  # it may have been ended together with us; the next run tries its task
        if ended.undone:
            self.schedule.put_back(job)
        elif ended.error:
            self.trouble = self.trouble or ended.error
        elif ended.worker_died:
            self.died(job, timed_out=ended.timed_out)
        else:
            # before the worker gets its next task: a kill costs no more than what is in flight
            self.finish(job, ended.value)

    def died(self, job: Job, *, timed_out: bool) -> None:
        steps = len(job.task.steps) if isinstance(job.task, ChainTask) else 1
        if job.attempt < _TRIES and not (timed_out and steps == 1):
            self.schedule.put_back(job.again())
            return
        outcome = _crash(job, self.options.item_timeout_s if timed_out else 0.0)
        self.finish(job, [outcome])

    def finish(self, job: Job, outcomes: Sequence[Outcome]) -> None:
        self.record(job.task, outcomes)
        if rest := job.rest(outcomes):
            self.schedule.put_back(rest)


def _crash(job: Job, timeout_s: float) -> Outcome:
    """The outcome of a step whose worker died, or was ended after ``timeout_s``."""
    task, record, read = job.task, dict[str, str](), dict[str, FileState]()
    if isinstance(task, ChainTask):
        spec = task.steps[0].spec
        stage = spec.info.name
        known = {a.value: task.known[a] for a in spec.info.inputs if a in task.known}
        if Artifact.SOURCE in spec.info.inputs and not known and task.source:
            read = _read_source(task.source)
            if state := read.get(str(task.source)):
                known[Artifact.SOURCE.value] = state.sha256
        whole = len(known) == len(spec.info.inputs)
        mark = fingerprint(spec.info, spec.params, known, spec.weights) if whole else ""
    else:
        stage, mark, known = "tryon", task.fingerprint, dict(task.inputs)
        record = task.names
    if timeout_s:
        status, code = "failed", "timeout"
        message = f"given up after {timeout_s:g} s"
    else:
        status = code = "poison"
        message = f"the worker process died {job.attempt} times while it worked on this item"
    return Outcome(
        item=task.item,
        stage=stage,
        status=status,
        fingerprint=mark,
        inputs=known,
        code=code,
        message=message,
        hint="It is left out from now on; vtonctl retry tries it again.",
        record=record,
        attempts=job.attempt,
        fetched=read,
    )


def _read_source(path: Path) -> dict[str, FileState]:
    """The state of an object that its worker had no time to tell, so that it is known again."""
    with suppress(OSError, StorageError):
        return {str(path): hash_file(fetched(path))}
    return {}


def _folders(tasks: Sequence[Task]) -> tuple[Path, ...]:
    """What every worker must see."""
    if isinstance(tasks, Deferred):
        return tasks.folders
    return tuple(dict.fromkeys(folder for task in tasks for folder in task.folders))


def _distinct_specs(tasks: Sequence[Task]) -> tuple[StageSpec, ...]:
    if isinstance(tasks, Deferred):
        return tasks.specs
    return tuple({spec.key: spec for task in tasks for spec in task.specs}.values())
