"""What the trainers of VITON can be told; imports no array library.

Learning rates, batches and weights of losses are those of the published training (Han et al. 2018);
what is marked ``our choice`` is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.training.settings import LoopSettings
from pipelines.training.tryon_settings import (
    AugmentSettings,
    DataSettings,
    Row,
    Settings,
    merged,
    trainer,
)


@dataclass(frozen=True)
class SharedSettings(Settings):
    """What both networks are trained with."""

    neck: str = "background"
    """What necks are in the inputs; see ``VITONConfig.neck``."""
    schedule: str = "constant"
    """Of the learning rate: ``constant`` (as published), ``linear`` (constant for one half of the
    run, then straight to 0) or ``cosine``."""


@dataclass(frozen=True)
class NetworkSettings(Settings):
    """What each network has of its own."""

    width: int = 64
    """Channels of the first level; 64 is the published network."""
    learning_rate: float = 2e-4
    """Of Adam, betas 0.5 and 0.999."""
    perceptual: str = "auto"
    """``vgg`` (torchvision's VGG19, downloaded unless it is in its cache), ``parser`` (the
    encoder of our own parser), ``none``; ``auto``: the first of these that is at hand. Layers and
    weights are those that all systems here share (our choice)."""
    perceptual_weights: str = ""
    """File of that network: ``vgg19-dcbb9e9d.pth``, or a name or file of weights of a parser."""


@dataclass(frozen=True)
class CoarseSettings(NetworkSettings):
    """``viton.coarse``: L1 of mask and picture, perceptual loss."""

    decay: float = 0.999
    """Share of the statistics of batch normalisation that each step keeps; short trainings want
    less."""
    mask_weight: float = 1.0
    image_weight: float = 1.0
    perceptual_weight: float = 3.0


@dataclass(frozen=True)
class RefineSettings(NetworkSettings):
    """``viton.refine``: L1, perceptual loss, and what favours the bent garment in one piece."""

    l1_weight: float = 0.2
    perceptual_weight: float = 0.8
    share_weight: float = 0.1
    """Of the mean of alpha, which is to be large."""
    variation_weight: float = 5e-6
    """Of the total variation of alpha, the sum over a picture."""
    coarse: str = ""
    """Weights (a name or a file) of the network before, which is needed."""


SHARED = merged((DataSettings(), SharedSettings(), AugmentSettings()))
LOOP = LoopSettings(batch_size=16, epochs=20, ema_decay=0.999, checkpoint_minutes=5.0)

VITON_COARSE = trainer(
    "viton.coarse", "VITON's coarse picture and garment mask", SHARED, CoarseSettings(), LOOP
)
VITON_REFINE = trainer(
    "viton.refine", "VITON's composition with the bent garment", SHARED, RefineSettings(), LOOP
)
ROW = Row(
    system="viton",
    stages={"coarse": VITON_COARSE, "refine": VITON_REFINE},
    shares={"coarse": 0.8, "refine": 0.2},
    own=frozenset({"start", "coarse"}),
    shared=SHARED,
)
VITON = ROW.info(
    "VITON's two networks in a row; minutes are shared out, steps and epochs are those of each; "
    "settings of one stage have its name before them, as coarse_width"
)
