"""From a request to what the trainers of a try-on system need: settings, roots, examples."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from torch import nn

from pipelines import checkpoints
from pipelines.checkpoint_manifest import TrainingData
from pipelines.errors import ConfigError, InputError
from pipelines.training.loop import run
from pipelines.training.request import Progress, ReportProgress, TrainRequest, TrainResult
from pipelines.training.settings import NARROWEST, LoopSettings
from pipelines.training.task import Task
from pipelines.training.tryon_data import (
    RowMaker,
    TryOnPack,
    TryOnRoot,
    cache_folder,
    find_root,
    joined,
    load_pack,
)
from pipelines.training.tryon_forcing import Helpers
from pipelines.training.tryon_perceptual import Perceptual, find_perceptual
from pipelines.training.tryon_settings import AugmentSettings, DataSettings, Settings
from pipelines.training.tryon_task import Start, TaskData

if TYPE_CHECKING:
    from pathlib import Path

H = TypeVar("H", bound=Settings)
C = TypeVar("C")


class Setup(Generic[H, C]):
    """What the trainers of a system's networks read from their settings alike.

    ``H`` are the settings that the networks share, ``C`` the networks' config. Raises
    ``InputError`` for roots without data for try-on, ``ConfigError`` for bad settings.
    """

    kind: type[H]
    """Of ``shared``."""
    known: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """What the settings may be that are one of a few words."""
    read: Callable[[Path, str], tuple[nn.Module, Any]]
    """Of a file and its family: the network in evaluation mode, on the CPU, and its config."""
    before: ClassVar[tuple[str, ...]]
    """Stages whose weights a later one's settings of the same name may tell."""
    two_poses: ClassVar[bool] = False
    """Whether layouts may be taken that show persons in two poses."""

    def __init__(self, request: TrainRequest, report: ReportProgress) -> None:
        self.request, self._report = request, report
        self.settings = DataSettings.of({"start": "", **request.settings})
        self.augmentation = AugmentSettings.of(request.settings)
        self.loop = LoopSettings.from_settings(request.settings)
        self.roots = [
            find_root(path, self.settings.layout, two_poses=self.two_poses)
            for path in request.roots
        ]
        self.shared = self.kind.of(request.settings)
        for name, values in self.known.items():
            refuse_unknown(name, request.settings[name], values)

    def run(self, task: Task) -> TrainResult:
        """Train."""
        return run(task, self.loop, self.request, self._report)

    def tell(self, note: str) -> None:
        """Say something to the user."""
        self._report(Progress(0, None, 0, 0.0, 0.0, note=note))

    def start(self, family: str, name: str | None = None) -> Start[C] | None:
        """The weights to go on from; None: there are none.

        ``name`` tells which (empty: none), the setting ``start`` where it is None.
        """
        wanted = self.settings.start if name is None else name
        if not wanted:
            return None
        path = checkpoints.find(wanted).path
        network, config = self.read(path, family)
        return Start(path, network.state_dict(), config)

    def helpers(self, wanted: Settings, config: C, needed: Collection[str] = ()) -> Helpers:
        """The networks before, and the perceptual loss, that a network's settings ask for.

        Networks that are ``needed`` are looked for even if no name is given. Raises
        ``ConfigError`` (``other_conditions``) where their inputs are made otherwise than
        ``config`` says.
        """
        named = {stage: str(getattr(wanted, stage, "")) for stage in self.before}
        system = self.request.stage.partition(".")[0]
        networks, configs = dict[str, nn.Module](), dict[str, C]()
        for stage, name in named.items():
            if name or stage in needed:
                path = checkpoints.find(name).path
                networks[stage], configs[stage] = self.read(path, f"{system}.{stage}")
                self.check_inputs(path, configs[stage], config)
        return Helpers(networks, self.perceptual(wanted), configs)

    def check_inputs(self, path: Path, found: Any, config: Any) -> None:
        """Raise ``ConfigError`` where a network before was shown other necks."""
        if found.neck != config.neck:
            raise ConfigError(
                f"{path}: trained with neck = {found.neck}; this with {config.neck}",
                code="other_conditions",
                hint=f"Use --set neck={found.neck}.",
            )

    def perceptual(self, wanted: Any) -> Perceptual | None:
        """The perceptual loss that a network's settings ask for; None with a weight of 0."""
        if not getattr(wanted, "perceptual_weight", 0):
            return None
        return find_perceptual(wanted.perceptual, wanted.perceptual_weights, self.tell)

    def data(self, recipe: RowMaker) -> TaskData:
        """Examples to learn from and to judge by, made as ``recipe`` says."""
        learnt = [self._pack(root, "train", recipe, self.settings.limit) for root in self.roots]
        split, limit = self.settings.validation_split, self.settings.validation
        judged = [self._pack(root, split, recipe, limit) for root in self.roots]
        described = tuple(
            TrainingData(root.path.resolve().name, self.settings.licence, len(set(pack.names)))
            for root, pack in zip(self.roots, learnt, strict=True)
            if pack
        )
        train, validation = _all(learnt), _all(judged)
        if train is None or validation is None:
            lacking = "train" if train is None else split
            raise InputError(
                f"{self.roots[0].path}: no pairs in a split {lacking!r}.",
                code="no_items",
                hint="Persons and garments share a name (VITON-HD), or end in _0 and _1 (VITON); "
                f"or a list {lacking}_pairs.txt says who wears what. "
                "Another split to judge by: --set validation_split=NAME (test, for MPV).",
            )
        return TaskData(train, validation, described)

    def _pack(self, root: TryOnRoot, split: str, recipe: RowMaker, limit: int) -> TryOnPack | None:
        cache = cache_folder(self.settings.cache, self.request.out)
        return load_pack(root, split, recipe, cache=cache, limit=limit, tell=self.tell)


def _all(packs: list[TryOnPack | None]) -> TryOnPack | None:
    found = [pack for pack in packs if pack is not None]
    return joined(found) if found else None


def refuse_unknown(name: str, value: Any, known: tuple[str, ...]) -> None:
    """Raise ``ConfigError`` for a value that is none of the known ones."""
    if value not in known:
        raise bad(f"{name} = {value!r}; known: {', '.join(known)}")


def check_width(width: int) -> None:
    """Raise ``ConfigError`` for a network that is too narrow to be trained."""
    if width < NARROWEST:
        raise bad(f"width = {width}: at least {NARROWEST} wanted")


def bad(message: str) -> ConfigError:
    """The error of a setting that cannot be."""
    return ConfigError(message, code="bad_setting")


def check_forcing(wanted: Settings, before: Collection[str], helpers: Helpers) -> None:
    """Raise ``ConfigError`` for a ``teacher_forcing`` that is no share.

    And for one below 1 where there are not all networks ``before`` that predict what is shown
    instead.
    """
    share: float = getattr(wanted, "teacher_forcing", 1.0)
    lacking = [name for name in before if name not in helpers.networks]
    if not 0 <= share <= 1:
        raise bad(f"teacher_forcing = {share}: wanted 0 to 1")
    if share < 1 and lacking:
        raise ConfigError(
            f"teacher_forcing = {share} needs the networks before; not named: {', '.join(lacking)}",
            code="bad_setting",
            hint=f"Name their weights: {' '.join(f'--set {name}=FILE' for name in lacking)}.",
        )
