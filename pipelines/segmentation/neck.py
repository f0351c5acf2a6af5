"""The neck that LIP maps lack: skin between face and garment, which they call background.

VITON's published maps have no label for the neck and the upper chest; a parser that is to find
torso skin (id 10 of the VITON-HD files) learns it from here.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.clothing_labels import IGNORED
from pipelines.labels import LIP20
from pipelines.preprocess.body_regions import Body
from pipelines.types import Array, Image, Mask, ParseMap, Pose, Size

SURE = 3.0
"""A pixel whose colour is this many deviations from the face's is skin ..."""

UNSURE = 6.0
"""... up to here it may be skin: such pixels are left out of training."""

_FLOOR = np.diag([12.0, 3.0, 3.0]) ** 2
"""Least variance of skin colour in CIELAB: a shaded neck is darker than the face above it."""

_FACE_PIXELS = 30


def with_neck(image: Image, parse: ParseMap, pose: Pose) -> ParseMap:
    """The map in LIP20 with the neck as id 10, and 255 where it is not sure.

    Looks only at pixels that the map calls background, between the chin and the chest and as wide
    as the neck. Without a face in the map there is no colour to go by, and the place of the neck
    is left out (255).
    """
    ids: NDArray[np.uint8] = parse.ids.copy()
    place = _place(Body(pose, 1.0, Size(*ids.shape)), ids)
    if not place.any():
        return ParseMap(ids, LIP20)
    face = parse.mask(LIP20.FACE)
    if int(face.sum()) < _FACE_PIXELS:
        ids[place] = IGNORED
        return ParseMap(ids, LIP20)
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    skin, backdrop = _distance(lab, face), _distance(lab, (ids == LIP20.BACKGROUND) & ~place)
    neck = place & (skin < SURE) & (skin < backdrop)
    neck = _tidy(neck, place, face)
    ids[place & (skin < UNSURE) & (skin < 2 * backdrop) & ~neck] = IGNORED
    ids[neck] = LIP20.NECK
    return ParseMap(ids, LIP20)


def completed(image: Image, parse: ParseMap, pose: Pose) -> ParseMap:
    """A map without necks as try-on systems take it: that of ``with_neck``, and no id 255.

    What is not sure stays background, as in training. Photo and map must be of one size.
    """
    ids = with_neck(image, parse, pose).ids
    return ParseMap(np.where(ids == IGNORED, parse.ids, ids), LIP20)


def _place(body: Body, ids: NDArray[np.uint8]) -> Mask:
    x, y = body.head_coordinates()
    torso_x, torso_y = body.torso_coordinates()
    place: Mask = (y > 0.55) & (torso_y < 0.45) & (np.abs(torso_x) < 0.42)
    place &= ids == LIP20.BACKGROUND
    return place


def _distance(lab: Array, where: Mask) -> Array:
    """Mahalanobis distance of each pixel to the colours at ``where``."""
    colours = lab[where]
    if len(colours) < _FACE_PIXELS:
        return np.full(lab.shape[:2], np.inf, np.float32)
    centre = np.median(colours, axis=0)
    off = np.abs(colours - centre).sum(1)
    core = colours[off <= np.percentile(off, 80)]
    inverse = np.linalg.inv(np.cov(core.T) + _FLOOR)
    delta = lab - centre
    made: Array = np.sqrt(np.einsum("hwi,ij,hwj->hw", delta, inverse, delta)).astype(np.float32)
    return made


def _tidy(neck: Mask, place: Mask, face: Mask) -> Mask:
    """The pieces that touch the face (or nearly), holes closed, within the place."""
    closed = cv2.morphologyEx(neck.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, pieces = cv2.connectedComponents(closed, connectivity=8)
    near = cv2.dilate(face.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    touching = np.setdiff1d(np.unique(pieces[near & (closed > 0)]), [0])
    kept: Mask = np.isin(pieces, touching) & place if count > 1 else neck
    return kept
