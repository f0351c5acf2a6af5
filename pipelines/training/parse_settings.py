"""What ``parser.ours`` can be told; imports no array library.

Our choice throughout; the equalised loss follows the multi-pose paper (its Table 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.training.request import TrainerInfo
from pipelines.training.settings import LoopSettings

LOOP = LoopSettings(
    batch_size=32,
    epochs=60,
    ema_decay=0.998,
    clip_norm=1.0,
    channels_last=True,
    checkpoint_minutes=5.0,
)

DATA: Mapping[str, Any] = {
    "layout": "auto",
    "own_pose": True,
    "limit": 0,
    "validation": 120,
    "ccp_repeats": 5,
    "cache": "",
    "licence": "not stated",
}
"""Layout of the roots; whether the poses of this package's own stage join those of the data set;
at most so many photos of each root to train on, and to judge on (0 = all); how often a photo of
Clothing Co-Parsing counts in an epoch (its person fills several windows, and the set is small);
where the prepared examples are kept (default: in the run's folder); the licence that the weights
shall name for data that is not Clothing Co-Parsing."""

NETWORK: Mapping[str, Any] = {"widths": (32, 48, 96, 160, 256), "pose": True, "start": ""}
"""Channels at 1/2 to 1/32 of the size; whether the network sees the pose; weights (a name or a
file) to go on from, whose network is then taken."""

LEARNING: Mapping[str, Any] = {
    "learning_rate": 2e-3,
    "weight_decay": 0.02,
    "warmup_steps": 100,
    "equalised": False,
    "equalised_epochs": 3,
    "jaccard": 0.0,
    "augment": 1.0,
    "studio": 0.0,
}
"""AdamW with a short rise and a half cosine. ``equalised`` gives all labels the same weight for
the first ``equalised_epochs`` epochs; ``jaccard`` is the weight of the soft Jaccard loss beside
cross entropy; ``augment`` multiplies how far photos are changed (0.3: for the last part of a long
training, at the scale and light of real photos); ``studio`` is the share of photos that are put
before a plain light wall, for street photos to teach what studio photos look like."""

PARSER_OURS = TrainerInfo(
    name="parser.ours",
    summary="a compact pose-guided parser of the 20 LIP labels",
    inputs=("image", "parse", "pose (found where it is missing)"),
    defaults={**DATA, **NETWORK, **LEARNING, **LOOP.defaults()},
)
