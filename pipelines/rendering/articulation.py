"""A person in another pose, made from one photo: limbs cut out and turned about their joints.

A limb here is a flat piece of a picture: how cloth falls in another pose, how a body turns, and
limbs that come towards the camera are beyond it (our choice throughout).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.body import Body25
from pipelines.labels import LIP20, LIP20_TOPS
from pipelines.preprocess.agnostic_shapes import hips_widened, torso_completed
from pipelines.preprocess.pose_placement import torso_length
from pipelines.rendering.fill import closed_wide, grown, membrane, nearest_ids, reflected, shrunk
from pipelines.rendering.limbs import FEET, LIMBS, Limb, Turns, legs_cross
from pipelines.stage import PersonInputs
from pipelines.types import Image, Keypoints, Mask, ParseMap, Pose

Matrix = NDArray[np.float64]

_LEGWEAR = (LIP20.PANTS, LIP20.SOCKS)
LOWER = (LIP20.PANTS, LIP20.SKIRT, LIP20.LEFT_LEG, LIP20.RIGHT_LEG)
_SLEEVE = 0.13
"""Half the width of a sleeve, in torso lengths."""
_JOINT, _HIP = 0.1, 0.3
"""Radius of the disc by which two pieces overlap at their joint, and of that in which a hip keeps
its clothes, in torso lengths."""
_HELD = 0.35
"""Share of the disc about a limb's upper joint that clothes or the limb must fill: one that grows
out of hair, or of nothing, would come off."""
_BONE = 0.03
"""Half the width that a forearm or shin has at least, in torso lengths."""
_SHOWN = 0.6
"""Share of a forearm or shin of that width that must be the limb's own: where something hides it,
or nothing tells its sleeve from the clothes behind, it would come off its upper half."""
_BARE = 0.05
"""Share of an arm's own pixels that may lie above the end of its sleeve."""
_LONG = 1.6
"""Bones of an arm, counted from the shoulder, that a long sleeve covers."""
_RIM = 2.0
"""Pixels of a picture 192 wide by which a piece's blurred edge reaches beyond its label."""
_POCKET = 0.25
"""Half the width of a hand's place before trousers or a skirt, in torso lengths."""
_BESIDE = 2.5
"""Rims beside a person that are not taken for background."""
_HAND = 0.6
"""How far the hand reaches beyond the wrist, in lengths of the forearm."""


@dataclass(frozen=True, eq=False)
class _Piece:
    """Pixels that turn together, and where to."""

    mask: Mask
    move: Matrix


def articulated(person: PersonInputs, turns: Turns) -> PersonInputs:
    """The person with turned limbs; photo, parse (LIP20) and joints of the same size.

    A limb whose joints are not all seen, or whose upper end or outer bone is hidden, stays as it
    is, and so do legs that cross. Hands' and face's points are dropped. Not turning anything gives
    the photo, the labels and the joints as they were. Raises ``ItemError`` (``uncertain_pose``)
    where no shoulder was found.
    """
    torso = torso_length(torso_completed(person.pose))
    moving, pieces = [], {}
    for limb, moves in _moving(person.pose.body, turns):
        if not _is_held(person, limb, torso):
            continue
        whole = _limb_mask(person, limb, torso)
        if _shows_outer_bone(person, limb, whole, torso):
            moving.append((limb, moves))
            pieces[limb] = _pieces(person, limb, whole, moves, torso)
    pose = Pose(_moved_joints(person.pose.body, moving))
    if not moving:
        return PersonInputs(person.image, pose, person.parse)
    cut = np.zeros(person.parse.ids.shape, bool)
    for limb, found in pieces.items():
        for piece in found:
            cut |= piece.mask & ~_joint_disc(person, limb, torso)
    image, ids = _without(person, cut, torso)
    body = (ids != LIP20.BACKGROUND) & ~cut
    for limb, found in pieces.items():
        behind = None if limb.arm else body & ~np.isin(ids, (*limb.labels, *_LEGWEAR))
        # the outer piece first: the inner one lies over it at their joint
        for piece in reversed(found):
            image, ids = _laid(person, piece, image, ids, behind)
    return PersonInputs(image, pose, ParseMap(ids, person.parse.labels))


