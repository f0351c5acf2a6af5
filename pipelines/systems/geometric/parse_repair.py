"""Repairs of a label map where it took one thing for another, by colour and place."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.labels import LIP20
from pipelines.rendering.fill import grown, opened, parts, shrunk
from pipelines.types import Image, Keypoints, Mask

_RIM_LEVELS = 16.0
_SKIN_DISTANCE = 3.2
_CLOTH_LAB = 20.0
_DARK_SHARE = 0.33  # of the face's light; a neck in the chin's shadow keeps about half
_FLECKED_SHARE = 0.5
_HUE_SHARE = 0.025  # of red, green or blue in the sum of the three


def skin_like(image: Image, sample: Mask) -> Mask:
    """Where the colour is close to the colours under ``sample``, lightness counting less."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    values = lab[sample]
    centre = np.median(values, axis=0)
    spread = np.median(np.abs(values - centre), axis=0) * 1.48 + np.array([9.0, 2.5, 2.5])
    distance = (((lab - centre) / spread) ** 2 * np.array([0.6, 1.0, 1.0])).sum(-1)
    return np.asarray(distance < _SKIN_DISTANCE**2, bool)


def other_hue(image: Image, skin: Mask, where: Mask) -> Mask:
    """Pixels of ``where`` whose hue is not that of ``skin``, whatever the light on them."""
    nothing = np.zeros(where.shape, bool)
    if not skin.any() or not where.any():
        return nothing
    share = image.astype(np.float32) / np.maximum(image.sum(-1, dtype=np.float32), 1.0)[..., None]
    typical = np.median(share[skin], axis=0)
    spread = np.median(np.abs(share[skin] - typical).max(-1))
    nothing[where] = np.abs(share[where] - typical).max(-1) > _HUE_SHARE + 1.5 * spread
    return nothing


def collar_called_neck(image: Image, skin: Mask, neck: Mask, top: Mask, unit: float) -> Mask:
    """Cloth that the parse took for neck: another hue, or far darker than skin in the shade.

    Among the flecks of a print lies what has the colour of skin by chance; it goes with them. A
    shadow under the chin does not touch the garment (``top``), a collar does.
    """
    strange = other_hue(image, skin, neck)
    if skin.any():
        light = image.astype(np.float32).mean(-1)
        strange |= neck & (light < _DARK_SHARE * float(np.median(light[skin])))
    side = 2 * max(1, round(unit / 18)) + 1
    share = cv2.blur(strange.astype(np.float32), (side, side))
    of_neck = np.maximum(cv2.blur(neck.astype(np.float32), (side, side)), 1e-3)
    flecked = neck & (share > _FLECKED_SHARE * of_neck)
    found = opened(strange | flecked, unit / 60) & neck
    _, label = cv2.connectedComponents(found.astype(np.uint8))
    touching = np.unique(label[found & grown(top, unit / 40)])
    return parts(np.isin(label, touching) & found, round(unit * unit / 400))


def garment_colours(image: Image, mask: Mask, count: int = 4) -> NDArray[np.float32]:
    """Up to ``count`` colours under ``mask`` that stand for the rest, Lab ``float32 [N, 3]``."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[mask].astype(np.float32)
    values = lab[:: max(1, len(lab) // 2000)]
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 10, 1.0)
    cv2.setRNGSeed(1)
    _, _, centres = cv2.kmeans(
        values, min(count, len(values)), np.empty(0, np.int32), stop, 1, cv2.KMEANS_PP_CENTERS
    )
    return np.asarray(centres, np.float32)


def hand_called_top(
    image: Image, ids: NDArray[np.uint8], top: Mask, body: Keypoints, wrist: int, unit: float
) -> Mask:
    """A hand that the parse took for cloth: skin in the garment's label around a wrist."""
    face = ids == LIP20.FACE
    nothing = np.zeros(ids.shape, bool)
    if not body.seen(wrist) or face.sum() < 20:
        return nothing
    x, y = (round(float(v)) for v in body.xy[wrist])
    cv2.circle(around := nothing.astype(np.uint8), (x, y), round(0.42 * unit), (1,), -1)
    near = around.astype(bool) & top
    found = opened(near & skin_like(image, face), unit / 40)
    # cloth the colour of skin is no hand
    if (skin_like(image, face) & top).sum() > 0.35 * top.sum():
        return nothing
    return parts(found, round(unit * unit / 60))


