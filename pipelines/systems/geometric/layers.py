"""A person as layers, back to front: plate without the top, arms, and what is always in front."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.labels import LIP20
from pipelines.rendering.fill import (
    Floats,
    closed,
    fill_holes,
    grain,
    grown,
    membrane,
    opened,
    shrunk,
)
from pipelines.stage import PersonInputs
from pipelines.systems.geometric.bare_skin import bare_skin
from pipelines.systems.geometric.body_frame import filled_polygon, hips, shoulders, torso_polygon
from pipelines.systems.geometric.regions import Regions, find_regions
from pipelines.types import Image, Mask

Bytes = NDArray[np.uint8]
"""A soft mask ``uint8 [H, W]``, 255 = fully inside."""

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


def split_person(person: PersonInputs, trunk_outline: NDArray[np.float64]) -> PersonLayers:
    """Take a person apart. Raises ``ItemError`` (``uncertain_pose``, ``no_garment``).

    ``trunk_outline`` ``[N, 2]`` is the outline of the clothed trunk in pixels of the photo.
    """
    regions = find_regions(person)
    ids = cv2.resize(person.parse.ids, regions.image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    unit = regions.unit_px
    bare = bare_skin(regions, ids == LIP20.FACE)
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
        # a gap between the legs ends at the hem of the top
        whole = closed(lower, regions.unit_px / 4)
        below = (trunk & ~_above_waist(regions) & _above_end(whole)) | fill_holes(lower)
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
