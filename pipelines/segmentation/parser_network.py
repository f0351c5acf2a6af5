"""The parser's network: what goes in and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipelines.checkpoint_files import read_network
from pipelines.labels import LIP20
from pipelines.networks import pose_maps
from pipelines.networks.resnet_unet import ResNetUNet

FAMILY = "parser.ours"
"""Family of the weights."""

MEAN, DEVIATION = 0.5, 0.25
"""Photos in 0..1 are brought to about -2..2."""


@dataclass(frozen=True)
class ParserConfig:
    """The shape of the network; stored with its weights. All widths are our choice."""

    widths: tuple[int, ...] = (32, 48, 96, 160, 256)
    """Channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size."""
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    """Residual blocks of the last four."""
    fine_channels: int = 8
    """Channels of the branch at full size."""
    pose: bool = True
    """Whether the network sees the pose."""

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ParserConfig:
        """The config of stored values; raises ``KeyError``, ``TypeError``, ``ValueError``."""
        widths, blocks = (tuple(int(n) for n in values[key]) for key in ("widths", "blocks"))
        return cls(widths, blocks, int(values["fine_channels"]), bool(values["pose"]))

    def to_json(self) -> dict[str, Any]:
        """The values to store."""
        return {**asdict(self), "widths": list(self.widths), "blocks": list(self.blocks)}


def build_parser(config: ParserConfig) -> ResNetUNet:
    """The network of a config, with random weights."""
    return ResNetUNet(
        out_channels=len(LIP20),
        guide_channels=pose_maps.CHANNELS if config.pose else 0,
        widths=config.widths,
        blocks=config.blocks,
        fine_channels=config.fine_channels,
    )


def read_parser(weights: Path) -> tuple[ResNetUNet, ParserConfig, dict[str, str]]:
    """The network of a file of weights, on the CPU, its config and the file's metadata.

    Raises ``InputError`` for a file that ``vtonctl train parser.ours`` has not written.
    """
    return read_network(weights, FAMILY, ParserConfig.from_json, build_parser)


def parser_logits(network: torch.nn.Module, photos: Tensor, joints: Tensor | None) -> Tensor:
    """Logits ``[B, 20, H, W]`` of photos ``float32 [B, 3, H, W]`` in 0..1, H and W times 32.

    ``joints`` is ``float32 [B, 25, 3]`` in pixels of the photos, or None for a network without
    a pose.
    """
    height, width = photos.shape[-2:]
    guide = None if joints is None else pose_maps.pose_maps(joints, height, width)
    logits: Tensor = network((photos - MEAN) / DEVIATION, guide)
    return logits
