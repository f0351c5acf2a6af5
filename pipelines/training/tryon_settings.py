"""What the trainers of all try-on systems can be told; imports no array library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol, TypeVar

from pipelines.training.request import TrainerInfo
from pipelines.training.settings import LoopSettings

T = TypeVar("T", bound="Settings")

INPUTS = ("image", "parse", "pose", "cloth", "cloth-mask")
"""What the roots of such trainers hold."""

SCHEDULES = ("constant", "linear", "cosine")
"""Of learning rates: constant; constant for one half of the run, then straight to 0; or a half
cosine."""


class Shared(Protocol):
    """What the networks of a system are trained with alike."""

    @property
    def schedule(self) -> str:
        """Of the learning rate, one of ``SCHEDULES``."""


class Own(Protocol):
    """What one network is trained with."""

    @property
    def learning_rate(self) -> float:
        """Of Adam."""


@dataclass(frozen=True)
class Settings:
    """Base: picks its own out of a trainer's values."""

    @classmethod
    def of(cls: type[T], values: Mapping[str, Any]) -> T:
        """The settings among ``values``."""
        return cls(**{f.name: values[f.name] for f in fields(cls)})

    def defaults(self) -> dict[str, Any]:
        """By name, for ``TrainerInfo.defaults``."""
        return asdict(self)


@dataclass(frozen=True)
class DataSettings(Settings):
    """The examples."""

    layout: str = "auto"
    """Layout of the roots."""
    limit: int = 0
    """At most so many examples of each root to train on; 0 = all."""
    validation_split: str = "val"
    validation: int = 0
    """At most so many examples of each root to judge on; 0 = all."""
    cache: str = ""
    """Folder of the prepared examples; empty = ``data`` in the run's folder."""
    licence: str = "not stated"
    """Licence of the data, for the weights' metadata."""
    start: str = ""
    """Weights (a name or a file) to go on from, whose network is then taken."""


@dataclass(frozen=True)
class AugmentSettings(Settings):
    """Random changes of examples; our choice throughout."""

    flip: float = 0.5
    """Probability of a mirror image, with sides swapped in labels and pose."""
    garment_rotation_deg: float = 6.0
    garment_scale: float = 0.08
    garment_shift: float = 0.04
    """Largest turn, change of size and shift (share of the picture) of the garment photo."""
    recolour: float = 0.5
    """Probability that the garment has another colour, in its photo and on the person alike."""
    hue_deg: float = 180.0
    saturation: float = 0.4
    brightness: float = 0.2
    """Largest changes of that colour."""


@dataclass(frozen=True)
class GanSettings(Settings):
    """Of a network that is trained against a discriminator."""

    width: int = 64
    """Channels of the first level."""
    discriminator_width: int = 64
    learning_rate: float = 2e-4
    discriminator_learning_rate: float = 2e-4
    """Betas are 0.5 and 0.999."""
    gan_weight: float = 1.0
    """0 trains without a discriminator."""


@dataclass(frozen=True)
class Row:
    """The trainers of a system's networks, one after the other in the order of ``stages``."""

    system: str
    stages: Mapping[str, TrainerInfo]
    """By the stage's short name, ``seg`` of ``viton-hd.seg``."""
    shares: Mapping[str, float]
    """Of the minutes that the trainer of all is given."""
    own: frozenset[str]
    """Settings of one stage that the trainer of all sets itself."""
    shared: Mapping[str, Any]
    """Settings that all stages have alike, without a stage's name before them."""

    def info(self, summary: str) -> TrainerInfo:
        """Of the trainer of all; settings of one stage have its name before them."""
        return TrainerInfo(
            name=self.system,
            summary=summary,
            inputs=INPUTS,
            defaults={
                **{name: value for name, value in self.shared.items() if name not in self.own},
                **{f"{stage}_share": share for stage, share in self.shares.items()},
                **{
                    f"{stage}_{name}": value
                    for stage, one in self.stages.items()
                    for name, value in one.defaults.items()
                    if name not in self.own and name not in self.shared
                },
            },
        )

    def settings_of(self, stage: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of one stage out of those of the trainer of all."""
        made = dict(self.stages[stage].defaults)
        for name in made:
            for key in (name, f"{stage}_{name}"):
                if key in values:
                    made[name] = values[key]
        return made


def trainer(
    name: str, summary: str, shared: Mapping[str, Any], own: Settings, loop: LoopSettings
) -> TrainerInfo:
    """The trainer of one network: settings of its system, of its own, and of the loop."""
    return TrainerInfo(
        name=name,
        summary=summary,
        inputs=INPUTS,
        defaults={**shared, **own.defaults(), **loop.defaults()},
    )


def merged(parts: Iterable[Settings]) -> dict[str, Any]:
    """The defaults of several, the later ones winning."""
    return {name: value for part in parts for name, value in part.defaults().items()}
