"""What the networks of try-on systems start with before any training."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from pipelines.networks.correlation import GeometricMatcher
from pipelines.networks.pyramid import Pyramid

INITIAL_DEVIATION = 0.02
"""Of the published initialisations."""


def xavier_started(network: nn.Module) -> nn.Module:
    """Xavier's normal initialisation with a gain of 0.02, no bias: the published one.

    Parts of our own (``Pyramid``) stay as they are.
    """
    for module in _published_convolutions(network):
        # spectral normalisation keeps the weight under this name
        weight = getattr(module, "weight_orig", module.weight)
        nn.init.xavier_normal_(weight, INITIAL_DEVIATION)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    return network


def normal_started(network: nn.Module) -> nn.Module:
    """Normal initialisation of a deviation of 0.02, pix2pixHD's; biases are as torch has them.

    Parts of our own (``Pyramid``) stay as they are.
    """
    for module in _published_convolutions(network):
        nn.init.normal_(module.weight, 0.0, INITIAL_DEVIATION)
    return network


def matcher_started(network: nn.Module) -> nn.Module:
    """The features of a ``GeometricMatcher`` start as published (``normal_started``), the rest as
    torch starts it.
    """  # noqa: D205 - one sentence
    assert isinstance(network, GeometricMatcher)  # noqa: S101 - what the families of warps build
    for part in (network.extractionA, network.extractionB):
        normal_started(part)
    return network


def _published_convolutions(network: nn.Module) -> Iterator[nn.Conv2d]:
    if isinstance(network, Pyramid):
        return
    if isinstance(network, nn.Conv2d):
        yield network
    for part in network.children():
        yield from _published_convolutions(part)
