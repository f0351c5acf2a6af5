"""Which try-on system a run uses, with which weights and on which device: settled by the parent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines import device
from pipelines.device import Compute
from pipelines.registry import SYSTEMS
from pipelines.system_choice import SystemChoice, choose_system
from vtonctl.runs.requests import RunOptions, TryOnRequest
from vtonctl.runs.result import SystemUsed, SystemWeights
from vtonctl.runs.tasks import StageSpec


@dataclass(frozen=True)
class SystemPlan:
    """A system and where it computes; ``compute`` is None for one that uses no device."""

    choice: SystemChoice
    params: Mapping[str, Any]
    compute: Compute | None = None

    @property
    def spec(self) -> StageSpec:
        """As a stage; the place of its weights and the number of its GPU change no output."""
        info, target = SYSTEMS[self.choice.name]
        weights, compute = self.choice.weights, self.compute
        if compute is None:
            return StageSpec(info, target, dict(self.params))
        params = {**self.params, "device": compute.kind, "precision": compute.precision}
        hashes = {family: found.sha256 for family, found in weights.items()}
        runtime: Mapping[str, Any] = {
            "weights": {family: found.path for family, found in weights.items()},
            "weights_sha256": hashes,
            "device": compute.device,
        }
        return StageSpec(info, target, params, ",".join(hashes.values()), runtime)

    @property
    def used(self) -> SystemUsed:
        """As it is told to people."""
        compute = self.compute
        return SystemUsed(
            name=self.choice.name,
            weights=tuple(
                SystemWeights(family, found.name, found.sha256, found.tier)
                for family, found in self.choice.weights.items()
            ),
            device=compute.device if compute else "",
            precision=compute.precision if compute else "",
        )


def plan_system(request: TryOnRequest, options: RunOptions) -> SystemPlan:
    """Settle it. Raises what ``choose_system`` and ``device.plan`` raise."""
    choice = choose_system(request.system, weights=request.weights, commercial=request.commercial)
    if not choice.weights:
        return SystemPlan(choice, request.params)
    compute = options.compute or device.plan(options.device, options.precision)
    return SystemPlan(choice, request.params, compute)
