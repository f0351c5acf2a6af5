"""A person's photo taken apart for another pose: what stays, what goes, what lies behind.

In another pose nothing of a person is where it was. What the photo still gives is the background,
continued behind the whole person, the head, which is moved (``head``), and the parts of the body
that the new pose leaves where they are: a person who only lifts an arm keeps their own trousers,
sharp as they are (our choice).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.body import Body25
from pipelines.labels import LIP20, LIP20_LOWER
from pipelines.preprocess.agnostic_shapes import torso_completed
from pipelines.preprocess.pose_placement import LOWER_BODY, torso_length
from pipelines.rendering.fill import closed, grown
from pipelines.rendering.scene import (
    Bytes,
    Floats,
    Scene,
    as_bytes,
    background_behind,
    smooth,
    soft_cutout,
)
from pipelines.stage import PersonInputs
from pipelines.types import Image, Keypoints, Mask, Pose

HEAD = (LIP20.HAT, LIP20.HAIR, LIP20.SUNGLASSES, LIP20.FACE)
_RIM = 2.5
"""Pixels of a picture 192 wide by which a person's blurred edge reaches beyond their label."""
_CLEAR, _POCKET = 3.0, 4.0
"""Pixels of the working size beside a person that are not taken for background, beyond those that
``background_behind`` leaves out, and width of gaps in a person: label maps miss fingers and hems,
whose colours would run far into the background."""
_STILL = 0.05
"""Distance, in torso lengths, up to which a joint has not moved."""

PARTS: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((LIP20.RIGHT_ARM,), (Body25.RIGHT_SHOULDER, Body25.RIGHT_ELBOW, Body25.RIGHT_WRIST)),
    ((LIP20.LEFT_ARM,), (Body25.LEFT_SHOULDER, Body25.LEFT_ELBOW, Body25.LEFT_WRIST)),
    ((LIP20.NECK,), (Body25.NECK, Body25.RIGHT_SHOULDER, Body25.LEFT_SHOULDER, Body25.NOSE)),
    (LIP20_LOWER, LOWER_BODY),
)
"""Labels that lie still together, and the joints that must."""


@dataclass(frozen=True, eq=False)
class PersonLayers:
    """A photo's layers, soft masks 255 = inside: ``person`` with the rim, ``head`` without; the
    ``plate`` is the background where the person was, ``ids`` are the photo's LIP20 labels.
    """  # noqa: D205 - one sentence

    photo: Image
    plate: Image
    person: Bytes
    head: Bytes
    ids: NDArray[np.uint8]

    @property
    def unit(self) -> float:
        """Pixels of the photo for each one of a picture 192 wide."""
        return self.photo.shape[1] / 192


def person_layers(shown: PersonInputs, scene: Scene) -> PersonLayers:
    """Take a photo apart; ``scene`` is that of the same photo."""
    somebody = ~shown.parse.mask(LIP20.BACKGROUND)
    soft = as_bytes(smooth(grown(somebody, _RIM * scene.unit), scene.unit))
    beside = grown(closed(scene.ids != LIP20.BACKGROUND, _POCKET), _CLEAR)
    taken = np.where(beside & (scene.ids == LIP20.BACKGROUND), LIP20.UPPER, scene.ids)
    return PersonLayers(
        photo=shown.image,
        plate=background_behind(shown.image, scene.small, taken.astype(np.uint8), soft),
        person=soft,
        head=soft_cutout(shown.image, shown.parse.mask(*HEAD), scene.unit),
        ids=shown.parse.ids,
    )


def still_labels(own: Pose, target: Pose) -> tuple[tuple[int, ...], ...]:
    """Groups of labels of which no joint moves between two poses of one picture."""
    near = _STILL * torso_length(torso_completed(own))
    return tuple(
        labels
        for labels, joints in PARTS
        if all(_rests(own.body, target.body, joint, near) for joint in joints)
    )


def still_part(
    layers: PersonLayers, segmentation: Floats, groups: tuple[tuple[int, ...], ...]
) -> Mask:
    """Where the photo shows what the segmentation wants there, and it has not moved.

    ``segmentation`` ``float32 [20, h, w]`` holds the shares of the labels. ``bool [H, W]`` of the
    photo's size, with the photo's own edge of each part around it.
    """
    height, width = layers.ids.shape
    wanted = cv2.resize(
        segmentation.argmax(0).astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST
    )
    still = np.zeros((height, width), bool)
    for labels in groups:
        both = np.isin(layers.ids, labels) & np.isin(wanted, labels)
        ground = (layers.ids == LIP20.BACKGROUND) & (wanted == LIP20.BACKGROUND)
        still |= both | (grown(both, 2 * _RIM * layers.unit) & ground)
    return still


def _rests(own: Keypoints, target: Keypoints, joint: int, near: float) -> bool:
    if own.seen(joint) != target.seen(joint):
        return False
    return bool(np.hypot(*(own.xy[joint] - target.xy[joint])) <= near)
