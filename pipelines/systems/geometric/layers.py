"""A person as layers, back to front: plate without the top, arms, and what is always in front."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.labels import LIP20
from pipelines.stage import PersonInputs
from pipelines.systems.geometric.body_frame import filled_polygon, hips, shoulders, torso_polygon
from pipelines.systems.geometric.fill import (
    Floats,
    fill_holes,
    grain,
    grown,
    membrane,
    opened,
    shrunk,
)
from pipelines.systems.geometric.limbs import Arm, find_arm
from pipelines.systems.geometric.parse_repair import skin_like
from pipelines.systems.geometric.regions import Regions, find_regions
from pipelines.systems.geometric.skin import (
    continued,
    edge_darkening,
    light_from_left,
    round_shading,
    skin_colour,
    skin_grain,
)
from pipelines.types import Image, Mask

Bytes = NDArray[np.uint8]
"""A soft mask ``uint8 [H, W]``, 255 = fully inside."""

_SUBPIXEL_BITS = 4
_WAIST = 0.74
"""Where trousers end below a lifted top, from shoulders (0) to hips (1)."""


@dataclass(frozen=True, eq=False)
class PersonLayers:
    """A person taken apart, at the photo's own size; soft masks are ``uint8``, 255 = inside.

    Back to front: ``plate`` is the background with the lower clothes, where the top was
    (``removed``) and behind the arms; ``chest`` under ``chest_alpha`` is the bare trunk, ``arms``
    under ``arm_alpha`` the bare arms, of which ``arm_over`` lies over the trunk; ``front`` is what
    no garment may cover. ``lower`` are the lower clothes, ``tucked`` says whether the old top was
    worn inside them, ``trunk`` is where a top belongs. ``left_reach`` and ``right_reach`` are
    ``uint8`` at working size: how far down that arm a pixel lies, 0 = shoulder, 250 = wrist,
    255 = not near it.
    """

    photo: Image
    plate: Image
    removed: Bytes
    chest: Image
    chest_alpha: Bytes
    arms: Image
    arm_alpha: Bytes
    arm_over: Bytes
    front: Bytes
    lower: Bytes
    trunk: Bytes
    tucked: bool
    left_reach: Bytes
    right_reach: Bytes
    regions: Regions


@dataclass(frozen=True, eq=False)
class _Bare:
    """Skin at working size: colours and shapes."""

    chest: Floats
    chest_shape: Mask
    arms: Floats
    arm_shape: NDArray[np.float32]
    over_trunk: NDArray[np.float32]
    hands: Mask
    left_reach: Bytes
    right_reach: Bytes


def split_person(person: PersonInputs, trunk_outline: NDArray[np.float64]) -> PersonLayers:
    """Take a person apart. Raises ``ItemError`` (``uncertain_pose``, ``no_garment``).

    ``trunk_outline`` ``[N, 2]`` is the outline of the clothed trunk in pixels of the photo.
    """
    regions = find_regions(person)
    ids = cv2.resize(person.parse.ids, regions.image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    unit = regions.unit_px
    bare = _bare_skin(regions, ids == LIP20.FACE)
    clothed = filled_polygon(trunk_outline * regions.scale, ids.shape)
    kept_head = shrunk(regions.head, 1) if regions.scale < 1 else regions.head
    # the rim of a cuff on a hand goes, too
    hands = bare.hands & ~grown(regions.old, max(1.5, unit / 24))
    removed = _wiped(regions) & ~kept_head & ~hands
    size = (person.image.shape[1], person.image.shape[0])
    removed_soft = _soft(removed, size)
    visible_arm = _soft(shrunk(regions.arms & ~removed, 1), size)
    arms = _mixed(_enlarged(bare.arms, size), person.image, visible_arm)
    skin = bare.chest_shape & (_above_waist(regions) | ~regions.lower.any())
    return PersonLayers(
        photo=person.image,
        plate=_plate(person.image, regions, clothed | bare.chest_shape, removed),
        removed=removed_soft,
        chest=_mixed(_enlarged(bare.chest, size), person.image, ~removed_soft),
        chest_alpha=_soft(skin & ~(regions.lower & ~removed), size),
        arms=arms,
        arm_alpha=_sharp(bare.arm_shape, size),
        arm_over=_sharp(bare.over_trunk, size),
        front=_soft(kept_head | hands, size),
        lower=_soft(regions.lower & ~removed, size),
        trunk=_soft(clothed | bare.chest_shape, size),
        tucked=_is_tucked(regions),
        left_reach=bare.left_reach,
        right_reach=bare.right_reach,
        regions=regions,
    )


def _wiped(regions: Regions) -> Mask:
    """The old garment with its blurred edge; wider on the background, which takes no harm."""
    unit = regions.unit_px
    beside = grown(regions.old, unit / 14) & ~(regions.arms | regions.neck | regions.lower)
    return grown(regions.old, max(1.5, unit / 30)) | beside


def _bare_skin(regions: Regions, face: Mask) -> _Bare:
    unit, shape = regions.unit_px, regions.old.shape
    like = skin_like(regions.image, face) if face.any() else np.ones(shape, bool)
    bare_arms = regions.arms & like if (regions.arms & like).any() else regions.arms
    tone = skin_colour(regions, face, bare_arms, regions.neck & like)
    if bare_arms.sum() < 0.25 * unit * unit:
        # hands alone are redder than arms
        tone = (tone + skin_colour(regions, face, regions.neck & like)) / 2
    # the neck lies in the chin's shadow, the chest in the light like the face
    chest_tone = skin_colour(regions, face, regions.neck & like, regions.arms)
    chest_tone = (chest_tone + skin_colour(regions, face, face)) / 2
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
        # at the armhole the arm lies under the garment, beside it and farther down over it
        inward = _inward(arm, regions)
        ramp = np.maximum(np.clip((order - 0.19) / 0.02, 0, 1), beside_trunk * ~inward)
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
    return _Bare(chest + noise, chest_shape, arms + noise, arm_shape, over, hands, *reach)


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


def _plate(photo: Image, regions: Regions, trunk: Mask, removed: Mask) -> Image:
    """Background and lower clothes behind the top and the arms; elsewhere the photo."""
    size = (photo.shape[1], photo.shape[0])
    factor = 1 / regions.scale
    gone = removed | regions.arms
    free = ~grown(gone | regions.lower | regions.head | regions.neck, regions.unit_px / 20)
    plate = _enlarged(regions.background, size)
    usable = cv2.resize(free.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    if usable.any():
        plate = plate + grain(photo, usable, max(1.5, 2.5 * factor), 10)
    lower = opened(regions.lower & ~removed, regions.unit_px / 30)
    # near the hem a label map mixes the two
    sure = lower & ~grown(regions.old, regions.unit_px / 7)
    inner = shrunk(sure if sure.sum() > 0.3 * lower.sum() else lower, 2)
    if inner.any():
        cloth = membrane(regions.image.astype(np.float32), inner.astype(np.float32))
        cloth = cloth + grain(regions.image, inner, regions.unit_px / 12, 40)
        below = (trunk & ~_above_waist(regions) & _above_end(lower)) | fill_holes(lower)
        plate = _over(plate, _enlarged(cloth, size), _soft(below, size))
    return _mixed(plate, photo, ~_soft(grown(gone, 2), size))


def _above_end(lower: Mask) -> Mask:
    # lower clothes are continued upward from where they are seen, not beside them
    reach = np.cumsum(lower[::-1], axis=0)[::-1] > 0
    return grown(reach, 2)


def _above_waist(regions: Regions) -> Mask:
    right, left = shoulders(regions.body, regions.unit_px)
    hip_right, hip_left = hips(regions.body, regions.unit_px)
    a, b = right + _WAIST * (hip_right - right), left + _WAIST * (hip_left - left)
    slope = (b[1] - a[1]) / (b[0] - a[0]) if abs(b[0] - a[0]) > 1 else 0.0
    rows, columns = np.mgrid[0 : regions.old.shape[0], 0 : regions.old.shape[1]]
    above: Mask = rows < a[1] + float(np.clip(slope, -0.3, 0.3)) * (columns - a[0])
    return above


def _is_tucked(regions: Regions) -> bool:
    """Whether lower clothes begin clearly above the hips, all along the hem of the top."""
    right, left = shoulders(regions.body, regions.unit_px)
    hip_right, hip_left = hips(regions.body, regions.unit_px)
    trunk = filled_polygon(torso_polygon(regions.body, regions.unit_px), regions.old.shape)
    lower = regions.lower & trunk
    columns = np.nonzero(lower.any(0))[0]
    if len(columns) < 0.4 * regions.unit_px:
        return False
    first = lower[:, columns].argmax(0)
    line = float(np.median(first))
    top, bottom = (right[1] + left[1]) / 2, (hip_right[1] + hip_left[1]) / 2
    return bool(line < top + 0.86 * (bottom - top))


def _smooth_edge(mask: Mask) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8), np.float32)


def _soft(mask: Mask, size: tuple[int, int]) -> Bytes:
    """A mask enlarged to ``size`` (width, height) with an edge 1-2 pixels wide."""
    spread = 0.7 + 0.5 * min(size[0] / mask.shape[1] - 1, 2)
    blurred = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), spread)
    return _sharp(np.asarray(blurred, np.float32), size)


def _sharp(soft: NDArray[np.float32], size: tuple[int, int]) -> Bytes:
    """A soft mask at working size enlarged, its edge made 1-2 pixels wide."""
    large = _enlarged(soft, size)
    factor = size[0] / soft.shape[1]
    return _as_bytes((large - 0.5) * 1.3 * max(1.0, 0.8 * factor) + 0.5)


def _as_bytes(alpha: NDArray[np.float32]) -> Bytes:
    return np.asarray(np.clip(np.round(alpha * 255), 0, 255), np.uint8)


def _enlarged(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _over(back: Floats, top: Floats, alpha: Bytes) -> Floats:
    share = (alpha.astype(np.float32) / 255)[..., None]
    return np.asarray(back + share * (top - back), np.float32)


def _mixed(back: NDArray[np.generic], top: Image, alpha: Bytes) -> Image:
    mixed = _over(back.astype(np.float32), top.astype(np.float32), alpha)
    return np.clip(np.round(mixed), 0, 255).astype(np.uint8)
