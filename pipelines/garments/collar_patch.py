"""The neck of a garment photo as an upright patch, and the label and lining seen in it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipelines.garments.silhouette import Point, Points
from pipelines.types import Image, Mask

HALF = 60
"""Half the distance between the collar points in a patch, in pixels."""

ABOVE, BELOW, BESIDE = 1.0, 3.4, 1.25
"""Reach of a patch around the middle of the collar points, in half neck widths."""

LABEL_MARGIN = 4
"""How far a label's region reaches beyond what was seen of it, in patch pixels."""

_SIZE = (round((ABOVE + BELOW) * HALF), round(2 * BESIDE * HALF))
_STANDS_OUT = 20.0
"""Lab distance from its surroundings at which a spot may be a label."""

_SURROUNDINGS = 61
_WIDTHS, _HEIGHTS = (0.1, 0.8), (0.07, 0.75)
_LEAST_LINING, _CLEAR_LINING = 8.0, 14.0


@dataclass(frozen=True, eq=False)
class CollarFrame:
    """Coordinates around the neck: ``middle`` of the collar points, unit vectors, ``half`` width.

    Points are ``float64 [2]`` in pixels of the photo.
    """

    middle: Point
    across: Point
    down: Point
    half: float

    @staticmethod
    def between(left: Point, right: Point) -> CollarFrame:
        """The frame of two collar points, the left of the image first."""
        half = float(np.hypot(*(right - left))) / 2
        across = (right - left) / (2 * half)
        return CollarFrame((left + right) / 2, across, np.array([-across[1], across[0]]), half)

    def height(self, point: Point) -> float:
        """How far a point lies below the collar points, in half neck widths."""
        return float((point - self.middle) @ self.down) / self.half

    def to_photo(self, points: Points) -> Points:
        """Photo pixels of patch pixels ``[N, 2]``."""
        x, y = (points - (BESIDE * HALF, ABOVE * HALF)).T * (self.half / HALF)
        placed: Points = self.middle + x[:, None] * self.across + y[:, None] * self.down
        return placed

    def patch(self, image: Image, mask: Mask) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Lab colours ``float32 [h, w, 3]`` around the neck and the mask there, upright."""
        part, low = self._part(image.shape[:2])
        calm = cv2.GaussianBlur(image[part], (0, 0), max(0.5, 0.5 * self.half / HALF))
        matrix = self._matrix(low)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        colours = cv2.warpAffine(
            calm, matrix, _SIZE[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        lab = cv2.cvtColor(colours.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        return lab.astype(np.float32), self.to_patch(mask)

    def to_patch(self, mask: Mask) -> NDArray[np.float32]:
        """A mask of the photo in the patch, 0..1."""
        part, low = self._part(mask.shape)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cover = cv2.warpAffine(
            mask[part].astype(np.float32), self._matrix(low), _SIZE[::-1], flags=flags
        )
        return cover.astype(np.float32)

    def unpatch(self, region: Mask, size: tuple[int, ...]) -> Mask:
        """A region of the patch in the photo of ``size``."""
        whole = np.zeros(size, np.bool_)
        if region.any():
            part, low = self._part(size)
            shape = whole[part].shape
            drawn = cv2.warpAffine(region.astype(np.float32), self._matrix(low), shape[::-1])
            whole[part] = drawn > 0.5
        return whole

    def _part(self, size: tuple[int, ...]) -> tuple[tuple[slice, slice], Points]:
        """The part of the photo that the patch covers, and its corner (x, y)."""
        h, w = _SIZE
        corners = self.to_photo(np.array([[0, 0], [w, 0], [0, h], [w, h]], float))
        margin = 3 * self.half / HALF + 2
        low = np.clip(np.floor(corners.min(axis=0) - margin), 0, np.array(size[::-1]) - 1)
        high = np.clip(np.ceil(corners.max(axis=0) + margin), low + 1, size[::-1])
        x0, y0, x1, y1 = (int(v) for v in (*low, *high))
        return (slice(y0, y1), slice(x0, x1)), low

    def _matrix(self, low: Points) -> Points:
        """Affine map from patch pixels to pixels of the photo's part."""
        start = self.to_photo(np.zeros((1, 2)))[0] - low
        turn = np.stack([self.across, self.down], axis=1) * (self.half / HALF)
        return np.concatenate([turn, start[:, None]], axis=1)


def is_plain(patch: NDArray[np.float32], cover: NDArray[np.float32], label: Mask) -> bool:
    """Whether the cloth around the neck, its label aside, bears no print."""
    held = cover > 0.5
    held[round((ABOVE + 1.5) * HALF) :] = False
    print_ = (_strangeness(patch, held) > _STANDS_OUT) & ~label if held.any() else held
    return bool(print_[held].mean() < 0.1)


def find_label(patch: NDArray[np.float32], cover: NDArray[np.float32]) -> Mask:
    """The label in a back collar: ``bool [h, w]`` of the patch, empty where none is seen.

    A label is a compact spot on plain cloth, near the middle of the upper edge. A spot of a kind
    that goes on beside it is a print.
    """
    held = cv2.erode((cover > 0.5).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    nothing = np.zeros(held.shape, np.bool_)
    if not held.any():
        return nothing
    strange = _strangeness(patch, held) > _STANDS_OUT
    spots = cv2.morphologyEx(
        (strange & held).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)
    )
    count, labels, stats, _ = cv2.connectedComponentsWithStats(spots)
    top = np.where(held.any(axis=0), held.argmax(axis=0), len(held))
    label = nothing
    for i in range(1, count):
        spot = labels == i
        if _label_like(stats[i], spot, top) and _alone(spot, spots > 0, held):
            label = label | spot
    if label.any():
        kernel = np.ones((2 * LABEL_MARGIN + 1,) * 2, np.uint8)
        grown = cv2.dilate(label.astype(np.uint8), kernel) > 0
        label = grown & held
    return label


