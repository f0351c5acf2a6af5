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
from pipelines.labels import LIP20, LIP20_ARMS, LIP20_LOWER, LIP20_TOPS
from pipelines.rendering.fill import (
    closed,
    fill_holes,
    grown,
    membrane,
    opened,
    parts,
    shrunk,
)
from pipelines.stage import PersonInputs
from pipelines.systems.geometric.body_frame import (
    body_unit,
    filled_polygon,
    hips,
    shoulders,
    torso_polygon,
)
from pipelines.systems.geometric.parse_repair import (
    collar_called_hair,
    collar_called_neck,
    cuff_called_lower,
    garment_called,
    hair_crumbs,
    hand_called_top,
    rim,
    skin_like,
)
from pipelines.types import Image, Keypoints, Mask

_WORK_PIXELS = 512 * 384
_HEAD = (LIP20.FACE, LIP20.HAIR, LIP20.HAT, LIP20.SUNGLASSES, LIP20.SCARF)
_FOREGROUND_LEVELS = 26.0
_RIM_LEVELS = 16.0
_FAINT_LEVELS = 8.0
_NECK_FOUND = 0.04  # of the squared width of the shoulders


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
    image = np.asarray(cv2.resize(person.image, size, interpolation=cv2.INTER_AREA), np.uint8)
    ids = np.asarray(cv2.resize(person.parse.ids, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    body = Keypoints(person.pose.body.xy * np.float32(scale), person.pose.body.score)
    unit = body_unit(body)
    background = _background(image, ids, body, unit)
    different = np.abs(image - background).max(-1)
    top, left, right = _top_and_arms(image, ids, body, unit)
    neck = _neck(image, ids, body, unit, different > _FOREGROUND_LEVELS)
    foreground = (different > _FOREGROUND_LEVELS) & ~neck
    collar = collar_called_neck(image, ids == LIP20.FACE, neck, top, unit)
    neck &= ~collar
    top |= collar
    # skin found apart from the neck is mostly a print
    ids[(ids == LIP20.NECK) & ~neck] = LIP20.BACKGROUND
    old = _old_garment(ids, top, body, unit, foreground)
    head = np.isin(ids, _HEAD)
    lower = (np.isin(ids, LIP20_LOWER) | (np.isin(ids, LIP20_TOPS) & ~top)) & ~old
    hair = head & (ids != LIP20.FACE)
    sure = _above_chin(hair, ids == LIP20.FACE)
    for other, sample in ((lower, None), (left, None), (right, None), (hair, sure)):
        claimed = garment_called(image, old, other, unit, sample)
        old |= claimed
        for region in (lower, left, right, head):
            region &= ~claimed
    old |= hair_crumbs(head, old, unit)
    head &= ~old
    for region, called in (
        (head, collar_called_hair(head & (ids != LIP20.FACE), neck, old, unit)),
        *(
            (lower, cuff_called_lower(image, old, lower, forearm, unit))
            for forearm in _forearms(body, unit, old.shape)
        ),
    ):
        old |= called
        region &= ~called
    free = (ids == 0) & (different > _RIM_LEVELS)
    left |= rim(left, free & ~old & ~neck, unit / 18)
    right |= rim(right, free & ~old & ~neck, unit / 18)
    # before an even background a pale sleeve that the parse missed still shows
    even = _is_even(different, ids)
    missed = (ids == 0) & (different > (_FAINT_LEVELS if even else _RIM_LEVELS))
    old |= rim(old, missed & ~grown(neck | left | right, 2), unit / (4 if even else 12))
    old &= ~(head | neck | left | right | (ids == LIP20.GLOVE))
    if not old.any():
        raise ItemError("no upper garment was found on the person", code="no_garment")
    return Regions(
        image=image, body=body, unit_px=unit, scale=scale, old=old, head=head, neck=neck & ~head,
        left_arm=left, right_arm=right, lower=lower & ~old, background=background,
    )  # fmt: skip


def _above_chin(hair: Mask, face: Mask) -> Mask | None:
    """The hair under which no garment can lie; None if there is little of it."""
    if not face.any():
        return None
    above = hair.copy()
    above[int(np.flatnonzero(face.any(1))[-1]) :] = False
    return above if above.sum() > 0.1 * hair.sum() else None


def _forearms(body: Keypoints, unit: float, shape: tuple[int, ...]) -> list[Mask]:
    """Where the forearms and wrists are, whatever covers them."""
    found = []
    for elbow, wrist in (
        (Body25.LEFT_ELBOW, Body25.LEFT_WRIST),
        (Body25.RIGHT_ELBOW, Body25.RIGHT_WRIST),
    ):
        if body.seen(elbow) and body.seen(wrist):
            a, b = body.xy[elbow], body.xy[wrist] + 0.15 * (body.xy[wrist] - body.xy[elbow])
            ends = [tuple(p.round().astype(int).tolist()) for p in (a, b)]
            canvas = np.zeros(shape, np.uint8)
            cv2.line(canvas, ends[0], ends[1], (1,), max(1, round(0.3 * unit)))
            found.append(canvas.astype(bool))
    return found


def _top_and_arms(
    image: Image, ids: NDArray[np.uint8], body: Keypoints, unit: float
) -> tuple[Mask, Mask, Mask]:
    """The top's pixels and the bare left and right arm, sorted out by colour."""
    top = np.isin(ids, LIP20_TOPS) & ~_dress_skirt(ids, body, unit)
    arms = [parts(closed(ids == i, unit / 40), round(unit * unit / 60)) for i in LIP20_ARMS]
    for i, wrist in enumerate((Body25.LEFT_WRIST, Body25.RIGHT_WRIST)):
        hand = hand_called_top(image, ids, top, body, wrist, unit)
        top &= ~hand
        arms[i] |= hand
    return top, arms[0], arms[1] & ~arms[0]


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
    cv2.circle(neck := inside.astype(np.uint8), middle, round(0.36 * unit), (1,), -1)
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
    return np.asarray(long & below, bool)


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
        return np.asarray(labelled, bool)
    like = skin_like(image, shrunk(face, unit / 25) if shrunk(face, unit / 25).any() else face)
    unnamed = (ids == 0) & ~_open_background(ids, unit)
    if labelled.sum() < _NECK_FOUND * unit * unit:
        # where the parse knows no neck, a little of it is called garment, too
        nearby = grown(face | (unnamed & zone & like), unit / 9)
        unnamed = unnamed | (np.isin(ids, LIP20_TOPS) & nearby)
    found = zone & foreground & like & unnamed
    found = opened(found | labelled, unit / 40)
    # hair may lie between face and neck
    near = grown(found | face, unit / 9)
    _, label = cv2.connectedComponents(near.astype(np.uint8))
    wanted = np.unique(label[face])
    return np.asarray(np.isin(label, wanted[wanted > 0]) & ~face & (found | labelled), bool)


def _is_even(different: NDArray[np.float32], ids: NDArray[np.uint8]) -> bool:
    """Whether the background is so plain that its fill differs from it by a few levels only."""
    background = different[ids == 0]
    return bool(len(background)) and float(np.percentile(background, 80)) < 0.6 * _FAINT_LEVELS


def _open_background(ids: NDArray[np.uint8], unit: float) -> Mask:
    """Background that hangs together with the picture's edge by more than a narrow gap."""
    wide = opened(np.pad(ids == 0, 1, mode="edge"), unit / 12)
    _, label = cv2.connectedComponents(wide.astype(np.uint8))
    border = np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]])
    outer: Mask = np.isin(label, np.unique(border[border > 0]))
    return outer[1:-1, 1:-1]


