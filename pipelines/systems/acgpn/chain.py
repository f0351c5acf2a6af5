"""Inference with ACGPN's four networks, step by step.

Source: the published test script of ACGPN (Yang et al. 2020). ``parity=True`` runs its steps as
they are there. By default (our choice) noise comes from the pair's seed, and the new garment may
reach beyond the old outline of the person: the published script cuts it off there, which leaves a
narrow person in a wide garment bare.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines import device as devices
from pipelines.labels import ACGPN14
from pipelines.networks.noise import binary_noise
from pipelines.networks.pictures import one_hot
from pipelines.systems.acgpn.conditions import (
    ARMS,
    CHANNELS,
    FUSED,
    GarmentConditions,
    PersonConditions,
)
from pipelines.systems.acgpn.networks import PUBLISHED_SIZE, Warped
from pipelines.systems.acgpn.weights import Networks

_FEWEST_SKIN = 10
"""Pixels of arms from which a colour of the skin is taken."""
_ARM_DILATIONS = 10


@dataclass(frozen=True, eq=False)
class Layout:
    """What the two layout networks say.

    ``body`` ``int64 [256, 192]`` is G1's layout without the garment (``ACGPN14``), ``garment``
    ``float32 [1, 1, 256, 192]`` the new garment's mask, ``labels`` ``float32 [1, 14, 256, 192]``
    the body's labels with the arms that the photo shows, one-hot.
    """

    body: Tensor
    garment: Tensor
    labels: Tensor
    arms: tuple[Tensor, Tensor]
    """Where the photo's arms go on over the old garment, dilated: what is not kept there."""


@dataclass(frozen=True, eq=False)
class ChainResult:
    """The dressed person ``picture`` ``float32 [1, 3, 256, 192]`` in -1..1, and what led to it."""

    layout: Layout
    warp: Warped
    garment: Tensor
    kept: Tensor
    picture: Tensor


class TryOnChain:
    """The four networks on a device; see the module's docstring for ``parity``."""

    def __init__(
        self,
        networks: Networks,
        *,
        parity: bool = False,
        device: str = "cpu",
        precision: str = "fp32",
    ) -> None:
        self.parity = parity
        self.device = devices.torch_device(device)
        self._precision = "fp32" if parity else precision
        self.networks = networks.to(self.device)

    @torch.inference_mode()
    def __call__(
        self, person: PersonConditions, garment: GarmentConditions, *, seed: int = 0
    ) -> ChainResult:
        """Dress a person; ``seed`` draws all that is random."""
        layout = self.layout(person, garment, seed=seed)
        warp = self.warp(garment, layout.garment)
        worn = warp.composed(layout.garment)
        kept = kept_of_photo(person, layout)
        picture = self.picture(person, layout, worn, kept, seed=seed)
        return ChainResult(layout, warp, worn, kept, picture)

    @torch.inference_mode()
    def layout(
        self, person: PersonConditions, garment: GarmentConditions, *, seed: int = 0
    ) -> Layout:
        """Where everything will be."""
        noise = self._noise(seed, 0), self._noise(seed, 1)
        shown = torch.cat((garment.mask, garment.image * garment.mask), 1)
        with devices.autocast(self.device, self._precision):
            body = self.networks.g1(
                torch.cat(
                    (shown, one_hot(fused(person.labels), CHANNELS), person.pose, noise[0]), 1
                )
            )
            # parity: behind a sigmoid, which does not change which map is highest
            ids = body.float().argmax(1)[0]
            mask = self.networks.g2(
                torch.cat((shown, one_hot(ids, CHANNELS), person.pose, noise[1]), 1)
            )
        new = dilated((torch.sigmoid(mask.float()) > 0.5).float(), 1)
        for arm in ARMS:
            new = new * (ids != arm)
        if self.parity:
            new = new * (person.labels > 0)
        return _with_arms(person, ids, new)

    @torch.inference_mode()
    def warp(self, garment: GarmentConditions, target: Tensor) -> Warped:
        """The garment bent to a mask."""
        made: Warped = self.networks.u(garment.image * garment.mask, target, garment.mask)
        return made

    @torch.inference_mode()
    def picture(
        self,
        person: PersonConditions,
        layout: Layout,
        worn: Tensor,
        kept: Tensor,
        *,
        seed: int = 0,
    ) -> Tensor:
        """The dressed person ``float32 [1, 3, 256, 192]`` in -1..1."""
        skin, noise = skin_colour(person).expand_as(person.image), self._noise(seed, 2)
        with devices.autocast(self.device, self._precision):
            made = self.networks.g(torch.cat((kept, layout.labels, worn, skin, noise), 1))
        return torch.tanh(made.float())

    @torch.inference_mode()
    def grid(self, warp: Warped) -> Tensor:
        """Where a garment was sampled: ``float32 [1, 256, 192, 2]``, for ``grid_sample``."""
        made: Tensor = self.networks.u.stn.tps(warp.points)
        return made

    def _noise(self, seed: int, number: int) -> Tensor:
        return binary_noise(devices.mix_seed(seed, number), PUBLISHED_SIZE).to(self.device)


def fused(labels: Tensor) -> Tensor:
    """Labels with arms and neck in the upper clothes, so that their outline hides the sleeves."""
    hidden = torch.zeros_like(labels, dtype=torch.bool)
    for label in FUSED:
        hidden |= labels == label
    return torch.where(hidden, int(ACGPN14.UPPER), labels)


def _with_arms(person: PersonConditions, ids: Tensor, new: Tensor) -> Layout:
    """The layout with arms that were seen as they were seen, and the others as they are found."""
    worn = person.labels == ACGPN14.UPPER
    labels = torch.where((ids == ARMS[0]) | (ids == ARMS[1]), 0, ids)
    bigger = []
    for arm in ARMS:
        hidden = worn & (ids == arm)
        bigger.append(dilated(hidden.float()[None, None], _ARM_DILATIONS))
        whole = hidden | (~worn & (person.labels == arm))
        labels = torch.where(whole, int(arm), labels)
    labels = torch.where(new[0, 0] > 0, 0, labels)
    return Layout(ids, new, one_hot(labels, CHANNELS), (bigger[0], bigger[1]))


def kept_of_photo(person: PersonConditions, layout: Layout) -> Tensor:
    """The photo's person without the old garment, the new one and what arms come out of them."""
    labels = person.labels
    near = (labels == ARMS[0]) | (labels == ARMS[1]) | (labels == ACGPN14.UPPER)
    shown = (labels > 0) & (labels != ACGPN14.UPPER)
    kept = shown.float()[None, None] * (1 - layout.garment)
    for bigger in layout.arms:
        kept = kept * (1 - bigger * near)
    return person.image * kept


def skin_colour(person: PersonConditions) -> Tensor:
    """Mean colour of the arms in the photo ``[1, 3, 1, 1]``; 0 where they hardly show."""
    arms = (person.labels == ARMS[0]) | (person.labels == ARMS[1])
    if int(arms.sum()) < _FEWEST_SKIN:
        return person.image.new_zeros(1, 3, 1, 1)
    return person.image[..., arms].mean(-1)[..., None, None]


def dilated(mask: Tensor, times: int) -> Tensor:
    """A mask ``[1, 1, H, W]`` dilated so many times by OpenCV's 3x3 ellipse, a cross."""
    cross = mask.new_tensor([[0, 1, 0], [1, 1, 1], [0, 1, 0]])[None, None]
    for _ in range(times):
        mask = (F.conv2d(mask, cross, padding=1) > 0).float()
    return mask