def _moving(body: Keypoints, turns: Turns) -> Iterator[tuple[Limb, tuple[Matrix, ...]]]:
    """Limbs that turn, and the move of each of their bones."""
    for limb in LIMBS:
        angles = [float(getattr(turns, name)) for name in limb.turns]
        needed = limb.joints[: len(angles) + 1]
        if not any(angles) or not all(body.seen(joint) for joint in needed):
            continue
        if not limb.arm and legs_cross(body):
            continue
        moves, before = [], np.array([[1.0, 0, 0], [0, 1, 0]])
        for joint, angle in zip(limb.joints, angles, strict=False):
            before = _after(_turn(body.xy[joint], angle), before)
            moves.append(before)
        yield limb, tuple(moves)


def _turn(centre: NDArray[np.float32], degrees: float) -> Matrix:
    """A turn clockwise (y points down) about a point: ``float64 [2, 3]``."""
    x, y = (float(value) for value in centre)
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, -s, x - c * x + s * y], [s, c, y - s * x - c * y]])


def _after(inner: Matrix, outer: Matrix) -> Matrix:
    """First ``inner``, then ``outer``."""
    linear = outer[:, :2] @ inner[:, :2]
    return np.concatenate((linear, outer[:, :2] @ inner[:, 2:] + outer[:, 2:]), 1)


def _moved_joints(body: Keypoints, moving: list[tuple[Limb, tuple[Matrix, ...]]]) -> Keypoints:
    xy = body.xy.copy()
    for limb, moves in moving:
        # a joint goes with the bone above it, the last bone takes everything below along
        ends = [(limb.joints[n + 1], moves[min(n, len(moves) - 1)]) for n in range(2)]
        ends += [(joint, moves[-1]) for joint in FEET.get(limb.joints[2], ())]
        for joint, move in ends:
            if body.seen(joint):
                xy[joint] = move[:, :2] @ body.xy[joint] + move[:, 2]
    return Keypoints(xy.astype(np.float32), body.score)


def _pieces(
    person: PersonInputs, limb: Limb, whole: Mask, moves: tuple[Matrix, ...], torso: float
) -> list[_Piece]:
    """The pixels ``whole`` of a limb by bone, which overlap at the joint between them."""
    body = person.pose.body
    if len(moves) == 1:
        return [_Piece(whole, moves[0])]
    upper, lower, wrist = (body.xy[joint].astype(np.float64) for joint in limb.joints)
    if not body.seen(limb.joints[2]):
        wrist = 2 * lower - upper
    shape = whole.shape
    outer = _distance(shape, lower, wrist + _HAND * (wrist - lower)) < _distance(
        shape, upper, lower
    )
    overlap = _distance(shape, lower, lower) < _JOINT * torso
    return [_Piece(whole & (~outer | overlap), moves[0]), _Piece(whole & outer, moves[1])]


def _limb_mask(person: PersonInputs, limb: Limb, torso: float) -> Mask:
    """The limb's own label, and the clothes on it."""
    ids, body = person.parse.ids, person.pose.body
    own = np.isin(ids, limb.labels)
    places = [body.xy[j].astype(np.float64) for j in limb.joints if body.seen(j)]
    if limb.arm:
        near, along = _nearness(ids.shape, places)
        # below its end a sleeve is no more: what is beside a bare arm is the garment's flank
        bare = np.quantile(along[own], _BARE) if own.any() else np.inf
        if bare > _LONG:  # what shows of the arm is a hand, which may lie before its cuff
            bare = np.inf
        sleeve = (near < _SLEEVE * torso) & (along > 0) & (along < bare) & ~_trunk(person)
        return own | (np.isin(ids, LIP20_TOPS) & sleeve)
    other = next(one for one in LIMBS if not one.arm and one is not limb)
    near = _leg_distance(ids.shape, body, limb)
    return own | (np.isin(ids, _LEGWEAR) & (near < _leg_distance(ids.shape, body, other)))


