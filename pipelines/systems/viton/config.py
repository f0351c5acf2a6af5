"""What the networks of VITON are built with and fed with; stored with their weights.

The defaults are the published ones (Han et al., "VITON: An Image-based Virtual Try-on Network",
2018).

Imports no array library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

COARSE, REFINE = "viton.coarse", "viton.refine"
FAMILIES = (COARSE, REFINE)
"""Families of weights, in the order in which the networks run."""

COARSE_FAMILIES = (COARSE,)
"""Those of the approaches that the paper compares with, which have no refinement."""

NECKS = ("background", "body", "kept")


@dataclass(frozen=True)
class VITONConfig:
    """Shape of one of VITON's two networks, and how its inputs are made."""

    width: int = 64
    """Channels of the first level."""
    decay: float = 0.999
    """Of ``viton.coarse``: what each step of training keeps of the statistics by which the network
    normalises when it is used."""
    neck: str = "background"
    """What a neck is: ``background`` (as in the published label maps, which have none), ``body``
    (part of the body's shape), or ``kept`` (shown with the head; our choice)."""

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if type(self.width) is not int or self.width < 1:
            raise ValueError(f"width = {self.width!r}; wanted a positive whole number")
        if type(self.decay) is not float or not 0 <= self.decay < 1:
            raise ValueError(f"decay = {self.decay!r}; wanted 0.0 up to, not including, 1.0")
        if self.neck not in NECKS:
            raise ValueError(f"neck = {self.neck!r}; known: {', '.join(NECKS)}")


def config_from_json(values: Mapping[str, Any]) -> VITONConfig:
    """The config from stored values; what is not there is as published.

    Raises ``ValueError`` for values that are no such config.
    """
    known = {entry.name for entry in fields(VITONConfig)}
    if unknown := sorted(set(values) - known):
        raise ValueError(f"unknown {unknown[0]!r}; known: {', '.join(sorted(known))}")
    return VITONConfig(**values)


def config_to_json(config: VITONConfig) -> dict[str, Any]:
    """The values to store."""
    return asdict(config)
