"""What the trainers of VITON-HD can be told; imports no array library.

Learning rates, batches and weights of losses are those that are published or, where the authors
say nothing, those of HR-VITON (Lee et al. 2022), whose training is public; sizes, widths and what
is marked ``our choice`` are for a machine without a GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

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
class ConditionsSettings(Settings):
    """What examples are made like."""

    size: tuple[int, int] = (256, 192)
    """Height and width that examples are kept at and pictures are made at, multiples of 64. The
    layout and the warp are always predicted at 256x192."""
    agnostic: str = "v3.2"
    """Form of the garment-free picture: ``v3.2`` (hands kept, our choice) or ``viton-hd``."""
    pose_points: str = "body"
    """``body``, or ``all`` where the poses have feet and hands."""
    crop: float = 0.0
    crop_least: float = 0.55
    """Share of the examples that show a part of the photo, as portraits do, and the smallest part
    of its height and width (our choice)."""

    schedule: ClassVar[str] = "cosine"
    """Of the learning rate."""


@dataclass(frozen=True)
class SegSettings(Settings):
    """``viton-hd.seg``: cGAN and cross entropy."""

    width: int = 64
    """Channels of the first level; 64 is the published network."""
    discriminator_width: int = 64
    learning_rate: float = 4e-4
    discriminator_learning_rate: float = 4e-4
    """Adam (0.5, 0.999)."""
    gan_weight: float = 1.0
    """0 trains without a discriminator."""
    cross_entropy_weight: float = 10.0
    map_weight: float = 1.0
    """Of the binary cross entropy of the maps: the sigmoid of which the chain takes the highest
    is not settled by the cross entropy over labels (our choice)."""
    coarse_width: int = 0
    """Channels of a small network beside it that sees half the size (our choice), a multiple of
    8; 0: none. Weights to go on from may be without."""
    coarse_alone: bool = False
    """Whether that network alone is trained, which is several times as fast."""


@dataclass(frozen=True)
class GMMSettings(Settings):
    """``viton-hd.gmm``: L1 and the second-order constraint."""

    width: int = 64
    refine_width: int = 0
    """Channels of a network that corrects the spline's grid (our choice), a multiple of 8;
    0: none. Weights to go on from may be without."""
    refine_weight: float = 1.0
    bending_weight: float = 0.7
    """Of the losses of the corrected warp, and of how far the corrections are from affine."""
    refine_ssim_weight: float = 0.5
    """Of 1 - SSIM of the corrected warp at half the size, which looks for prints in their place
    where L1 is content with the garment's main colour."""
    seg: str = ""
    """Weights of a layout network, to judge with its layouts, too, and to train with them."""
    predicted_share: float = 0.0
    """Share of the examples that are trained with a predicted layout (our choice): what bends a
    garment to true layouts follows predicted ones into their mistakes."""
    learning_rate: float = 2e-4
    """Adam (0.5, 0.999)."""
    constraint_weight: float = 0.04
    constraint_slack: float = 0.0
    """What of the constraint costs nothing (delta in ACGPN's text)."""
    mask_weight: float = 1.0
    """Of the L1 between the warped mask and the worn garment's, as in later systems (our
    choice)."""
    garment_light: float = 0.2
    """Largest change of brightness and contrast of the garment that the network sees, not of the
    one that is warped (our choice)."""


@dataclass(frozen=True)
class ALIASSettings(Settings):
    """``viton-hd.alias``: hinge loss, feature matching, perceptual loss."""

    width: int = 64
    upsampling: str = "more"
    """``most`` (published), for sides that are multiples of 128; ``more``: of 64."""
    feature_channels: int = 16
    hidden: int = 128
    adds_garment: bool = False
    """Whether the network learns the difference to the warped garment (our choice) or, as
    published, the picture."""
    light_width: int = 0
    """Channels of a coarse network that has a share in this difference (our choice), a multiple
    of 8; 0: none. Weights to go on from may be without."""
    light_alone: bool = False
    """Whether that network alone is trained, which is several times as fast."""
    discriminator_width: int = 64
    learning_rate: float = 1e-4
    discriminator_learning_rate: float = 4e-4
    """Adam (0, 0.9)."""
    gan_weight: float = 1.0
    feature_weight: float = 10.0
    perceptual_weight: float = 10.0
    l1_weight: float = 1.0
    """As HR-VITON's; VITON-HD has none."""
    ssim_weight: float = 0.0
    """Of 1 - SSIM where the garment-free picture hides the photo (our choice)."""
    keep_photo: bool = True
    """Whether the photo is put back outside the garment-free region before pictures are judged,
    so that the network learns what it is needed for (our choice)."""
    perceptual: str = "auto"
    """``vgg`` (torchvision's VGG19, downloaded unless it is in its cache), ``parser`` (the
    encoder of our own parser), ``none``; ``auto``: the first of these that is at hand."""
    perceptual_weights: str = ""
    """File of that network: ``vgg19-dcbb9e9d.pth``, or a name or file of weights of a parser."""
    gmm: str = "viton-hd.gmm"
    """Weights (a name or a file) of the network that warps the garments."""
    gmm_learning_rate: float = 0.0
    """Above 0 the warp is trained on together with the picture, with its own losses, and both are
    written (joint fine-tune; our choice)."""
    constraint_weight: float = 0.04
    """Of the second-order constraint in these; what the warp was trained with."""
    seg: str = ""
    """Weights of a layout network, to judge with its layouts, too, and to train with them."""
    predicted_share: float = 0.0
    """Share of the examples that are trained with a predicted layout."""


SEG_LOOP = LoopSettings(batch_size=8, epochs=40, ema_decay=0.999, checkpoint_minutes=5.0)
GMM_LOOP = LoopSettings(batch_size=8, epochs=40, ema_decay=0.999, checkpoint_minutes=5.0)
ALIAS_LOOP = LoopSettings(batch_size=4, epochs=40, ema_decay=0.999, checkpoint_minutes=5.0)
_SHARED = merged((DataSettings(), ConditionsSettings(), AugmentSettings()))

VITON_HD_SEG = trainer(
    "viton-hd.seg", "VITON-HD's layout of the dressed person", _SHARED, SegSettings(), SEG_LOOP
)
VITON_HD_GMM = trainer(
    "viton-hd.gmm", "VITON-HD's warp of the garment", _SHARED, GMMSettings(), GMM_LOOP
)
VITON_HD_ALIAS = trainer(
    "viton-hd.alias",
    "VITON-HD's picture of the dressed person; needs weights of viton-hd.gmm",
    _SHARED,
    ALIASSettings(),
    ALIAS_LOOP,
)

ROW = Row(
    system="viton-hd",
    stages={"seg": VITON_HD_SEG, "gmm": VITON_HD_GMM, "alias": VITON_HD_ALIAS},
    shares={"seg": 0.3, "gmm": 0.2, "alias": 0.5},
    own=frozenset({"start", "gmm", "seg"}),
    shared=_SHARED,
)
VITON_HD = ROW.info(
    "VITON-HD's three networks in a row; minutes are shared out, steps and epochs are "
    "those of each; settings of one stage have its name before them, as seg_width"
)


def settings_of_stage(stage: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of one stage out of those of the trainer of all three."""
    return ROW.settings_of(stage, values)