def _old_garment(
    ids: NDArray[np.uint8], top: Mask, body: Keypoints, unit: float, foreground: Mask
) -> Mask:
    """The garment to remove: labelled, plus missed pieces inside the torso."""
    torso = filled_polygon(torso_polygon(body, unit), ids.shape)
    # notches and holes of the parse, not the open background beside the person
    missed = (ids == 0) & foreground & torso & ~_open_background(ids, unit)
    right, left = hips(body, unit)
    hip_y = int(np.clip((right[1] + left[1]) / 2 - 0.1 * unit, 1, ids.shape[0]))
    missed[hip_y:] = False
    old = closed(top, unit / 25) | missed
    holes = fill_holes(old) & ~old
    small = holes & ~parts(holes, round(unit * unit / 25))
    # islands of lower clothes inside the garment
    islands = holes & np.isin(ids, LIP20_LOWER)
    old = old | (small & (ids == 0)) | islands | (holes & (ids == 0) & foreground)
    old = parts(opened(old, unit / 50), round(unit * unit / 80))
    # specks of the garment's label among the lower clothes
    count, label, stats, centres = cv2.connectedComponentsWithStats(old.astype(np.uint8))
    largest = stats[1:, cv2.CC_STAT_AREA].max() if count > 1 else 0
    for i in range(1, count):
        small_part = stats[i, cv2.CC_STAT_AREA] < 0.2 * largest
        around = grown(label == i, 2) & ~old
        if small_part and centres[i][1] > hip_y and np.isin(ids[around], LIP20_LOWER).mean() > 0.3:
            old[label == i] = False
    return old
