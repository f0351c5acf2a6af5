"""The four networks as stored: building them from a config, reading them from a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pipelines import checkpoint_files
from pipelines.errors import InputError
from pipelines.networks.unet import UNet, quickened
from pipelines.systems.acgpn.config import FAMILIES, G1, G2, ACGPNConfig, G, U, config_from_json
from pipelines.systems.acgpn.networks import (
    BodyPartGenerator,
    ClothesWarping,
    ClothMaskGenerator,
    ContentFusion,
)

if TYPE_CHECKING:
    from pathlib import Path

_BUILDERS: Mapping[str, Callable[[ACGPNConfig], UNet]] = {
    G1: lambda config: BodyPartGenerator(width=config.width, coarse_width=config.coarse_width),
    G2: lambda config: ClothMaskGenerator(width=config.width, coarse_width=config.coarse_width),
    U: lambda config: ClothesWarping(
        width=config.width, spline_width=config.spline_width, refine_width=config.refine_width
    ),
    G: lambda config: ContentFusion(width=config.width, adds_garment=config.adds_garment),
}


@dataclass(frozen=True, eq=False)
class Networks:
    """The four networks in evaluation mode, and what their inputs are made like."""

    g1: UNet
    g2: UNet
    u: ClothesWarping
    g: ContentFusion
    config: ACGPNConfig

    def quickened(self, kind: torch.dtype) -> Networks:
        """Copies for inference; the warp stays in float32, else garments move by pixels."""
        u = quickened(self.u, kind)
        u.stn, u.refiner = self.u.stn, self.u.refiner
        g1, g2 = (quickened(part, kind) for part in (self.g1, self.g2))
        return Networks(g1, g2, u, quickened(self.g, kind), self.config)

    def to(self, device: torch.device) -> Networks:
        """Move them, in place."""
        for part in (self.g1, self.g2, self.u, self.g):
            part.to(device)
        return self


def build_network(family: str, config: ACGPNConfig) -> UNet:
    """The network of a family, with random weights."""
    return _BUILDERS[family](config)


def read_networks(weights: Mapping[str, Path]) -> Networks:
    """The networks of four files, by family, on the CPU.

    Raises ``InputError`` (``wrong_weights``) for a file that is not of its family, and for files
    whose inputs are not made alike.
    """
    made = {family: read_network(weights[family], family) for family in FAMILIES}
    config = made[G1][1]
    for family, (_, other) in made.items():
        if other.neck != config.neck:
            raise InputError(
                f"{weights[family]}: trained with neck = {other.neck}, but {weights[G1]} with "
                f"neck = {config.neck}",
                code="wrong_weights",
                hint="Use four files that were trained together.",
            )
    g1, g2, u, g = (made[family][0] for family in FAMILIES)
    assert isinstance(u, ClothesWarping)  # noqa: S101 - what the family's config builds
    assert isinstance(g, ContentFusion)  # noqa: S101 - as above
    return Networks(g1, g2, u, g, config)


def read_network(path: Path, family: str) -> tuple[UNet, ACGPNConfig]:
    """The network of a file in evaluation mode, on the CPU, and its config.

    Raises ``InputError`` (``wrong_weights``) for a file that is not of this family.
    """

    def build(config: ACGPNConfig) -> UNet:
        return build_network(family, config)

    network, config, _ = checkpoint_files.read_network(path, family, config_from_json, build)
    return network.eval().requires_grad_(False), config
