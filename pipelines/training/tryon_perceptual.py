"""Which network a perceptual loss looks through: the one asked for, or the first at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor
from torchvision.models import VGG19_Weights

from pipelines import checkpoints
from pipelines.downloads import Published, fetch, published_by_torchvision
from pipelines.errors import ConfigError, InputError, WeightsMissing
from pipelines.networks.perceptual import EncoderFeatures, PerceptualLoss, VggFeatures
from pipelines.networks.pose_maps import pose_maps
from pipelines.segmentation.parser_network import DEVIATION, FAMILY, MEAN, read_parser

_UNREADABLE = (
    OSError, RuntimeError, EOFError, ValueError, LookupError, TypeError, UnpicklingError,
)  # fmt: skip
"""What ``torch.load`` raises for files that hold no tensors."""

_ELSEWHERE = (
    "Download it elsewhere and name it: --set perceptual_weights=FILE; or use "
    "--set perceptual=parser or none."
)
KINDS = ("auto", "vgg", "parser", "none")

LEFT_OUT = (
    "the perceptual loss is left out: there is neither a VGG19 nor a parser. "
    "Use --set perceptual=vgg, or perceptual_weights=FILE."
)


@dataclass(frozen=True, eq=False)
class Perceptual:
    """A perceptual loss and what it looks through."""

    loss: PerceptualLoss
    name: str
    """``vgg`` or ``parser``."""
    sees_pose: bool = False

    def __call__(self, made: Tensor, real: Tensor, joints: Tensor) -> Tensor:
        """A scalar for pictures ``[B, 3, H, W]`` in -1..1 and their joints ``[B, 25, 3]``."""
        guide = pose_maps(joints, *made.shape[-2:]) if self.sees_pose else None
        value: Tensor = self.loss(made, real, guide)
        return value


def find_perceptual(kind: str, weights: str, tell: Callable[[str], None]) -> Perceptual | None:
    """The perceptual loss of a kind of ``KINDS``; ``weights`` names a file or is empty.

    None for ``none``, and for ``auto`` where nothing is at hand, which is told. Raises
    ``ConfigError``, ``InputError`` and ``WeightsMissing``.
    """
    if kind not in KINDS:
        raise ConfigError(
            f"perceptual = {kind!r}", code="bad_setting", hint=f"Known: {', '.join(KINDS)}."
        )
    if kind == "auto":
        kind = _at_hand(weights)
        if kind == "none":
            tell(LEFT_OUT)
    if kind == "none":
        return None
    made = _vgg(weights) if kind == "vgg" else _parser(weights or FAMILY)
    tell(f"perceptual loss: {made.name}")
    return made


def _at_hand(weights: str) -> str:
    if weights:
        return "vgg" if weights.endswith(".pth") else "parser"
    if _cached_vgg().is_file():
        return "vgg"
    return "parser" if checkpoints.best(FAMILY) else "none"


def _cached_vgg() -> Path:
    """Where torchvision keeps the weights it has downloaded."""
    return Path(torch.hub.get_dir()) / "checkpoints" / _published_vgg().name


def _vgg(weights: str) -> Perceptual:
    features = VggFeatures()
    try:
        features.load_classifier(_vgg_state(weights))
    except _UNREADABLE as error:
        if weights:
            raise InputError(
                f"{weights}: cannot be used as VGG19: {_first_line(error)}",
                code="unusable_weights",
                hint="Wanted is torchvision's vgg19-dcbb9e9d.pth.",
            ) from None
        raise WeightsMissing(
            f"{_cached_vgg()}: cannot be used as VGG19: {_first_line(error)}", hint=_ELSEWHERE
        ) from error
    return Perceptual(PerceptualLoss(features), "vgg")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _vgg_state(weights: str) -> Any:
    if weights:
        return torch.load(weights, map_location="cpu", weights_only=True)
    cached = fetch(_published_vgg(), _cached_vgg().parent, hint=_ELSEWHERE)
    return torch.load(cached, map_location="cpu", weights_only=True)


def _published_vgg() -> Published:
    return published_by_torchvision(VGG19_Weights.IMAGENET1K_V1.url)


def _parser(weights: str) -> Perceptual:
    network, config, _ = read_parser(checkpoints.find(weights).path)
    features = EncoderFeatures(network, mean=MEAN, deviation=DEVIATION)
    return Perceptual(PerceptualLoss(features), "parser", sees_pose=config.pose)
