"""Settings of the trainer ``parser.maskrcnn``; imports no array library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from pipelines.errors import ConfigError
from pipelines.training.request import TrainerInfo
from pipelines.training.settings import LoopSettings

PRETRAINED_STAGES = 3
ALL_STAGES = 5
_LEVELS = 5


@dataclass(frozen=True)
class MaskRCNNSettings:
    """What ``--set`` takes; the defaults are the published ones where there are such."""

    neck: str = "carafe"
    """``carafe`` or ``fpn``."""
    backbone: str = "resnet50"
    """``resnet50``, ``resnet34`` or ``resnet18``."""
    pretrained: str = "none"
    """``none``, ``imagenet`` (torchvision's, downloaded) or a safetensors file of a ResNet."""
    norm: str = "auto"
    """``group``, ``batch`` or ``frozen``; auto: frozen with pretrained weights, else group."""
    trainable_layers: int = 0
    """Stages of the backbone that learn; 0 = 3 with pretrained weights, else all 5."""
    min_size: int = 800
    """Short side of the photos as the network sees them, in pixels."""
    max_size: int = 1333
    """Largest long side."""
    anchor_sizes: str = "auto"
    """Five numbers of pixels; auto: 32 to 512 at a short side of 800, else in proportion."""
    rois_per_image: int = 512
    """Proposals per photo that the heads learn from."""
    proposals: int = 1000
    """Proposals per photo that the heads are shown."""
    detections: int = 100
    """Instances per photo at most."""
    lr: float = 0.009
    warmup_steps: int = 500
    schedule: str = "step"
    """``step``: a tenth of the rate after 2/3 and again after 8/9 of the run; or ``constant``."""
    flip: bool = True
    """Whether photos are mirrored at random."""
    scale_jitter: float = 0.0
    """Photos are shown at up to this much more or less than their size, 0..0.5."""
    layout: str = "auto"
    """Layout of the roots, ``ccp``, or ``auto`` to tell it by their folders."""
    train: str = "train"
    val: str = "val"
    photos: int = 0
    """At most this many training photos of each root, evenly spread; 0 = all."""
    licence: str = "not stated"
    """Licence of data other than Clothing Co-Parsing, as the weights shall name it."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained. Raises ``ConfigError``."""
        _need_one("schedule", self.schedule, ("step", "constant"))
        _need_one("norm", self.norm, ("auto", "group", "batch", "frozen"))
        _need("scale_jitter", self.scale_jitter, 0 <= self.scale_jitter <= 0.5, "0 to 0.5")
        _need("lr", self.lr, self.lr > 0, "more than 0")
        stages = self.trainable_layers
        _need("trainable_layers", stages, 0 <= stages <= ALL_STAGES, f"0 to {ALL_STAGES}")
        for name in ("min_size", "max_size", "rois_per_image", "proposals", "detections"):
            _need(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        if self.pretrained == "none" and self.norm == "frozen":
            raise ConfigError(
                "norm = 'frozen' keeps statistics that nothing has learned yet.",
                code="bad_setting",
                hint="Take norm=auto, or name pretrained weights.",
            )
        self.anchors()

    @classmethod
    def pick(cls, settings: Mapping[str, Any]) -> MaskRCNNSettings:
        """Those of a trainer's settings that are these. Raises ``ConfigError``."""
        return cls(**{f.name: settings[f.name] for f in fields(cls) if f.name in settings})

    def anchors(self) -> tuple[int, ...]:
        """Side of the square anchor of each pyramid level, in pixels of the scaled photo."""
        if self.anchor_sizes == "auto":
            first = max(8, round(32 * self.min_size / 800))
            return tuple(first * 2**level for level in range(_LEVELS))
        parts = [part.strip() for part in self.anchor_sizes.split(",")]
        good = len(parts) == _LEVELS and all(part.isdecimal() and int(part) for part in parts)
        _need("anchor_sizes", self.anchor_sizes, good, "five numbers like 32,64,128,256,512")
        return tuple(map(int, parts))

    def network(self, classes: int) -> dict[str, Any]:
        """Keyword arguments of ``build_maskrcnn``."""
        pretrained = self.pretrained != "none"
        automatic = "frozen" if pretrained else "group"
        return {
            "neck": self.neck,
            "backbone": self.backbone,
            "classes": classes,
            "norm": automatic if self.norm == "auto" else self.norm,
            "trainable_layers": self.trainable_layers
            or (PRETRAINED_STAGES if pretrained else ALL_STAGES),
            "min_size": self.min_size,
            "max_size": self.max_size,
            "anchor_sizes": self.anchors(),
            "rois_per_image": self.rois_per_image,
            "proposals": self.proposals,
            "detections": self.detections,
        }


def _need(name: str, value: object, good: bool, wanted: str) -> None:
    if not good:
        raise ConfigError(f"{name} = {value!r}: wanted {wanted}", code="bad_setting")


def _need_one(name: str, value: str, known: tuple[str, ...]) -> None:
    _need(name, value, value in known, " or ".join(known))


LOOP = LoopSettings(batch_size=2, epochs=5, ema_decay=0.0, clip_norm=35.0, log_every=20)
"""The mean of weights is not kept: the published run has none."""

PARSER_MASKRCNN = TrainerInfo(
    name="parser.maskrcnn",
    summary="Mask R-CNN over DeepFashion's 15 classes, with CARAFE or a plain feature pyramid",
    inputs=("image", "parse"),
    defaults={**asdict(MaskRCNNSettings()), **asdict(LOOP)},
)
