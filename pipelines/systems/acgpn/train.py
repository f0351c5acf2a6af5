"""``vtonctl train acgpn.g1``, ``.g2``, ``.u`` and ``.g``: from data-set roots to weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

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
from pipelines.training.request import ReportProgress, TrainRequest, TrainResult
from pipelines.training.settings import NARROWEST
from pipelines.training.tryon_settings import SCHEDULES, GanSettings
from pipelines.training.tryon_setup import Setup, bad, check_forcing, check_width, refuse_unknown
from pipelines.training.tryon_task import TaskData

_TASKS: Mapping[str, type[ACGPNTask[Any]]] = {"g1": G1Task, "g2": G2Task, "u": UTask, "g": GTask}


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


class TrainSetup(Setup[SharedSettings, ACGPNConfig]):
    """What the trainers read from their settings alike."""

    kind, before = SharedSettings, ("g1", "g2", "u")
    known = {"neck": NECKS, "schedule": SCHEDULES}
    read = staticmethod(read_network)

    def task(
        self, stage: str, wanted: GanSettings, *, alone: bool = True, start: str | None = None
    ) -> ACGPNTask[Any]:
        """The task of a stage.

        Not ``alone`` the networks before it are trained along; ``start`` names the weights to go
        on from (empty: none; None: what the setting ``start`` says).
        """
        begun = self.start(f"acgpn.{stage}", start)
        config = self._config(wanted)
        if begun:
            config = replace(
                begun.config,
                neck=self.shared.neck,
                coarse_width=config.coarse_width or begun.config.coarse_width,
                refine_width=config.refine_width or begun.config.refine_width,
            )
        if isinstance(wanted, LayoutSettings) and wanted.coarse_alone and not config.coarse_width:
            raise bad("coarse_alone needs a coarse_width")
        if isinstance(wanted, USettings):
            refuse_unknown("constraint", wanted.constraint, CONSTRAINTS)
        kind, helpers = _TASKS[stage], self.helpers(wanted, config)
        check_forcing(wanted, kind.before if alone else (), helpers)
        data = self.examples
        return kind(config, self.shared, wanted, data, self.augmentation, helpers, begun)

    @cached_property
    def examples(self) -> TaskData:
        """Examples to learn from and to judge by; made once."""
        return self.data(recipe())

    def _config(self, wanted: GanSettings) -> ACGPNConfig:
        if isinstance(wanted, LayoutSettings):
            coarse = wanted.coarse_width
            if coarse < 0 or coarse % 8:
                raise bad(f"coarse_width = {coarse}: wanted a multiple of 8 or 0")
            if wanted.width or not coarse:
                check_width(wanted.width)
            return ACGPNConfig(wanted.width, neck=self.shared.neck, coarse_width=coarse)
        check_width(wanted.width)
        if isinstance(wanted, GSettings):
            adds = wanted.adds_garment
            return ACGPNConfig(wanted.width, adds_garment=adds, neck=self.shared.neck)
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
        if wanted.warp_alone and wanted.gan_weight:
            raise bad("warp_alone needs gan_weight = 0")
        if wanted.refine_width < 0 or wanted.refine_width % 8:
            raise bad(f"refine_width = {wanted.refine_width}: wanted a multiple of 8 or 0")
        return ACGPNConfig(
            wanted.width,
            wanted.spline_width,
            refine_width=wanted.refine_width,
            neck=self.shared.neck,
        )
