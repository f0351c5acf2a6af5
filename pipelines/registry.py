"""Every stage and try-on system by name: what it is, and where its class lies.

Imports no array library: a class is imported only when it is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from pipelines.errors import ConfigError
from pipelines.layout import Artifact
from pipelines.segmentation.maskrcnn_settings import PARSER_MASKRCNN
from pipelines.segmentation.yolo_settings import PARSER_YOLO
from pipelines.stage import Stage, StageInfo, Subject, TryOnSystem
from pipelines.systems.acgpn.config import FAMILIES as ACGPN_FAMILIES
from pipelines.systems.acgpn.train_settings import (
    ACGPN,
    ACGPN_G,
    ACGPN_G1,
    ACGPN_G2,
    ACGPN_TOGETHER,
    ACGPN_U,
)
from pipelines.systems.cp_vton.config import FAMILIES as CP_VTON_FAMILIES
from pipelines.systems.cp_vton.config import PLUS_FAMILIES as CP_VTON_PLUS_FAMILIES
from pipelines.systems.cp_vton.train_settings import (
    CP_VTON,
    CP_VTON_GMM,
    CP_VTON_PLUS,
    CP_VTON_PLUS_GMM,
    CP_VTON_PLUS_TOM,
    CP_VTON_TOM,
)
from pipelines.systems.multipose.config import FAMILIES as MULTIPOSE_FAMILIES
from pipelines.systems.multipose.train_settings import (
    MULTIPOSE,
    MULTIPOSE_GWC,
    MULTIPOSE_SHS,
    MULTIPOSE_TOG,
)
from pipelines.systems.viton.config import COARSE_FAMILIES as VITON_COARSE_FAMILIES
from pipelines.systems.viton.config import FAMILIES as VITON_FAMILIES
from pipelines.systems.viton.train_settings import VITON, VITON_COARSE, VITON_REFINE
from pipelines.systems.viton_hd.config import FAMILIES as VITON_HD_FAMILIES
from pipelines.systems.viton_hd.train_settings import (
    VITON_HD,
    VITON_HD_ALIAS,
    VITON_HD_GMM,
    VITON_HD_SEG,
)
from pipelines.training.parse_settings import PARSER_OURS
from pipelines.training.request import ReportProgress, TrainerInfo, TrainRequest, TrainResult

FRAME = StageInfo(
    name="frame",
    version=1,
    subject=Subject.PERSON,
    inputs=(Artifact.SOURCE,),
    outputs=(Artifact.IMAGE,),
    params=("size",),
    summary="find the person in a photo and cut it to the stored size",
)
POSE = StageInfo(
    name="pose",
    version=1,
    subject=Subject.PERSON,
    inputs=(Artifact.IMAGE,),
    outputs=(Artifact.POSE, Artifact.POSE_IMAGE),
    params=("model",),
    summary="BODY_25 joints and hands",
)
PARSE = StageInfo(
    name="parse",
    version=2,
    subject=Subject.PERSON,
    inputs=(Artifact.IMAGE, Artifact.POSE),
    outputs=(Artifact.PARSE,),
    params=("parser", "device", "precision"),
    summary="body parts and clothes as LIP ids",
)
AGNOSTIC = StageInfo(
    name="agnostic",
    version=1,
    subject=Subject.PERSON,
    inputs=(Artifact.IMAGE, Artifact.POSE, Artifact.PARSE),
    outputs=(Artifact.PARSE_AGNOSTIC, Artifact.AGNOSTIC, Artifact.AGNOSTIC_MASK),
    params=("variant",),
    summary="the person without the worn garment",
)
GARMENT_FRAME = StageInfo(
    name="garment-frame",
    version=1,
    subject=Subject.GARMENT,
    inputs=(Artifact.SOURCE,),
    outputs=(Artifact.CLOTH,),
    params=("size",),
    summary="cut a garment photo to the stored size",
)
CLOTH_MASK = StageInfo(
    name="cloth-mask",
    version=1,
    subject=Subject.GARMENT,
    inputs=(Artifact.CLOTH,),
    outputs=(Artifact.CLOTH_MASK,),
    summary="the garment in its photo",
)

STAGES: dict[str, tuple[StageInfo, str]] = {
    "frame": (FRAME, "pipelines.preprocess.framing:FrameStage"),
    "pose": (POSE, "pipelines.preprocess.pose:PoseStage"),
    "parse": (PARSE, "pipelines.preprocess.parsing:ParseStage"),
    "agnostic": (AGNOSTIC, "pipelines.preprocess.agnostic:AgnosticStage"),
    "garment-frame": (GARMENT_FRAME, "pipelines.preprocess.framing:GarmentFrameStage"),
    "cloth-mask": (CLOTH_MASK, "pipelines.preprocess.cloth_mask:ClothMaskStage"),
}
"""Stages in the order in which they run."""

_DRESSING = (
    Artifact.IMAGE,
    Artifact.POSE,
    Artifact.PARSE,
    Artifact.CLOTH,
    Artifact.CLOTH_MASK,
)


def _dressing(
    name: str,
    summary: str,
    *,
    version: int,
    weights: tuple[str, ...] = (),
    poses: bool = False,
    layouts: bool = False,
) -> StageInfo:
    """A try-on system; those with weights run on any device."""
    return StageInfo(
        name=f"tryon-{name}",
        version=version,
        subject=Subject.PAIR,
        inputs=_DRESSING,
        outputs=(),
        params=("device", "precision") if weights else (),
        summary=summary,
        weights=weights,
        poses=poses,
        layouts=layouts,
    )


SYSTEMS: dict[str, tuple[StageInfo, str]] = {
    "geometric": (
        _dressing("geometric", "landmark and contour warping, no weights (Apache-2.0)", version=5),
        "pipelines.systems.geometric.tryon:GeometricTryOn",
    ),
    "viton-warped": (
        _dressing(
            "viton-warped",
            "VITON's warp laid on the photo (its non-parametric warped synthesis)",
            version=3,
            weights=VITON_COARSE_FAMILIES,
        ),
        "pipelines.systems.viton.tryon:WarpedTryOn",
    ),
    "viton-encoder-decoder": (
        _dressing(
            "viton-encoder-decoder",
            "VITON's coarse picture alone (its encoder-decoder generator)",
            version=3,
            weights=VITON_COARSE_FAMILIES,
        ),
        "pipelines.systems.viton.tryon:EncoderDecoderTryOn",
    ),
    "viton": (
        _dressing(
            "viton",
            "coarse picture, shape-context warp and refinement (Han et al. 2018)",
            version=3,
            weights=VITON_FAMILIES,
        ),
        "pipelines.systems.viton.tryon:VITONTryOn",
    ),
    "cp-vton": (
        _dressing(
            "cp-vton",
            "learned spline and composition (Wang et al. 2018); import or train weights",
            version=4,
            weights=CP_VTON_FAMILIES,
        ),
        "pipelines.systems.cp_vton.tryon:CPVTONTryOn",
    ),
    "cp-vton-plus": (
        _dressing(
            "cp-vton-plus",
            "CP-VTON matched by masks (Minar et al. 2020)",
            version=4,
            weights=CP_VTON_PLUS_FAMILIES,
        ),
        "pipelines.systems.cp_vton.tryon:CPVTONPlusTryOn",
    ),
    "acgpn": (
        _dressing(
            "acgpn",
            "layout, warp and content fusion (Yang et al. 2020)",
            version=6,
            weights=ACGPN_FAMILIES,
            layouts=True,
        ),
        "pipelines.systems.acgpn.tryon:ACGPNTryOn",
    ),
    "viton-hd": (
        _dressing(
            "viton-hd",
            "predicted layout, learned warp and ALIAS generator (Choi et al. 2021)",
            version=6,
            weights=VITON_HD_FAMILIES,
            layouts=True,
        ),
        "pipelines.systems.viton_hd.tryon:VitonHDTryOn",
    ),
    "multipose": (
        _dressing(
            "multipose",
            "garment and pose changed together (Sandagdorj, Thai and Ahn 2020)",
            version=5,
            weights=MULTIPOSE_FAMILIES,
            poses=True,
            layouts=True,
        ),
        "pipelines.systems.multipose.tryon:MultiPoseTryOn",
    ),
}
"""Try-on systems; ``auto`` takes the last one without networks for poses whose weights are at hand.

