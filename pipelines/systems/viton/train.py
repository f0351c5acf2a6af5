"""``vtonctl train viton.coarse`` and ``viton.refine``: from data-set roots to weights."""

from __future__ import annotations

from dataclasses import replace

from pipelines.errors import ConfigError
from pipelines.systems.viton.config import COARSE, NECKS, REFINE, VITONConfig
from pipelines.systems.viton.train_data import recipe
from pipelines.systems.viton.train_settings import (
    CoarseSettings,
    NetworkSettings,
    RefineSettings,
    SharedSettings,
)
from pipelines.systems.viton.train_tasks import CoarseTask, RefineTask
from pipelines.systems.viton.weights import read_network
from pipelines.training.request import ReportProgress, TrainRequest, TrainResult
from pipelines.training.tryon_settings import SCHEDULES
from pipelines.training.tryon_setup import Setup, bad
from pipelines.training.tryon_task import Start


def train_coarse(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the encoder-decoder. Raises ``InputError``, ``ConfigError``, ``WeightsMissing``."""
    setup, settings = TrainSetup(request, report), CoarseSettings.of(request.settings)
    config, start = setup.network(COARSE, settings, settings.decay)
    helpers = setup.helpers(settings, config)
    data = setup.data(recipe())
    task = CoarseTask(config, setup.shared, settings, data, setup.augmentation, helpers, start)
    return setup.run(task)


def train_refine(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the refinement. Raises ``InputError``, ``ConfigError``, ``WeightsMissing``."""
    setup, settings = TrainSetup(request, report), RefineSettings.of(request.settings)
    if not settings.coarse:
        raise ConfigError(
            "the refinement learns from what the first network makes, which is not named",
            code="bad_setting",
            hint="Name its weights: --set coarse=FILE.",
        )
    config, start = setup.network(REFINE, settings, VITONConfig.decay)
    helpers = setup.helpers(settings, config)
    data = setup.data(recipe())
    task = RefineTask(config, setup.shared, settings, data, setup.augmentation, helpers, start)
    return setup.run(task)


class TrainSetup(Setup[SharedSettings, VITONConfig]):
    """What the trainers read from their settings alike."""

    kind, before = SharedSettings, ("coarse",)
    known = {"neck": NECKS, "schedule": SCHEDULES}
    read = staticmethod(read_network)

    def network(
        self, family: str, settings: NetworkSettings, decay: float
    ) -> tuple[VITONConfig, Start[VITONConfig] | None]:
        """The network's config, and the weights to go on from, whose width is then taken."""
        try:
            config = VITONConfig(settings.width, decay, self.shared.neck)
        except ValueError as error:
            raise bad(str(error)) from None
        start = self.start(family)
        return (replace(config, width=start.config.width) if start else config), start
