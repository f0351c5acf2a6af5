"""Clothing Co-Parsing's labels as LIP ids: a pose tells face, neck and limbs, left and right apart.

The data set knows one tag for all bare skin and one for each kind of shoe. LIP wants the face, the
neck (id 10, torso skin), arms, legs and shoes of each side.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.body import Body25
from pipelines.clothing_labels import CCP59, CCP59_TO_LIP20
from pipelines.labels import LIP20
from pipelines.preprocess.body_regions import Body, Floats
from pipelines.types import Mask, ParseMap, Pose, Size

_CHIN = 1.0
_CHIN_SLOPE = 0.35
_SHOES = frozenset(tag for tag, label in CCP59_TO_LIP20.items() if label == LIP20.LEFT_SHOE)
_HOSIERY = frozenset(tag for tag, label in CCP59_TO_LIP20.items() if label == LIP20.LEFT_LEG)
_ISLAND = 0.004
"""Pieces of a label smaller than this share of the squared torso length join their surroundings."""


def lip20_of_ccp(parse: ParseMap, pose: Pose) -> ParseMap:
    """LIP ids ``uint8 [H, W]`` of a map in CCP59; 255 where LIP has no label for what is shown.

    ``pose`` is in pixels of the map. Skin goes to the part of the body that it lies nearest to,
    measured in radii of that part; shoes and hosiery to the nearer leg. Raises ``ValueError`` for
    a map in another label set or with an id outside of it.
    """
    if parse.labels is not CCP59:
        raise ValueError(f"a map in CCP59 is wanted, got {parse.labels.__name__}")
    table = np.zeros(256, np.uint8)
    table[list(CCP59_TO_LIP20)] = list(CCP59_TO_LIP20.values())
    if int(parse.ids.max()) > max(CCP59):
        raise ValueError(f"id {int(parse.ids.max())} is not in CCP59")
    ids: NDArray[np.uint8] = table[parse.ids]
    body = Body(pose, 1.0, Size(*parse.ids.shape))
    skin = parse.mask(CCP59.SKIN)
    ids[skin] = _skin_parts(body, skin)[skin]
    left = _nearer_left_leg(body)
    for tags, on_left, on_right in (
        (_SHOES, LIP20.LEFT_SHOE, LIP20.RIGHT_SHOE),
        (_HOSIERY, LIP20.LEFT_LEG, LIP20.RIGHT_LEG),
    ):
        worn = parse.mask(*tags)
        ids[worn] = np.where(left[worn], on_left, on_right)
    return ParseMap(ids, LIP20)


def _skin_parts(body: Body, skin: Mask) -> NDArray[np.uint8]:
    """The part of the body that each pixel of ``skin`` belongs to, without small islands."""
    x, y = body.head_coordinates()
    torso_x, torso_y = body.torso_coordinates()
    face = np.hypot(x / 0.8, (y - 0.2) / 0.85)
    # the line of the jaw falls away from the chin to the sides
    below_jaw = y > _CHIN - _CHIN_SLOPE * np.abs(x)
    chest = np.hypot(torso_x / 0.5, np.maximum(torso_y - 0.1, 0) / 0.35)
    near_head = np.hypot(x, y) < 1.6
    distances = {
        LIP20.FACE: np.where(below_jaw, face + 2, face),
        LIP20.NECK: np.where(below_jaw | ~near_head, chest, chest + 2),
        **{
            label: _reach(body, root, arm=True)
            for label, root in (
                (LIP20.LEFT_ARM, Body25.LEFT_SHOULDER),
                (LIP20.RIGHT_ARM, Body25.RIGHT_SHOULDER),
            )
        },
        **{
            label: _reach(body, root, arm=False) + np.where(torso_y < 0.9, 4, 0)
            for label, root in (
                (LIP20.LEFT_LEG, Body25.LEFT_HIP),
                (LIP20.RIGHT_LEG, Body25.RIGHT_HIP),
            )
        },
    }
    labels = np.array([int(label) for label in distances], np.uint8)
    parts: NDArray[np.uint8] = labels[np.argmin(np.stack(list(distances.values())), 0)]
    return _without_islands(parts, skin, round(_ISLAND * body.torso**2))


def _reach(body: Body, root: Body25, *, arm: bool) -> Floats:
    """Distance to a limb in radii of it; a hand or foot may be wider than its wrist or ankle."""
    limb = body.arm(root) if arm else body.leg(root)
    wide: Floats = np.where(limb.along > 1.9, limb.across / 1.6, limb.across)
    return wide


def _nearer_left_leg(body: Body) -> Mask:
    left, right = body.leg(Body25.LEFT_HIP), body.leg(Body25.RIGHT_HIP)
    nearer: Mask = left.across <= right.across
    return nearer


def _without_islands(parts: NDArray[np.uint8], skin: Mask, area: int) -> NDArray[np.uint8]:
    """Give each small piece of a part to the part that surrounds it most, within ``skin``."""
    made = np.where(skin, parts, 0).astype(np.uint8)
    for label in np.unique(made[skin]):
        count, pieces, stats, _ = cv2.connectedComponentsWithStats(
            (made == label).astype(np.uint8), connectivity=8
        )
        for piece in range(1, count):
            if stats[piece, cv2.CC_STAT_AREA] > area:
                continue
            mask = (pieces == piece).astype(np.uint8)
            ring = (cv2.dilate(mask, np.ones((3, 3), np.uint8)) > mask) & skin
            beside = np.bincount(made[ring], minlength=256)
            beside[0] = 0
            if beside.any():
                made[mask > 0] = int(beside.argmax())
    return made
