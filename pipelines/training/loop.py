"""The training loop: order of the data, budget, validation, checkpoints."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from pipelines import device as devices
from pipelines.errors import ConfigError, VtonError
from pipelines.training import run_config
from pipelines.training.checkpoints import CheckpointFolder
from pipelines.training.journal import Journal, write_json
from pipelines.training.learner import Learner
from pipelines.training.processes import join
from pipelines.training.request import Progress, ReportProgress, TrainRequest, TrainResult
from pipelines.training.run_folder import RunFolder
from pipelines.training.settings import LoopSettings as LoopSettings
from pipelines.training.stopping import StopSignals
from pipelines.training.task import StepInfo, Task

_MODELS, _ORDER, _STEPS = 0, 1, 2
"""What a seed is for, so that the random numbers of one have nothing to do with another's."""


def run(
    task: Task, settings: LoopSettings, request: TrainRequest, report: ReportProgress
) -> TrainResult:
    """Train a task into ``request.out`` and export its weights.

    Random numbers of a step depend on the seed and the step alone, so that a run that was
    interrupted and resumed repeats what it would have done (on the CPU in fp32 bit for bit).
    Raises ``ConfigError`` for a folder that holds another run and a batch that cannot be shared
    out evenly, ``InputError`` (``bad_checkpoint``) if no checkpoint is whole, ``VtonError``
    (``diverged``) once a loss is not finite.
    """
    return Loop(task, settings, request, report).run()