def cuff_called_lower(image: Image, old: Mask, lower: Mask, forearm: Mask, unit: float) -> Mask:
    """The end of a sleeve that the parse took for trousers: the garment's colours on a forearm."""
    band = lower & forearm
    sleeve = old & forearm
    if not band.any() or sleeve.sum() < 0.15 * forearm.sum():
        return np.zeros(old.shape, bool)
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    near = np.min(
        [np.linalg.norm(lab - c, axis=-1) for c in garment_colours(image, sleeve)], axis=0
    )
    return parts(band & (near < _CLOTH_LAB), round(unit * unit / 400))


def collar_called_hair(hair: Mask, neck: Mask, old: Mask, unit: float) -> Mask:
    """A band across the foot of the neck, thin and wide, that the parse took for hair."""
    reach = max(2, round(0.16 * unit))
    below_neck = _carried(neck, reach)
    above_top = _carried(old[::-1], reach)[::-1]
    band = opened(hair & below_neck & above_top, 1)
    count, label, stats, _ = cv2.connectedComponentsWithStats(band.astype(np.uint8))
    wide = stats[:, cv2.CC_STAT_WIDTH] > np.maximum(0.2 * unit, stats[:, cv2.CC_STAT_HEIGHT])
    wide[0] = False
    return np.asarray(wide[label] if count > 1 else np.zeros(hair.shape, bool))


def hair_crumbs(head: Mask, old: Mask, unit: float) -> Mask:
    """Small pieces of the head on the garment: what a print has left of the hair over it."""
    return head & ~parts(head, round(unit * unit / 16)) & grown(old, unit / 18)


def _carried(mask: Mask, rows: int) -> Mask:
    """Where ``mask`` lies in the same column at most ``rows`` higher up."""
    count = np.cumsum(np.pad(mask, ((rows, 0), (0, 0))), axis=0, dtype=np.int32)
    return np.asarray(count[rows:] > np.pad(count, ((rows, 0), (0, 0)))[rows:-rows], bool)


def rim(region: Mask, free: Mask, width: float) -> Mask:
    """``free`` pixels just beyond a region: what the label map left out of it."""
    return opened(region | (grown(region, width) & free), 1) & ~region


def garment_called(
    image: Image, old: Mask, other: Mask, unit: float, sample: Mask | None = None
) -> Mask:
    """Pixels of ``other`` beside the garment whose colour is the garment's rather than their own.

    Label maps are often a few pixels off where the garment meets trousers, hair or hands.
    ``sample`` is where ``other`` is itself beyond doubt; without it, away from its outline.
    """
    nothing = np.zeros(old.shape, bool)
    band = other & grown(old, unit / (8 if sample is None else 3))
    own = shrunk(other, unit / 14) if sample is None else sample
    cloth = shrunk(old, unit / 14)
    if not band.any() or own.sum() < 30 or cloth.sum() < 30:
        return nothing
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[band].astype(np.float32)
    to_cloth, to_own = (
        np.min([np.linalg.norm(lab - c, axis=-1) for c in garment_colours(image, mask, 8)], axis=0)
        for mask in (cloth, own)
    )
    claimed = nothing.copy()
    claimed[band] = (to_cloth < 0.7 * to_own) & (to_cloth < _CLOTH_LAB)
    if sample is not None:
        # a print has colours that few centres miss, but which the sample never has
        claimed[band] |= (to_cloth < to_own) & (to_own > _CLOTH_LAB)
        side = 2 * max(1, round(unit / 18)) + 1
        share = cv2.blur(claimed.astype(np.float32), (side, side))
        of_other = np.maximum(cv2.blur(other.astype(np.float32), (side, side)), 1e-3)
        claimed |= band & (share > _FLECKED_SHARE * of_other)
    # only what hangs together with the garment
    _, label = cv2.connectedComponents((claimed | (old & grown(claimed, 2))).astype(np.uint8))
    touching = np.unique(label[old])
    return claimed & np.isin(label, touching[touching > 0])
