"""Putting a warped garment between the layers of a person."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipelines.rendering.fill import Floats
from pipelines.systems.geometric.layers import Bytes, PersonLayers
from pipelines.systems.geometric.shading import relight, rounded, shadow
from pipelines.types import Alpha, Image

_ARM_SHADOW, _HEAD_SHADOW, _CLOTH_SHADOW = 0.3, 0.22, 0.3
_CAP_SLEEVE = 45.0  # of 250 from shoulder to wrist
_INVISIBLE = 0.015  # share below which a pixel stays the photo's
_LONGEST_HEM = 0.3  # of the shoulders' width: how far a hem is let down to close a gap


@dataclass(frozen=True, eq=False)
class Cloth:
    """A garment on the person's canvas: levels ``float32 [H, W, 3]`` and soft masks 0..1."""

    colours: Floats
    trunk: Alpha
    left_sleeve: Alpha
    right_sleeve: Alpha

    @property
    def sleeves(self) -> Alpha:
        """Both sleeves."""
        return np.maximum(self.left_sleeve, self.right_sleeve)


@dataclass(frozen=True, eq=False)
class Composite:
    """The picture and where it differs from the photo (``edited`` is 0 exactly elsewhere)."""

    image: Image
    edited: Alpha
    cloth: Cloth


def compose(person: PersonLayers, cloth: Cloth, folds: Floats) -> Composite:
    """Dress the person in the cloth; ``folds`` is the log brightness from ``shading.fold_map``."""
    height, width = person.photo.shape[:2]
    box = _working_box(person, cloth)
    unit = person.regions.unit_px / person.regions.scale
    large = cv2.resize(folds, (width, height), interpolation=cv2.INTER_LINEAR)
    folds_here = np.asarray(large[box], np.float32)
    layers = {
        name: getattr(person, name)[box].astype(np.float32) / 255
        for name in ("removed", "chest_alpha", "arm_alpha", "arm_over", "front", "lower", "trunk")
    }
    covered = _sleeved(person, cloth)[box]
    layers["arm_over"] *= 1 - covered
    garment = Cloth(
        cloth.colours[box], cloth.trunk[box], cloth.left_sleeve[box], cloth.right_sleeve[box]
    )
    garment = _let_down(garment, layers, unit)
    trunk, sleeves = garment.trunk, garment.sleeves
    if person.tucked:
        trunk = trunk * _above_waistband(layers["lower"], unit)
    colours = _relit(garment, trunk, sleeves, layers, folds_here, unit)

    photo = person.photo[box].astype(np.float32)
    gone = np.maximum(layers["removed"], covered * layers["arm_alpha"])
    out = _bare_body(person, box, layers, covered, gone)
    fall = shadow(np.maximum(trunk, sleeves), 0.03 * unit, 0.015 * unit) * _CLOTH_SHADOW
    skin = np.maximum(layers["arm_alpha"] * (1 - covered), layers["chest_alpha"])
    cast = fall * np.maximum(skin, layers["lower"])
    out *= (1 - cast)[..., None]
    out += trunk[..., None] * (colours - out)
    over = layers["arm_over"]
    bare = person.arms[box].astype(np.float32)
    cuff = shadow(sleeves, 0.03 * unit, 0.015 * unit) * _CLOTH_SHADOW * over
    out += over[..., None] * (bare * (1 - cuff)[..., None] - out)
    out += sleeves[..., None] * (colours - out)

    # a visible arm that nothing covers is the photo itself
    same = over * (1 - layers["removed"])
    changed = np.maximum(np.maximum(gone, trunk), cast) * (1 - same)
    changed = np.maximum(np.maximum(changed, sleeves), cuff) * (1 - layers["front"])
    changed[changed < _INVISIBLE] = 0
    out = photo + (1 - layers["front"])[..., None] * (out - photo)
    image = person.photo.copy()
    mixed = np.clip(np.round(out), 0, 255).astype(np.uint8)
    np.copyto(image[box], mixed, where=(changed > 0)[..., None])
    mask = np.zeros((height, width), np.float32)
    mask[box] = np.clip(changed, 0, 1)
    return Composite(image, mask, _placed(cloth, colours, trunk, box))


