"""``vtonctl train multipose.shs``, ``.gwc`` and ``.tog``: from data-set roots to weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines import checkpoints
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
from pipelines.training.loop import run
from pipelines.training.request import ReportProgress, TrainRequest, TrainResult
from pipelines.training.settings import NARROWEST
from pipelines.training.tryon_forcing import Helpers
from pipelines.training.tryon_perceptual import Perceptual, find_perceptual
from pipelines.training.tryon_settings import SCHEDULES
from pipelines.training.tryon_setup import Setup, bad, check_forcing, refuse_unknown

if TYPE_CHECKING:
    from torch import Tensor, nn

Wanted = SHSSettings | GWCSettings | TOGSettings


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


class TrainSetup(Setup):
    """What the trainers read from their settings alike."""

    two_poses = True

    def __init__(self, request: TrainRequest, report: ReportProgress) -> None:
        super().__init__(request, report)
        self.shared = SharedSettings.of(request.settings)
        refuse_unknown("bottom", self.shared.bottom, BOTTOMS)
        refuse_unknown("schedule", self.shared.schedule, SCHEDULES)
        if self.shared.sources < 1:
            raise bad(f"sources = {self.shared.sources}: at least 1 wanted")
        if not 0 <= self.shared.own_pose <= 1:
            raise bad(f"own_pose = {self.shared.own_pose}: wanted 0 to 1")

    def run(self, task: MultiPoseTask[Any]) -> TrainResult:
        """Train."""
        return run(task, self.loop, self.request, self._report)

    def task(self, stage: str, wanted: Wanted) -> MultiPoseTask[Any]:
        """The task of a stage; the network of weights to go on from is taken with its inputs."""
        path, state = self.start_file(), None
        config = self._config(wanted)
        if path is not None:
            network, config = read_network(path, f"multipose.{stage}")
            state = network.state_dict()
        networks = self._before(wanted, config.conditions)
        lacking = {"gwc": ("shs",), "tog": ("shs", "gwc")}.get(stage, ())
        check_forcing(
            getattr(wanted, "teacher_forcing", 1.0), [n for n in lacking if n not in networks]
        )
        helpers = Helpers(networks, self._perceptual(wanted))
        return self._made(wanted, config, helpers, state)

    def _made(
        self,
        wanted: Wanted,
        config: NetworkConfig,
        helpers: Helpers,
        start: Mapping[str, Tensor] | None,
    ) -> MultiPoseTask[Any]:
        data = self.data(recipe(config.conditions, self.shared.sources))
        common = (data, self.augmentation, helpers, start)
        if isinstance(wanted, SHSSettings):
            return SHSTask(config, self.shared, wanted, *common)
        if isinstance(wanted, GWCSettings):
            return GWCTask(config, self.shared, wanted, *common)
        return TOGTask(config, self.shared, wanted, *common)

    def _config(self, wanted: Wanted) -> NetworkConfig:
        if wanted.width < NARROWEST:
            raise bad(f"width = {wanted.width}: at least {NARROWEST} wanted")
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

    def _before(self, wanted: Wanted, conditions: ConditionsConfig) -> dict[str, nn.Module]:
        """The networks before that are named, by stage."""
        names = {stage: str(getattr(wanted, stage, "")) for stage in ("shs", "gwc")}
        return {n: self._read(name, n, conditions) for n, name in names.items() if name}

    def _read(self, name: str, stage: str, conditions: ConditionsConfig) -> nn.Module:
        path = checkpoints.find(name).path
        network, config = read_network(path, f"multipose.{stage}")
        if config.conditions != conditions:
            raise ConfigError(
                f"{path}: trained with inputs other than these ({config.conditions}, {conditions})",
                code="other_conditions",
                hint=f"Use --set bottom={config.conditions.bottom}, or weights that were trained "
                "together.",
            )
        return network

    def _perceptual(self, wanted: Wanted) -> Perceptual | None:
        if not isinstance(wanted, TOGSettings) or not wanted.perceptual_weight:
            return None
        return find_perceptual(wanted.perceptual, wanted.perceptual_weights, self.tell)


def _halvings(side: int) -> int:
    """How often a side can be halved."""
    return (side & -side).bit_length() - 1