def _leg_distance(shape: tuple[int, ...], body: Keypoints, limb: Limb) -> NDArray[np.float64]:
    """Pixels to a leg, which goes on beyond its last joint; infinity for one that is not seen."""
    places = [body.xy[j].astype(np.float64) for j in limb.joints if body.seen(j)]
    if len(places) < 2 or not body.seen(limb.joints[0]):
        return np.full(shape, np.inf)
    return _nearness(shape, [*places, 3 * places[-1] - 2 * places[-2]])[0]


def _nearness(
    shape: tuple[int, ...], places: list[Matrix]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixels to a line through places, and how far along it: 1 at its second place, and so on."""
    near, along = np.full(shape, np.inf), np.zeros(shape)
    for number, (start, end) in enumerate(pairwise(places)):
        distance, share = _beside(shape, start, end)
        closer = distance < near
        near = np.where(closer, distance, near)
        along = np.where(closer, number + share, along)
    return near, along


def _trunk(person: PersonInputs) -> Mask:
    """Between shoulders and hips, a little narrower than the shoulders all the way down."""
    joints = torso_completed(person.pose)
    right, left = joints[Body25.RIGHT_SHOULDER], joints[Body25.LEFT_SHOULDER]
    inset = 0.06 * (left - right)
    hips = hips_widened(joints)
    outline = [
        right + inset, left - inset, hips[Body25.LEFT_HIP] - inset, hips[Body25.RIGHT_HIP] + inset,
    ]  # fmt: skip
    canvas = np.zeros(person.parse.ids.shape, np.uint8)
    cv2.fillPoly(canvas, [np.round(outline).astype(np.int32)], (1,))
    return np.asarray(canvas > 0, bool)


def _is_held(person: PersonInputs, limb: Limb, torso: float) -> bool:
    """Whether the photo shows what a limb grows out of."""
    centre = person.pose.body.xy[limb.joints[0]].astype(np.float64)
    disc = _distance(person.parse.ids.shape, centre, centre) < _JOINT * torso
    shown = np.isin(person.parse.ids, (*limb.labels, *LIP20_TOPS, *LOWER, LIP20.NECK))
    return bool(disc.any() and shown[disc].mean() >= _HELD)


def _shows_outer_bone(person: PersonInputs, limb: Limb, whole: Mask, torso: float) -> bool:
    """Whether the limb's pixels ``whole`` have enough of its outer bone; true where it has none."""
    body = person.pose.body
    if not all(body.seen(joint) for joint in limb.joints[1:]):
        return True
    start, end = (body.xy[joint].astype(np.float64) for joint in limb.joints[1:])
    bone = _distance(whole.shape, start, end) < _BONE * torso
    return bool(bone.any() and whole[bone].mean() >= _SHOWN)


def _joint_disc(person: PersonInputs, limb: Limb, torso: float) -> Mask:
    """Clothes at the limb's upper joint, which stay on the body as well."""
    centre = person.pose.body.xy[limb.joints[0]].astype(np.float64)
    radius = (_JOINT if limb.arm else _HIP) * torso
    near = _distance(person.parse.ids.shape, centre, centre) < radius
    return near & ~np.isin(person.parse.ids, limb.labels)


def _without(person: PersonInputs, cut: Mask, torso: float) -> tuple[Image, NDArray[np.uint8]]:
    """The photo and labels without some pieces, the holes filled with what is behind them."""
    ids = person.parse.ids
    rim = _RIM * ids.shape[1] / 192
    # labels miss fingers, hems and shadows, whose colours would run into the background
    holes = cut | (grown(cut, _BESIDE * rim) & (ids == LIP20.BACKGROUND))
    left = np.where(holes, LIP20.BACKGROUND, ids).astype(np.uint8)
    inside = cut & _covered(person, left, torso)
    left[inside] = nearest_ids(left, np.isin(left, (*LIP20_TOPS, *LOWER)))[inside]
    image = person.image.astype(np.float32)
    ground = ~grown(ids != LIP20.BACKGROUND, _BESIDE * rim)
    filled = np.where(holes[..., None], membrane(image, ground.astype(np.float32)), image)
    # an arm's shadow and rim are not what the clothes look like
    beside = grown(cut, rim)
    for labels in (LIP20_TOPS, LOWER):
        part = np.isin(left, labels)
        worn = part & ~cut
        clean = shrunk(worn, rim) & ~beside
        if not clean.any():
            continue
        cloth = _continued(person.image, clean)
        filled = np.where((part & beside)[..., None], cloth, filled)
    return np.clip(np.round(filled), 0, 255).astype(np.uint8), left


def _continued(image: Image, known: Mask) -> Image:
    """Known colours mirrored into all the rest, or drawn on where the mirror shows none."""
    x, y = reflected(~known)
    own_y, own_x = np.indices(known.shape, dtype=np.float32)
    inside = known[np.round(y).astype(int), np.round(x).astype(int)]
    x, y = (np.where(inside, m, (m + own) / 2) for m, own in ((x, own_x), (y, own_y)))
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR), np.uint8)


