"""``vtonctl train acgpn.g1``, ``.g2``, ``.u`` and ``.g``: from data-set roots to weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from pipelines import checkpoints
from pipelines.errors import ConfigError
from pipelines.systems.acgpn.config import NECKS, ACGPNConfig
from pipelines.systems.acgpn.train_base import ACGPNTask
from pipelines.systems.acgpn.train_data import recipe
from pipelines.systems.acgpn.train_fusion import GTask
from pipelines.systems.acgpn.train_layout import G1Task, G2Task
from pipelines.systems.acgpn.train_settings import (
    CONSTRAINTS,
    G1Settings,
    G2Settings,
    GSettings,
    LayoutSettings,
    SharedSettings,
    USettings,
)
from pipelines.systems.acgpn.train_warp import UTask
from pipelines.systems.acgpn.weights import read_network
from pipelines.training.loop import run
from pipelines.training.request import ReportProgress, TrainRequest, TrainResult
from pipelines.training.settings import NARROWEST
from pipelines.training.tryon_forcing import Helpers
from pipelines.training.tryon_perceptual import Perceptual, find_perceptual
from pipelines.training.tryon_settings import SCHEDULES, GanSettings
from pipelines.training.tryon_setup import Setup, bad, check_forcing, refuse_unknown
from pipelines.training.tryon_task import TaskData

Start = Mapping[str, Tensor] | None


def train_g1(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the layout of the body. Raises ``InputError``, ``ConfigError``."""
    setup = TrainSetup(request, report)
    return setup.run(setup.task("g1", G1Settings.of(request.settings)))


def train_g2(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the mask of the garment. Raises ``InputError``, ``ConfigError``, ``WeightsMissing``."""
    setup = TrainSetup(request, report)
    return setup.run(setup.task("g2", G2Settings.of(request.settings)))


def train_u(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the warp. Raises ``InputError``, ``ConfigError``, ``WeightsMissing``."""
    setup = TrainSetup(request, report)
    return setup.run(setup.task("u", USettings.of(request.settings)))


def train_g(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the picture. Raises ``InputError``, ``ConfigError``, ``WeightsMissing``."""
    setup = TrainSetup(request, report)
    return setup.run(setup.task("g", GSettings.of(request.settings)))


class TrainSetup(Setup):
    """What the trainers read from their settings alike."""

    def __init__(self, request: TrainRequest, report: ReportProgress) -> None:
        super().__init__(request, report)
        self.shared = SharedSettings.of(request.settings)
        refuse_unknown("neck", self.shared.neck, NECKS)
        refuse_unknown("schedule", self.shared.schedule, SCHEDULES)
        self._data: TaskData | None = None

    def run(self, task: ACGPNTask[Any]) -> TrainResult:
        """Train."""
        return run(task, self.loop, self.request, self._report)

    def task(
        self, stage: str, wanted: GanSettings, *, alone: bool = True, start: str | None = None
    ) -> ACGPNTask[Any]:
        """The task of a stage.

        Not ``alone`` the networks before it are trained along; ``start`` names the weights to go
        on from (empty: none; None: what the setting ``start`` says).
        """
        path = self.start_file() if start is None else None
        if start:
            path = checkpoints.find(start).path
        config = self._config(wanted)
        state: Start = None
        if path is not None:
            network, found = read_network(path, f"acgpn.{stage}")
            found = replace(found, neck=self.shared.neck)
            if config.coarse_width:
                found = replace(found, coarse_width=config.coarse_width)
            config, state = found, network.state_dict()
        if isinstance(wanted, LayoutSettings) and wanted.coarse_alone and not config.coarse_width:
            raise bad("coarse_alone needs a coarse_width")
        networks = self._before(wanted) if alone else {}
        helpers = Helpers(networks, self._perceptual(wanted))
        self._check_forcing(stage, wanted, helpers, alone=alone)
        common = (self.examples(), self.augmentation, helpers, state)
        if isinstance(wanted, G1Settings):
            return G1Task(config, self.shared, wanted, *common)
        if isinstance(wanted, G2Settings):
            return G2Task(config, self.shared, wanted, *common)
        if isinstance(wanted, USettings):
            refuse_unknown("constraint", wanted.constraint, CONSTRAINTS)
            return UTask(config, self.shared, wanted, *common)
        assert isinstance(wanted, GSettings)  # noqa: S101 - the last of the four
        return GTask(config, self.shared, wanted, *common)

    def examples(self) -> TaskData:
        """Examples to learn from and to judge by; made once."""
        if self._data is None:
            self._data = self.data(recipe())
        return self._data

    def _config(self, wanted: GanSettings) -> ACGPNConfig:
        if wanted.width < NARROWEST:
            raise bad(f"width = {wanted.width}: at least {NARROWEST} wanted")
        if isinstance(wanted, LayoutSettings):
            coarse = wanted.coarse_width
            if coarse < 0 or coarse % 8:
                raise bad(f"coarse_width = {coarse}: wanted a multiple of 8 or 0")
            return ACGPNConfig(wanted.width, neck=self.shared.neck, coarse_width=coarse)
        if not isinstance(wanted, USettings):
            return ACGPNConfig(width=wanted.width, neck=self.shared.neck)
        if self.loop.channels_last and wanted.spline_width < NARROWEST:
            raise bad(
                f"spline_width = {wanted.spline_width}: at least {NARROWEST} wanted with "
                "channels_last"
            )
        if wanted.spline_width < 1:
            raise bad(f"spline_width = {wanted.spline_width}: at least 1 wanted")
        if not 0 <= wanted.dropout < 1:
            raise bad(f"dropout = {wanted.dropout}: wanted 0 up to, not including, 1")
        return ACGPNConfig(wanted.width, wanted.spline_width, neck=self.shared.neck)

    def _before(self, wanted: GanSettings) -> dict[str, nn.Module]:
        """The networks before that are named, by stage."""
        names = {stage: str(getattr(wanted, stage, "")) for stage in ("g1", "g2", "u")}
        return {stage: self._read(name, stage) for stage, name in names.items() if name}

    def _read(self, name: str, stage: str) -> nn.Module:
        path = checkpoints.find(name).path
        network, config = read_network(path, f"acgpn.{stage}")
        if config.neck != self.shared.neck:
            raise ConfigError(
                f"{path}: trained with neck = {config.neck}; this with {self.shared.neck}",
                code="other_conditions",
                hint=f"Use --set neck={config.neck}.",
            )
        return network

    def _perceptual(self, wanted: GanSettings) -> Perceptual | None:
        if not isinstance(wanted, USettings | GSettings) or not wanted.perceptual_weight:
            return None
        return find_perceptual(wanted.perceptual, wanted.perceptual_weights, self.tell)

    def _check_forcing(
        self, stage: str, wanted: GanSettings, helpers: Helpers, *, alone: bool
    ) -> None:
        before = {"g2": ("g1",), "u": ("g1", "g2"), "g": ("g1", "g2", "u")}.get(stage, ())
        lacking = [name for name in before if name not in helpers.networks]
        check_forcing(getattr(wanted, "teacher_forcing", 1.0), lacking if alone else ())
