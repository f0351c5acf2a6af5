"""What the trainers of ACGPN can be told; imports no array library.

Learning rates and weights of losses are those of the paper (Yang et al. 2020) or, where it says
nothing, of the released training. Batches, widths for a machine without a GPU and what is marked
``our choice`` are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipelines.training.request import TrainerInfo
from pipelines.training.settings import LoopSettings
from pipelines.training.tryon_settings import (
    INPUTS,
    AugmentSettings,
    DataSettings,
    GanSettings,
    Row,
    Settings,
    merged,
    trainer,
)

CONSTRAINTS = ("paper", "released")


@dataclass(frozen=True)
class SharedSettings(Settings):
    """What all four networks are trained with."""

    neck: str = "skin"
    """What necks are in the labels: ``skin`` (our choice: our parses know necks) or, as published,
    ``garment``."""
    schedule: str = "linear"
    """Of the learning rate: ``linear`` (as released: constant for one half of the run, then
    straight to 0), ``cosine`` or ``constant``."""


@dataclass(frozen=True)
class LayoutSettings(GanSettings):
    """What the two networks of the layout have."""

    coarse_width: int = 0
    """Channels of a small network beside the U-Net that sees half the size (our choice), a
    multiple of 8; 0: none. Weights to go on from may be without."""
    coarse_alone: bool = False
    """Whether that network alone is trained, which is several times as fast. With a ``width`` of
    0 it is all there is."""


@dataclass(frozen=True)
class G1Settings(LayoutSettings):
    """``acgpn.g1``: cGAN and cross entropy."""

    cross_entropy_weight: float = 10.0
    squashed: bool = False
    """Whether, as released, the cross entropy is taken of maps behind a sigmoid, where it keeps a
    floor; the discriminator then sees these instead of a softmax."""


@dataclass(frozen=True)
class G2Settings(LayoutSettings):
    """``acgpn.g2``: cGAN and binary cross entropy."""

    cross_entropy_weight: float = 10.0
    squashed: bool = False
    """As ``G1Settings.squashed``."""
    teacher_forcing: float = 1.0
    """Share of the examples that are shown true layouts (1: as published); the others are shown
    those that the networks before predict."""
    g1: str = ""
    """Weights (a name or a file) of the network before, to judge with, too, and to train with."""


@dataclass(frozen=True)
class USettings(GanSettings):
    """``acgpn.u``: L1, composition, second-order constraint, perceptual loss, cGAN."""

    spline_width: int = 8
    """Channels of the first layer of the network that finds the control points."""
    refine_width: int = 0
    """Channels of a network that corrects the spline's grid (our choice), a multiple of 8;
    0: none. Weights to go on from may be without."""
    refine_weight: float = 1.0
    bending_weight: float = 0.7
    refine_ssim_weight: float = 0.5
    """As ``GMMSettings`` of VITON-HD has them."""
    warp_alone: bool = False
    """Whether spline and refiner alone are trained, without the U-Net, which is several times as
    fast."""
    refiner: str = ""
    """Weights of ``viton-hd.gmm``, from whose refiner this one starts as far as they are alike."""
    dropout: float = 0.5
    """Share of features that is left out at random in training, in spline and U-Net alike; with
    less (our choice) short trainings learn more."""
    warp_weight: float = 1.0
    mask_weight: float = 1.0
    """Of the L1 of the bent garment and of its mask."""
    constraint: str = "paper"
    """Form of the second-order constraint: ``paper`` (equations 3 and 4) or ``released`` (squares
    of steps, and floors)."""
    constraint_weight: float = 0.04
    """The paper names none; 0.04 is VITON-HD's for the same constraint, 0.1 the released one."""
    constraint_slack: float = 0.0
    """What of the paper's form costs nothing (its delta)."""
    refined_weight: float = 0.2
    composed_weight: float = 10.0
    share_weight: float = 1.0
    """Of the L1 of the U-Net's own garment, of its composition with the bent one, and of the
    composition mask to the garment's, which favours the bent one."""
    feature_weight: float = 5.0
    perceptual_weight: float = 1.0
    """Times 1, 10 and 20 for the bent, the composed and the U-Net's own garment."""
    perceptual: str = "auto"
    """``vgg`` (torchvision's VGG19, downloaded unless it is in its cache), ``parser`` (the
    encoder of our own parser), ``none``; ``auto``: the first of these that is at hand."""
    perceptual_weights: str = ""
    """File of that network: ``vgg19-dcbb9e9d.pth``, or a name or file of weights of a parser."""
    teacher_forcing: float = 1.0
    """As ``G2Settings.teacher_forcing``: of the masks that the garment is bent to."""
    g1: str = ""
    g2: str = ""
    """Weights of the networks before."""