def _covered(person: PersonInputs, left: NDArray[np.uint8], torso: float) -> Mask:
    """Where clothes go on behind what was cut out: in the trunk, and in gaps between them."""
    clothes, lower = np.isin(left, (*LIP20_TOPS, *LOWER)), np.isin(left, LOWER)
    if not clothes.any():
        return clothes
    covered = _trunk(person) | closed_wide(clothes, _SLEEVE * torso)
    return covered | closed_wide(lower, _POCKET * torso)


def _laid(
    person: PersonInputs,
    piece: _Piece,
    image: Image,
    ids: NDArray[np.uint8],
    behind: Mask | None,
) -> tuple[Image, NDArray[np.uint8]]:
    """A piece of the photo laid over a picture where it turns to, ``behind`` what hides it."""
    unit = ids.shape[1] / 192

    def moved(values: NDArray[Any], how: int) -> NDArray[Any]:
        # a leg that the photo cuts goes on beyond the edge; an arm, which turns far, ends there
        size = (ids.shape[1], ids.shape[0])
        border = cv2.BORDER_REPLICATE if behind is not None else cv2.BORDER_CONSTANT
        return np.asarray(cv2.warpAffine(values, piece.move, size, flags=how, borderMode=border))

    soft = moved(piece.mask.astype(np.float32), cv2.INTER_LINEAR)
    colours = moved(person.image, cv2.INTER_LINEAR).astype(np.float32)
    labels = moved(person.parse.ids, cv2.INTER_NEAREST)
    if behind is not None:
        soft = np.where(behind, 0, soft).astype(np.float32)
    # labels are cut where the softened edge is at its half
    hard = (soft >= 0.5) & (labels != LIP20.BACKGROUND)
    alpha = cv2.GaussianBlur(soft, (0, 0), max(0.4, 0.3 * unit))[..., None]
    alpha = np.minimum(alpha, soft[..., None] > 0)
    mixed = image + alpha * (colours - image)
    made = np.clip(np.round(mixed), 0, 255).astype(np.uint8)
    return made, np.where(hard, labels, ids).astype(np.uint8)


def _distance(shape: tuple[int, ...], start: Matrix, end: Matrix) -> NDArray[np.float64]:
    """Pixels from each place to a line from ``start`` to ``end``."""
    return _beside(shape, start, end)[0]


def _beside(
    shape: tuple[int, ...], start: Matrix, end: Matrix
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same, and how far along the line each place lies: 0 at ``start``, 1 at ``end``."""
    x, y = np.arange(shape[1])[None] - start[0], np.arange(shape[0])[:, None] - start[1]
    bone = end - start
    share = (x * bone[0] + y * bone[1]) / max(float(bone @ bone), 1e-9)
    along = np.clip(share, 0, 1)
    return np.sqrt((x - along * bone[0]) ** 2 + (y - along * bone[1]) ** 2), share