class Loop:
    """The state of one run in this process."""

    def __init__(
        self, task: Task, settings: LoopSettings, request: TrainRequest, report: ReportProgress
    ) -> None:
        self.task, self.settings, self.request, self._report = task, settings, request, report
        self.folder = RunFolder(request.out)
        self.checkpoints = CheckpointFolder(self.folder.checkpoints)
        run_config.check_folder(self.checkpoints, request)
        self.device = devices.torch_device(request.device)
        self.precision = devices.resolve_precision(self.device, request.precision)
        if self.device.type == "cpu":
            devices.keep_freed_memory()
        self.team = join(self.device)
        if settings.batch_size % self.team.size:
            raise ConfigError(
                f"batch_size = {settings.batch_size} cannot be shared by {self.team.size} evenly",
                code="bad_setting",
                hint="Take a multiple of the number of processes.",
            )
        devices.seed_everything(devices.mix_seed(request.seed, _MODELS))
        self.learner = Learner(task, settings, self.device, self.precision, self.team)
        self.source = task.train_data(self.device)
        self.steps_per_epoch = max(1, len(self.source) // settings.batch_size)
        self.total_steps = self._total_steps()
        self.journal = Journal(self.folder)
        self.step = 0
        self.fraction = 0.0
        """Share of the run that is done, as all processes know it."""
        self.figures: dict[str, float] = {}
        self.validated_step = -1
        self.best: dict[str, Any] = {"step": -1, "figures": {}}
        self._seconds_before, self._started = 0.0, time.monotonic()
        self._saved_step, self._saved_at = -1, self._started
        self._logged = (0, 0.0)

    def _total_steps(self) -> int | None:
        request = self.request
        if request.steps is not None:
            return request.steps
        if request.epochs is None and request.minutes is not None:
            return None
        return (request.epochs or self.settings.epochs) * self.steps_per_epoch

    @property
    def seconds(self) -> float:
        """Time spent, earlier parts of the run included."""
        return self._seconds_before + time.monotonic() - self._started

    def run(self) -> TrainResult:
        """Train to the end, the budget or a signal."""
        if self.request.resume:
            self._restore()
        if self.team.leads:
            write_json(self.folder.config, self.config())
            self.journal.start(self.step)
            for note in self.journal.notes:
                self._tell(note)
        with StopSignals() as stop:
            self._logged = (self.step, self.seconds)
            batches = self.source.batches(self._indices())
            while not (self._look_up(stop) or self.fraction >= 1.0):
                self.learner.learn(next(batches), self._info())
                self.step += 1
                self._after_step()
            result = self._interrupted(stop.received) if stop.received else self._finish()
        self.team.leave()
        return result

    def _look_up(self, stop: StopSignals) -> int:
        """Learn from all processes how much of the run is done; the signal that ends it, or 0."""
        by_steps = self.step / self.total_steps if self.total_steps is not None else 0.0
        budget_s = 60 * (self.request.minutes or math.inf)
        by_time, signum = self.team.agree((self.seconds / budget_s, stop.look()))
        self.fraction = min(1.0, max(by_steps, by_time))
        stop.received = int(signum)
        return stop.received

    def _indices(self) -> Iterator[Tensor]:
        """Indices of the batches from the present step on: each epoch in an order of its own."""
        size, count = self.settings.batch_size, len(self.source)
        first_epoch, offset = divmod(self.step, self.steps_per_epoch)
        for epoch in itertools.count(first_epoch):
            order = _order(count, size, devices.mix_seed(self.request.seed, _ORDER, epoch))
            for number in range(offset, self.steps_per_epoch):
                yield self.team.share(order[number * size : (number + 1) * size])
            offset = 0

    def _info(self) -> StepInfo:
        seed = devices.mix_seed(self.request.seed, _STEPS, self.step, self.team.rank)
        devices.seed_everything(seed)
        generator = torch.Generator(self.device).manual_seed(seed)
        epoch = self.step / self.steps_per_epoch
        return StepInfo(self.step, epoch, self.fraction, self.total_steps, generator)

    def _after_step(self) -> None:
        if self.step % self.settings.log_every == 0:
            self._log_losses()
        every = self.settings.validate_every or self.steps_per_epoch
        validated = self.step % every == 0
        if not self.team.leads:
            return
        if validated:
            self._validate()
        due = self.settings.checkpoint_every
        late = time.monotonic() - self._saved_at > 60 * self.settings.checkpoint_minutes
        if late or self.best["step"] == self.step or (self.step % due == 0 if due else validated):
            self._save()

    def _log_losses(self) -> None:
        if not self.learner.means.count:
            return
        means = self.learner.means.take(self.team)
        bad = [name for name, value in means.items() if not math.isfinite(value)]
        if bad:
            raise self._diverged(", ".join(bad))
        step, seconds = self._logged
        rate = (self.step - step) * self.settings.batch_size / max(self.seconds - seconds, 1e-9)
        self._logged = (self.step, self.seconds)
        if self.team.leads:
            self._write("train", {**means, **self.learner.rates(), "images_per_s": round(rate, 2)})
            self._tell(losses=means, images_per_s=rate)

    def _diverged(self, what: str) -> VtonError:
        return VtonError(
            f"step {self.step}: {what} is not finite; the run has diverged.",
            code="diverged",
            hint="Use --resume with a lower learning rate or clip_norm, or --precision fp32.",
        )

    def _validate(self) -> None:
        modules = self.learner.judged()
        with torch.no_grad(), devices.autocast(self.device, self.precision):
            figures = self.task.validate(modules, self.device)
            sheet = self.task.sheet(modules, self.device)
        self.figures = {name: float(value) for name, value in figures.items()}
        self.validated_step = self.step
        self._write("validation", self.figures)
        if sheet is not None:
            self.journal.show(self.step, sheet)
        if self._is_best():
            self.best = {"step": self.step, "figures": dict(self.figures)}
        self._tell()
        # a validation is no training: the next rate starts here
        self._logged = (self.step, self.seconds)

    def _is_best(self) -> bool:
        name = self.task.best
        value = self.figures[name] if name else math.nan
        if not math.isfinite(value) or self.best["step"] < 0:
            return math.isfinite(value)
        before = self.best["figures"][name]
        return bool(value > before if self.task.larger_is_better else value < before)

    def _finish(self) -> TrainResult:
        self._log_losses()
        if not self.team.leads:
            return TrainResult("done", {}, (), self.seconds, self.step)
        if self.validated_step != self.step:
            self._validate()
        if self._saved_step != self.step:
            self._save()
        step, figures = self._take_best()
        meta = {"step": step, "figures": figures, "config": self.config()}
        files = self.task.export(self.learner.judged(), self.folder.root, meta)
        rows = self.task.rows(figures)
        told = {"status": "done", "step": step, "steps": self.step, "seconds": self.seconds}
        self.journal.end({**told, "figures": figures, "rows": rows})
        made = (*files, self.folder.curves, self.folder.metrics)
        present = tuple(path for path in made if path.is_file())
        return TrainResult("done", figures, present, self.seconds, self.step, rows=rows)

    def _take_best(self) -> tuple[int, dict[str, float]]:
        """Load the best average, if it is not the present one; its step and figures."""
        step = int(self.best["step"])
        if step in (-1, self.step):
            return self.step, self.figures
        try:
            self.learner.load_average(self.checkpoints.read(step)["learner"])
        except VtonError as error:
            self._tell(f"the last weights are exported instead of the best: {error}")
            return self.step, self.figures
        return step, self.best["figures"]

    def _interrupted(self, signum: int) -> TrainResult:
        files = []
        if self.team.leads:
            files.append(self._save())
            self.journal.end()
        return TrainResult(
            "interrupted", self.figures, tuple(files), self.seconds, self.step, signum
        )

    def config(self) -> dict[str, Any]:
        """Everything that made this run what it is (JSON values)."""
        return run_config.describe(
            self.request, self.settings, self.task, self.precision, self.team.size
        )

    def _save(self) -> Any:
        if not self.learner.means.finite():
            raise self._diverged("a loss")
        self.journal.sync()
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "figures": self.figures,
            "validated_step": self.validated_step,
            "best": self.best,
            "learner": self.learner.state_dict(),
        }
        path = self.checkpoints.write(self.step, state, self.config(), best=self.best["step"])
        self._saved_step, self._saved_at = self.step, time.monotonic()
        return path

    def _restore(self) -> None:
        state, refused = self.checkpoints.latest()
        for error in refused:
            self._tell(f"{error} An earlier one is used.")
        if state is None:
            if refused:
                raise refused[0]
            return
        self.learner.load_state_dict(state["learner"])
        self.step, self._seconds_before = state["step"], state["seconds"]
        self.figures, self.best = state["figures"], state["best"]
        self.validated_step = state["validated_step"]
        self._saved_step, self._saved_at = self.step, time.monotonic()
        changed = run_config.differences(self.checkpoints.config(self.step), self.config())
        words = f"; changed since: {', '.join(changed)}" if changed else ""
        self._tell(f"resumed at step {self.step}{words}")

    def _write(self, kind: str, values: Mapping[str, float]) -> None:
        self.journal.write(kind, self.step, self.step / self.steps_per_epoch, self.seconds, values)

    def _tell(
        self, note: str = "", losses: Mapping[str, float] | None = None, images_per_s: float = 0.0
    ) -> None:
        if not self.team.leads:
            return
        epoch = self.step // self.steps_per_epoch
        self._report(
            Progress(
                step=self.step,
                total_steps=self.total_steps,
                epoch=epoch,
                fraction=self.fraction,
                seconds=self.seconds,
                losses=losses or {},
                metrics=self.figures,
                images_per_s=images_per_s,
                note=note,
            )
        )


def _order(count: int, batch_size: int, seed: int) -> Tensor:
    """A permutation; several where one batch is larger than the data.

    What is left over after the last whole batch is not used in this epoch: every step then
    weighs the same, and processes get equal parts.
    """
    generator = torch.Generator().manual_seed(seed)
    rounds = max(1, math.ceil(batch_size / count))
    return torch.cat([torch.randperm(count, generator=generator) for _ in range(rounds)])
