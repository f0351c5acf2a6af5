"""What the trainers of VITON-HD can be told; imports no array library.

Learning rates, batches and weights of losses are those that are published or, where the authors
say nothing, those of HR-VITON (Lee et al. 2022), whose training is public; sizes, widths and what
is marked ``our choice`` are for a machine without a GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from pipelines.training.request import TrainerInfo
from pipelines.training.settings import LoopSettings

T = TypeVar("T", bound="Settings")


@dataclass(frozen=True)
class Settings:
    """Base: picks its own out of a trainer's values."""

    @classmethod
    def of(cls: type[T], values: Mapping[str, Any]) -> T:
        """The settings among ``values``."""
        return cls(**{f.name: values[f.name] for f in fields(cls)})

    def defaults(self) -> dict[str, Any]:
        """By name, for ``TrainerInfo.defaults``."""
        return asdict(self)


@dataclass(frozen=True)
class DataSettings(Settings):
    """The examples."""

    layout: str = "auto"
    """Layout of the roots."""
    size: tuple[int, int] = (256, 192)
    """Height and width that examples are kept at and pictures are made at, multiples of 64. The
    layout and the warp are always predicted at 256x192."""
    agnostic: str = "v3.2"
    """Form of the garment-free picture: ``v3.2`` (hands kept, our choice) or ``viton-hd``."""
    pose_points: str = "body"
    """``body``, or ``all`` where the poses have feet and hands."""
    limit: int = 0
    """At most so many examples of each root to train on; 0 = all."""
    validation_split: str = "val"
    validation: int = 0
    """At most so many examples of each root to judge on; 0 = all."""
    cache: str = ""
    """Folder of the prepared examples; empty = ``data`` in the run's folder."""
    licence: str = "not stated"
    """Licence of the data, for the weights' metadata."""
    start: str = ""
    """Weights (a name or a file) to go on from, whose network is then taken."""


@dataclass(frozen=True)
class AugmentSettings(Settings):
    """Random changes of examples; our choice throughout."""

    flip: float = 0.5
    """Probability of a mirror image, with sides swapped in labels and pose."""
    garment_rotation_deg: float = 6.0
    garment_scale: float = 0.08
    garment_shift: float = 0.04
    """Largest turn, change of size and shift (share of the picture) of the garment photo."""
    recolour: float = 0.5
    """Probability that the garment has another colour, in its photo and on the person alike."""
    hue_deg: float = 180.0
    saturation: float = 0.4
    brightness: float = 0.2
    """Largest changes of that colour."""


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
STAGES = ("seg", "gmm", "alias")
"""In the order in which they are trained."""

_OF_STAGE: Mapping[str, tuple[Settings, LoopSettings]] = {
    "seg": (SegSettings(), SEG_LOOP),
    "gmm": (GMMSettings(), GMM_LOOP),
    "alias": (ALIASSettings(), ALIAS_LOOP),
}
_SHARED = {**DataSettings().defaults(), **AugmentSettings().defaults()}
_INPUTS = ("image", "parse", "pose", "cloth", "cloth-mask")

VITON_HD_SEG, VITON_HD_GMM, VITON_HD_ALIAS = (
    TrainerInfo(
        name=f"viton-hd.{stage}",
        summary=summary,
        inputs=_INPUTS,
        defaults={
            **_SHARED, **_OF_STAGE[stage][0].defaults(), **_OF_STAGE[stage][1].defaults(),
        },
    )
    for stage, summary in (
        ("seg", "VITON-HD's layout of the dressed person"),
        ("gmm", "VITON-HD's warp of the garment"),
        ("alias", "VITON-HD's picture of the dressed person; needs weights of viton-hd.gmm"),
    )
)  # fmt: skip

SHARES: Mapping[str, float] = {"seg": 0.3, "gmm": 0.2, "alias": 0.5}
"""Of the minutes that the trainer of all three is given."""

_OWN = {"start", "gmm", "seg"}
"""Settings of one stage that the trainer of all three sets itself."""

VITON_HD = TrainerInfo(
    name="viton-hd",
    summary="VITON-HD's three networks in a row; minutes are shared out, steps and epochs are "
    "those of each; settings of one stage have its name before them, as seg_width",
    inputs=_INPUTS,
    defaults={
        **{name: value for name, value in _SHARED.items() if name not in _OWN},
        **{f"{stage}_share": share for stage, share in SHARES.items()},
        **{
            f"{stage}_{name}": value
            for stage in STAGES
            for settings in _OF_STAGE[stage]
            for name, value in settings.defaults().items()
            if name not in _OWN
        },
    },
)


def settings_of_stage(stage: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of one stage out of those of the trainer of all three."""
    info = {"seg": VITON_HD_SEG, "gmm": VITON_HD_GMM, "alias": VITON_HD_ALIAS}[stage]
    made = dict(info.defaults)
    for name in made:
        for key in (name, f"{stage}_{name}"):
            if key in values:
                made[name] = values[key]
    return made
