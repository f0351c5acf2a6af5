"""The description of a network in a file of weights of ``parser.yolo``, checked before it is built.

ultralytics builds networks of descriptions: it looks up the names of layers among everything that
one of its modules holds, calls what it finds, and in some releases evaluates the activation as
Python. A description that names anything but layers is therefore refused here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.checkpoint_files import bounded
from pipelines.errors import InputError

LAYERS = frozenset(
    {
        "A2C2f", "ADown", "AConv", "Bottleneck", "BottleneckCSP", "C1", "C2", "C2f", "C2fCIB",
        "C2fPSA", "C2PSA", "C3", "C3Ghost", "C3k2", "C3TR", "C3x", "CBFuse", "CBLinear", "Concat",
        "Conv", "ConvTranspose", "DWConv", "DWConvTranspose2d", "ELAN1", "Focus",
        "GhostBottleneck", "GhostConv", "PSA", "RepC3", "RepNCSPELAN4", "SCDown", "Segment",
        "Segment26", "SPP", "SPPELAN", "SPPF", "nn.BatchNorm2d", "nn.Conv2d", "nn.ConvTranspose2d",
        "nn.Identity", "nn.MaxPool2d", "nn.Upsample",
    }
)  # fmt: skip
"""Of which ultralytics's networks for instances consist."""
_ACTIVATIONS = frozenset(
    f"{module}{name}()"
    for module in ("nn.", "torch.nn.")
    for name in ("GELU", "Hardswish", "LeakyReLU", "Mish", "ReLU", "SiLU")
)


def read_config(
    path: Path, metadata: Mapping[str, str], family: str, names: Sequence[str]
) -> dict[str, Any]:
    """What ``Detector`` needs to build the network again.

    Raises ``InputError``: ``unusable_weights`` for a file of another family or other classes,
    ``unsafe_weights`` for a description of more than a network.
    """
    try:
        config: dict[str, Any] = bounded(json.loads(metadata.get("config", "")))
        if metadata.get("family") != family or config["names"] != list(names):
            raise KeyError("family")
        network, _ = config["network"], config["imgsz"]
        rows = [*network["backbone"], *network["head"]]
        wanted = {str(module) for _, _, module, _ in rows}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(
            f"{path}: no weights of {family} (family {metadata.get('family', 'not named')!r}).",
            code="unusable_weights",
            hint="Train them: vtonctl train parser.yolo ROOT --out DIR",
        ) from None
    odd = sorted(wanted - LAYERS)
    if activation := network.get("activation"):
        odd += [name for name in [str(activation)] if name not in _ACTIVATIONS]
    if odd:
        raise InputError(
            f"{path}: its network is described with {odd[0]!r}, which is no layer; nothing was run",
            code="unsafe_weights",
            hint="Don't use this file elsewhere. Get the weights from who trained them.",
        )
    return config
