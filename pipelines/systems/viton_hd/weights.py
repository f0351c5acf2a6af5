"""The three networks as stored: building them from a config, reading them from a file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from torch import nn

from pipelines import checkpoint_files
from pipelines.errors import InputError
from pipelines.systems.viton_hd.config import (
    ALIAS,
    SEG,
    ConditionsConfig,
    GMMConfig,
    NetworkConfig,
    SegConfig,
    config_from_json,
)
from pipelines.systems.viton_hd.config import (
    GMM as GMM_FAMILY,
)
from pipelines.systems.viton_hd.networks import GMM, ALIASGenerator, SegGenerator
from pipelines.types import Size

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

N = TypeVar("N", SegGenerator, GMM, ALIASGenerator)


@dataclass(frozen=True, eq=False)
class Networks:
    """The three networks in evaluation mode, and what their inputs are made like."""

    seg: SegGenerator
    gmm: GMM
    alias: ALIASGenerator
    conditions: ConditionsConfig


def build_network(config: NetworkConfig) -> SegGenerator | GMM | ALIASGenerator:
    """The network of a config, with random weights."""
    if isinstance(config, SegConfig):
        return SegGenerator(width=config.width, coarse_width=config.coarse_width)
    if isinstance(config, GMMConfig):
        return GMM(
            size=Size(*config.conditions.size_hw),
            width=config.width,
            refine_width=config.refine_width,
        )
    return ALIASGenerator(
        width=config.width,
        upsampling=config.upsampling,
        feature_channels=config.feature_channels,
        hidden=config.hidden,
        adds_garment=config.adds_garment,
        light_width=config.light_width,
    )


def read_networks(weights: Mapping[str, Path]) -> Networks:
    """The networks of three files, by family, on the CPU.

    Raises ``InputError`` (``wrong_weights``) for a file that is not of its family, and for files
    whose inputs are not made alike.
    """
    made = {family: read_network(weights[family], family) for family in (SEG, GMM_FAMILY, ALIAS)}
    conditions = made[ALIAS][1].conditions
    for family, (_, config) in made.items():
        like = config.conditions
        if (like.agnostic, like.pose_points) != (conditions.agnostic, conditions.pose_points):
            raise InputError(
                f"{weights[family]}: trained with inputs ({like.agnostic}, {like.pose_points}) "
                f"other than {weights[ALIAS]} ({conditions.agnostic}, {conditions.pose_points})",
                code="wrong_weights",
                hint="Use three files that were trained together.",
            )
    return Networks(
        seg=_of(made[SEG][0], SegGenerator),
        gmm=_of(made[GMM_FAMILY][0], GMM),
        alias=_of(made[ALIAS][0], ALIASGenerator),
        conditions=conditions,
    )


def read_network(
    path: Path, family: str
) -> tuple[SegGenerator | GMM | ALIASGenerator, NetworkConfig]:
    """The network of a file in evaluation mode, on the CPU, and its config.

    Raises ``InputError`` (``wrong_weights``) for a file that is not of this family.
    """
    config_of = partial(config_from_json, family)
    network, config, _ = checkpoint_files.read_network(path, family, config_of, build_network)
    return network.eval().requires_grad_(False), config


def _of(network: nn.Module, kind: type[N]) -> N:
    assert isinstance(network, kind)  # noqa: S101 - what the family's config builds
    return network
