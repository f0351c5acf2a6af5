"""What the trainers of CP-VTON and CP-VTON+ can be told; imports no array library.

Learning rates, batches and weights of losses are the published ones (Wang et al. 2018; Minar et
al. 2020) unless they are marked ``our choice``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.systems.cp_vton.config import (
    GMM,
    PLUS_GMM,
    PLUS_TOM,
    TOM,
    CPVTONConfig,
    CPVTONPlusConfig,
)
from pipelines.training.request import TrainerInfo
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
    """What both networks of CP-VTON are trained with."""

    neck: str = CPVTONConfig.neck
    """What a neck is: ``background``, ``body`` (part of the body's shape) or ``kept`` (shown with
    the head; our choice)."""
    schedule: str = "constant"
    """Of the learning rate: ``constant`` (as in the published scripts, which make a schedule and
    never use it), ``linear`` (that one: constant for one half of the run, then straight to 0) or
    ``cosine``."""


@dataclass(frozen=True)
class PlusSharedSettings(SharedSettings):
    """The same of CP-VTON+."""

    neck: str = CPVTONPlusConfig.neck


@dataclass(frozen=True)
class MatchingSettings(Settings):
    """What the warps of both systems are trained with: L1 of the warped garment."""

    width: int = 64
    """Channels of the first level; 64 is the published network."""
    learning_rate: float = 1e-4
    """Adam (0.5, 0.999)."""
    grid_weight: float = 0.0
    """Of the changes of the sampling grid's steps (``grid_regularisation``); CP-VTON has none."""
    mask_weight: float = 0.0
    """Of the L1 between the warped mask and the worn garment's (our choice)."""


@dataclass(frozen=True)
class GMMSettings(MatchingSettings):
    """``cp-vton.gmm``."""

    garment_light: float = 0.0
    """Largest change of brightness and contrast of the garment that the network sees, not of the
    one that is warped (our choice)."""


@dataclass(frozen=True)
class PlusGMMSettings(MatchingSettings):
    """``cp-vton-plus.gmm``, which sees the garment's mask alone."""

    grid_weight: float = 40.0


@dataclass(frozen=True)
class TOMSettings(Settings):
    """``cp-vton.tom``: L1 of the picture, perceptual loss, L1 of the composition mask."""

    width: int = 64
    learning_rate: float = 1e-4
    """Adam (0.5, 0.999)."""
    l1_weight: float = 1.0
    mask_weight: float = 1.0
    """Of the composition mask's distance from the warped garment's mask, in CP-VTON+ from that of
    the worn garment."""
    ssim_weight: float = 0.0
    """Of 1 - SSIM where a top can change a photo (our choice)."""
    perceptual_weight: float = 1.0
    perceptual: str = "auto"
    """``vgg`` (torchvision's VGG19, downloaded unless it is in its cache), ``parser`` (the
    encoder of our own parser), ``none``; ``auto``: the first of these that is at hand."""
    perceptual_weights: str = ""
    """File of that network: ``vgg19-dcbb9e9d.pth``, or a name or file of weights of a parser."""
    gmm: str = GMM
    """Weights (a name or a file) of the network that warps the garments."""


@dataclass(frozen=True)
class PlusTOMSettings(TOMSettings):
    """``cp-vton-plus.tom``."""

    gmm: str = PLUS_GMM


LOOP = LoopSettings(batch_size=4, epochs=40, ema_decay=0.999, checkpoint_minutes=5.0)
SHARED = merged((DataSettings(), SharedSettings(), AugmentSettings()))
PLUS_SHARED = merged((DataSettings(), PlusSharedSettings(), AugmentSettings()))

CP_VTON_GMM = trainer(GMM, "CP-VTON's warp of the garment", SHARED, GMMSettings(), LOOP)
CP_VTON_TOM = trainer(
    TOM,
    "CP-VTON's picture of the dressed person; needs weights of cp-vton.gmm",
    SHARED,
    TOMSettings(),
    LOOP,
)
CP_VTON_PLUS_GMM = trainer(
    PLUS_GMM, "CP-VTON+'s warp of the garment", PLUS_SHARED, PlusGMMSettings(), LOOP
)
CP_VTON_PLUS_TOM = trainer(
    PLUS_TOM,
    "CP-VTON+'s picture of the dressed person; needs weights of cp-vton-plus.gmm",
    PLUS_SHARED,
    PlusTOMSettings(),
    LOOP,
)

_SHARES: Mapping[str, float] = {"gmm": 0.4, "tom": 0.6}
_OWN = frozenset({"start", "gmm"})
ROW = Row("cp-vton", {"gmm": CP_VTON_GMM, "tom": CP_VTON_TOM}, _SHARES, _OWN, SHARED)
PLUS_ROW = Row(
    "cp-vton-plus",
    {"gmm": CP_VTON_PLUS_GMM, "tom": CP_VTON_PLUS_TOM},
    _SHARES,
    _OWN,
    PLUS_SHARED,
)
_IN_A_ROW = (
    "two networks in a row; minutes are shared out, steps and epochs are those of each; settings "
    "of one stage have its name before them, as gmm_width"
)
CP_VTON: TrainerInfo = ROW.info(f"CP-VTON's {_IN_A_ROW}")
CP_VTON_PLUS: TrainerInfo = PLUS_ROW.info(f"CP-VTON+'s {_IN_A_ROW}")
