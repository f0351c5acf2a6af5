"""``vtonctl train viton-hd.seg``, ``.gmm``, ``.alias`` and ``viton-hd``: from roots to weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from pipelines.errors import ConfigError
from pipelines.systems.viton_hd.config import (
    ALIASConfig,
    ConditionsConfig,
    GMMConfig,
    NetworkConfig,
    SegConfig,
)
from pipelines.systems.viton_hd.train_alias import ALIASTask
from pipelines.systems.viton_hd.train_data import recipe
from pipelines.systems.viton_hd.train_gmm import GMMTask
from pipelines.systems.viton_hd.train_seg import SegTask
from pipelines.systems.viton_hd.train_settings import (
    ALIASSettings,
    ConditionsSettings,
    GMMSettings,
    SegSettings,
)
from pipelines.systems.viton_hd.weights import build_network, read_network
from pipelines.training.request import ReportProgress, TrainRequest, TrainResult
from pipelines.training.settings import NARROWEST
from pipelines.training.tryon_setup import Setup, bad
from pipelines.training.tryon_task import Start, TaskData

if TYPE_CHECKING:
    from pathlib import Path

N = TypeVar("N", SegConfig, GMMConfig, ALIASConfig)


def train_seg(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the layout network. Raises ``InputError``, ``ConfigError``."""
    setup = TrainSetup(request, report)
    wanted = SegSettings.of(request.settings)
    asked = SegConfig(wanted.width, wanted.coarse_width, setup.conditions)
    config, start = setup.network(asked)
    if wanted.coarse_width:
        config = replace(config, coarse_width=wanted.coarse_width)
    if wanted.coarse_alone and not config.coarse_width:
        raise bad("coarse_alone needs a coarse_width")
    _check(config)
    helpers, data = setup.helpers(wanted, config), setup.examples()
    task = SegTask(config, setup.shared, wanted, data, setup.augmentation, helpers, start)
    return setup.run(task)


def train_gmm(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the network that warps the garment. Raises ``InputError``, ``ConfigError``."""
    setup = TrainSetup(request, report)
    wanted = GMMSettings.of(request.settings)
    config, start = setup.network(GMMConfig(wanted.width, wanted.refine_width, setup.conditions))
    if wanted.refine_width:
        config = replace(config, refine_width=wanted.refine_width)
        _check(config)
    _check_layouts(wanted)
    helpers, data = setup.helpers(wanted, config), setup.examples()
    task = GMMTask(config, setup.shared, wanted, data, setup.augmentation, helpers, start)
    return setup.run(task)


def train_alias(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the image generator. Raises ``InputError``, ``ConfigError``, ``WeightsMissing``."""
    setup = TrainSetup(request, report)
    wanted = ALIASSettings.of(request.settings)
    config, start = setup.network(_alias_config(wanted, setup.conditions))
    if wanted.light_width:
        config = replace(config, light_width=wanted.light_width)
    if wanted.light_alone and not config.light_width:
        raise bad("light_alone needs a light_width")
    _check(config)
    _check_layouts(wanted)
    helpers, data = setup.helpers(wanted, config, needed=("gmm",)), setup.examples()
    task = ALIASTask(config, setup.shared, wanted, data, setup.augmentation, helpers, start)
    return setup.run(task)


class TrainSetup(Setup[ConditionsSettings, Any]):
    """What the three trainers read from their settings alike."""

    kind, before = ConditionsSettings, ("gmm", "seg")
    read = staticmethod(read_network)

    def __init__(self, request: TrainRequest, report: ReportProgress) -> None:
        super().__init__(request, report)
        self.conditions = _conditions(self.shared)

    def network(self, config: N) -> tuple[N, Start[N] | None]:
        """The network asked for, or, under our own conditions, the one to go on from."""
        start = self.start(config.family)
        if start is None:
            _check(config)
            return config, None
        return replace(start.config, conditions=self.conditions), start

    def examples(self) -> TaskData:
        """Examples to learn from and to judge by."""
        return self.data(recipe(self.conditions))

    def check_inputs(self, path: Path, found: NetworkConfig, config: NetworkConfig) -> None:
        """Raise ``ConfigError`` where the inputs of a network before are made otherwise."""
        theirs, ours = found.conditions, config.conditions
        if (theirs.agnostic, theirs.pose_points) != (ours.agnostic, ours.pose_points):
            raise ConfigError(
                f"{path}: its inputs are made with agnostic = {theirs.agnostic}, pose_points = "
                f"{theirs.pose_points}; these with {ours.agnostic}, {ours.pose_points}",
                code="other_conditions",
                hint=f"Use --set agnostic={theirs.agnostic} "
                f"--set pose_points={theirs.pose_points}.",
            )


def _conditions(settings: ConditionsSettings) -> ConditionsConfig:
    height, width = settings.size
    try:
        return ConditionsConfig((height, width), settings.agnostic, settings.pose_points)
    except (TypeError, ValueError) as error:
        raise bad(str(error)) from None


def _alias_config(wanted: ALIASSettings, conditions: ConditionsConfig) -> ALIASConfig:
    try:
        config = ALIASConfig(
            width=wanted.width,
            upsampling=wanted.upsampling,
            feature_channels=wanted.feature_channels,
            hidden=wanted.hidden,
            adds_garment=wanted.adds_garment,
            conditions=conditions,
        )
    except ValueError as error:
        raise bad(str(error)) from None
    if any(side % config.multiple for side in conditions.size_hw):
        raise ConfigError(
            f"size = {conditions.size_hw}: wanted multiples of {config.multiple} "
            f"(upsampling = {config.upsampling})",
            code="bad_setting",
            hint="At 256x192 and 512x384 use --set upsampling=more.",
        )
    return config


def _check(config: NetworkConfig) -> None:
    """Raise ``ConfigError`` for a network that cannot be built or trained."""
    try:
        if config.width < NARROWEST:
            raise ValueError(f"width = {config.width}: at least {NARROWEST} wanted")
        build_network(config)
    except (TypeError, ValueError, RuntimeError) as error:
        raise bad(f"{config.family}: {error}") from None


def _check_layouts(wanted: GMMSettings | ALIASSettings) -> None:
    if wanted.predicted_share and not wanted.seg:
        raise ConfigError(
            f"predicted_share = {wanted.predicted_share} needs a layout network",
            code="bad_setting",
            hint="Name its weights: --set seg=FILE.",
        )
