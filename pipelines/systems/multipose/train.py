"""``vtonctl train multipose.shs``, ``.gwc`` and ``.tog``: from data-set roots to weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.errors import ConfigError
from pipelines.systems.multipose.config import (
    BOTTOMS,
    ConditionsConfig,
    GWCConfig,
    NetworkConfig,
    SHSConfig,
    TOGConfig,
)
from pipelines.systems.multipose.networks import WORKING_SIZE
from pipelines.systems.multipose.train_base import MultiPoseTask
from pipelines.systems.multipose.train_data import recipe
from pipelines.systems.multipose.train_gwc import GWCTask
from pipelines.systems.multipose.train_settings import (
    GWCSettings,
    SharedSettings,
    SHSSettings,
    TOGSettings,
)
from pipelines.systems.multipose.train_shs import SHSTask
from pipelines.systems.multipose.train_tog import TOGTask
from pipelines.systems.multipose.weights import read_network
from pipelines.training.request import ReportProgress, TrainRequest, TrainResult
from pipelines.training.tryon_settings import SCHEDULES
from pipelines.training.tryon_setup import Setup, bad, check_forcing, check_width

if TYPE_CHECKING:
    from pathlib import Path


Wanted = SHSSettings | GWCSettings | TOGSettings
_TASKS: Mapping[str, type[MultiPoseTask[Any]]] = {"shs": SHSTask, "gwc": GWCTask, "tog": TOGTask}


def train_shs(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the segmentation. Raises ``InputError``, ``ConfigError``."""
    setup = TrainSetup(request, report)
    return setup.run(setup.task("shs", SHSSettings.of(request.settings)))


def train_gwc(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the warp. Raises ``InputError``, ``ConfigError``, ``WeightsMissing``."""
    setup = TrainSetup(request, report)
    return setup.run(setup.task("gwc", GWCSettings.of(request.settings)))


def train_tog(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the picture. Raises ``InputError``, ``ConfigError``, ``WeightsMissing``."""
    setup = TrainSetup(request, report)
    return setup.run(setup.task("tog", TOGSettings.of(request.settings)))


class TrainSetup(Setup[SharedSettings, NetworkConfig]):
    """What the trainers read from their settings alike."""

    kind, before, two_poses = SharedSettings, ("shs", "gwc"), True
    known = {"bottom": BOTTOMS, "schedule": SCHEDULES}
    read = staticmethod(read_network)

    def __init__(self, request: TrainRequest, report: ReportProgress) -> None:
        super().__init__(request, report)
        if self.shared.sources < 1:
            raise bad(f"sources = {self.shared.sources}: at least 1 wanted")
        if not 0 <= self.shared.own_pose <= 1:
            raise bad(f"own_pose = {self.shared.own_pose}: wanted 0 to 1")

    def task(self, stage: str, wanted: Wanted) -> MultiPoseTask[Any]:
        """The task of a stage; the network of weights to go on from is taken with its inputs."""
        start, config = self.start(f"multipose.{stage}"), self._config(wanted)
        if start:
            config = start.config
        kind, helpers = _TASKS[stage], self.helpers(wanted, config)
        check_forcing(wanted, kind.before, helpers)
        data = self.data(recipe(config.conditions, self.shared.sources))
        return kind(config, self.shared, wanted, data, self.augmentation, helpers, start)

    def _config(self, wanted: Wanted) -> NetworkConfig:
        check_width(wanted.width)
        conditions = ConditionsConfig(bottom=self.shared.bottom)
        if isinstance(wanted, GWCSettings):
            return GWCConfig(width=wanted.width, conditions=conditions)
        most = _halvings(min(WORKING_SIZE))
        if not 1 <= wanted.downs <= most:
            raise bad(f"downs = {wanted.downs}: wanted 1 to {most}")
        if isinstance(wanted, TOGSettings):
            return TOGConfig(width=wanted.width, downs=wanted.downs, conditions=conditions)
        if wanted.blocks < 1:
            raise bad(f"blocks = {wanted.blocks}: at least 1 wanted")
        return SHSConfig(wanted.width, wanted.downs, wanted.blocks, conditions)

    def check_inputs(self, path: Path, found: NetworkConfig, config: NetworkConfig) -> None:
        """Raise ``ConfigError`` where the inputs of a network before are made otherwise."""
        theirs, ours = found.conditions, config.conditions
        if theirs != ours:
            raise ConfigError(
                f"{path}: trained with inputs other than these ({theirs}, {ours})",
                code="other_conditions",
                hint=f"Use --set bottom={theirs.bottom}, or weights that were trained together.",
            )


def _halvings(side: int) -> int:
    """How often a side can be halved."""
    return (side & -side).bit_length() - 1
