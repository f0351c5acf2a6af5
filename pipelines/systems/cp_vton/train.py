"""``vtonctl train cp-vton.gmm``, ``cp-vton.tom`` and those of CP-VTON+: from roots to weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from pipelines import checkpoints
from pipelines.errors import ConfigError
from pipelines.systems.cp_vton.config import (
    FAMILIES,
    NECKS,
    PLUS_FAMILIES,
    CPVTONConfig,
    config_from_json,
)
from pipelines.systems.cp_vton.networks import GMM
from pipelines.systems.cp_vton.train_data import recipe
from pipelines.systems.cp_vton.train_gmm import GMMTask
from pipelines.systems.cp_vton.train_settings import (
    GMMSettings,
    PlusGMMSettings,
    SharedSettings,
    TOMSettings,
)
from pipelines.systems.cp_vton.train_tom import Helpers, TOMTask
from pipelines.systems.cp_vton.weights import read_network
from pipelines.training.loop import run
from pipelines.training.request import ReportProgress, TrainRequest, TrainResult
from pipelines.training.settings import NARROWEST
from pipelines.training.tryon_perceptual import find_perceptual
from pipelines.training.tryon_settings import SCHEDULES
from pipelines.training.tryon_setup import Setup, bad, refuse_unknown


def train_gmm(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the warp that ``request.stage`` names. Raises ``InputError``, ``ConfigError``."""
    setup = _Setup(request, report)
    kind = PlusGMMSettings if setup.plus else GMMSettings
    wanted = kind.of(request.settings)
    config, start = setup.network(wanted.width)
    data = setup.data(recipe())
    task = GMMTask(config, setup.shared, wanted, data, setup.augmentation, start)
    return run(task, setup.loop, request, report)


def train_tom(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the picture that ``request.stage`` names.

    Raises ``InputError``, ``ConfigError``, ``WeightsMissing``.
    """
    setup = _Setup(request, report)
    wanted = TOMSettings.of(request.settings)
    config, start = setup.network(wanted.width)
    helpers = setup.helpers(wanted)
    data = setup.data(recipe())
    task = TOMTask(config, setup.shared, wanted, data, setup.augmentation, helpers, start)
    return run(task, setup.loop, request, report)


class _Setup(Setup):
    """What the trainers read from their settings alike."""

    def __init__(self, request: TrainRequest, report: ReportProgress) -> None:
        super().__init__(request, report)
        self.plus = request.stage in PLUS_FAMILIES
        self.shared = SharedSettings.of(request.settings)
        refuse_unknown("neck", self.shared.neck, NECKS)
        refuse_unknown("schedule", self.shared.schedule, SCHEDULES)

    def network(self, width: int) -> tuple[CPVTONConfig, Mapping[str, Tensor] | None]:
        """The network asked for, or, with necks as asked for, the one to go on from."""
        path = self.start_file()
        if path is not None:
            network, found = read_network(path, self.request.stage)
            return replace(found, neck=self.shared.neck), network.state_dict()
        if width < NARROWEST:
            raise bad(f"width = {width}: at least {NARROWEST} wanted")
        values = {"width": width, "neck": self.shared.neck}
        return config_from_json(self.request.stage, values), None

    def helpers(self, wanted: TOMSettings) -> Helpers:
        """What the picture is trained with."""
        family = (PLUS_FAMILIES if self.plus else FAMILIES)[0]
        path = checkpoints.find(wanted.gmm).path
        network, config = read_network(path, family)
        assert isinstance(network, GMM)  # noqa: S101 - what this family builds
        if config.neck != self.shared.neck:
            raise ConfigError(
                f"{path}: trained with neck = {config.neck}; this with {self.shared.neck}",
                code="other_conditions",
                hint=f"Use --set neck={config.neck}.",
            )
        perceptual = None
        if wanted.perceptual_weight:
            perceptual = find_perceptual(wanted.perceptual, wanted.perceptual_weights, self.tell)
        return Helpers(network, perceptual)