Those with none are shown people whose limbs were turned (``pipelines.rendering.reposing``).
"""

REPOSING_VERSION = 3
"""Raised when equal photos and poses would give other people in these poses."""

TRAINERS: dict[str, tuple[TrainerInfo, str]] = {
    "parser.ours": (PARSER_OURS, "pipelines.training.parse_trainer:train"),
    "parser.yolo": (PARSER_YOLO, "pipelines.segmentation.yolo_training:train"),
    "parser.maskrcnn": (PARSER_MASKRCNN, "pipelines.segmentation.maskrcnn_train:train"),
    "cp-vton": (CP_VTON, "pipelines.systems.cp_vton.train_all:train"),
    "cp-vton.gmm": (CP_VTON_GMM, "pipelines.systems.cp_vton.train:train_gmm"),
    "cp-vton.tom": (CP_VTON_TOM, "pipelines.systems.cp_vton.train:train_tom"),
    "cp-vton-plus": (CP_VTON_PLUS, "pipelines.systems.cp_vton.train_all:train"),
    "cp-vton-plus.gmm": (CP_VTON_PLUS_GMM, "pipelines.systems.cp_vton.train:train_gmm"),
    "cp-vton-plus.tom": (CP_VTON_PLUS_TOM, "pipelines.systems.cp_vton.train:train_tom"),
    "acgpn": (ACGPN, "pipelines.systems.acgpn.train_all:train"),
    "acgpn.g1": (ACGPN_G1, "pipelines.systems.acgpn.train:train_g1"),
    "acgpn.g2": (ACGPN_G2, "pipelines.systems.acgpn.train:train_g2"),
    "acgpn.u": (ACGPN_U, "pipelines.systems.acgpn.train:train_u"),
    "acgpn.g": (ACGPN_G, "pipelines.systems.acgpn.train:train_g"),
    "acgpn.together": (ACGPN_TOGETHER, "pipelines.systems.acgpn.train_joint:train"),
    "viton": (VITON, "pipelines.systems.viton.train_all:train"),
    "viton.coarse": (VITON_COARSE, "pipelines.systems.viton.train:train_coarse"),
    "viton.refine": (VITON_REFINE, "pipelines.systems.viton.train:train_refine"),
    "viton-hd": (VITON_HD, "pipelines.systems.viton_hd.train_all:train"),
    "viton-hd.seg": (VITON_HD_SEG, "pipelines.systems.viton_hd.train:train_seg"),
    "viton-hd.gmm": (VITON_HD_GMM, "pipelines.systems.viton_hd.train:train_gmm"),
    "viton-hd.alias": (VITON_HD_ALIAS, "pipelines.systems.viton_hd.train:train_alias"),
    "multipose": (MULTIPOSE, "pipelines.systems.multipose.train_all:train"),
    "multipose.shs": (MULTIPOSE_SHS, "pipelines.systems.multipose.train:train_shs"),
    "multipose.gwc": (MULTIPOSE_GWC, "pipelines.systems.multipose.train:train_gwc"),
    "multipose.tog": (MULTIPOSE_TOG, "pipelines.systems.multipose.train:train_tog"),
}
"""What can be trained: ``train(request, report) -> TrainResult`` of each stage."""


def stage(name: str, params: Mapping[str, Any]) -> Stage:
    """Build a stage. Raises ``ConfigError`` for an unknown name."""
    made: Stage = _load(STAGES, "stage", name)(**params)
    return made


def tryon_system(name: str, params: Mapping[str, Any]) -> TryOnSystem:
    """Build a try-on system. Raises ``ConfigError`` for an unknown name."""
    made: TryOnSystem = _load(SYSTEMS, "try-on system", name)(**params)
    return made


def train(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Run a trainer. Raises ``ConfigError`` for an unknown stage."""
    made: TrainResult = _load(TRAINERS, "training stage", request.stage)(request, report)
    return made


def _load(table: Mapping[str, tuple[StageInfo | TrainerInfo, str]], kind: str, name: str) -> Any:
    if name not in table:
        raise ConfigError(
            f"unknown {kind} {name!r}", code="unknown_name", hint=f"Known: {', '.join(table)}."
        )
    module, _, attribute = table[name][1].partition(":")
    return getattr(import_module(module), attribute)
