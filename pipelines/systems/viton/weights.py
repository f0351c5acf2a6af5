"""The two networks as stored: building them from a config, reading them from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch

from pipelines import checkpoint_files
from pipelines.errors import InputError
from pipelines.systems.viton.config import COARSE, REFINE, VITONConfig, config_from_json
from pipelines.systems.viton.networks import EncoderDecoder, RefinementNetwork

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, eq=False)
class Networks:
    """The networks in evaluation mode, and what their inputs are made like.

    ``refine`` is None for an approach that has no refinement.
    """

    coarse: EncoderDecoder
    refine: RefinementNetwork | None
    config: VITONConfig

    def to(self, device: torch.device) -> Networks:
        """Move them, in place."""
        self.coarse.to(device)
        if self.refine is not None:
            self.refine.to(device)
        return self


def build_network(family: str, config: VITONConfig) -> EncoderDecoder | RefinementNetwork:
    """The network of a family, with random weights."""
    if family == COARSE:
        return EncoderDecoder(width=config.width, decay=config.decay)
    return RefinementNetwork(width=config.width)


def read_networks(weights: Mapping[str, Path], families: Sequence[str]) -> Networks:
    """The networks of files by family, on the CPU; ``families`` says which there are.

    Raises ``InputError`` (``wrong_weights``) for a file that is not of its family, and for files
    whose inputs are not made alike.
    """
    coarse, config = read_network(weights[COARSE], COARSE)
    assert isinstance(coarse, EncoderDecoder)  # noqa: S101 - what the family builds
    if REFINE not in families:
        return Networks(coarse, None, config)
    refine, other = read_network(weights[REFINE], REFINE)
    assert isinstance(refine, RefinementNetwork)  # noqa: S101 - what the family builds
    if config.neck != other.neck:
        raise InputError(
            f"{weights[REFINE]}: trained with neck = {other.neck}, but {weights[COARSE]} with "
            f"neck = {config.neck}",
            code="wrong_weights",
            hint="Use two files that were trained together.",
        )
    return Networks(coarse, refine, config)


def read_network(path: Path, family: str) -> tuple[EncoderDecoder | RefinementNetwork, VITONConfig]:
    """The network of a file in evaluation mode, on the CPU, and its config.

    Raises ``InputError`` (``wrong_weights``) for a file that is not of this family.
    """
    build = partial(build_network, family)
    network, config, _ = checkpoint_files.read_network(path, family, config_from_json, build)
    return network.eval().requires_grad_(False), config
