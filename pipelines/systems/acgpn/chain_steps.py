"""The steps between the networks of ACGPN, each a pure function of the step before.

Source: the published test script of ACGPN (Yang et al. 2020). All work on batches, so that
training makes its inputs as inference does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines.labels import ACGPN14, ACGPN14_TO_VITONHD7, VITONHD7
from pipelines.networks.pictures import label_maps
from pipelines.systems.acgpn.conditions import (
    ARMS,
    CHANNELS,
    GarmentConditions,
    PersonConditions,
)

FEWEST_SKIN = 10
"""Pixels of arms from which a colour of the skin is taken."""
_ARM_DILATIONS = 10


@dataclass(frozen=True, eq=False)
class Layout:
    """What the two layout networks say.

    ``body`` ``int64 [B, 256, 192]`` is G1's layout without the garment (``ACGPN14``), ``garment``
    ``float32 [B, 1, 256, 192]`` the new garment's mask, ``labels`` ``float32 [B, 14, 256, 192]``
    the body's labels with the arms that the photo shows, one-hot.
    """

    body: Tensor
    garment: Tensor
    labels: Tensor
    arms: tuple[Tensor, Tensor]
    """Where the photo's arms go on over the old garment, dilated: what is not kept there."""


def g1_input(person: PersonConditions, garment: GarmentConditions, noise: Tensor) -> Tensor:
    """37 channels: garment mask, garment, labels with clothes and arms fused, pose, noise."""
    return g2_input(person, garment, label_maps(person.fused, CHANNELS), noise)


def g2_input(
    person: PersonConditions, garment: GarmentConditions, body: Tensor, noise: Tensor
) -> Tensor:
    """37 channels: garment mask, garment, labels without garment ``[B, 14, ...]``, pose, noise."""
    shown = (garment.mask, garment.image * garment.mask)
    return torch.cat((*shown, body, person.pose, noise), 1)


def g_input(
    person: PersonConditions, kept: Tensor, labels: Tensor, worn: Tensor, noise: Tensor
) -> Tensor:
    """24 channels: what is kept of the photo, labels, bent garment, colour of the skin, noise."""
    return torch.cat((kept, labels, worn, skin_colour(person).expand_as(kept), noise), 1)


def warp_body(person: PersonConditions, labels: Tensor, garment: Tensor) -> Tensor:
    """25 channels: ``VITONHD7`` maps of a layout and the garment's mask on it, pose."""
    merged = labels.new_zeros(len(labels), len(VITONHD7), *labels.shape[2:])
    for label, group in ACGPN14_TO_VITONHD7.items():
        merged[:, group] += labels[:, label]
    # the body's labels are background under the garment
    merged[:, VITONHD7.BACKGROUND] -= garment[:, 0]
    merged[:, VITONHD7.UPPER] = garment[:, 0]
    return torch.cat((merged.clamp(min=0), person.pose), 1)


def made_layout(
    person: PersonConditions, ids: Tensor, certainty: Tensor, within: Tensor | None = None
) -> Layout:
    """The layout of G1's ``ids int64 [B, H, W]`` and G2's ``certainty [B, 1, H, W]``.

    Arms that were seen are as they were seen, the others as they are found. The new garment is
    cut off outside of ``within`` (bool ``[B, H, W]``).
    """
    new = dilated((certainty > 0.5).float(), 1)
    for arm in ARMS:
        new = new * (ids != arm)[:, None]
    if within is not None:
        new = new * within[:, None]
    worn = person.labels == ACGPN14.UPPER
    labels = torch.where((ids == ARMS[0]) | (ids == ARMS[1]), 0, ids)
    bigger = []
    for arm in ARMS:
        hidden = worn & (ids == arm)
        bigger.append(dilated(hidden.float()[:, None], _ARM_DILATIONS))
        whole = hidden | (~worn & (person.labels == arm))
        labels = torch.where(whole, int(arm), labels)
    labels = torch.where(new[:, 0] > 0, 0, labels)
    return Layout(ids, new, label_maps(labels, CHANNELS), (bigger[0], bigger[1]))


def kept_of_photo(person: PersonConditions, layout: Layout) -> Tensor:
    """The photo's person without the old garment, the new one and what arms come out of them."""
    labels = person.labels
    near = arms_of(labels) | (labels == ACGPN14.UPPER)
    shown = (labels > 0) & (labels != ACGPN14.UPPER)
    kept = shown.float()[:, None] * (1 - layout.garment)
    for bigger in layout.arms:
        kept = kept * (1 - bigger * near[:, None])
    return person.image * kept


def skin_colour(person: PersonConditions) -> Tensor:
    """Mean colour of the arms in each photo ``[B, 3, 1, 1]``; 0 where they hardly show."""
    arms = arms_of(person.labels)[:, None]
    count = arms.sum((2, 3), keepdim=True)
    mean = (person.image * arms).sum((2, 3), keepdim=True) / count.clamp(min=1)
    return torch.where(count < FEWEST_SKIN, 0.0, mean)


def arms_of(labels: Tensor) -> Tensor:
    """Where ``ACGPN14`` ids are arms: bool of the same shape."""
    return (labels == ARMS[0]) | (labels == ARMS[1])


def dilated(mask: Tensor, times: int) -> Tensor:
    """A mask ``[B, 1, H, W]`` dilated so many times by OpenCV's 3x3 ellipse, a cross."""
    cross = mask.new_tensor([[0, 1, 0], [1, 1, 1], [0, 1, 0]])[None, None]
    for _ in range(times):
        mask = (F.conv2d(mask, cross, padding=1) > 0).float()
    return mask
