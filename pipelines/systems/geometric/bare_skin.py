"""The bare trunk and arms of a person, painted where clothes hide them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.rendering.fill import Floats, grown, shrunk
from pipelines.systems.geometric.body_frame import (
    filled_polygon,
    hips,
    shoulders,
    torso_polygon,
)
from pipelines.systems.geometric.limbs import Arm, find_arm
from pipelines.systems.geometric.parse_repair import skin_like
from pipelines.systems.geometric.regions import Regions
from pipelines.systems.geometric.skin import (
    continued,
    edge_darkening,
    light_from_left,
    round_shading,
    skin_colour,
    skin_grain,
)
from pipelines.types import Mask

_SUBPIXEL_BITS = 4


@dataclass(frozen=True, eq=False)
class BareSkin:
    """A person's skin at working size, under the clothes too.

    ``chest`` and ``arms`` are colours in levels, ``chest_shape`` and ``arm_shape`` where they are;
    ``over_trunk`` is the part of the arms that lies over a top. ``hands`` are the visible hands;
    ``left_reach`` and ``right_reach`` are described in ``layers.PersonLayers``.
    """

    chest: Floats
    chest_shape: Mask
    arms: Floats
    arm_shape: NDArray[np.float32]
    over_trunk: NDArray[np.float32]
    hands: Mask
    left_reach: NDArray[np.uint8]
    right_reach: NDArray[np.uint8]


def bare_skin(regions: Regions, face: Mask) -> BareSkin:
    """Paint the skin of a person whose ``face`` is known, ``bool [H, W]`` at working size."""
    unit, shape = regions.unit_px, regions.old.shape
    like = skin_like(regions.image, face) if face.any() else np.ones(shape, bool)
    bare_arms = regions.arms & like if (regions.arms & like).any() else regions.arms
    tone, chest_tone = _tones(regions, face, like, bare_arms)
    from_left = light_from_left(regions, face)
    arms = continued(regions, bare_arms, tone, 0.6 * unit)
    shade, upper = np.ones(shape, np.float32), np.ones(shape, np.float32)
    arm_shape, over, hands = (
        np.zeros(shape, np.float32),
        np.zeros(shape, np.float32),
        np.zeros(shape, bool),
    )
    beside_trunk = 1 - cv2.GaussianBlur(
        grown(_shrunk_trunk(regions), 0.09 * unit).astype(np.float32), (0, 0), unit / 40
    )
    trunk_middle = np.mean([*shoulders(regions.body, unit), *hips(regions.body, unit)], axis=0)
    reach = []
    for left, seen in ((True, regions.left_arm), (False, regions.right_arm)):
        arm = find_arm(regions, left=left)
        if arm is None:
            hands |= seen
            reach.append(np.full(shape, 255, np.uint8))
            continue
        soft, order = _arm_shape(arm, shape), arm.position(shape)
        drawn = soft > 0.5
        half = float(np.median(arm.half))
        darkening = edge_darkening(regions, seen, half)
        own = round_shading(drawn | seen, half, from_left, darkening)
        near = grown(drawn, 3)
        shade[near] = own[near]
        upper[near] = np.clip((order - 0.08) / 0.3, 0, 1)[near]
        arm_shape = np.maximum(arm_shape, np.maximum(soft, _smooth_edge(seen)))
        hidden = drawn & _shrunk_trunk(regions) & ~seen
        in_front = soft if arm.shown else soft * ~hidden
        # at the armhole the arm lies under the garment, farther down more and more over it
        inward = _inward(arm, regions)
        limit = -1 + 2.3 * np.clip((order - 0.1) / 0.35, 0, 1)
        slanting = np.clip((limit - arm.across(shape, trunk_middle)) / 0.12 + 0.5, 0, 1)
        ramp = np.maximum(slanting, beside_trunk * ~inward)
        over = np.maximum(over, ramp * np.maximum(in_front, _smooth_edge(seen)))
        hands |= seen & (order > (0.985 if arm.hand_seen else 0.8))
        beside = ~(grown(drawn, unit / 14) | seen) | inward
        reach.append(np.where(beside, 255, np.round(order * 250)).astype(np.uint8))
    clothed = grown(regions.old | regions.arms, unit / 12)
    arm_shape *= _smooth_edge(clothed)
    over *= _smooth_edge(clothed)
    arms *= shade[..., None]
    chest_shape = _trunk(regions, face)
    chest = continued(regions, regions.neck & like, chest_tone, 0.3 * unit)
    rounded = 1 + 0.5 * (round_shading(chest_shape, 0.5 * unit, from_left) - 1)
    chest = chest * rounded[..., None]
    # one colour where arm and chest meet
    arms = chest + upper[..., None] * (arms - chest)
    noise = skin_grain(shape)[..., None]
    return BareSkin(chest + noise, chest_shape, arms + noise, arm_shape, over, hands, *reach)


def _tones(
    regions: Regions, face: Mask, like: Mask, bare_arms: Mask
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Skin colours of the arms and of the chest, RGB ``float32 [3]``."""
    tone = skin_colour(regions, face, bare_arms, regions.neck & like)
    if bare_arms.sum() < 0.25 * regions.unit_px**2:
        # hands alone are redder than arms
        tone = (tone + skin_colour(regions, face, regions.neck & like)) / 2
    # the neck lies in the chin's shadow, the chest in the light like the face
    chest_tone = skin_colour(regions, face, regions.neck & like, regions.arms)
    return tone, (chest_tone + skin_colour(regions, face, face)) / 2


