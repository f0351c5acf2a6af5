"""Which task goes to which worker next: groups stay with one worker while there is other work."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from vtonctl.runs.tasks import ChainTask, Deferred, Outcome, Step, Task


@dataclass(frozen=True)
class Job:
    """A task, how often it was tried, and the steps to do after it."""

    task: Task
    attempt: int = 1
    after: tuple[Step, ...] = ()

    def again(self) -> Job:
        """The same once more, one step at a time, so that a culprit is found."""
        if isinstance(self.task, ChainTask):
            head = replace(self.task, steps=self.task.steps[:1])
            return Job(head, self.attempt + 1, (*self.task.steps[1:], *self.after))
        return Job(self.task, self.attempt + 1)

    def rest(self, outcomes: Iterable[Outcome]) -> Job | None:
        """What is left to do after the outcomes of this job's step."""
        if not self.after or not isinstance(self.task, ChainTask):
            return None
        known, lost, done = dict(self.task.known), dict(self.task.lost), self.task.steps[0]
        for outcome in outcomes:
            if outcome.status == "current":
                known.update(done.recorded)
            for artifact in done.write:
                if artifact.value in outcome.outputs:
                    known[artifact] = outcome.outputs[artifact.value][1].sha256
                elif outcome.status != "current":
                    lost[artifact] = f"{outcome.stage}: {outcome.message}"
        task = replace(self.task, steps=self.after[:1], known=known, lost=lost)
        return Job(task, self.attempt, self.after[1:])


class Schedule:
    """Tasks in order; a worker takes a whole group before it takes from the next."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        self._groups: dict[str, deque[int]] = {}
        """Numbers of tasks."""
        groups: Iterable[str] = (task.group for task in tasks)
        if isinstance(tasks, Deferred):
            groups = tasks.groups()
        for number, group in enumerate(groups):
            self._groups.setdefault(group, deque()).append(number)
        self._free = deque(self._groups)
        self._urgent: deque[Job] = deque()
        self._own: dict[int, str] = {}

    def __bool__(self) -> bool:
        """Whether there is a job left."""
        return bool(self._urgent) or any(self._groups.values())

    def next(self, worker: int, beside: Sequence[Job] = ()) -> Job | None:
        """The next job for a worker that has the jobs ``beside`` already, or None.

        What was put back is done alone, so that a job that kills its worker is known.
        """
        if any(job.attempt > 1 for job in beside):
            return None
        if self._urgent:
            return None if beside else self._urgent.popleft()
        group = self._own.get(worker, "")
        if not self._groups.get(group):
            group = self._take_group()
            self._own[worker] = group
        numbers = self._groups.get(group)
        return Job(self._tasks[numbers.popleft()]) if numbers else None

    def put_back(self, job: Job) -> None:
        """A job to be done before all others."""
        self._urgent.append(job)

    def _take_group(self) -> str:
        """The next group that nobody works on, else help with the longest."""
        while self._free:
            group = self._free.popleft()
            if self._groups[group]:
                return group
        self._groups = {name: left for name, left in self._groups.items() if left}
        return max(self._groups, key=lambda name: len(self._groups[name]), default="")
