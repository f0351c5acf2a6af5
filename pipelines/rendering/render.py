"""Predict small, render large: a picture at the photo's own size from the networks' small one.

The networks say where everything will be, how the garment bends, how it is lit, and what comes to
light where the old garment was. The garment itself is sampled at its own resolution; what the
networks add to it is what a blur of ``RenderConfig.light_sigma`` leaves of their picture: shading
and large folds, not the print. Outlines are drawn at full size, along the photo's own edges where
they are. Everything else is the photo, pixel for pixel: face, hair, hands, lower clothes and
background are composed from it, as ACGPN composes what it does not change (Yang et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.labels import LIP20, LIP20_ARMS, LIP20_LOWER
from pipelines.preprocess.guided_filter import guided_filter
from pipelines.rendering.fill import parts
from pipelines.rendering.garment import RenderGarment, draw_garment
from pipelines.rendering.scene import Floats, Scene, inner, sharpened
from pipelines.types import Alpha, Image, Mask

_ISLAND = 0.02
"""Pieces of the new garment that are smaller than this share of its largest are mistakes."""
_INVISIBLE = 0.015
"""Share below which a pixel stays the photo's."""
_EDGE_EPSILON = 4e-4
_EDGE_SIGMA = 0.7
"""Softness of an outline in pixels of the result."""
_SQUARE = np.ones((3, 3), np.uint8)
_REACH = 8.0
"""Pixels of a picture 192 wide over which the photo's colours correct the networks'."""
_LARGEST_CORRECTION = 40.0
_PLAIN = 6.0
"""Deviation of a garment's levels below which it has no print to speak of."""
_PRINT = (35.0, 70.0)
"""Levels apart from a garment's main colour up to which it is folds and light, and from which on
it is print."""
_MOST_LOST = 0.5
"""Share of a garment's contrasts that is given back at most."""
_SKIN = (*LIP20_ARMS, LIP20.NECK)


@dataclass(frozen=True)
class RenderConfig:
    """What can be chosen; our choice throughout."""

    light_sigma: float = 1.0
    """Blur, in pixels of a picture 192 wide, beyond which a difference is light and not print."""


@dataclass(frozen=True)
class LayoutLabels:
    """What rendering asks of a label set: the new garment, the background, and what is below."""

    garment: int
    background: int
    lower: tuple[int, ...]
    """Lower clothes, legs and shoes."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the networks say, at the working size ``h x w``.

    Of the layout: ``lead`` ``float32 [h, w]``, positive where the new garment will be, ``body``
    ``float32 [h, w]``, positive where the person and their clothes will be, and ``lower`` ``bool
    [h, w]``, lower clothes, legs and shoes; the size of the two is how sure the networks are.
    ``picture`` is the dressed person and ``warped`` the bent garment, levels ``float32 [h, w, 3]``;
    ``cover`` ``float32 [h, w]`` is the bent garment's mask, ``grid`` ``float32 [h, w, 2]`` where it
    was sampled (-1..1).
    """

    lead: Floats
    body: Floats
    lower: Mask
    picture: Floats
    warped: Floats
    cover: Alpha
    grid: Floats

    @staticmethod
    def of(
        maps: Floats,
        labels: LayoutLabels,
        *,
        picture: Floats,
        warped: Floats,
        cover: Alpha,
        grid: Floats,
    ) -> Prediction:
        """A prediction whose layout is one map ``float32 [C, h, w]`` for each label."""
        return Prediction(
            lead=_lead(maps, labels.garment),
            body=-_lead(maps, labels.background),
            lower=np.isin(maps.argmax(0), labels.lower),
            picture=picture,
            warped=warped,
            cover=cover,
            grid=grid,
        )


@dataclass(frozen=True, eq=False)
class Rendered:
    """The result of the photo's size; ``edited`` is 0 exactly where ``image`` is the photo.

    ``cloth`` ``float32 [H, W]`` is where the new garment shows.
    """

    image: Image
    edited: Alpha
    cloth: Alpha


