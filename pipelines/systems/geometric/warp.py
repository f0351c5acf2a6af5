"""Bending a prepared garment onto a body.

The trunk follows a regularised thin-plate spline between landmarks. Each sleeve is a strip that
follows upper arm and forearm with a smooth bend at the elbow. Near the armhole both maps are
blended, so that trunk and sleeve meet without gap or double image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.garments.landmarks import SidePoints
from pipelines.garments.prepare import Part, PreparedGarment
from pipelines.garments.sleeves import SleeveAxis
from pipelines.systems.geometric.arms import ArmPath, arm_path
from pipelines.systems.geometric.body_target import BodyTarget, SideTarget
from pipelines.systems.geometric.mesh import backward_map, lattice, signed_areas, triangles
from pipelines.systems.geometric.short_sleeves import SHORT, ShortSleeve, short_sleeve
from pipelines.systems.geometric.trunk import TrunkFit, fit_trunk
from pipelines.types import Alpha, Array, Image, Size

Points = NDArray[np.float64]
"""``float64 [N, 2]``, (x, y) in pixels."""

_CELLS = 48
"""Lattice cells along the garment's longer side."""

_MAP_SIDE = 512
"""The backward map is computed at most this tall and then interpolated."""


@dataclass(frozen=True, eq=False)
class WarpedGarment:
    """A garment on a body; arrays have the person image's height and width.

    ``image`` is ``uint8 [H, W, 3]`` RGB, meaningful where ``alpha`` > 0; ``alpha`` is ``float32``
    in 0..1, antialiased. ``torso``, ``left_sleeve`` and ``right_sleeve`` ``float32`` (the person's
    sides) are each part's visible share and add up to ``alpha``. ``measures``: ``scale`` (person
    pixels per garment pixel), ``stretch_mean`` and ``stretch_max`` (ratio of the larger to the
    smaller local scale, 1 = undistorted; mean and 98th percentile over the garment) and
    ``fold_share`` (share of the garment's area that is turned over).
    """

    image: Image
    alpha: Alpha
    torso: Alpha
    left_sleeve: Alpha
    right_sleeve: Alpha
    measures: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class _Sleeve:
    """A sleeve of the garment with the arm it goes on."""

    part: Part
    side: SidePoints
    axis: SleeveAxis
    path: ArmPath | ShortSleeve


@dataclass(frozen=True, eq=False)
class _Sheet:
    """One part's lattice before and after bending; ``solid`` marks triangles with garment."""

    source: Points
    target: Points
    faces: NDArray[np.int64]
    solid: NDArray[np.bool_]


def warp_garment(garment: PreparedGarment, target: BodyTarget, size: Size) -> WarpedGarment:
    """Bend a garment onto a body in an image of this size.

    In a back view the garment's front is shown unmirrored, each sleeve on the arm that is on its
    side of the image.
    """
    trunk = fit_trunk(garment, target)
    sleeves = _sleeves(garment, target, trunk)
    shown = set(np.unique(garment.parts[garment.alpha > 0]).tolist())
    parts = [p for p in (Part.TORSO, *(s.part for s in sleeves)) if p in shown]
    sheets = [_sheet(garment, part, trunk, sleeves) for part in parts]
    measures = _measures(sheets)
    image, alpha, layers = _render(garment, parts, sheets, sleeves, size, measures["scale"])
    empty = np.zeros(size, np.float32)
    swapped = target.back_view
    left, right = Part.LEFT_SLEEVE, Part.RIGHT_SLEEVE
    return WarpedGarment(
        image=image,
        alpha=alpha,
        torso=layers.get(Part.TORSO, empty),
        left_sleeve=layers.get(right if swapped else left, empty),
        right_sleeve=layers.get(left if swapped else right, empty),
        measures=measures,
    )


def _sleeves(garment: PreparedGarment, target: BodyTarget, trunk: TrunkFit) -> list[_Sleeve]:
    """Sleeves with their arms, paired by side of the image."""
    marks = garment.landmarks
    arms = (target.right, target.left) if target.back_view else (target.left, target.right)
    found: list[tuple[Part, SidePoints, SleeveAxis | None, SideTarget]] = [
        (Part.LEFT_SLEEVE, marks.left, garment.left_sleeve, arms[0]),
        (Part.RIGHT_SLEEVE, marks.right, garment.right_sleeve, arms[1]),
    ]
    sleeves = []
    for part, side, axis, arm in found:
        if axis is not None:
            path = _path(garment, part, side, axis, arm, trunk, target.unit)
            sleeves.append(_Sleeve(part, side, axis, path))
    return sleeves