def _strangeness(patch: NDArray[np.float32], held: Mask) -> NDArray[np.float32]:
    """Lab distance of each pixel from the median of its surroundings on the garment."""
    index = ndimage.distance_transform_edt(~held, return_distances=False, return_indices=True)
    filled = patch[tuple(index)]
    bytes_ = np.clip(filled * (2.55, 1, 1) + (0, 128, 128), 0, 255).astype(np.uint8)
    usual = np.dstack([cv2.medianBlur(bytes_[..., c], _SURROUNDINGS) for c in range(3)])
    away = (bytes_.astype(np.float32) - usual) / np.array([2.55, 1, 1], np.float32)
    distance: NDArray[np.float32] = np.linalg.norm(away, axis=2)
    return distance


def _label_like(box: NDArray[np.int32], spot: Mask, top: NDArray[np.int64]) -> bool:
    """Whether a spot has a label's size and place below the upper edge ``top`` of each column."""
    x, y, w, h, area = (int(v) for v in box)
    sized = _WIDTHS[0] < w / HALF < _WIDTHS[1] and _HEIGHTS[0] < h / HALF < _HEIGHTS[1]
    central = abs((x + w / 2) / HALF - BESIDE) < 0.4
    edge = float(np.median(top[x : x + w]))
    high = (y - edge) / HALF < 0.5 and (y + h - edge) / HALF < 1.0
    return sized and central and high and area > 0.45 * w * h and area > 0.015 * HALF**2


def _alone(spot: Mask, spots: Mask, held: Mask) -> bool:
    """Whether a spot lies on plain cloth with nothing of its kind to its left and right."""
    mine = spot.astype(np.uint8)
    ring = cv2.dilate(mine, np.ones((17, 17), np.uint8)) - cv2.dilate(mine, np.ones((3, 3)))
    around = (ring > 0) & held
    if around.sum() < 0.5 * (ring > 0).sum() or spots[around].mean() > 0.15:
        return False
    rows = np.flatnonzero(spot.any(axis=1))
    beside = held.copy()
    beside[: max(0, rows[0] - HALF // 6)] = beside[rows[-1] + HALF // 6 :] = False
    beside &= ~spot
    return bool(spots[beside].mean() < 0.15)


def lining_beyond(
    patch: NDArray[np.float32], cover: NDArray[np.float32], above: Mask, label: Mask, certain: bool
) -> Mask:
    """What goes on in the lining's colour below the edge of ``above``: ``bool [h, w]``.

    Nothing is taken unless the cloth in front is evenly of another colour than the lining, and
    unless about as much of it lies left and right. Where the edge is not ``certain`` the lining
    is followed further, and its colour must differ clearly.
    """
    nothing = np.zeros(above.shape, np.bool_)
    reach, share = (0.45, 0.7) if certain else (0.85, 3.5)
    held = cover > 0.5
    lining = above & held & ~label
    away = cv2.distanceTransform((~above).astype(np.uint8), cv2.DIST_L2, 3) / HALF
    depth = cv2.distanceTransform(above.astype(np.uint8), cv2.DIST_L2, 3) / HALF
    near = lining & (depth > 0.04) & (depth < 0.35)
    front = held & (away > reach) & (away < reach + 0.3) & ~label
    front[: round(ABOVE * HALF)] = False
    if near.sum() < 50 or front.sum() < 50:
        return nothing
    calm = cv2.medianBlur(np.clip(patch * (2.55, 1, 1) + (0, 128, 128), 0, 255).astype(np.uint8), 7)
    colours = calm.astype(np.float32) / np.array([2.55, 1, 1], np.float32)
    inner, outer = np.median(colours[near], axis=0), np.median(colours[front], axis=0)
    apart = np.linalg.norm(inner - outer)
    to_inner = np.linalg.norm(colours - inner, axis=2)
    to_outer = np.linalg.norm(colours - outer, axis=2)
    noise = max(np.median(to_inner[near]), np.median(to_outer[front]))
    if apart < max(_LEAST_LINING if certain else _CLEAR_LINING, 3 * noise):
        return nothing
    alike = to_inner < 0.7 * to_outer
    if alike[front].mean() > 0.08 or alike[near].mean() < 0.75:
        return nothing
    wanted = (held & (away < reach) & alike) | above
    wanted = cv2.morphologyEx(wanted.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, pieces = cv2.connectedComponents(wanted)
    kept = np.isin(pieces, np.unique(pieces[lining & (wanted > 0)])) & (wanted > 0)
    whole = ndimage.binary_fill_holes(kept | above)
    round_ = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    smooth = cv2.morphologyEx(whole.astype(np.uint8), cv2.MORPH_OPEN, round_) > 0
    more: Mask = smooth & held & ~above
    sides = more[:, : more.shape[1] // 2].sum(), more[:, more.shape[1] // 2 :].sum()
    if min(sides) < 0.3 * max(sides) or more.sum() > share * lining.sum():
        return nothing
    return more
