"""Networks, optimizers and their average: what one training step changes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pipelines import device as devices
from pipelines.errors import ConfigError
from pipelines.training.ema import WeightAverage
from pipelines.training.muon import MuonBeside
from pipelines.training.processes import Team
from pipelines.training.settings import LoopSettings
from pipelines.training.task import Batch, StepInfo, Task


class Learner:
    """The trained state of a task, on a device."""

    def __init__(
        self, task: Task, settings: LoopSettings, device: torch.device, precision: str, team: Team
    ) -> None:
        self.task, self.device, self.precision, self.team = task, device, precision, team
        self.clip_norm = settings.clip_norm
        self.modules = {
            name: self._placed(module, settings.channels_last)
            for name, module in task.modules().items()
        }
        team.spread(self.modules.values())
        self.optimizers = task.optimizers(self.modules)
        if settings.optimizer == "muon":
            self.optimizers = {n: MuonBeside(own) for n, own in self.optimizers.items()}
        self._rates = {
            name: [group["lr"] for group in optimizer.param_groups]
            for name, optimizer in self.optimizers.items()
        }
        names = self.modules if task.averaged is None else task.averaged
        averaged = {name: self.modules[name] for name in names}
        decay = settings.ema_decay
        self.average = WeightAverage(averaged, decay) if decay and averaged else None
        self.means = Means()
        self._training = False

    def _placed(self, module: nn.Module, channels_last: bool) -> nn.Module:
        if self.team.size > 1 and devices.synchronise_norms(self.device):
            convert: Any = nn.SyncBatchNorm.convert_sync_batchnorm  # untyped in torch
            module = convert(module)
        module = module.to(self.device)
        return module.to(memory_format=torch.channels_last) if channels_last else module

    def learn(self, batch: Batch, info: StepInfo) -> None:
        """Take one step on a batch."""
        if not self._training:
            self._training = True
            for module in self.modules.values():
                module.train()
        self._set_rates(info)
        with torch.no_grad():
            batch = self.task.augment(batch, info.generator)
        losses = self.task.losses(self.modules, batch, info)
        while (item := self._next(losses)) is not None:
            self._descend(*item)
        self.means.count += 1
        if self.average:
            self.average.update()

    def _next(self, losses: Iterator[tuple[str, Tensor, dict[str, Tensor]]]) -> Any:
        with devices.autocast(self.device, self.precision):
            return next(losses, None)

    def _set_rates(self, info: StepInfo) -> None:
        for name, optimizer in self.optimizers.items():
            factor = self.task.learning_rate(name, info)
            for group, rate in zip(optimizer.param_groups, self._rates[name], strict=True):
                group["lr"] = rate * factor

    def _descend(self, name: str, loss: Tensor, scalars: Mapping[str, Tensor]) -> None:
        optimizer = self.optimizers[name]
        self._forget_gradients()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's stubs leave it untyped
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.team.average_gradients(parameters)
        if self.clip_norm:
            nn.utils.clip_grad_norm_(parameters, self.clip_norm)
        optimizer.step()
        self._forget_gradients()
        self.means.add({f"loss/{name}": loss, **scalars})

    def _forget_gradients(self) -> None:
        # of all: the loss of one optimizer leaves gradients in the networks of the others
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)

    def rates(self) -> dict[str, float]:
        """Present learning rate of each optimizer's first group."""
        return {f"lr/{n}": float(o.param_groups[0]["lr"]) for n, o in self.optimizers.items()}

    def judged(self) -> dict[str, nn.Module]:
        """The modules by which the run is judged, averaged where that is wanted, in eval mode."""
        self._training = False
        modules = self.modules | (self.average.modules if self.average else {})
        for module in modules.values():
            module.eval()
        return modules

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values only, so that it can be read without running code."""
        return {
            "modules": {name: module.state_dict() for name, module in self.modules.items()},
            "optimizers": {name: o.state_dict() for name, o in self.optimizers.items()},
            "average": self.average.state_dict() if self.average else None,
            "means": self.means.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take a saved state up again. Raises ``ConfigError`` if it is of other networks."""
        try:
            for name, module in self.modules.items():
                module.load_state_dict(state["modules"][name])
            for name, optimizer in self.optimizers.items():
                optimizer.load_state_dict(state["optimizers"][name])
            self.load_average(state)
        except (RuntimeError, KeyError, ValueError) as error:
            raise ConfigError(
                f"the checkpoint is of another network: {str(error).splitlines()[0]}",
                code="other_network",
                hint="Give the settings of the run that wrote it, or another --out.",
            ) from None
        self.means.load_state_dict(state["means"], self.device)

    def load_average(self, state: Mapping[str, Any]) -> None:
        """Take only the average up again (the weights themselves where there is none)."""
        if self.average and state["average"]:
            self.average.load_state_dict(state["average"])
            return
        for name, module in self.modules.items():
            module.load_state_dict(state["modules"][name])


class Means:
    """Means of scalars over the steps since the last log point; adds up on the device."""

    def __init__(self) -> None:
        self.count = 0
        """Steps since then."""
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, scalars: Mapping[str, Tensor]) -> None:
        """Add the scalars of one step."""
        for name, value in scalars.items():
            value = value.detach().float()
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1

    def take(self, team: Team) -> dict[str, float]:
        """The means over steps and processes; starts anew."""
        means = {name: total / self._counts[name] for name, total in self._sums.items()}
        found = {name: float(value) for name, value in team.average(means).items()}
        self.count, self._sums, self._counts = 0, {}, {}
        return found

    def finite(self) -> bool:
        """Whether no scalar has become infinite or not a number."""
        return all(math.isfinite(float(total)) for total in self._sums.values())

    def state_dict(self) -> dict[str, Any]:
        """What ``load_state_dict`` takes."""
        return {"count": self.count, "sums": dict(self._sums), "counts": dict(self._counts)}

    def load_state_dict(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Take saved sums up again."""
        self.count, self._counts = state["count"], dict(state["counts"])
        self._sums = {name: total.to(device) for name, total in state["sums"].items()}