def _path(
    garment: PreparedGarment,
    part: Part,
    side: SidePoints,
    axis: SleeveAxis,
    arm: SideTarget,
    trunk: TrunkFit,
    unit: float,
) -> ArmPath | ShortSleeve:
    """How one sleeve is laid on its arm."""
    if axis.length * trunk.scale < SHORT * unit:
        ys, xs = np.nonzero((garment.parts == part) & (garment.alpha > 0.5))
        pixels = np.stack([xs, ys], axis=1).astype(float)
        patch = short_sleeve(pixels, side, arm, trunk.spline, trunk.scale, unit)
        if patch is not None:
            return patch
    start = trunk.spline(axis.origin[None])[0]
    return arm_path(axis, arm, start, trunk.scale, unit)


def _place(points: Points, part: Part, trunk: TrunkFit, sleeves: list[_Sleeve]) -> Points:
    """Where points of one part come to lie."""
    placed = trunk.spline(points)
    for sleeve in sleeves:
        if isinstance(sleeve.path, ShortSleeve):
            if part is sleeve.part:
                return sleeve.path.place(points)
        elif part in (Part.TORSO, sleeve.part):
            weight = _sleeve_weight(points, sleeve, part)[:, None]
            near = weight[:, 0] > 0
            on_arm = sleeve.path.place(sleeve.axis.strip(points[near]))
            placed[near] += weight[near] * (on_arm - placed[near])
    return placed


def _sleeve_weight(points: Points, sleeve: _Sleeve, part: Part) -> NDArray[np.float64]:
    """How much points follow the sleeve: 1/2 on the armhole line, 0 in the trunk, 1 on the arm."""
    a, b = sleeve.side.shoulder, sleeve.side.armpit
    line = b - a
    length = max(float(np.hypot(*line)), 1e-6)
    t = (points - a) @ line / length**2
    gap = points - (a + np.clip(t, 0, 1)[:, None] * line)
    distance = np.hypot(gap[:, 0], gap[:, 1])
    beyond = np.sign((points - a) @ np.array([line[1], -line[0]]) / length)
    beyond *= np.sign(sleeve.axis.along @ np.array([line[1], -line[0]])) or 1.0
    own = -1.0 if part is Part.TORSO else 1.0
    signed = distance * np.where((t > 0) & (t < 1), beyond, own)
    x = np.clip(0.5 + 0.5 * signed / (0.45 * length), 0, 1)
    weight: NDArray[np.float64] = x * x * (3 - 2 * x)
    return weight


def _sheet(garment: PreparedGarment, part: Part, trunk: TrunkFit, sleeves: list[_Sleeve]) -> _Sheet:
    covered = (garment.alpha > 0) & (garment.parts == part)
    ys, xs = np.nonzero(garment.alpha > 0)
    spacing = max(float(np.ptp(xs)), float(np.ptp(ys)), float(_CELLS)) / _CELLS
    box = (
        float(xs.min() - 2 * spacing), float(ys.min() - 2 * spacing),
        float(xs.max() + 2 * spacing), float(ys.max() + 2 * spacing),
    )  # fmt: skip
    source, cells = lattice(box, spacing)
    shape = (len(np.unique(source[:, 1])) - 1, len(np.unique(source[:, 0])) - 1)
    ys, xs = np.nonzero(covered)
    row = ((ys - box[1]) / (box[3] - box[1]) * shape[0]).astype(np.int64)
    column = ((xs - box[0]) / (box[2] - box[0]) * shape[1]).astype(np.int64)
    solid = np.zeros(shape, np.uint8)
    solid[row, column] = 1
    used = cv2.dilate(solid, np.ones((3, 3), np.uint8)).ravel() > 0
    order = np.argsort(solid.ravel()[used], kind="stable")
    picked = np.flatnonzero(used)[order]
    faces = triangles(cells[picked])
    return _Sheet(
        source,
        _place(source, part, trunk, sleeves),
        faces,
        np.repeat(solid.ravel()[picked] > 0, 2),
    )


