"""Which parser a run uses, with which weights and on which device: settled once, by the parent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pipelines import device
from pipelines.device import Compute
from pipelines.errors import ConfigError
from pipelines.preprocess.parser_choice import WITHOUT_WEIGHTS, ParserChoice, choose_parser
from pipelines.stage import StageInfo
from vtonctl.runs.requests import RunOptions
from vtonctl.runs.result import ParserUsed
from vtonctl.runs.tasks import StageSpec


class ParserWish(Protocol):
    """The part of a request that says which parser is wanted."""

    @property
    def parser(self) -> str:
        """Its name, or ``auto``."""

    @property
    def parser_weights(self) -> str:
        """Name or file of its weights; empty for the best ones."""

    @property
    def commercial(self) -> bool:
        """Whether only openly licensed weights may be used."""


@dataclass(frozen=True)
class ParsePlan:
    """A parser and where it computes; ``compute`` is None for one that uses no device."""

    choice: ParserChoice = ParserChoice(WITHOUT_WEIGHTS)
    compute: Compute | None = None

    def spec(self, info: StageInfo, target: str) -> StageSpec:
        """The stage; the place of its weights and the number of its GPU change no output."""
        params: dict[str, Any] = {"parser": self.choice.name}
        weights, compute = self.choice.weights, self.compute
        if weights is None or compute is None:
            return StageSpec(info, target, params)
        params |= {"device": compute.kind, "precision": compute.precision}
        runtime: Mapping[str, Any] = {
            "weights": weights.path,
            "weights_sha256": weights.sha256,
            "device": compute.device,
        }
        return StageSpec(info, target, params, weights.sha256, runtime)

    @property
    def used(self) -> ParserUsed:
        """As it is told to people."""
        weights, compute = self.choice.weights, self.compute
        if weights is None or compute is None:
            return ParserUsed(self.choice.name)
        return ParserUsed(
            name=self.choice.name,
            weights=weights.name,
            sha256=weights.sha256,
            tier=weights.tier,
            device=compute.device,
            precision=compute.precision,
        )


def plan_parse(request: ParserWish, options: RunOptions) -> ParsePlan:
    """Settle it. Raises what ``choose_parser`` and ``device.plan`` raise."""
    device.check_name(options.device)
    device.check_precision(options.precision)
    choice = choose_parser(
        request.parser, weights=request.parser_weights, commercial=request.commercial
    )
    if choice.weights is None:
        return ParsePlan(choice)
    return ParsePlan(choice, options.compute or device.plan(options.device, options.precision))


def refuse_unused_device(options: RunOptions, *used: Compute | None) -> None:
    """Raise ``ConfigError`` if a GPU was asked for and nothing in the run uses it."""
    if options.compute or options.device in ("auto", "cpu") or any(used):
        return
    device.plan(options.device, options.precision)  # a device that is not there comes first
    raise ConfigError(
        f"--device {options.device} was asked for, but nothing in this run uses a GPU",
        code="device_not_used",
        hint="Use --device cpu or leave it out.",
    )
