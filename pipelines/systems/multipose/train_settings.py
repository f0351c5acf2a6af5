"""What the trainers of the multi-pose networks can be told; imports no array library.

Losses, learning rates and the three equalised epochs are the text's (Sandagdorj, Thai and Ahn
2020). It names no weights of losses, widths, batches or schedules: these, and what it does not
mention, are our choice.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.training.settings import LoopSettings
from pipelines.training.tryon_settings import (
    AugmentSettings,
    DataSettings,
    GanSettings,
    Row,
    Settings,
    merged,
    trainer,
)


@dataclass(frozen=True)
class SharedSettings(Settings):
    """What all three networks are trained with."""

    bottom: str = "mask"
    """How the bottom parts of the source are shown: ``mask``, ``colour`` or ``none``."""
    sources: int = 1
    """Sources with turned limbs that are made of each photo, where a set shows each person once."""
    own_pose: float = 0.2
    """Share of the examples whose source is the target itself: a person dressed in their own pose.
    Our choice."""
    schedule: str = "linear"
    """Of the learning rate: ``linear`` (constant for one half of the run, then straight to 0),
    ``cosine`` or ``constant``."""


@dataclass(frozen=True)
class SHSSettings(GanSettings):
    """``multipose.shs``: cGAN and binary cross entropy (equation 4)."""

    width: int = 32
    downs: int = 3
    blocks: int = 6
    """Steps down, and residual blocks at the smallest size."""
    small_share: float = 0.0
    """Share of the run, its first part, in which examples have half the size, which is about four
    times as fast (our choice)."""
    bce_weight: float = 10.0
    """Of the binary cross entropy, lambda_bce."""
    equalised_epochs: float = 3.0
    """Epochs in which all labels weigh the same, before plain cross entropy; 0: none; a part of one
    where a training is shorter than three."""
    equalised_limit: float = 50.0
    """Largest weight of a label as a multiple of the smallest."""


@dataclass(frozen=True)
class GWCSettings(Settings):
    """``multipose.gwc``: L1 and grid regularisation (equations 5 and 6)."""

    width: int = 32
    """Channels of the first level."""
    learning_rate: float = 2e-4
    """Betas are 0.5 and 0.999."""
    l1_weight: float = 1.0
    regularisation_weight: float = 40.0
    """Of the regularisation, lambda_reg; 40 is CP-VTON+'s."""
    mask_weight: float = 0.0
    """Of the L1 of the bent mask, which a white garment on white needs (our choice)."""
    teacher_forcing: float = 1.0
    """Share of the examples that are bent to the true shape of the body; the others to the one that
    SHS predicts, as when dressing."""
    shs: str = ""
    """Weights (a name or a file) of the network before, to judge with, too, and to train with."""


@dataclass(frozen=True)
class TOGSettings(GanSettings):
    """``multipose.tog``: L1, perceptual loss, cGAN (equation 9)."""

    width: int = 32
    downs: int = 2
    """Steps down."""
    small_share: float = 0.0
    """Share of the run, its first part, in which examples have half the size, which is about four
    times as fast (our choice)."""
    l1_weight: float = 10.0
    perceptual_weight: float = 5.0
    perceptual: str = "auto"
    """``vgg`` (torchvision's VGG19, downloaded unless it is in its cache), ``parser`` (the
    encoder of our own parser), ``none``; ``auto``: the first of these that is at hand."""
    perceptual_weights: str = ""
    """File of that network: ``vgg19-dcbb9e9d.pth``, or a name or file of weights of a parser."""
    ssim_weight: float = 0.0
    """Of 1 - SSIM where the person is (our choice)."""
    share_weight: float = 0.0
    """Of the L1 of the composition mask to where the garment is worn, as in CP-VTON+ (our choice):
    with more of the bent garment more of a print is kept."""
    teacher_forcing: float = 1.0
    """Share of the examples that are shown true segmentations; the others those that SHS predicts,
    as when dressing."""
    shs: str = ""
    gwc: str = ""
    """Weights of the networks before. Garments are bent by GWC wherever it is named; without it,
    the garment of the target photo itself is shown in place of the bent one."""


SHARED = merged((DataSettings(), SharedSettings(), AugmentSettings()))
LOOP = LoopSettings(batch_size=4, epochs=50, ema_decay=0.999, checkpoint_minutes=5.0)

MULTIPOSE_SHS = trainer(
    "multipose.shs", "the segmentation of a person in another pose", SHARED, SHSSettings(), LOOP
)
MULTIPOSE_GWC = trainer(
    "multipose.gwc", "the garment's warp to a person in another pose", SHARED, GWCSettings(), LOOP
)
MULTIPOSE_TOG = trainer(
    "multipose.tog", "the picture of a person in another pose", SHARED, TOGSettings(), LOOP
)

ROW = Row(
    system="multipose",
    stages={"shs": MULTIPOSE_SHS, "gwc": MULTIPOSE_GWC, "tog": MULTIPOSE_TOG},
    shares={"shs": 0.3, "gwc": 0.2, "tog": 0.5},
    own=frozenset({"start", "shs", "gwc"}),
    shared=SHARED,
)
MULTIPOSE = ROW.info(
    "the three multi-pose networks in a row; minutes are shared out, steps and epochs are those of "
    "each; settings of one stage have its name before them, as shs_width"
)
