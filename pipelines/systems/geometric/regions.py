"""Regions of a person's photo, cleaned of parse noise: what to remove, what is skin, what is not.

Everything here works on a small copy of the photo (about 512x384 pixels), where noise is cheap
to repair; outlines are brought back to the photo's own size in ``layers.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.body import Body25
from pipelines.errors import ItemError
from pipelines.labels import LIP20
from pipelines.stage import PersonInputs
from pipelines.systems.geometric.fill import (
    closed,
    fill_holes,
    grown,
    membrane,
    opened,
    parts,
    shrunk,
)
from pipelines.types import Image, Keypoints, Mask

_WORK_PIXELS = 512 * 384
_TOPS = (LIP20.UPPER, LIP20.DRESS, LIP20.COAT)
_LOWER = (LIP20.PANTS, LIP20.SKIRT, LIP20.LEFT_LEG, LIP20.RIGHT_LEG, LIP20.LEFT_SHOE,
          LIP20.RIGHT_SHOE, LIP20.SOCKS)  # fmt: skip
_HEAD = (LIP20.FACE, LIP20.HAIR, LIP20.HAT, LIP20.SUNGLASSES, LIP20.SCARF)
_TORSO_FROM_SHOULDERS = 1.52  # neck to hips / shoulder width, median of front views
_FOREGROUND_LEVELS = 26.0
_SKIN_DISTANCE = 3.2


@dataclass(frozen=True, eq=False)
class Regions:
    """A person at working size; masks are disjoint but for ``skin``.

    ``unit_px`` is the width of the shoulders seen from the front, ``scale`` is working size over
    photo size. ``background`` is the photo with the person smoothly filled in.
    """

    image: Image
    body: Keypoints
    unit_px: float
    scale: float
    old: Mask
    head: Mask
    neck: Mask
    left_arm: Mask
    right_arm: Mask
    lower: Mask
    background: NDArray[np.float32]

    @property
    def arms(self) -> Mask:
        """Both visible arms."""
        return self.left_arm | self.right_arm


def find_regions(person: PersonInputs) -> Regions:
    """Clean regions of a person. Raises ``ItemError`` (``uncertain_pose``, ``no_garment``)."""
    height, width = person.image.shape[:2]
    scale = min(1.0, (_WORK_PIXELS / (height * width)) ** 0.5)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    image = cv2.resize(person.image, size, interpolation=cv2.INTER_AREA)
    ids = cv2.resize(person.parse.ids, size, interpolation=cv2.INTER_NEAREST)
    body = Keypoints(person.pose.body.xy * np.float32(scale), person.pose.body.score)
    unit = body_unit(body)
    head = np.isin(ids, _HEAD)
    background = _background(image, ids, body, unit)
    foreground = np.abs(image - background).max(-1) > _FOREGROUND_LEVELS
    arms = {
        label: parts(closed(ids == label, unit / 40), round(unit * unit / 60))
        for label in (LIP20.LEFT_ARM, LIP20.RIGHT_ARM)
    }
    top = np.isin(ids, _TOPS) & ~_dress_skirt(ids, body, unit)
    sleeves = _sleeve_called_arm(image, ids, top, arms[14] | arms[15], unit)
    top |= sleeves
    arms = {label: mask & ~sleeves for label, mask in arms.items()}
    neck = _neck(image, ids, body, unit, foreground)
    old = _old_garment(ids, top, body, unit, foreground & ~neck)
    if not old.any():
        raise ItemError("no upper garment was found on the person", code="no_garment")
    visible = np.isin(ids, _HEAD + (LIP20.NECK, LIP20.GLOVE)) | neck | arms[14] | arms[15]
    old &= ~visible
    lower = (np.isin(ids, _LOWER) | (np.isin(ids, _TOPS) & ~top)) & ~old
    return Regions(
        image=image, body=body, unit_px=unit, scale=scale, old=old, head=head, neck=neck & ~head,
        left_arm=arms[LIP20.LEFT_ARM], right_arm=arms[LIP20.RIGHT_ARM], lower=lower,
        background=background,
    )  # fmt: skip


def body_unit(body: Keypoints) -> float:
    """Width of the shoulders as if seen from the front, in pixels. Raises ``ItemError``."""

    def distance(a: int, b: int) -> float:
        if not (body.seen(a) and body.seen(b)):
            return 0.0
        return float(np.linalg.norm(body.xy[a] - body.xy[b]))

    shoulders = distance(Body25.LEFT_SHOULDER, Body25.RIGHT_SHOULDER)
    torso = distance(Body25.NECK, Body25.MID_HIP) / _TORSO_FROM_SHOULDERS
    unit = max(shoulders, 0.85 * torso)
    if unit < 6:
        raise ItemError(
            "the shoulders were not found, so no garment can be placed", code="uncertain_pose"
        )
    return unit


def torso_polygon(body: Keypoints, unit: float) -> NDArray[np.float32]:
    """Outline ``float32 [N, 2]`` of the bare torso from neck to hips, clockwise from the neck.

    Hips that were not seen are placed where a front view has them.
    """
    right, left = shoulders(body, unit)
    neck = (right + left) / 2
    hip_right, hip_left = hips(body, unit)
    across = (left - right) / max(float(np.linalg.norm(left - right)), 1e-3)
    down = (hip_right + hip_left) / 2 - neck

    def row(t: float, half: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        middle = neck + t * down
        side = (right + t * (hip_right - right) - middle, left + t * (hip_left - left) - middle)
        return (middle + side[0] - half * unit * across, middle + side[1] + half * unit * across)

    rows = [row(0.0, 0.06), row(0.3, 0.03), row(0.7, 0.07), row(1.0, 0.17), row(1.2, 0.22)]
    top = [neck - 0.17 * unit * across, neck + 0.17 * unit * across]
    lift = -0.16 * down / max(float(np.linalg.norm(down)), 1e-3) * unit
    points = [top[0] + lift, top[1] + lift, *[r[1] for r in rows], *[r[0] for r in rows[::-1]]]
    return np.asarray(points, np.float32)


def shoulders(body: Keypoints, unit: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Right and left shoulder; one that was not seen is mirrored about the neck."""
    right, left = Body25.RIGHT_SHOULDER, Body25.LEFT_SHOULDER
    if body.seen(right) and body.seen(left):
        return body.xy[right], body.xy[left]
    middle = body.xy[Body25.NECK]
    if body.seen(right):
        return body.xy[right], 2 * middle - body.xy[right]
    if body.seen(left):
        return 2 * middle - body.xy[left], body.xy[left]
    half = np.array([unit / 2, 0], np.float32)
    return middle - half, middle + half


