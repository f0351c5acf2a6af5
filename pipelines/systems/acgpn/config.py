"""What the four networks of ACGPN are built with and fed with; stored with their weights.

The defaults are the published ones (Yang et al., "Towards Photo-Realistic Virtual Try-On by
Adaptively Generating and Preserving Image Content", 2020).

Imports no array library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

G1, G2, U, G = "acgpn.g1", "acgpn.g2", "acgpn.u", "acgpn.g"
FAMILIES = (G1, G2, U, G)
"""Families of weights, in the order in which the networks run."""

NECKS = ("garment", "skin")


@dataclass(frozen=True)
class ACGPNConfig:
    """Shape of one of the four networks, and how its inputs are made."""

    width: int = 64
    """Channels of the U-Net's first level; 0: the coarse network is all there is."""
    spline_width: int = 8
    """Of U: channels of the first layer of the network that finds the control points."""
    coarse_width: int = 0
    """Of G1 and G2: channels of the first level of a coarse network beside the U-Net (our choice);
    0: there is none, as published."""
    refine_width: int = 0
    """Of U: channels of a network that corrects the spline's grid (our choice); 0: there is none,
    as published."""
    adds_garment: bool = False
    """Of G: whether it makes the difference to what its input shows (our choice) or, as published,
    the picture."""
    neck: str = "garment"
    """What becomes of a neck in the labels: ``garment`` (as published: glove, socks, neck and scarf
    are washed into the upper clothes) or ``skin`` (with the face; our choice, for parses that know
    necks)."""

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        for name in ("width", "spline_width"):
            value = getattr(self, name)
            least = 0 if name == "width" and self.coarse_width else 1
            if type(value) is not int or value < least:
                raise ValueError(f"{name} = {value!r}; wanted a positive whole number")
        for name in ("coarse_width", "refine_width"):
            value = getattr(self, name)
            if type(value) is not int or value < 0 or value % 8:
                raise ValueError(f"{name} = {value!r}; wanted a multiple of 8 or 0")
        if type(self.adds_garment) is not bool:
            raise ValueError(f"adds_garment = {self.adds_garment!r}; wanted true or false")
        if self.neck not in NECKS:
            raise ValueError(f"neck = {self.neck!r}; known: {', '.join(NECKS)}")


def config_from_json(values: Mapping[str, Any]) -> ACGPNConfig:
    """The config from stored values; what is not there is as published.

    Raises ``ValueError`` for values that are no such config.
    """
    known = {entry.name for entry in fields(ACGPNConfig)}
    if unknown := sorted(set(values) - known):
        raise ValueError(f"unknown {unknown[0]!r}; known: {', '.join(sorted(known))}")
    return ACGPNConfig(**values)


def config_to_json(config: ACGPNConfig) -> dict[str, Any]:
    """The values to store."""
    return asdict(config)
