"""The three networks as stored: building them from a config, reading them from a file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from torch import nn

from pipelines import checkpoint_files
from pipelines.errors import InputError
from pipelines.systems.multipose import config as configs
from pipelines.systems.multipose.config import (
    FAMILIES,
    ConditionsConfig,
    GWCConfig,
    NetworkConfig,
    SHSConfig,
    config_from_json,
)
from pipelines.systems.multipose.networks import GWC, SHS, TOG

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch

N = TypeVar("N", SHS, GWC, TOG)


@dataclass(frozen=True, eq=False)
class Networks:
    """The three networks in evaluation mode, and what their inputs are made like."""

    shs: SHS
    gwc: GWC
    tog: TOG
    conditions: ConditionsConfig

    def to(self, device: torch.device) -> Networks:
        """Move them, in place."""
        for network in (self.shs, self.gwc, self.tog):
            network.to(device)
        return self


def build_network(config: NetworkConfig) -> SHS | GWC | TOG:
    """The network of a config, with random weights."""
    if isinstance(config, SHSConfig):
        bottom = config.conditions.bottom
        return SHS(bottom=bottom, width=config.width, downs=config.downs, blocks=config.blocks)
    if isinstance(config, GWCConfig):
        return GWC(width=config.width, align_corners=config.align_corners)
    return TOG(width=config.width, downs=config.downs, dilations=config.dilations)


def read_networks(weights: Mapping[str, Path]) -> Networks:
    """The networks of three files, by family, on the CPU.

    Raises ``InputError`` (``wrong_weights``) for a file that is not of its family, and for files
    whose inputs are not made alike.
    """
    made = {family: read_network(weights[family], family) for family in FAMILIES}
    conditions = made[configs.SHS][1].conditions
    for family, (_, config) in made.items():
        if config.conditions != conditions:
            raise InputError(
                f"{weights[family]}: trained with inputs other than {weights[configs.SHS]} "
                f"({config.conditions}, {conditions})",
                code="wrong_weights",
                hint="Use three files that were trained together.",
            )
    return Networks(
        shs=_of(made[configs.SHS][0], SHS),
        gwc=_of(made[configs.GWC][0], GWC),
        tog=_of(made[configs.TOG][0], TOG),
        conditions=conditions,
    )


def read_network(path: Path, family: str) -> tuple[SHS | GWC | TOG, NetworkConfig]:
    """The network of a file in evaluation mode, on the CPU, and its config.

    Raises ``InputError`` (``wrong_weights``) for a file that is not of this family.
    """
    config_of = partial(config_from_json, family)
    network, config, _ = checkpoint_files.read_network(path, family, config_of, build_network)
    return network.eval().requires_grad_(False), config


def _of(network: nn.Module, kind: type[N]) -> N:
    assert isinstance(network, kind)  # noqa: S101 - what the family's config builds
    return network
