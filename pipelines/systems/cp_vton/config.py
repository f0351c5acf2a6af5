"""What the networks of CP-VTON and CP-VTON+ are built with and fed with; stored with their weights.

The defaults are the published ones (Wang et al., "Toward Characteristic-Preserving Image-based
Virtual Try-On Network", 2018; Minar et al., "CP-VTON+: Clothing Shape and Texture Preserving
Image-Based Virtual Try-On", 2020).

Imports no array library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from pipelines.labels import (
    HEAD_KEPT_CPVTON,
    HEAD_KEPT_CPVTONPLUS_GMM,
    KEPT_CPVTONPLUS_TOM,
)

GMM, TOM = "cp-vton.gmm", "cp-vton.tom"
FAMILIES = (GMM, TOM)
"""Families of CP-VTON's weights, in the order in which the networks run."""

PLUS_GMM, PLUS_TOM = "cp-vton-plus.gmm", "cp-vton-plus.tom"
PLUS_FAMILIES = (PLUS_GMM, PLUS_TOM)
"""Those of CP-VTON+."""

NECKS = ("background", "body", "kept")


@dataclass(frozen=True)
class CPVTONConfig:
    """Shape of one of CP-VTON's two networks, and how its inputs are made."""

    width: int = 64
    """Channels of the network's first level."""
    align_corners: bool = True
    """Of GMM: whether -1 and 1 are the centres of a garment photo's outermost pixels, as with the
    version of torch (0.4) that it was published for, or, as in today's default, their edges."""
    neck: str = "background"
    """What a neck is: ``background`` (as in the label maps of CP-VTON, which have none), ``body``
    (part of the body's shape; as in CP-VTON+), or ``kept`` (shown with the head; our choice)."""

    plus: ClassVar[bool] = False
    """Whether the garment is matched by its mask, which the try-on module then sees as well."""
    matching_kept: ClassVar[frozenset[int]] = HEAD_KEPT_CPVTON
    """LIP20 ids of what the matching module sees of the photo."""
    tryon_kept: ClassVar[frozenset[int]] = HEAD_KEPT_CPVTON
    """LIP20 ids of what the try-on module sees of the photo."""

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if type(self.width) is not int or self.width < 1:
            raise ValueError(f"width = {self.width!r}; wanted a positive whole number")
        if type(self.align_corners) is not bool:
            raise ValueError(f"align_corners = {self.align_corners!r}; wanted true or false")
        if self.neck not in NECKS:
            raise ValueError(f"neck = {self.neck!r}; known: {', '.join(NECKS)}")


@dataclass(frozen=True)
class CPVTONPlusConfig(CPVTONConfig):
    """The same of CP-VTON+."""

    neck: str = "body"

    plus: ClassVar[bool] = True
    matching_kept: ClassVar[frozenset[int]] = HEAD_KEPT_CPVTONPLUS_GMM
    tryon_kept: ClassVar[frozenset[int]] = KEPT_CPVTONPLUS_TOM


def config_from_json(family: str, values: Mapping[str, Any]) -> CPVTONConfig:
    """The config of a family from stored values; what is not there is as published.

    Raises ``ValueError`` for values that are no such config.
    """
    known = {entry.name for entry in fields(CPVTONConfig)}
    if unknown := sorted(set(values) - known):
        raise ValueError(f"unknown {unknown[0]!r}; known: {', '.join(sorted(known))}")
    return (CPVTONPlusConfig if family in PLUS_FAMILIES else CPVTONConfig)(**values)


def config_to_json(config: CPVTONConfig) -> dict[str, Any]:
    """The values to store."""
    return asdict(config)
