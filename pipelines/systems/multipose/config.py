"""What the three networks are built with and fed with; stored with their weights.

Source: Sandagdorj, Thai and Ahn, "A Segmentation Guided Coarse to Fine Virtual Tryon Network for a
new Clothing and Pose" (Korean Institute of Broadcast and Media Engineers, 2020). It gives the
inputs and outputs of the networks and the form of their layers, but no table of layers; what it
leaves open says ``our choice``.

Imports no array library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

SHS, GWC, TOG = "multipose.shs", "multipose.gwc", "multipose.tog"
FAMILIES = (SHS, GWC, TOG)
"""Families of the weights, in the order in which the networks run."""

BOTTOMS = ("mask", "colour", "none")


@dataclass(frozen=True)
class ConditionsConfig:
    """How the networks' inputs are made; equal for the three of them."""

    bottom: str = "mask"
    """The lower clothes as SHS sees them: ``mask`` (one channel), ``colour`` (three channels, the
    photo on white) or ``none`` (neither these nor the legs: the text's comparison without the
    bottom parts). The text gives no number of channels; our choice is the mask."""
    heat_radius: int = 4
    """Pixels of 256x192 around a joint that its map marks, across and down (4 in the text, which
    does not tell a square from a disc; our choice is the square of CP-VTON)."""
    coarse: int = 16
    """Factor by which the person's own body shape is reduced and enlarged again, so that it does
    not tell the worn garment (CP-VTON's factor; our choice)."""
    garment_on_white: bool = True
    """Whether a garment's photo is painted white outside its mask (our choice; the data that the
    text used has white backgrounds)."""

    def __post_init__(self) -> None:
        """Refuse what cannot be made."""
        if self.bottom not in BOTTOMS:
            raise ValueError(f"bottom = {self.bottom!r}; known: {', '.join(BOTTOMS)}")
        _check_whole(self, "heat_radius", "coarse")
        if type(self.garment_on_white) is not bool:
            raise ValueError(f"garment_on_white = {self.garment_on_white!r}; wanted true or false")


@dataclass(frozen=True)
class SHSConfig:
    """Of the network that makes the segmentation; layers are our choice ("ResNet-like")."""

    width: int = 32
    """Channels at full size, doubled at each step down; our choice."""
    downs: int = 3
    """Steps down; our choice."""
    blocks: int = 6
    """Residual blocks at the smallest size; our choice."""
    conditions: ConditionsConfig = field(default_factory=ConditionsConfig)

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        _check_whole(self, "width", "downs", "blocks")


@dataclass(frozen=True)
class GWCConfig:
    """Of the network that bends the garment: CP-VTON+'s geometric matching module."""

    width: int = 32
    """Channels of the first level; 64 in CP-VTON+, half of it here (our choice: 5 million numbers
    instead of 19)."""
    align_corners: bool = False
    """Whether -1 and 1 are the centres of a garment photo's outermost pixels; our choice is that
    they are its edges."""
    conditions: ConditionsConfig = field(default_factory=ConditionsConfig)

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        _check_whole(self, "width")
        if type(self.align_corners) is not bool:
            raise ValueError(f"align_corners = {self.align_corners!r}; wanted true or false")


@dataclass(frozen=True)
class TOGConfig:
    """Of the network that makes the picture ("ResNet-like", dilated in its innermost layers)."""

    width: int = 32
    """Channels at full size, doubled at each step down; our choice."""
    downs: int = 2
    """Steps down; our choice."""
    dilations: tuple[int, ...] = (1, 2, 4, 8, 8, 4, 2, 1)
    """Dilation of each residual block at the smallest size; our choice: together they reach
    240 pixels of 256x192 to each side."""
    conditions: ConditionsConfig = field(default_factory=ConditionsConfig)

    def __post_init__(self) -> None:
        """Refuse what cannot be built; a list of dilations becomes a tuple."""
        object.__setattr__(self, "dilations", tuple(self.dilations))
        _check_whole(self, "width", "downs")
        if not self.dilations or any(type(d) is not int or d < 1 for d in self.dilations):
            raise ValueError(f"dilations = {self.dilations!r}; wanted positive whole numbers")


NetworkConfig = SHSConfig | GWCConfig | TOGConfig
_KINDS: dict[str, type[NetworkConfig]] = {SHS: SHSConfig, GWC: GWCConfig, TOG: TOGConfig}


def config_from_json(family: str, values: Mapping[str, Any]) -> NetworkConfig:
    """The config of a family from stored values; what is not there has its default.

    Raises ``ValueError`` for values that are no such config.
    """
    kind = _KINDS[family]
    _check_known(kind, values)
    inner = values.get("conditions", {})
    _check_known(ConditionsConfig, inner)
    own = {name: value for name, value in values.items() if name != "conditions"}
    return replace(kind(**own), conditions=ConditionsConfig(**inner))


def config_to_json(config: NetworkConfig) -> dict[str, Any]:
    """The values to store."""
    stored = asdict(config)
    return {name: list(v) if isinstance(v, tuple) else v for name, v in stored.items()}


def _check_known(kind: type[NetworkConfig | ConditionsConfig], values: Mapping[str, Any]) -> None:
    known = {entry.name for entry in fields(kind)}
    if unknown := sorted(set(values) - known):
        raise ValueError(f"unknown {unknown[0]!r}; known: {', '.join(sorted(known))}")


def _check_whole(config: object, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if type(value) is not int or value < 1:
            raise ValueError(f"{name} = {value!r}; wanted a positive whole number")