@dataclass(frozen=True)
class GSettings(GanSettings):
    """``acgpn.g``: L1, perceptual loss, feature matching, cGAN."""

    adds_garment: bool = False
    """Whether the network learns the difference to what its input shows (our choice) or, as
    published, the picture."""
    l1_weight: float = 10.0
    ssim_weight: float = 0.0
    """Of 1 - SSIM where a top can change a photo (our choice)."""
    feature_weight: float = 5.0
    perceptual_weight: float = 5.0
    perceptual: str = "auto"
    perceptual_weights: str = ""
    """As in ``USettings``."""
    garment_back: bool = True
    """Whether the photo's garment is pasted back before discriminator and perceptual loss see
    the picture, as released later."""
    teacher_forcing: float = 1.0
    """As ``G2Settings.teacher_forcing``: of layout, garment and what is kept of the photo."""
    g1: str = ""
    g2: str = ""
    u: str = ""
    """Weights of the networks before."""


SHARED = merged((DataSettings(), SharedSettings(), AugmentSettings()))
LOOP = LoopSettings(batch_size=4, epochs=20, ema_decay=0.999, checkpoint_minutes=5.0)

ACGPN_G1 = trainer(
    "acgpn.g1", "ACGPN's layout of the body without the garment", SHARED, G1Settings(), LOOP
)
ACGPN_G2 = trainer("acgpn.g2", "ACGPN's mask of the worn garment", SHARED, G2Settings(), LOOP)
ACGPN_U = trainer("acgpn.u", "ACGPN's warp of the garment", SHARED, USettings(), LOOP)
ACGPN_G = trainer("acgpn.g", "ACGPN's picture of the dressed person", SHARED, GSettings(), LOOP)

ROW = Row(
    system="acgpn",
    stages={"g1": ACGPN_G1, "g2": ACGPN_G2, "u": ACGPN_U, "g": ACGPN_G},
    shares={"g1": 0.2, "g2": 0.2, "u": 0.3, "g": 0.3},
    own=frozenset({"start", "g1", "g2", "u"}),
    shared=SHARED,
)
ACGPN = ROW.info(
    "ACGPN's four networks in a row; minutes are shared out, steps and epochs are those of each; "
    "settings of one stage have its name before them, as g1_width"
)

_OF_STAGE: Mapping[str, GanSettings] = {
    "g1": G1Settings(),
    "g2": G2Settings(),
    "u": USettings(),
    "g": GSettings(),
}
_FILES = frozenset({"g1", "g2", "u"})

ACGPN_TOGETHER = TrainerInfo(
    name="acgpn.together",
    summary="ACGPN's four networks in one step, as released; settings of one network have its "
    "name before them, and g1_start names weights to go on from",
    inputs=INPUTS,
    defaults={
        **{name: value for name, value in SHARED.items() if name != "start"},
        **{f"{stage}_start": "" for stage in _OF_STAGE},
        **{
            f"{stage}_{name}": value
            for stage, own in _OF_STAGE.items()
            for name, value in own.defaults().items()
            if name not in _FILES
        },
        **LOOP.defaults(),
    },
)


def settings_together(values: Mapping[str, Any]) -> dict[str, GanSettings]:
    """The settings of each network out of those of ``acgpn.together``."""
    return {
        stage: replace(
            own,
            **{name: values[f"{stage}_{name}"] for name in own.defaults() if name not in _FILES},
        )
        for stage, own in _OF_STAGE.items()
    }
