"""The training loop: epochs, precision, averages, checkpoints, logs."""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pipelines import device as devices
from pipelines.atomic import write_atomic
from pipelines.errors import ConfigError, VtonError
from pipelines.training.checkpoints import CheckpointFolder
from pipelines.training.ema import WeightAverage
from pipelines.training.request import Progress, ReportProgress, TrainRequest, TrainResult
from pipelines.training.stopping import StopSignals
from pipelines.training.task import Batch, StepInfo, Task


@dataclass(frozen=True)
class LoopSettings:
    """How a task is run; a trainer fills these from its settings."""

    batch_size: int
    """Examples of one step, of all processes together."""
    epochs: int = 10
    """Passes over the data where the request says neither epochs nor steps nor minutes."""
    ema_decay: float = 0.999
    """Of the moving average of the weights; 0 = use the weights themselves."""
    clip_norm: float = 0.0
    """Largest norm of an optimizer's gradients; 0 = any."""
    channels_last: bool = False
    log_every: int = 50
    """Steps between lines of ``metrics.jsonl``."""
    validate_every: int = 0
    """Steps between validations; 0 = after each epoch. There is always one at the end."""
    checkpoint_every: int = 0
    """Steps between checkpoints; 0 = with each validation."""
    checkpoint_minutes: float = 10.0
    """Longest time between checkpoints."""


def run(
    task: Task, settings: LoopSettings, request: TrainRequest, report: ReportProgress
) -> TrainResult:
    """Train a task into ``request.out`` and export its weights."""
    return Loop(task, settings, request, report).run()