def _bare_body(
    person: PersonLayers, box: tuple[slice, slice], layers: dict[str, Alpha], covered: Alpha,
    gone: Alpha,
) -> Floats:  # fmt: skip
    """The person without a top; arms that get a sleeve are left out."""
    out = person.plate[box].astype(np.float32)
    chest = layers["chest_alpha"] * (1 - covered)
    out += chest[..., None] * (person.chest[box].astype(np.float32) - out)
    arms = layers["arm_alpha"] * (1 - covered)
    out += arms[..., None] * (person.arms[box].astype(np.float32) - out)
    photo = person.photo[box].astype(np.float32)
    return np.asarray(photo + gone[..., None] * (out - photo), np.float32)


def _sleeved(person: PersonLayers, cloth: Cloth) -> Alpha:
    """Where an arm disappears in a sleeve, from the shoulder to the cuff, ``float32 [H, W]``."""
    height, width = person.photo.shape[:2]
    small_size = person.left_reach.shape[::-1]
    out = np.zeros(person.left_reach.shape, np.float32)
    small = {
        name: cv2.resize(alpha, small_size, interpolation=cv2.INTER_AREA) > 0.5
        for name, alpha in (("left", cloth.left_sleeve), ("right", cloth.right_sleeve))
    }
    least = 0.02 * person.regions.unit_px**2
    for name, reach in (("left", person.left_reach), ("right", person.right_reach)):
        order = reach[small[name] & (reach < 255)]
        if len(order) < least:
            continue
        cuff = float(np.percentile(order, 96))
        # a cap sleeve leaves the arm as it is
        inside = np.clip((cuff - 12 - reach.astype(np.float32)) / 8 + 0.5, 0, 1)
        inside *= np.clip((cuff - _CAP_SLEEVE) / 20, 0, 1)
        out = np.maximum(out, inside)
    soft = cv2.GaussianBlur(out, (0, 0), 1.0)
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _above_waistband(lower: Alpha, unit: float) -> Alpha:
    """1 above the upper edge of the lower clothes, carried on to both sides, 0 below."""
    inside = lower > 0.5
    columns = np.nonzero(inside.any(0))[0]
    if not len(columns):
        return np.ones_like(lower)
    first = inside[:, columns].argmax(0).astype(np.float32)
    # edges of the hips fall off steeply: the waistband is what lies between
    sound = columns[first < np.median(first) + 0.15 * unit]
    edge = np.interp(np.arange(lower.shape[1]), sound, inside[:, sound].argmax(0))
    rows = np.arange(lower.shape[0])[:, None]
    above: Alpha = np.clip(_smooth_line(edge, unit, 35)[None] + 2.5 - rows, 0, 1)
    return above.astype(np.float32)


def _smooth_line(rows: NDArray[np.float64], unit: float, percentile: float) -> NDArray[np.float64]:
    """A row per column without the teeth of a label map's edge: waistbands and hems are smooth."""
    width = max(3, round(0.35 * unit))
    kept = ndimage.percentile_filter(rows, percentile, width, mode="nearest")
    return np.asarray(ndimage.gaussian_filter1d(kept, 0.06 * unit, mode="nearest"))


def _placed(cloth: Cloth, colours: Floats, trunk: Alpha, box: tuple[slice, slice]) -> Cloth:
    """The cloth as it was put on, at full size."""
    full_colours, full_trunk = np.zeros_like(cloth.colours), np.zeros_like(cloth.trunk)
    full_colours[box], full_trunk[box] = colours, trunk
    return Cloth(full_colours, full_trunk, cloth.left_sleeve, cloth.right_sleeve)


def _working_box(person: PersonLayers, cloth: Cloth) -> tuple[slice, slice]:
    touched = (person.removed > 0) | (person.arm_alpha > 0) | (cloth.trunk > 0)
    touched |= cloth.sleeves > 0
    rows, columns = np.nonzero(touched.any(1))[0], np.nonzero(touched.any(0))[0]
    margin = int(0.2 * person.regions.unit_px / person.regions.scale) + 2
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + margin + 1),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + margin + 1),
    )


