"""Arms of a label map that are cloth: repaired before a person is taken apart.

Label maps carry an arm on into its sleeve, or into the flank behind it. What is called an arm stays
the photo's, so that pieces of the old garment would stay, too. The rule is our choice.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from pipelines.body import scaled
from pipelines.labels import LIP20, LIP20_ARMS, LIP20_TOPS
from pipelines.preprocess.agnostic import hand_pixels
from pipelines.rendering.fill import grown, nearest_ids, opened, parts, shrunk
from pipelines.stage import PersonInputs
from pipelines.types import Image, Mask, ParseMap

_REFERENCE_WIDTH = 192
_FINEST = 2.0
"""Pixels for each one of a picture 192 wide at which colours are compared: more tell no more."""
_LIGHTNESS = 0.6
"""Of differences of lightness, which shadows make as well."""
_CLEARER = 0.5
"""How near a colour is to those of the cloth, as a share of how near it is to skin."""
_NO_SKIN = 7.0
"""Levels of Lab from those of skin that a colour has at least."""
_BESIDE = 12.0
"""Pixels of a picture 192 wide from an arm to cloth that shows the colours of its sleeve."""
_LEAST = 16.0
"""Square pixels of a picture 192 wide below which nothing is repaired."""
_SAMPLES = 300
_OF_CLOTH, _OF_SKIN = 0.08, 0.15
"""Share of a sample that must be as near: a print's colours, and single pixels, are not enough."""


def repaired_labels(person: PersonInputs) -> ParseMap:
    """The person's parse (LIP20), its arms without what shows cloth; hands stay as they are.

    Such pixels get the label of the top, trousers or skirt that they hang together with. Beyond
    the wrist networks expect a hand, and would let a piece of it float where cloth was taken away.
    Raises ``ItemError`` (``uncertain_pose``) where no shoulder was found.
    """
    parse = person.parse
    height, width = parse.ids.shape
    scale = min(1.0, _FINEST * _REFERENCE_WIDTH / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    ids = np.asarray(cv2.resize(parse.ids, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    image = np.asarray(cv2.resize(person.image, size, interpolation=cv2.INTER_AREA), np.uint8)
    pose = scaled(person.pose, size[0] / width, size[1] / height)
    hands = hand_pixels(ParseMap(ids, parse.labels), pose)
    face, unit = ids == LIP20.FACE, size[0] / _REFERENCE_WIDTH
    made = parse.ids
    for labels in (LIP20_TOPS, (LIP20.PANTS, LIP20.SKIRT)):
        cloth, found = np.isin(ids, labels), np.zeros(ids.shape, bool)
        for label in LIP20_ARMS:
            found |= cloth_called_arm(image, (ids == label) & ~hands, face, cloth, unit)
        if found.any():
            share = cv2.resize(found.astype(np.float32), (width, height))
            where = (share > 0.5) & np.isin(made, LIP20_ARMS)
            made = np.where(where, nearest_ids(made, np.isin(made, labels)), made)
            ids = np.where(found, nearest_ids(ids, cloth), ids)
    return ParseMap(made, parse.labels)


def cloth_called_arm(image: Image, arm: Mask, face: Mask, cloth: Mask, unit: float) -> Mask:
    """Pixels of an arm whose colours are the cloth's rather than the face's.

    They hang together with the cloth. ``unit`` is the number of pixels for each one of a picture
    192 wide.
    """
    found = np.zeros(arm.shape, bool)
    shown = shrunk(cloth, unit) & grown(arm, _BESIDE * unit)
    few = _LEAST * unit * unit
    if min(arm.sum(), shown.sum(), face.sum()) < few:
        return found
    soft = cv2.GaussianBlur(image, (0, 0), 0.6 * unit).astype(np.float32) / 255
    lab = cv2.cvtColor(soft, cv2.COLOR_RGB2LAB) * np.array([_LIGHTNESS, 1, 1], np.float32)
    to_skin = _distance(lab[arm], lab[face], _OF_SKIN)
    to_cloth = _distance(lab[arm], lab[shown], _OF_CLOTH)
    found[arm] = (to_cloth < _CLEARER * to_skin) & (to_skin > _NO_SKIN)
    found = opened(found, unit)
    near = cloth & grown(found, 1.5 * unit)
    _, label = cv2.connectedComponents((found | near).astype(np.uint8))
    return parts(found & np.isin(label, np.unique(label[near])), round(few))


def _distance(
    colours: NDArray[np.float32], sample: NDArray[np.float32], share: float
) -> NDArray[np.float64]:
    """To each colour's nearest of a sample, of which this share is at least as near."""
    some = sample[:: max(1, len(sample) // _SAMPLES)]
    rank = max(1, round(share * len(some))) - 1
    return np.asarray(np.partition(cdist(colours, some), rank, axis=1)[:, rank], np.float64)