def _measures(sheets: list[_Sheet]) -> dict[str, float]:
    """Scale, stretch and folds over the triangles that hold garment."""
    areas, scales = [], []
    for sheet in sheets:
        faces = sheet.faces[sheet.solid]
        before, after = (
            np.stack([p[faces[:, 1]] - p[faces[:, 0]], p[faces[:, 2]] - p[faces[:, 0]]], axis=-1)
            for p in (sheet.source, sheet.target)
        )
        areas.append(signed_areas(sheet.target, faces) * np.sign(np.linalg.det(before)))
        scales.append(np.linalg.svd(after @ np.linalg.inv(before), compute_uv=False))
    area, scale = np.concatenate(areas), np.concatenate(scales)
    ratio = scale[:, 0] / np.maximum(scale[:, 1], 1e-6)
    return {
        "scale": float(np.median(np.sqrt(scale[:, 0] * scale[:, 1]))),
        "stretch_mean": float(np.minimum(ratio, 20).mean()),
        "stretch_max": float(np.percentile(np.minimum(ratio, 20), 98)),
        "fold_share": float((area <= 0).mean()),
    }


def _render(
    garment: PreparedGarment,
    parts: list[Part],
    sheets: list[_Sheet],
    sleeves: list[_Sleeve],
    size: Size,
    scale: float,
) -> tuple[Image, Alpha, dict[Part, Alpha]]:
    """Draw the parts over each other, sleeves over the trunk."""
    shrink = 1.25 * scale if 1.25 * scale < 0.8 else 1.0
    small = Size(*(max(1, round(s * shrink)) for s in garment.alpha.shape))
    image = _fit(garment.image, small)
    colour = np.zeros((*size, 3), np.float32)
    total = np.zeros(size, np.float32)
    layers: dict[Part, Alpha] = {}
    for part, sheet in zip(parts, sheets, strict=True):
        cover = _fit(_part_alpha(garment, part, sleeves), small)
        step = np.array(small[::-1]) / garment.alpha.shape[::-1]
        box, x, y, valid = _full_map(sheet, step, size)
        alpha = cv2.remap(cover, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT) * valid
        drawn = cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        colour[box] += alpha[..., None] * (drawn - colour[box])
        for earlier in layers.values():
            earlier[box] *= 1 - alpha
        layers[part] = np.zeros(size, np.float32)
        layers[part][box] = alpha
        total[box] += alpha * (1 - total[box])
    colour /= np.maximum(total, 1e-3)[..., None]
    return np.clip(colour + 0.5, 0, 255).astype(np.uint8), total, layers


def _fit(array: Array, size: Size) -> Array:
    """The array reduced to a size; itself if it has that size."""
    if array.shape[:2] == size:
        return array
    return cv2.resize(array, size[::-1], interpolation=cv2.INTER_AREA)


def _part_alpha(garment: PreparedGarment, part: Part, sleeves: list[_Sleeve]) -> Alpha:
    """The part's share of the garment's alpha; the trunk's reaches a little under the sleeves."""
    mine = (garment.parts == part).astype(np.uint8)
    if part is Part.TORSO:
        for sleeve in sleeves:
            seam = np.round([sleeve.side.shoulder, sleeve.side.armpit]).astype(np.int32)
            width = 2 * max(2, round(mine.shape[0] / 200))
            cv2.polylines(mine, [seam], False, (1,), width)
    alpha: Alpha = garment.alpha * mine
    return alpha


def _full_map(
    sheet: _Sheet, step: NDArray[np.float64], size: Size
) -> tuple[tuple[slice, slice], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Where a sheet lies, and there the source x and y of each pixel and whether it has any.

    ``step`` is the scale of the (possibly reduced) garment image that will be read.
    """
    corners = sheet.target[sheet.faces.ravel()]
    low = np.clip(np.floor(corners.min(axis=0)) - 2, 0, np.array(size[::-1]) - 1).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 3, low + 1, size[::-1]).astype(int)
    full = Size(int(high[1] - low[1]), int(high[0] - low[0]))
    share = min(1.0, _MAP_SIDE / max(size))
    small = Size(max(1, round(full.height * share)), max(1, round(full.width * share)))
    stretch = np.array([small.width / full.width, small.height / full.height])
    target = (sheet.target - low + 0.5) * stretch - 0.5
    coarse = backward_map((sheet.source + 0.5) * step - 0.5, target, sheet.faces, small)
    valid = np.isfinite(coarse[..., 0]).astype(np.float32)
    coarse = np.nan_to_num(coarse, nan=-1.0)
    if small != full:
        coarse = cv2.resize(coarse, full[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
        valid = cv2.resize(valid, full[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
    x, y = np.ascontiguousarray(coarse[..., 0]), np.ascontiguousarray(coarse[..., 1])
    box = (slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0])))
    return box, x, y, (valid > 0.999).astype(np.float32)