def render(
    scene: Scene, garment: RenderGarment, made: Prediction, config: RenderConfig | None = None
) -> Rendered:
    """Dress the person of a scene."""
    sigma = (config or RenderConfig()).light_sigma
    upper = new_garment(made.lead)
    alpha = _garment_alpha(scene, made.lead, upper)
    front, removed = _share(scene.front), _share(scene.removed)
    cloth = alpha * (1 - front)
    changed = np.maximum(cloth, removed)
    changed[changed < _INVISIBLE] = 0
    image = scene.photo.copy()
    box = box_of(changed > 0)
    if box is None:
        return Rendered(image, changed, cloth)
    under = _under(scene, made, upper, box)
    height, width = scene.photo.shape[:2]
    colours = garment_colours(garment, made, upper, box, (width, height), sigma)
    photo = scene.photo[box].astype(np.float32)
    out = photo + removed[box][..., None] * (under - photo)
    out += cloth[box][..., None] * (colours - out)
    mixed = np.clip(np.round(out), 0, 255).astype(np.uint8)
    np.copyto(image[box], mixed, where=(changed[box] > 0)[..., None])
    return Rendered(image, changed, cloth)


def new_garment(lead: Floats) -> Mask:
    """Where the layout has the new garment, without stray pieces, ``bool [h, w]``."""
    found = lead > 0
    sizes = cv2.connectedComponentsWithStats(found.astype(np.uint8))[2][1:, cv2.CC_STAT_AREA]
    return parts(found, round(_ISLAND * int(sizes.max()))) if len(sizes) else found


def _lead(maps: Floats, label: int) -> Floats:
    """By how much a label's map is above all others; negative where one of them is higher."""
    others = np.delete(maps, label, 0).max(0)
    return np.asarray(maps[label] - others, np.float32)


def _garment_alpha(scene: Scene, lead: Floats, upper: Mask) -> Alpha:
    """The new garment's soft mask at full size."""
    height, width = scene.photo.shape[:2]
    # a stray piece has a lead of its own, which must not show
    lead = np.where((lead > 0) & ~upper, -lead, lead).astype(np.float32)
    alpha = outlined(lead, (width, height))
    outline = _share(scene.outline)
    near = (alpha > 0) & (alpha < 1) & (outline > 0)
    if not near.any():
        return alpha
    unit = scene.unit
    edged = guided_filter(
        scene.photo,
        alpha,
        radius=max(2, round(1.5 * unit)),
        epsilon=_EDGE_EPSILON,
        shrink=max(1, round(unit / 2)),
    )
    close = cv2.dilate(near.astype(np.uint8), _SQUARE, iterations=2) > 0
    mixed = alpha + outline * close * (sharpened(edged, 1.4) - alpha)
    return np.asarray(mixed, np.float32)


def _under(scene: Scene, made: Prediction, upper: Mask, box: tuple[slice, slice]) -> Floats:
    """What is behind the new garment where the old one was: background, skin, lower clothes."""
    shape = made.lead.shape[::-1]
    # a neckline shows skin, which layouts count as background
    body = np.where(scene.trunk, np.maximum(made.body, 0.5), made.body).astype(np.float32)
    kept = (cv2.resize(scene.removed, shape, interpolation=cv2.INTER_AREA) == 0) & ~upper
    gap = scene.small - made.picture
    reach = _REACH * shape[0] / 192
    skin_gap = _spread(gap, kept & np.isin(scene.ids, _SKIN), reach)
    lower_gap = _spread(gap, kept & np.isin(scene.ids, LIP20_LOWER), reach)
    corrected = made.picture + np.where(made.lower[..., None], lower_gap, skin_gap)
    height, width = scene.photo.shape[:2]
    large = enlarged(corrected.astype(np.float32), (width, height), cv2.INTER_CUBIC)[box]
    share = outlined(body, (width, height))[box]
    plate = scene.plate[box].astype(np.float32)
    return np.asarray(plate + share[..., None] * (np.clip(large, 0, 255) - plate), np.float32)