def hips(body: Keypoints, unit: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Right and left hip, guessed below the shoulders where they were not seen."""
    right, left = Body25.RIGHT_HIP, Body25.LEFT_HIP
    if body.seen(right) and body.seen(left):
        return body.xy[right], body.xy[left]
    shoulder_right, shoulder_left = shoulders(body, unit)
    middle = (shoulder_right + shoulder_left) / 2
    middle = middle + np.array([0, _TORSO_FROM_SHOULDERS * unit], np.float32)
    half = (shoulder_left - shoulder_right) * 0.31
    return middle - half, middle + half


def filled_polygon(points: NDArray[np.float32], shape: tuple[int, ...]) -> Mask:
    """Pixels inside a polygon."""
    canvas = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(canvas, [np.round(points).astype(np.int32)], 1)
    return canvas.astype(bool)


def garment_colours(image: Image, mask: Mask) -> NDArray[np.float32]:
    """Up to four colours under ``mask`` that stand for the rest, OpenCV Lab ``float32 [N, 3]``."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[mask].astype(np.float32)
    values = lab[:: max(1, len(lab) // 2000)]
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 10, 1.0)
    cv2.setRNGSeed(1)
    _, _, centres = cv2.kmeans(
        values, min(4, len(values)), np.empty(0, np.int32), stop, 1, cv2.KMEANS_PP_CENTERS
    )
    return np.asarray(centres, np.float32)


def _background(
    image: Image, ids: NDArray[np.uint8], body: Keypoints, unit: float
) -> NDArray[np.float32]:
    # only what hangs together with the border: holes in a parse are mostly missed skin or cloth
    free = (ids == 0).astype(np.uint8)
    _, label = cv2.connectedComponents(free)
    edge = np.concatenate([label[0], label[:, 0], label[:, -1]])
    known = np.isin(label, np.unique(edge[edge > 0])) & (free > 0)
    if not known.any():
        known = ids == 0
    inside = filled_polygon(torso_polygon(body, unit), ids.shape)
    middle = np.mean(shoulders(body, unit), axis=0).round().astype(int).tolist()
    cv2.circle(neck := inside.astype(np.uint8), middle, round(0.36 * unit), 1, -1)
    known = ~grown(~known | neck.astype(bool), unit / 14)
    if not known.any():
        return np.full(image.shape, 255, np.float32)
    values = image.astype(np.float32)
    first = membrane(values, known.astype(np.float32))
    # what the parse missed near the person would bleed far into the fill
    far = cv2.distanceTransform((ids == 0).astype(np.uint8), cv2.DIST_L2, 3) > 0.35 * unit
    smooth = cv2.GaussianBlur(first, (0, 0), unit / 4)
    strange = np.abs(values - smooth).max(-1) > 40
    if (strange & known & far).mean() > 0.05 * known.mean():
        return first
    sure = known & ~grown(strange & known, unit / 20)
    return membrane(values, sure.astype(np.float32)) if sure.any() else first


def _dress_skirt(ids: NDArray[np.uint8], body: Keypoints, unit: float) -> Mask:
    # the part of a dress or long coat below the hips stays on as a skirt
    right, left = hips(body, unit)
    hip_y = (right[1] + left[1]) / 2
    long = np.isin(ids, (LIP20.DRESS, LIP20.COAT))
    rows = np.nonzero(long.any(1))[0]
    below = np.zeros(ids.shape, bool)
    if len(rows) and rows[-1] > hip_y + 0.75 * unit:
        below[int(max(0, hip_y + 0.12 * unit)) :] = True
    return long & below


def _sleeve_called_arm(
    image: Image, ids: NDArray[np.uint8], top: Mask, arms: Mask, unit: float
) -> Mask:
    """Arm pixels whose colour is the garment's rather than skin."""
    face = ids == LIP20.FACE
    if face.sum() < 20 or top.sum() < 20 or not arms.any():
        return np.zeros(ids.shape, bool)
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    centres = garment_colours(image, top)
    cloth = np.min([np.linalg.norm(lab - c, axis=-1) for c in centres], axis=0)
    other = ~skin_like(image, face) & (cloth < 14)
    return parts(opened(arms & other, unit / 40), round(unit * unit / 80))


def _neck(
    image: Image, ids: NDArray[np.uint8], body: Keypoints, unit: float, foreground: Mask
) -> Mask:
    """Skin of neck and chest, also where the parse has no such label."""
    labelled = ids == LIP20.NECK
    face = ids == LIP20.FACE
    right, left = shoulders(body, unit)
    middle = (right + left) / 2
    zone = np.zeros(ids.shape, bool)
    top, bottom = int(max(0, middle[1] - 0.75 * unit)), int(max(1, middle[1] + 0.65 * unit))
    x0, x1 = int(max(0, middle[0] - 0.62 * unit)), int(max(1, middle[0] + 0.62 * unit))
    zone[top:bottom, x0:x1] = True
    if face.sum() < 20:
        return labelled
    like = skin_like(image, shrunk(face, unit / 25) if shrunk(face, unit / 25).any() else face)
    # a little of the neck is often called garment, too
    nearby = grown(face | labelled | ((ids == 0) & zone & like), unit / 9)
    found = zone & foreground & like & ((ids == 0) | (np.isin(ids, _TOPS) & nearby))
    found = opened(found | labelled, unit / 40)
    touching = parts(found | face, 1)
    _, label = cv2.connectedComponents(touching.astype(np.uint8))
    wanted = np.unique(label[face | labelled])
    return np.isin(label, wanted[wanted > 0]) & ~face & (found | labelled)


def skin_like(image: Image, sample: Mask) -> Mask:
    """Where the colour is close to the colours under ``sample``, lightness counting less."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    values = lab[sample]
    centre = np.median(values, axis=0)
    spread = np.median(np.abs(values - centre), axis=0) * 1.48 + np.array([9.0, 2.5, 2.5])
    distance = (((lab - centre) / spread) ** 2 * np.array([0.6, 1.0, 1.0])).sum(-1)
    return np.asarray(distance < _SKIN_DISTANCE**2, bool)


def _old_garment(
    ids: NDArray[np.uint8], top: Mask, body: Keypoints, unit: float, foreground: Mask
) -> Mask:
    """The garment to remove: labelled, plus missed pieces inside the torso."""
    torso = filled_polygon(torso_polygon(body, unit), ids.shape)
    missed = (ids == 0) & foreground & torso
    old = closed(top, unit / 25) | missed
    holes = fill_holes(old) & ~old
    small = holes & ~parts(holes, round(unit * unit / 25))
    # islands of lower clothes inside the garment
    islands = holes & np.isin(ids, _LOWER)
    old = old | (small & (ids == 0)) | islands | (holes & (ids == 0) & foreground)
    return parts(opened(old, unit / 50), round(unit * unit / 80))
