"""Final weights of try-on networks, with what they were made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from pipelines.checkpoint_manifest import RESEARCH, TrainingData
from pipelines.training.export import WeightsMetadata, write_weights

PLACES = frozenset(
    {"roots", "cache", "start", "gmm", "seg", "g1", "g2", "u", "shs", "gwc", "perceptual_weights"}
    | {f"{stage}_start" for stage in ("g1", "g2", "u", "g")}
)
"""Settings that name files of this machine, which weights do not tell."""


def export_network(
    folder: Path,
    network: nn.Module,
    *,
    family: str,
    config: Mapping[str, Any],
    meta: Mapping[str, Any],
    data: Sequence[TrainingData],
    label_set: str = "",
) -> Path:
    """Write ``<family>.safetensors``; ``meta`` is what the loop hands to ``Task.export``.

    The tier is ``research``: no openly licensed set of try-on pairs is known.
    """
    run = {name: value for name, value in meta["config"].items() if name not in PLACES}
    run["settings"] = {n: v for n, v in run["settings"].items() if n not in PLACES}
    metadata = WeightsMetadata(
        family=family,
        config=config,
        figures=meta["figures"],
        data=tuple(data),
        tier=RESEARCH,
        label_set=label_set,
        run={"step": meta["step"], **run},
    )
    return write_weights(folder / f"{family}.safetensors", network, metadata)
