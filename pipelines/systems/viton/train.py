"""``vtonctl train viton.coarse`` and ``viton.refine``: from data-set roots to weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from pipelines import checkpoints
from pipelines.errors import ConfigError
from pipelines.systems.viton.config import COARSE, REFINE, VITONConfig
from pipelines.systems.viton.networks import EncoderDecoder
from pipelines.systems.viton.train_data import recipe
from pipelines.systems.viton.train_settings import (
    CoarseSettings,
    NetworkSettings,
    RefineSettings,
    SharedSettings,
)
from pipelines.systems.viton.train_tasks import CoarseTask, RefineTask
from pipelines.systems.viton.weights import read_network
from pipelines.training.loop import run
from pipelines.training.request import ReportProgress, TrainRequest, TrainResult
from pipelines.training.tryon_perceptual import Perceptual, find_perceptual
from pipelines.training.tryon_settings import SCHEDULES
from pipelines.training.tryon_setup import Setup, bad, refuse_unknown

Start = Mapping[str, Tensor] | None


def train_coarse(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the encoder-decoder. Raises ``InputError``, ``ConfigError``, ``WeightsMissing``."""
    setup, settings = TrainSetup(request, report), CoarseSettings.of(request.settings)
    config, start = setup.network(COARSE, settings, settings.decay)
    perceptual = setup.perceptual(settings, settings.perceptual_weight)
    task = CoarseTask(
        config, setup.shared, settings, setup.data(recipe()), setup.augmentation, perceptual, start
    )
    return run(task, setup.loop, request, report)


def train_refine(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the refinement. Raises ``InputError``, ``ConfigError``, ``WeightsMissing``."""
    setup, settings = TrainSetup(request, report), RefineSettings.of(request.settings)
    before = setup.before(settings.coarse)
    config, start = setup.network(REFINE, settings, VITONConfig.decay)
    perceptual = setup.perceptual(settings, settings.perceptual_weight)
    task = RefineTask(
        config,
        setup.shared,
        settings,
        setup.data(recipe()),
        setup.augmentation,
        perceptual,
        start,
        before=before,
    )
    return run(task, setup.loop, request, report)


class TrainSetup(Setup):
    """What the trainers read from their settings alike."""

    def __init__(self, request: TrainRequest, report: ReportProgress) -> None:
        super().__init__(request, report)
        self.shared = SharedSettings.of(request.settings)
        refuse_unknown("schedule", self.shared.schedule, SCHEDULES)

    def network(
        self, family: str, settings: NetworkSettings, decay: float
    ) -> tuple[VITONConfig, Start]:
        """The network's config, and the weights to go on from, whose width is then taken."""
        try:
            config = VITONConfig(settings.width, decay, self.shared.neck)
        except ValueError as error:
            raise bad(str(error)) from None
        path = self.start_file()
        if path is None:
            return config, None
        network, found = read_network(path, family)
        return replace(config, width=found.width), network.state_dict()

    def before(self, name: str) -> EncoderDecoder:
        """The first network, for the second one's trainer."""
        if not name:
            raise ConfigError(
                "the refinement learns from what the first network makes, which is not named",
                code="bad_setting",
                hint="Name its weights: --set coarse=FILE.",
            )
        path = checkpoints.find(name).path
        network, config = read_network(path, COARSE)
        if config.neck != self.shared.neck:
            raise ConfigError(
                f"{path}: trained with neck = {config.neck}; this with {self.shared.neck}",
                code="other_conditions",
                hint=f"Use --set neck={config.neck}.",
            )
        assert isinstance(network, EncoderDecoder)  # noqa: S101 - what the family builds
        return network

    def perceptual(self, settings: NetworkSettings, weight: float) -> Perceptual | None:
        """The perceptual loss that was asked for; None with a weight of 0."""
        if not weight:
            return None
        return find_perceptual(settings.perceptual, settings.perceptual_weights, self.tell)
