"""A person as rendering needs it: what always stays the photo's, what has to go, what is behind."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.body import Body25, scaled
from pipelines.labels import LIP20, LIP20_ARMS, LIP20_TOPS
from pipelines.preprocess.agnostic import hand_pixels
from pipelines.preprocess.agnostic_shapes import torso_completed
from pipelines.preprocess.guided_filter import guided_filter
from pipelines.rendering.fill import disc, grain, grown, membrane, shrunk
from pipelines.stage import PersonInputs
from pipelines.types import Alpha, Image, Mask, ParseMap, Pose, Size

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
"""A soft mask ``uint8 [H, W]``, 255 = inside."""

FRONT = (LIP20.HAT, LIP20.HAIR, LIP20.GLOVE, LIP20.SUNGLASSES, LIP20.SCARF, LIP20.FACE)
_RIM, _WIDE_RIM = 0.5, 1.6
"""Pixels of a picture 192 wide by which a garment's blurred edge is taken to reach beyond its
label; the second on the background, which takes no harm."""
_EDGE_EPSILON = 4e-4
_REFERENCE_WIDTH = 192


@dataclass(frozen=True, eq=False)
class Scene:
    """A person at the photo's own size (soft masks, 255 = inside) and at the working size.

    Nothing is put over ``front``; ``removed`` is the old garment with its rim, without the front;
    ``plate`` is the background where the garment was. ``outline`` is where an edge of the new
    garment is likely to run along an edge of the photo. At the working size ``small`` is the
    photo ``float32 [h, w, 3]``, ``ids`` its LIP20 labels, ``trunk`` the body between shoulders and
    hips with the neck.
    """

    photo: Image
    front: Bytes
    removed: Bytes
    outline: Bytes
    plate: Image
    small: Floats
    ids: NDArray[np.uint8]
    trunk: Mask

    @property
    def unit(self) -> float:
        """Pixels of the photo for each one of a picture 192 wide."""
        return self.photo.shape[1] / _REFERENCE_WIDTH


def make_scene(person: PersonInputs, size: Size, kept: tuple[LIP20, ...] = FRONT) -> Scene:
    """Take a person apart; ``size`` is the working size.

    ``kept`` is what the front has besides hands. Raises ``ItemError``.
    """
    photo, parse = person.image, person.parse
    height, width = photo.shape[:2]
    unit = width / _REFERENCE_WIDTH
    shape = (size.width, size.height)
    small = cv2.resize(photo, shape, interpolation=cv2.INTER_AREA).astype(np.float32)
    ids = np.asarray(cv2.resize(parse.ids, shape, interpolation=cv2.INTER_NEAREST), np.uint8)
    pose = scaled(person.pose, size.width / width, size.height / height)
    few = hand_pixels(ParseMap(ids, LIP20), pose).astype(np.uint8)
    hands = cv2.resize(few, (width, height), interpolation=cv2.INTER_NEAREST)
    front = soft_cutout(photo, parse.mask(*kept) | (hands > 0), unit)
    old = parse.mask(*LIP20_TOPS)
    soft = as_bytes(smooth(_wiped(old, parse.mask(LIP20.BACKGROUND), unit), unit))
    removed = cv2.min(soft, 255 - front)
    body = (old | parse.mask(*LIP20_ARMS)).astype(np.float32)
    band = cv2.dilate(body, disc(2 * unit)) - cv2.erode(body, disc(2 * unit))
    return Scene(
        photo=photo,
        front=front,
        removed=np.asarray(removed, np.uint8),
        outline=as_bytes(smooth(band > 0, unit)),
        plate=background_behind(photo, small, ids, soft),
        small=small,
        ids=ids,
        trunk=trunk_of(pose, size),
    )


def _wiped(old: Mask, background: Mask, unit: float) -> Mask:
    """The old garment with its blurred edge."""
    return grown(old, _RIM * unit) | (grown(old, _WIDE_RIM * unit) & background)


def soft_cutout(photo: Image, part: Mask, unit: float) -> Bytes:
    """A part of a person with the photo's own edges (single hairs, fingers).

    ``unit`` is the number of pixels of the photo for each one of a picture 192 wide.
    """
    inside = part.astype(np.float32)
    shrink = max(1, round(unit / 2))
    edged = guided_filter(
        photo, inside, radius=max(2, round(2 * unit)), epsilon=_EDGE_EPSILON, shrink=shrink
    )
    # far from an edge of the label the filter must not find anything
    near = cv2.dilate(inside, disc(2 * unit))
    sure = cv2.erode(inside, disc(2 * unit))
    return as_bytes(np.maximum(np.clip((edged - 0.15) / 0.7, 0, 1) * near, sure))


def background_behind(photo: Image, small: Floats, ids: NDArray[np.uint8], soft: Bytes) -> Image:
    """The background continued where ``soft`` (of the photo's size) is; elsewhere the photo.

    ``small`` is the photo ``float32 [h, w, 3]`` and ``ids`` its LIP20 labels, of one smaller size.
    """
    person = grown(ids != LIP20.BACKGROUND, 3 * small.shape[1] / _REFERENCE_WIDTH)
    known = (~person).astype(np.float32)
    if not known.any():
        return photo
    filled = membrane(small, known)
    height, width = photo.shape[:2]
    large = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
    made = photo.copy()
    gone = soft > 0
    rows, columns = np.nonzero(gone.any(1))[0], np.nonzero(gone.any(0))[0]
    if not len(rows):
        return made
    box = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
    usable = cv2.resize(known, (width, height), interpolation=cv2.INTER_NEAREST)[box] > 0
    fine = np.zeros((*usable.shape, 3), np.float32)
    if usable.any():
        fine = grain(photo[box], usable, max(1.5, 0.6 * width / _REFERENCE_WIDTH), 10)
    share = (soft[box].astype(np.float32) / 255)[..., None]
    mixed = photo[box] + share * (large[box] + fine - photo[box])
    made[box] = np.clip(np.round(mixed), 0, 255).astype(np.uint8)
    return made


def trunk_of(pose: Pose, size: Size) -> Mask:
    """The body between shoulders and hips with the neck, of a pose in pixels of ``size``."""
    joints = torso_completed(pose)
    right, left = joints[Body25.RIGHT_SHOULDER], joints[Body25.LEFT_SHOULDER]
    neck = joints[Body25.NECK]
    half, rise = 0.3 * (left - right), 0.45 * np.hypot(*(left - right))
    up = np.array([0.0, rise])
    outline = [right, neck - half - up, neck + half - up, left]
    outline += [joints[Body25.LEFT_HIP], joints[Body25.RIGHT_HIP]]
    canvas = np.zeros(size, np.uint8)
    cv2.fillPoly(canvas, [np.round(outline).astype(np.int32)], (1,))
    return np.asarray(canvas > 0, bool)


def smooth(mask: Mask, unit: float) -> Alpha:
    """A mask with an edge about two pixels wide, its corners rounded."""
    blurred = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(0.6, 0.5 * unit))
    return sharpened(np.asarray(blurred, np.float32), 1.2 * max(1.0, 0.6 * unit))


def sharpened(alpha: Alpha, gain: float) -> Alpha:
    """The same outline with a steeper edge."""
    return np.asarray(np.clip((alpha - 0.5) * gain + 0.5, 0, 1), np.float32)


def inner(mask: Mask, radius: float) -> Mask:
    """A mask without its rim; itself where nothing would be left."""
    less = shrunk(mask, radius)
    return less if less.any() else mask


def as_bytes(alpha: Alpha) -> Bytes:
    """0..1 as 0..255."""
    return np.asarray(np.clip(np.round(alpha * 255), 0, 255), np.uint8)
