"""Which published network a checkpoint is of, told by the names and shapes of its tensors.

Imports no array library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Shape = tuple[int, ...]
_IN, _OUT = 1, 0
"""Axes of a convolution's weight."""


@dataclass(frozen=True)
class Published:
    """A network whose checkpoints are known."""

    family: str
    words: str
    """What a person calls it."""
    label_set: str = ""
    """Label set of its outputs (a class of ``pipelines.labels``)."""
    importable: bool = False
    """Whether a system of this version uses it."""


@dataclass(frozen=True)
class _Mark:
    """A convolution that only this network has with so many channels in and out."""

    network: Published
    first: str
    channels_in: int
    last: str = ""
    channels_out: int = 0
    besides: str = ""
    """Another tensor that must be there."""


_UNET = ("conv1.0.weight", "conv9.6.weight")
_MATCHER = ("extractionA.model.0.weight", "extractionB.model.0.weight")

_MARKS = (
    _Mark(
        Published("viton-hd.seg", "VITON-HD's SegGenerator", "VITONHD13", True),
        _UNET[0],
        21,
        _UNET[1],
        13,
    ),
    _Mark(
        Published("viton-hd.alias", "VITON-HD's ALIASGenerator", importable=True),
        "conv_0.weight",
        9,
        besides="head_0.norm_0.noise_scale",
    ),
    _Mark(
        Published("acgpn.g1", "ACGPN's G1 (semantic layout)", "ACGPN14", importable=True),
        _UNET[0],
        37,
        _UNET[1],
        14,
    ),
    _Mark(
        Published("acgpn.g2", "ACGPN's G2 (garment mask)", importable=True),
        _UNET[0],
        37,
        _UNET[1],
        1,
    ),
    _Mark(
        Published("acgpn.u", "ACGPN's U (garment warp)", importable=True),
        _UNET[0],
        4,
        _UNET[1],
        4,
        besides="stn.loc_net.cnn.fc2.weight",
    ),
    _Mark(
        Published("acgpn.g", "ACGPN's G (content fusion)", importable=True),
        _UNET[0],
        24,
        _UNET[1],
        3,
    ),
    *(
        _Mark(
            Published(f"acgpn.{name}", f"ACGPN's discriminator {name.upper()}"),
            "scale0_layer0.0.weight",
            channels,
        )
        for name, channels in (("d1", 51), ("d2", 38), ("d", 27), ("d3", 7))
    ),
    _Mark(Published("cp-vton.tom", "CP-VTON's TOM", importable=True), "model.model.0.weight", 25),
    _Mark(
        Published("cp-vton-plus.tom", "CP-VTON+'s TOM", importable=True),
        "model.model.0.weight",
        26,
    ),
)
_MATCHERS = {
    (7, 3): Published("viton-hd.gmm", "VITON-HD's GMM", importable=True),
    (22, 3): Published("cp-vton.gmm", "CP-VTON's GMM", importable=True),
    (22, 1): Published("cp-vton-plus.gmm", "CP-VTON+'s GMM", importable=True),
}


def recognise(shapes: Mapping[str, Shape]) -> Published | None:
    """The network that tensors of these names and shapes belong to; None if it is not known.

    Only what tells the networks apart is looked at, so that a damaged or changed checkpoint can
    still be called by its name; whether all fits is for the one that loads it.
    """
    if all(_channels(shapes, name, _IN) for name in _MATCHER):
        both = tuple(_channels(shapes, name, _IN) for name in _MATCHER)
        return _MATCHERS.get((both[0], both[1]))
    return next((mark.network for mark in _MARKS if _fits(mark, shapes)), None)


def _fits(mark: _Mark, shapes: Mapping[str, Shape]) -> bool:
    first = _channels(shapes, mark.first, _IN) == mark.channels_in
    last = not mark.last or _channels(shapes, mark.last, _OUT) == mark.channels_out
    return first and last and (not mark.besides or mark.besides in shapes)


def _channels(shapes: Mapping[str, Shape], name: str, axis: int) -> int:
    """Channels of a convolution; 0 if there is none of this name."""
    shape = shapes.get(name, ())
    return shape[axis] if len(shape) == 4 else 0


def known_networks() -> list[str]:
    """What can be imported, in words."""
    networks = [*_MATCHERS.values(), *(mark.network for mark in _MARKS)]
    return [network.words for network in networks if network.importable]
