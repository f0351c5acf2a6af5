"""The two networks as stored: building them from a config, reading them from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch

from pipelines import checkpoint_files
from pipelines.errors import InputError
from pipelines.systems.cp_vton import config as configs
from pipelines.systems.cp_vton.config import CPVTONConfig, config_from_json
from pipelines.systems.cp_vton.networks import GMM, TOM

if TYPE_CHECKING:
    from pathlib import Path

_MATCHERS = (configs.GMM, configs.PLUS_GMM)


@dataclass(frozen=True, eq=False)
class Networks:
    """The two networks in evaluation mode, and what their inputs are made like."""

    gmm: GMM
    tom: TOM
    config: CPVTONConfig

    def to(self, device: torch.device) -> Networks:
        """Move them, in place."""
        self.gmm.to(device)
        self.tom.to(device)
        return self


def build_network(family: str, config: CPVTONConfig) -> GMM | TOM:
    """The network of a family, with random weights."""
    if family in _MATCHERS:
        return GMM(plus=config.plus, width=config.width, align_corners=config.align_corners)
    return TOM(plus=config.plus, width=config.width)


def read_networks(weights: Mapping[str, Path], families: Sequence[str]) -> Networks:
    """The networks of two files, by family (GMM's, then TOM's), on the CPU.

    Raises ``InputError`` (``wrong_weights``) for a file that is not of its family, and for files
    whose inputs are not made alike.
    """
    (gmm, config), (tom, other) = (read_network(weights[family], family) for family in families)
    if config.neck != other.neck:
        raise InputError(
            f"{weights[families[1]]}: trained with neck = {other.neck}, but "
            f"{weights[families[0]]} with neck = {config.neck}",
            code="wrong_weights",
            hint="Use two files that were trained together.",
        )
    assert isinstance(gmm, GMM) and isinstance(tom, TOM)  # noqa: S101 - what the families build
    return Networks(gmm, tom, config)


def read_network(path: Path, family: str) -> tuple[GMM | TOM, CPVTONConfig]:
    """The network of a file in evaluation mode, on the CPU, and its config.

    Raises ``InputError`` (``wrong_weights``) for a file that is not of this family.
    """
    config_of, build = partial(config_from_json, family), partial(build_network, family)
    network, config, _ = checkpoint_files.read_network(path, family, config_of, build)
    return network.eval().requires_grad_(False), config