class Loop:
    """The state of one run."""

    def __init__(
        self, task: Task, settings: LoopSettings, request: TrainRequest, report: ReportProgress
    ) -> None:
        self.task, self.settings, self.request, self.report = task, settings, request, report
        self.device = devices.torch_device(request.device)
        self.precision = devices.resolve_precision(self.device, request.precision)
        devices.seed_everything(devices.mix_seed(request.seed))
        layout = torch.channels_last if settings.channels_last else torch.preserve_format
        made = task.modules()
        self.modules: dict[str, nn.Module] = {
            name: module.to(self.device, memory_format=layout)  # type: ignore[call-overload]
            for name, module in made.items()
        }
        self.optimizers = task.optimizers(self.modules)
        self.initial_rates = {
            name: [group["lr"] for group in optimizer.param_groups]
            for name, optimizer in self.optimizers.items()
        }
        names = self.modules if task.averaged is None else task.averaged
        self.average = (
            WeightAverage({n: self.modules[n] for n in names}, settings.ema_decay)
            if settings.ema_decay
            else None
        )
        self.source = task.train_data(self.device)
        self.steps_per_epoch = max(1, len(self.source) // settings.batch_size)
        self.total_steps = self._total_steps()
        self.step = 0
        self.sums: dict[str, Tensor] = {}
        self.summed = 0
        self.best: float | None = None
        self.best_step = -1
        self.figures: dict[str, float] = {}
        self.seconds_before = 0.0
        self.started = time.monotonic()
        self.checkpoints = CheckpointFolder(request.out / "checkpoints")
        self.last_saved = (-1, self.started)
        self.log_path = request.out / "metrics.jsonl"
        self.last_log = (0, 0.0)

    def _total_steps(self) -> int | None:
        request = self.request
        if request.steps is not None:
            return request.steps
        if request.epochs is not None:
            return request.epochs * self.steps_per_epoch
        if request.minutes is not None:
            return None
        return self.settings.epochs * self.steps_per_epoch

    @property
    def seconds(self) -> float:
        """Time spent, earlier parts of the run included."""
        return self.seconds_before + time.monotonic() - self.started

    @property
    def fraction(self) -> float:
        """Share of the run that is done, 0..1."""
        by_steps = self.step / self.total_steps if self.total_steps else 0.0
        budget = self.request.minutes
        by_time = self.seconds / (60 * budget) if budget else 0.0
        return min(1.0, max(by_steps, by_time))

    def run(self) -> TrainResult:
        """Train to the end, the budget or a signal."""
        self.request.out.mkdir(parents=True, exist_ok=True)
        if self.request.resume:
            self._restore()
        self._start_log()
        self.last_log = (self.step, self.seconds)
        with StopSignals() as stop:
            batches = self.source.batches(self._indices())
            while self.fraction < 1.0 and not stop.received:
                self._train_step(next(batches))
                self._after_step()
            if stop.received:
                path = self._save()
                self._tell(f"interrupted; checkpoint {path}")
                return TrainResult(
                    "interrupted", self.figures, (path,), self.seconds, self.step, stop.received
                )
        return self._finish()

    def _indices(self) -> Iterator[Tensor]:
        """Indices of the batches from the present step on: each epoch in an order of its own."""
        size, count = self.settings.batch_size, len(self.source)
        first_epoch, offset = divmod(self.step, self.steps_per_epoch)
        for epoch in itertools.count(first_epoch):
            order = _order(count, size, devices.mix_seed(self.request.seed, 1, epoch))
            for number in range(offset, self.steps_per_epoch):
                yield order[number * size : (number + 1) * size]
            offset = 0

    def _train_step(self, batch: Batch) -> None:
        info = self._info()
        for module in self.modules.values():
            module.train()
        with torch.no_grad():
            batch = self.task.augment(batch, info.generator)
        for name, optimizer in self.optimizers.items():
            factor = self.task.learning_rate(name, info)
            for group, rate in zip(optimizer.param_groups, self.initial_rates[name], strict=True):
                group["lr"] = rate * factor
            optimizer.zero_grad(set_to_none=True)
        with closing(self.task.losses(self.modules, batch, info)) as losses:  # type: ignore[type-var]
            while True:
                with devices.autocast(self.device, self.precision):
                    item = next(losses, None)
                if item is None:
                    break
                self._descend(*item)
        if self.average:
            self.average.update()
        self.step += 1
        self.summed += 1

    def _info(self) -> StepInfo:
        seed = devices.mix_seed(self.request.seed, 2, self.step)
        devices.seed_everything(seed)
        generator = torch.Generator(self.device).manual_seed(seed)
        epoch = self.step // self.steps_per_epoch
        return StepInfo(self.step, epoch, self.fraction, self.total_steps, generator)

    def _descend(self, name: str, loss: Tensor, scalars: dict[str, Tensor]) -> None:
        optimizer = self.optimizers[name]
        loss.backward()  # type: ignore[no-untyped-call]
        if self.settings.clip_norm:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self.settings.clip_norm)
        optimizer.step()
        # another loss of this step may have left gradients here, this one elsewhere
        for other in self.optimizers.values():
            other.zero_grad(set_to_none=True)
        for key, value in {f"loss/{name}": loss, **scalars}.items():
            value = value.detach().float()
            self.sums[key] = self.sums[key] + value if key in self.sums else value

    def _after_step(self) -> None:
        if self.step % self.settings.log_every == 0 or self.fraction >= 1.0:
            self._log_losses()
        every = self.settings.validate_every or self.steps_per_epoch
        validated = self.step % every == 0 or self.fraction >= 1.0
        if validated:
            self._validate()
        due = self.settings.checkpoint_every
        late = time.monotonic() - self.last_saved[1] > 60 * self.settings.checkpoint_minutes
        if late or (self.step % due == 0 if due else validated):
            self._save()

    def _log_losses(self) -> None:
        if not self.summed:
            return
        means = {key: float(value) / self.summed for key, value in self.sums.items()}
        self.sums, self.summed = {}, 0
        bad = [key for key, value in means.items() if not math.isfinite(value)]
        if bad:
            raise VtonError(
                f"step {self.step}: {', '.join(bad)} is not finite; the run has diverged.",
                code="diverged",
                hint="Resume from the last checkpoint with a lower learning rate, or with fp32.",
            )
        step, seconds = self.last_log
        rate = (self.step - step) * self.settings.batch_size / max(self.seconds - seconds, 1e-9)
        self.last_log = (self.step, self.seconds)
        rates = {f"lr/{n}": o.param_groups[0]["lr"] for n, o in self.optimizers.items()}
        line = {**means, **rates, "images_per_s": round(rate, 2)}
        self._write_line("train", line)
        self._tell(losses=means, images_per_s=rate)

    def _validate(self) -> None:
        modules = self._judged()
        with torch.no_grad(), devices.autocast(self.device, self.precision):
            self.figures = self.task.validate(modules, self.device)
        self._write_line("validation", self.figures)
        if self.task.best:
            value = self.figures[self.task.best]
            better = self.best is None or (
                value > self.best if self.task.larger_is_better else value < self.best
            )
            if better:
                self.best, self.best_step = value, self.step
        self._tell()

    def _judged(self) -> dict[str, nn.Module]:
        modules = self.modules | (self.average.modules if self.average else {})
        for module in modules.values():
            module.eval()
        return modules

    def _finish(self) -> TrainResult:
        if not self.figures:
            self._validate()
        if self.last_saved[0] != self.step:
            self._save()
        meta = {"figures": self.figures, "step": self.step, "config": self.config()}
        files = self.task.export(self._judged(), self.request.out, meta)
        rows = self.task.rows(self.figures)
        return TrainResult("done", self.figures, files, self.seconds, self.step, rows=rows)

    def config(self) -> dict[str, Any]:
        """Everything that made this run what it is."""
        request = self.request
        return {
            "stage": request.stage,
            "seed": request.seed,
            "epochs": request.epochs,
            "steps": request.steps,
            "minutes": request.minutes,
            "precision": self.precision,
            "settings": dict(request.settings),
            "loop": asdict(self.settings),
            "task": self.task.describe(),
        }

    def _save(self) -> Any:
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "modules": {n: m.state_dict() for n, m in self.modules.items()},
            "optimizers": {n: o.state_dict() for n, o in self.optimizers.items()},
            "average": self.average.state_dict() if self.average else None,
            "sums": self.sums,
            "summed": self.summed,
            "best": self.best,
            "best_step": self.best_step,
            "figures": self.figures,
        }
        self.last_saved = (self.step, time.monotonic())
        return self.checkpoints.write(self.step, state, self.config())

    def _restore(self) -> None:
        state, refused = self.checkpoints.latest()
        for error in refused:
            self._tell(str(error))
        if state is None:
            if refused:
                raise refused[0]
            return
        for name, module in self.modules.items():
            module.load_state_dict(state["modules"][name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        if self.average:
            if state["average"] is None:
                raise ConfigError("the checkpoint holds no moving average", hint="Set ema_decay=0.")
            self.average.load_state_dict(state["average"])
        self.step, self.seconds_before = state["step"], state["seconds"]
        self.sums = {k: v.to(self.device) for k, v in state["sums"].items()}
        self.summed, self.figures = state["summed"], state["figures"]
        self.best, self.best_step = state["best"], state["best_step"]
        self.last_saved = (self.step, time.monotonic())
        self._tell(f"resumed at step {self.step}")

    def _start_log(self) -> None:
        """Keep the lines up to the present step: what comes after them is made again."""
        kept = b""
        if self.step and self.log_path.is_file():
            lines = self.log_path.read_bytes().splitlines(keepends=True)
            kept = b"".join(x for x in lines if x.endswith(b"\n") and _step_of(x) <= self.step)
        write_atomic(self.log_path, kept)

    def _write_line(self, kind: str, values: dict[str, float]) -> None:
        line = {
            "kind": kind,
            "step": self.step,
            "epoch": round(self.step / self.steps_per_epoch, 4),
            "seconds": round(self.seconds, 3),
            **values,
        }
        with self.log_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _tell(
        self,
        note: str = "",
        losses: dict[str, float] | None = None,
        images_per_s: float = 0.0,
    ) -> None:
        epoch = self.step // self.steps_per_epoch
        self.report(
            Progress(
                self.step,
                self.total_steps,
                epoch,
                self.fraction,
                self.seconds,
                losses or {},
                self.figures,
                images_per_s,
                note,
            )
        )


def _order(count: int, batch_size: int, seed: int) -> Tensor:
    """A permutation; repeated where one batch is larger than the data."""
    generator = torch.Generator().manual_seed(seed)
    rounds = max(1, math.ceil(batch_size / count))
    return torch.cat([torch.randperm(count, generator=generator) for _ in range(rounds)])


def _step_of(line: bytes) -> int:
    return int(json.loads(line)["step"])