def garment_colours(
    garment: RenderGarment,
    made: Prediction,
    upper: Mask,
    box: tuple[slice, slice],
    size: tuple[int, int],
    sigma: float,
) -> Floats:
    """The new garment's colours in the photo's light, levels ``float32`` of the box.

    ``upper`` is where it shows at the working size, ``box`` a part of a picture of ``size`` (w,
    h), ``sigma`` that of ``RenderConfig``.
    """
    sigma *= made.picture.shape[1] / 192
    # where the bent garment ends its photo's background shines through, small as it is there
    rim = cv2.dilate(((made.cover > 0.02) & (made.cover < 0.98)).astype(np.uint8), _SQUARE) > 0
    inside = inner(upper, 1) & ~rim
    picture = contrast_kept(made.picture, made.warped, inside & (made.cover > 0.98))
    light = _masked_blur(picture, inside.astype(np.float32), sigma)
    flat = _masked_blur(made.warped, inside * made.cover, sigma)
    fine = enlarged(np.where(rim[..., None], 0, picture - light), size, cv2.INTER_CUBIC)[box]
    sampled, cover = draw_garment(garment, made.grid, size, box)
    own = sampled - enlarged(flat, size, cv2.INTER_LINEAR)[box]
    detail = fine + cover[..., None] * (own - fine)
    lit = enlarged(light, size, cv2.INTER_LINEAR)[box] + detail
    return np.asarray(np.clip(lit, 0, 255), np.float32)


def contrast_kept(picture: Floats, warped: Floats, where: Mask) -> Floats:
    """The picture, levels ``float32 [h, w, 3]``, with the contrasts of the bent garment's print.

    Networks that cannot know a print's place to the pixel paint it faint. By how much tells the
    regression of picture on garment over ``where`` ``bool [h, w]``; that share of the garment's
    contrasts is given back there. Plain garments stay as they are, and so do the weak contrasts
    of all (``_PRINT``): folds of the product photo are not those of the garment when it is worn.
    """
    if not where.any():
        return picture
    own, made = warped[where], picture[where]
    apart = own - own.mean(0)
    variance = np.square(apart).mean(0)
    # each colour by itself: a white bow on red loses little red and much of the rest
    gain = (apart * (made - made.mean(0))).mean(0) / np.maximum(variance, _PLAIN**2)
    lost = np.where(variance < _PLAIN**2, 0, 1 - np.clip(gain, 1 - _MOST_LOST, 1))
    kept = picture.copy()
    beside = own - np.median(own, 0)
    weak, strong = _PRINT
    share = np.clip((np.abs(beside).max(1, keepdims=True) - weak) / (strong - weak), 0, 1)
    kept[where] += (share * lost * beside).astype(np.float32)
    return kept


def _spread(gap: Floats, known: Mask, sigma: float) -> Floats:
    """Differences continued from where they are known over the rest, their mean far away."""
    if not known.any():
        return np.zeros_like(gap)
    mean = gap[known].mean(0)
    weight = known.astype(np.float32)
    near = cv2.GaussianBlur((gap - mean) * weight[..., None], (0, 0), sigma)
    total = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
    found = mean + near / (total + 0.05)
    limited = np.clip(found, -_LARGEST_CORRECTION, _LARGEST_CORRECTION)
    return np.asarray(limited, np.float32)


def _masked_blur(values: Floats, mask: Alpha, sigma: float) -> Floats:
    """A blur that sees only what is inside the mask; far outside of it the values themselves."""
    weight = cv2.GaussianBlur(mask, (0, 0), sigma)[..., None]
    total = cv2.GaussianBlur(values * mask[..., None], (0, 0), sigma)
    few = 1e-3
    return np.asarray((total + few * values) / (weight + few), np.float32)


def outlined(lead: Floats, size: tuple[int, int]) -> Alpha:
    """Where a lead is positive, enlarged to ``size`` (w, h) with an outline sharp at that size.

    Where the networks hesitate a lead is small far around; its zero is a line all the same.
    """
    enlarged = cv2.resize(lead, size, interpolation=cv2.INTER_LINEAR)
    inside = (np.asarray(enlarged) > 0).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(inside, (0, 0), _EDGE_SIGMA), np.float32)


def enlarged(values: Floats, size: tuple[int, int], how: int) -> Floats:
    """A picture or map at another size (w, h); ``how`` is OpenCV's interpolation."""
    if values.shape[1::-1] == size:
        return values
    return np.asarray(cv2.resize(values, size, interpolation=how), np.float32)


def _share(mask: NDArray[np.uint8]) -> Alpha:
    return mask.astype(np.float32) / 255


def box_of(mask: Mask) -> tuple[slice, slice] | None:
    """The smallest box (rows, columns) around a mask; None around nothing."""
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    if not len(rows):
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
