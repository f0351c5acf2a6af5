"""Label maps and the text form in which YOLO segmentation reads its labels.

One line per instance: the class (from 0) and then x y of its outline, divided by width and height.
This project writes one instance per class of ``BODY8`` and person: an arm in two pieces, or hair
on both sides of the neck, stays one instance, as each part of a person is counted once.

One line is one polygon, so pieces are joined and holes are opened by bridges: a way there and the
same way back between the two nearest points. Inside the part a bridge leaves no trace; between two
pieces it leaves a line one pixel wide. An outline runs through the middle of the part's border
pixels; filled as ultralytics fills it (even-odd, border included) it gives the part back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pipelines.errors import ItemError
from pipelines.labels import BODY8, mirror_table
from pipelines.types import Mask

CLASSES: tuple[BODY8, ...] = tuple(label for label in BODY8 if label != BODY8.BACKGROUND)
"""Class ``i`` of a YOLO file is ``CLASSES[i]``."""

CLASS_NAMES = ("hair", "face", "neck", "upper body", "lower body", "left arm", "right arm", "skirt")
"""Names of ``CLASSES``, as they are written into data.yaml and into trained models."""

MIN_AREA_SHARE = 3e-4
"""Pieces below this share of the photo (15 pixels of 256x192) are taken for noise."""

_Points = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Polygon:
    """One instance: its label, and the outline float64 [N >= 3, 2] as (x, y) in 0..1."""

    label: BODY8
    points: NDArray[np.float64]

    def mask(self, size_hw: tuple[int, int]) -> Mask:
        """``bool [H, W]``: the outline filled, border included, by the even-odd rule."""
        height, width = size_hw
        pixels = np.floor(self.points * (width, height)).astype(np.int32)
        pixels = np.clip(pixels, 0, (width - 1, height - 1)).astype(np.int32)
        canvas = np.zeros(size_hw, np.uint8)
        cv2.fillPoly(canvas, [pixels], (1,))
        return canvas.astype(bool)


def polygons_of(ids: NDArray[np.uint8], min_area_share: float = MIN_AREA_SHARE) -> list[Polygon]:
    """One polygon for each class of a ``BODY8`` map ``uint8 [H, W]``, the largest area first.

    Connected pieces (8 neighbours) below ``min_area_share`` of the map are left out.
    """
    height, width = ids.shape
    found = []
    for label in CLASSES:
        mask = _without_specks(ids == int(label), min_area_share * height * width)
        if not mask.any():
            continue
        outline = _without_straight_points(_joined(_contours(mask)))
        # half a pixel: the middle of a pixel, so that rounding down gives the same pixel again
        found.append(Polygon(label, (outline + 0.5) / (width, height)))
    return sorted(found, key=lambda polygon: -int(polygon.mask((height, width)).sum()))


def label_map(polygons: Sequence[Polygon], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Paint polygons into a ``BODY8`` map ``uint8 [H, W]``; later ones cover earlier ones.

    ``polygons_of`` gives the largest area first, so small parts cover large ones; ultralytics
    merges overlapping masks in the same order, whatever the order of the lines.
    """
    ids = np.zeros(size_hw, np.uint8)
    for polygon in polygons:
        ids[polygon.mask(size_hw)] = int(polygon.label)
    return ids


def to_text(polygons: Sequence[Polygon]) -> str:
    """The text of a label file; empty for a photo without instances."""
    lines = []
    for polygon in polygons:
        numbers = " ".join(f"{value:.6f}" for value in polygon.points.reshape(-1))
        lines.append(f"{CLASSES.index(polygon.label)} {numbers}\n")
    return "".join(lines)


def from_text(text: str) -> list[Polygon]:
    """Read a label file, in the order of its lines.

    Raises ``ItemError`` (``bad_parse_file``) with the line for an unknown class, for numbers
    outside 0..1 and for outlines of fewer than 3 points.
    """
    return [
        _read_line(line, number)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip()
    ]


def mirrored(polygons: Sequence[Polygon]) -> list[Polygon]:
    """The polygons of the mirrored photo: left and right arms change their names as well."""
    swap = mirror_table(BODY8)
    return [
        Polygon(BODY8(swap[polygon.label]), polygon.points * (-1, 1) + (1, 0))
        for polygon in polygons
    ]


def _read_line(line: str, number: int) -> Polygon:
    def bad(reason: str) -> ItemError:
        return ItemError(
            f"line {number} of a YOLO label file: {reason}",
            code="bad_parse_file",
            hint="Wanted: a class 0..7, then x y of at least 3 points, each from 0 to 1.",
        )

    try:
        values = np.array(line.split(), np.float64)
    except ValueError:
        raise bad("not a list of numbers") from None
    index, points = values[0], values[1:]
    if index not in range(len(CLASSES)):
        raise bad(f"class {index:g}")
    if points.size < 6 or points.size % 2:
        raise bad(f"{points.size} coordinates")
    if not ((points >= 0) & (points <= 1)).all():
        raise bad("a coordinate outside 0..1")
    return Polygon(CLASSES[int(index)], points.reshape(-1, 2))


def _without_specks(mask: Mask, min_area_px: float) -> Mask:
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= min_area_px
    large[0] = False
    kept: Mask = large[pieces]
    return kept


def _contours(mask: Mask) -> list[_Points]:
    """Outlines of pieces and holes, each int32 [N, 2]: every border pixel of the part itself."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    return sorted((np.asarray(c, np.int32).reshape(-1, 2) for c in found), key=len, reverse=True)


def _joined(contours: list[_Points]) -> _Points:
    """One closed way through all contours: to the nearest one that is left, around it and back."""
    way, rest = contours[0], contours[1:]
    while rest:
        tree = cKDTree(way)
        nearest = [tree.query(contour) for contour in rest]
        chosen = int(np.argmin([distances.min() for distances, _ in nearest]))
        distances, places = nearest[chosen]
        contour = rest.pop(chosen)
        start = int(np.argmin(distances))
        leave = int(places[start])
        loop = np.roll(contour, -start, axis=0)
        way = np.concatenate([way[: leave + 1], loop, loop[:1], way[leave:]])
    return way


def _without_straight_points(way: _Points) -> _Points:
    """Leave out points in the middle of straight runs; points where the way turns back stay."""
    before, after = way - np.roll(way, 1, axis=0), np.roll(way, -1, axis=0) - way
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    straight = (cross == 0) & ((before * after).sum(1) > 0)
    kept = way[~straight]
    # fewer than 3 corners (a part one pixel wide): repeat them, a line needs 3 points
    return kept if len(kept) >= 3 else np.resize(kept, (3, 2))
