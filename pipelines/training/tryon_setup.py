"""From a request to what the trainers of a try-on system need: settings, roots, examples."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, ClassVar

from pipelines import checkpoints
from pipelines.checkpoint_manifest import TrainingData
from pipelines.errors import ConfigError, InputError
from pipelines.training.request import Progress, ReportProgress, TrainRequest
from pipelines.training.settings import LoopSettings
from pipelines.training.tryon_data import (
    RowMaker,
    TryOnPack,
    TryOnRoot,
    cache_folder,
    find_root,
    joined,
    load_pack,
)
from pipelines.training.tryon_settings import AugmentSettings, DataSettings
from pipelines.training.tryon_task import TaskData

if TYPE_CHECKING:
    from pathlib import Path


class Setup:
    """What the trainers of all systems read from their settings alike.

    Raises ``InputError`` for roots without data for try-on, ``ConfigError`` for bad settings.
    """

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

    def tell(self, note: str) -> None:
        """Say something to the user."""
        self._report(Progress(0, None, 0, 0.0, 0.0, note=note))

    def start_file(self) -> Path | None:
        """The file of weights to go on from; None: there are none."""
        wanted = self.settings.start
        return checkpoints.find(wanted).path if wanted else None

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


def bad(message: str) -> ConfigError:
    """The error of a setting that cannot be."""
    return ConfigError(message, code="bad_setting")


def check_forcing(share: float, lacking: Collection[str]) -> None:
    """Raise ``ConfigError`` for a ``teacher_forcing`` that is no share.

    And for one below 1 where networks are ``lacking`` that predict what is shown instead.
    """
    if not 0 <= share <= 1:
        raise bad(f"teacher_forcing = {share}: wanted 0 to 1")
    if share < 1 and lacking:
        raise ConfigError(
            f"teacher_forcing = {share} needs the networks before; not named: {', '.join(lacking)}",
            code="bad_setting",
            hint=f"Name their weights: {' '.join(f'--set {name}=FILE' for name in lacking)}.",
        )
