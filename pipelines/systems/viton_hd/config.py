"""What the three networks of VITON-HD are built with and fed with; stored with their weights.

The defaults are the published ones (Choi et al., "VITON-HD", 2021). ``config`` in the metadata of
a file of weights is the JSON object that ``to_json`` makes: the keyword arguments of the network,
and under ``conditions`` what its inputs are made like.

Imports no array library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

SEG, GMM, ALIAS = "viton-hd.seg", "viton-hd.gmm", "viton-hd.alias"
FAMILIES = (SEG, GMM, ALIAS)
"""Families of weights, in the order in which the networks run."""

AGNOSTICS = ("viton-hd", "v3.2")
POSE_POINTS = ("all", "body")
_LEAST: Mapping[str, int] = {"coarse_width": 0, "light_width": 0, "refine_width": 0}
"""Of whole numbers that may be less than 1."""
UPSAMPLING_STEPS: Mapping[str, int] = {"normal": 5, "more": 6, "most": 7}
"""Doublings from the coarsest scale of the ALIAS generator to its output."""


@dataclass(frozen=True)
class ConditionsConfig:
    """How the inputs are made."""

    size_hw: tuple[int, int] = (1024, 768)
    """Height and width that the ALIAS generator works at; agnostic maps are drawn at it."""
    agnostic: str = "viton-hd"
    """Form of the agnostic picture: ``viton-hd`` (published) or ``v3.2`` (hands kept)."""
    pose_points: str = "all"
    """Points in the pose picture: ``all`` (published) or ``body`` (no feet, no hands; our choice,
    for data whose poses have none)."""

    def __post_init__(self) -> None:
        """Refuse what cannot be made."""
        if self.agnostic not in AGNOSTICS:
            raise ValueError(f"agnostic = {self.agnostic!r}; known: {', '.join(AGNOSTICS)}")
        if self.pose_points not in POSE_POINTS:
            raise ValueError(f"pose_points = {self.pose_points!r}; known: {', '.join(POSE_POINTS)}")
        if len(self.size_hw) != 2 or any(side < 64 or side % 64 for side in self.size_hw):
            raise ValueError(f"size_hw = {self.size_hw}; wanted two multiples of 64")

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ConditionsConfig:
        """From stored values; what is not there is as published."""
        _refuse_unknown(cls, values)
        size = values.get("size_hw", (1024, 768))
        return cls(**{**values, "size_hw": tuple(int(side) for side in size)})

    def to_json(self) -> dict[str, Any]:
        """The values to store."""
        return {**asdict(self), "size_hw": list(self.size_hw)}


@dataclass(frozen=True)
class SegConfig:
    """Shape of the segmentation generator."""

    width: int = 64
    """Channels of its first level."""
    coarse_width: int = 0
    """Channels of the first level of the coarse network beside it (our choice); 0: there is none,
    as published."""
    conditions: ConditionsConfig = field(default_factory=ConditionsConfig)

    family = SEG


@dataclass(frozen=True)
class GMMConfig:
    """Shape of the geometric matching network."""

    width: int = 64
    """Channels of its first level."""
    refine_width: int = 0
    """Channels of the first level of the network that corrects the spline's grid (our choice);
    0: there is none, as published."""
    conditions: ConditionsConfig = field(default_factory=ConditionsConfig)

    family = GMM


@dataclass(frozen=True)
class ALIASConfig:
    """Shape of the ALIAS generator."""

    width: int = 64
    """``ngf`` of the published code: channels before the last level."""
    upsampling: str = "most"
    """Key of ``UPSAMPLING_STEPS``: ``most`` as published; ``more`` where a side of the size is no
    multiple of 128, as 256x192 (our choice)."""
    feature_channels: int = 16
    """Channels by which the inputs enter each level."""
    hidden: int = 128
    """Channels between the layout and the scale and shift that are read from it."""
    adds_garment: bool = False
    """Whether the network makes the difference to the warped garment (our choice) or, as
    published, the picture."""
    light_width: int = 0
    """Channels of the first level of a coarse network for the garment's light (our choice); 0:
    there is none, as published."""
    conditions: ConditionsConfig = field(default_factory=ConditionsConfig)

    family = ALIAS

    def __post_init__(self) -> None:
        """Refuse an unknown number of steps."""
        if self.upsampling not in UPSAMPLING_STEPS:
            known = ", ".join(UPSAMPLING_STEPS)
            raise ValueError(f"upsampling = {self.upsampling!r}; known: {known}")

    @property
    def multiple(self) -> int:
        """Height and width of its inputs are multiples of this."""
        return int(2 ** UPSAMPLING_STEPS[self.upsampling])


NetworkConfig = SegConfig | GMMConfig | ALIASConfig

CONFIGS: Mapping[str, type[SegConfig] | type[GMMConfig] | type[ALIASConfig]] = {
    SEG: SegConfig,
    GMM: GMMConfig,
    ALIAS: ALIASConfig,
}
"""The config of each family."""


def config_from_json(family: str, values: Mapping[str, Any]) -> NetworkConfig:
    """The config of a family from stored values; what is not there is as published.

    Raises ``ValueError`` or ``TypeError`` for values that are no such config.
    """
    kind = CONFIGS[family]
    _refuse_unknown(kind, values)
    network = {name: value for name, value in values.items() if name != "conditions"}
    for name, value in network.items():
        if name == "adds_garment":
            if type(value) is not bool:
                raise ValueError(f"{name} = {value!r}; wanted true or false")
        elif name != "upsampling" and (type(value) is not int or value < _LEAST.get(name, 1)):
            raise ValueError(f"{name} = {value!r}; wanted a positive whole number")
    conditions = ConditionsConfig.from_json(values.get("conditions", {}))
    return kind(**network, conditions=conditions)


def config_to_json(config: NetworkConfig) -> dict[str, Any]:
    """The values to store."""
    return {**asdict(config), "conditions": config.conditions.to_json()}


def _refuse_unknown(kind: type[Any], values: Mapping[str, Any]) -> None:
    known = {entry.name for entry in fields(kind)}
    if unknown := sorted(set(values) - known):
        raise ValueError(f"unknown {unknown[0]!r}; known: {', '.join(sorted(known))}")
