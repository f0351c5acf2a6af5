"""``vtonctl train viton-hd.seg``, ``.gmm``, ``.alias`` and ``viton-hd``: from roots to weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from torch import Tensor

from pipelines import checkpoints
from pipelines.errors import ConfigError
from pipelines.systems.viton_hd.config import (
    GMM,
    SEG,
    ALIASConfig,
    ConditionsConfig,
    GMMConfig,
    NetworkConfig,
    SegConfig,
)
from pipelines.systems.viton_hd.train_alias import ALIASTask, Helpers
from pipelines.systems.viton_hd.train_data import recipe
from pipelines.systems.viton_hd.train_gmm import GMMTask
from pipelines.systems.viton_hd.train_layouts import Layouts
from pipelines.systems.viton_hd.train_seg import SegTask
from pipelines.systems.viton_hd.train_settings import (
    ALIASSettings,
    ConditionsSettings,
    GMMSettings,
    SegSettings,
)
from pipelines.systems.viton_hd.weights import build_network, read_network
from pipelines.training.loop import run
from pipelines.training.request import ReportProgress, TrainRequest, TrainResult
from pipelines.training.settings import NARROWEST
from pipelines.training.tryon_perceptual import find_perceptual
from pipelines.training.tryon_setup import Setup
from pipelines.training.tryon_task import TaskData

C = TypeVar("C", SegConfig, GMMConfig, ALIASConfig)
Tell = Callable[[str], None]


def train_seg(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the layout network. Raises ``InputError``, ``ConfigError``."""
    setup = _Setup(request, report)
    wanted = SegSettings.of(request.settings)
    asked = SegConfig(wanted.width, wanted.coarse_width, setup.conditions)
    config, start = setup.network(asked)
    if wanted.coarse_width:
        config = replace(config, coarse_width=wanted.coarse_width)
    if wanted.coarse_alone and not config.coarse_width:
        raise ConfigError("coarse_alone needs a coarse_width", code="bad_setting")
    _check(config)
    task = SegTask(config, wanted, setup.examples(), setup.augmentation, start)
    return run(task, setup.loop, request, report)


def train_gmm(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the network that warps the garment. Raises ``InputError``, ``ConfigError``."""
    setup = _Setup(request, report)
    wanted = GMMSettings.of(request.settings)
    config, start = setup.network(GMMConfig(wanted.width, wanted.refine_width, setup.conditions))
    if wanted.refine_width:
        config = replace(config, refine_width=wanted.refine_width)
        _check(config)
    layouts = _layouts(wanted, setup.conditions)
    task = GMMTask(config, wanted, setup.examples(), setup.augmentation, layouts, start)
    return run(task, setup.loop, request, report)


def train_alias(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the image generator. Raises ``InputError``, ``ConfigError``, ``WeightsMissing``."""
    setup = _Setup(request, report)
    wanted = ALIASSettings.of(request.settings)
    config, start = setup.network(_alias_config(wanted, setup.conditions))
    if wanted.light_width:
        config = replace(config, light_width=wanted.light_width)
    if wanted.light_alone and not config.light_width:
        raise ConfigError("light_alone needs a light_width", code="bad_setting")
    _check(config)
    helpers = _helpers(wanted, setup.conditions, setup.tell)
    task = ALIASTask(config, wanted, setup.examples(), setup.augmentation, helpers, start)
    return run(task, setup.loop, request, report)


class _Setup(Setup):
    """What the three trainers read from their settings alike."""

    def __init__(self, request: TrainRequest, report: ReportProgress) -> None:
        super().__init__(request, report)
        self.conditions = _conditions(ConditionsSettings.of(request.settings))

    def network(self, config: C) -> tuple[C, Mapping[str, Tensor] | None]:
        """The network asked for, or, under our own conditions, the one to go on from."""
        path = self.start_file()
        if path is None:
            _check(config)
            return config, None
        network, found = read_network(path, config.family)
        assert isinstance(found, type(config))  # noqa: S101 - of the family asked for
        return replace(found, conditions=self.conditions), network.state_dict()

    def examples(self) -> TaskData:
        """Examples to learn from and to judge by."""
        return self.data(recipe(self.conditions))


def _conditions(settings: ConditionsSettings) -> ConditionsConfig:
    height, width = settings.size
    try:
        return ConditionsConfig((height, width), settings.agnostic, settings.pose_points)
    except (TypeError, ValueError) as error:
        raise ConfigError(str(error), code="bad_setting") from None


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
        raise ConfigError(str(error), code="bad_setting") from None
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
        raise ConfigError(f"{config.family}: {error}", code="bad_setting") from None


def _helpers(wanted: ALIASSettings, conditions: ConditionsConfig, tell: Tell) -> Helpers:
    gmm, gmm_config = _read(wanted.gmm, GMM, conditions)
    perceptual = None
    if wanted.perceptual_weight:
        perceptual = find_perceptual(wanted.perceptual, wanted.perceptual_weights, tell)
    return Helpers(gmm, gmm_config, _layouts(wanted, conditions), perceptual)


def _layouts(wanted: GMMSettings | ALIASSettings, conditions: ConditionsConfig) -> Layouts:
    if wanted.predicted_share and not wanted.seg:
        raise ConfigError(
            f"predicted_share = {wanted.predicted_share} needs a layout network",
            code="bad_setting",
            hint="Name its weights: --set seg=FILE.",
        )
    network = _read(wanted.seg, SEG, conditions)[0] if wanted.seg else None
    return Layouts(network, wanted.predicted_share)


def _read(wanted: str, family: str, conditions: ConditionsConfig) -> Any:
    found = checkpoints.find(wanted)
    network, config = read_network(found.path, family)
    theirs = config.conditions
    ours = (conditions.agnostic, conditions.pose_points)
    if (theirs.agnostic, theirs.pose_points) != ours:
        raise ConfigError(
            f"{found.path}: its inputs are made with agnostic = {theirs.agnostic}, pose_points = "
            f"{theirs.pose_points}; these with {ours[0]}, {ours[1]}",
            code="other_conditions",
            hint=f"Use --set agnostic={theirs.agnostic} --set pose_points={theirs.pose_points}.",
        )
    return network, config
