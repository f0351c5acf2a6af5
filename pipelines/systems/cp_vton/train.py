"""``vtonctl train cp-vton.gmm``, ``cp-vton.tom`` and those of CP-VTON+: from roots to weights."""

from __future__ import annotations

from dataclasses import replace

from pipelines.systems.cp_vton.config import NECKS, PLUS_GMM, CPVTONConfig, config_from_json
from pipelines.systems.cp_vton.train_data import recipe
from pipelines.systems.cp_vton.train_gmm import GMMTask
from pipelines.systems.cp_vton.train_settings import (
    GMMSettings,
    PlusGMMSettings,
    SharedSettings,
    TOMSettings,
)
from pipelines.systems.cp_vton.train_tom import TOMTask
from pipelines.systems.cp_vton.weights import read_network
from pipelines.training.request import ReportProgress, TrainRequest, TrainResult
from pipelines.training.tryon_settings import SCHEDULES
from pipelines.training.tryon_setup import Setup, check_width
from pipelines.training.tryon_task import Start


def train_gmm(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the warp that ``request.stage`` names. Raises ``InputError``, ``ConfigError``."""
    setup = TrainSetup(request, report)
    kind = PlusGMMSettings if request.stage == PLUS_GMM else GMMSettings
    wanted = kind.of(request.settings)
    config, start = setup.network(wanted.width)
    helpers = setup.helpers(wanted, config)
    data = setup.data(recipe())
    task = GMMTask(config, setup.shared, wanted, data, setup.augmentation, helpers, start)
    return setup.run(task)


def train_tom(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the picture that ``request.stage`` names.

    Raises ``InputError``, ``ConfigError``, ``WeightsMissing``.
    """
    setup = TrainSetup(request, report)
    wanted = TOMSettings.of(request.settings)
    config, start = setup.network(wanted.width)
    helpers = setup.helpers(wanted, config, needed=("gmm",))
    data = setup.data(recipe())
    task = TOMTask(config, setup.shared, wanted, data, setup.augmentation, helpers, start)
    return setup.run(task)


class TrainSetup(Setup[SharedSettings, CPVTONConfig]):
    """What the trainers read from their settings alike."""

    kind, before = SharedSettings, ("gmm",)
    known = {"neck": NECKS, "schedule": SCHEDULES}
    read = staticmethod(read_network)

    def network(self, width: int) -> tuple[CPVTONConfig, Start[CPVTONConfig] | None]:
        """The network asked for, or, with necks as asked for, the one to go on from."""
        neck, start = self.shared.neck, self.start(self.request.stage)
        if start:
            return replace(start.config, neck=neck), start
        check_width(width)
        return config_from_json(self.request.stage, {"width": width, "neck": neck}), None