def _inward(arm: Arm, regions: Regions) -> Mask:
    """What lies on the neck's side of a shoulder, above the arm: it belongs to the trunk."""
    right, left = shoulders(regions.body, regions.unit_px)
    inward = (right + left) / 2 - arm.axis[0]
    inward = inward / max(float(np.linalg.norm(inward)), 1e-3)
    rows, columns = np.mgrid[0 : regions.old.shape[0], 0 : regions.old.shape[1]]
    offset = (columns - arm.axis[0][0]) * inward[0] + (rows - arm.axis[0][1]) * inward[1]
    high = rows < arm.axis[0][1] + 0.25 * regions.unit_px
    return np.asarray((offset > 0.03 * regions.unit_px) & high, bool)


def _shrunk_trunk(regions: Regions) -> Mask:
    trunk = filled_polygon(torso_polygon(regions.body, regions.unit_px), regions.old.shape)
    return shrunk(trunk, 0.03 * regions.unit_px)


def _arm_shape(arm: Arm, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """An antialiased arm, so that its outline stays smooth when it is enlarged."""
    canvas, fine = np.zeros(shape, np.uint8), 1 << _SUBPIXEL_BITS
    outline = np.round(arm.outline(1.0) * fine).astype(np.int32)
    cv2.fillPoly(canvas, [outline], (255,), cv2.LINE_AA, _SUBPIXEL_BITS)
    x, y = (round(float(v) * fine) for v in arm.axis[0])
    radius = round(float(arm.half[0]) * fine)
    cv2.circle(canvas, (x, y), radius, (255,), -1, cv2.LINE_AA, _SUBPIXEL_BITS)
    return canvas.astype(np.float32) / 255


def _trunk(regions: Regions, face: Mask) -> Mask:
    """The bare trunk and neck inside the old silhouette."""
    unit, shape = regions.unit_px, regions.old.shape
    trunk = filled_polygon(torso_polygon(regions.body, unit), shape)
    right, left = shoulders(regions.body, unit)
    neck = (right + left) / 2
    rows, columns = np.nonzero(face)
    if len(rows):
        chin = np.array([columns[rows >= np.percentile(rows, 85)].mean(), rows.max()])
        half = 0.16 * unit
        top, foot = chin - [0, 0.2 * unit], neck + [0, 0.15 * unit]
        column = np.array([
            [top[0] - half, top[1]], [top[0] + half, top[1]],
            [foot[0] + 1.4 * half, foot[1]], [foot[0] - 1.4 * half, foot[1]],
        ], np.float32)  # fmt: skip
        trunk |= filled_polygon(column, shape)
    return (trunk | regions.neck) & grown(regions.old | regions.neck | regions.lower, unit / 25)


def _smooth_edge(mask: Mask) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8), np.float32)