def _let_down(garment: Cloth, layers: dict[str, Alpha], unit: float) -> Cloth:
    """Lengthen the trunk's hem where a little of the old garment's place shows below it."""
    trunk = garment.trunk
    height, _ = trunk.shape
    inside = trunk > 0.5
    rows = np.arange(height)[:, None]
    has = inside.any(0)
    if not has.any():
        return garment
    hem = height - 1 - inside[::-1].argmax(0)
    old = (layers["removed"] > 0.5) & (layers["trunk"] > 0.5)
    end = np.where(old.any(0), height - 1 - old[::-1].argmax(0), 0)
    below = np.flatnonzero(end > np.median(hem[has]) - 0.2 * unit)
    if len(below):
        span = slice(int(below[0]), int(below[-1]) + 1)
        line = np.interp(np.arange(span.start, span.stop), below, end[below])
        end[span] = np.round(_smooth_line(line, unit, 65)).astype(end.dtype)
    gap = np.where(has, end - hem, 0)
    missing = np.median(gap[has & (gap > 0)]) if (has & (gap > 0)).any() else 0
    if not 0 < missing < _LONGEST_HEM * unit:
        return garment
    # the last rows of a hem are mixed with what lay behind the garment in its photo
    seam = max(2, round(0.02 * unit))
    # only below the hem proper, not below a sleeve or a shoulder
    columns = (
        has & (gap > 0) & (gap < _LONGEST_HEM * unit) & (hem > np.median(hem[has]) - 0.2 * unit)
    )
    stretch = columns[None] & (rows > hem[None] - seam) & (rows <= end[None])
    if not stretch.any():
        return garment
    places = np.flatnonzero(columns)
    line = np.interp(np.arange(len(hem)), places.astype(float), hem[places].astype(float))
    hem = np.minimum(hem, np.round(_smooth_line(line, unit, 35)).astype(hem.dtype))
    # colours go a little farther than the soft edge
    coloured = columns[None] & (rows > hem[None] - seam) & (rows <= end[None] + 4)
    source = np.where(coloured, 2 * (hem[None] - seam) - rows, rows).astype(np.float32)
    across = np.broadcast_to(np.arange(trunk.shape[1], dtype=np.float32), trunk.shape)
    moved = cv2.remap(garment.colours, np.ascontiguousarray(across), source, cv2.INTER_LINEAR)
    colours = np.asarray(moved, np.float32)
    soft = cv2.GaussianBlur(np.maximum(trunk, stretch).astype(np.float32), (0, 0), 0.8)
    longer = np.where(cv2.dilate(stretch.astype(np.uint8), np.ones((3, 3))) > 0, soft, trunk)
    return replace(garment, colours=colours, trunk=longer.astype(np.float32))


def _relit(
    garment: Cloth, trunk: Alpha, sleeves: Alpha, layers: dict[str, Alpha],
    folds: Floats, unit: float,
) -> Floats:  # fmt: skip
    """The garment's colours under the photo's light; their mean stays what it was."""
    whole = np.maximum(trunk, sleeves)
    arms = layers["arm_over"] * (1 - sleeves)
    factor = np.exp(folds)
    factor *= rounded(whole, 0.12 * unit, 0.07)
    colours = relight(garment.colours, whole, factor)
    contact = 1 - _ARM_SHADOW * shadow(arms, 0.045 * unit, 0.02 * unit)
    contact *= 1 - 0.5 * _ARM_SHADOW * shadow(sleeves, 0.03 * unit, 0.0) * trunk
    contact *= 1 - _HEAD_SHADOW * shadow(layers["front"], 0.05 * unit, 0.03 * unit)
    return np.clip(colours * contact[..., None], 0, 255).astype(np.float32)


def as_levels(mask: Alpha) -> Bytes:
    """A soft mask as ``uint8``, for pictures of stages."""
    return np.asarray(np.clip(np.round(mask * 255), 0, 255), np.uint8)


def picture(colours: NDArray[np.float32], alpha: Alpha) -> Image:
    """Colours on white under a soft mask, for pictures of stages."""
    mixed = 255 + alpha[..., None] * (colours - 255)
    return np.asarray(np.clip(np.round(mixed), 0, 255), np.uint8)
