"""Contact sheets of try-on pictures: person, garment, and what each system made of them."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from pipelines.types import Image

TILE_HEIGHT = 320
PER_SHEET = 12
"""Pairs on one sheet."""
_SHEET_WIDTH = 2200
_BAR, _GAP = 22, 8
_PAPER = 255


class Gallery:
    """Keeps the tiles of the pairs with the lowest scores, or of all pairs as they come."""

    def __init__(self, systems: Sequence[str], pairs: int) -> None:
        """``pairs`` is how many are kept; those without a score come first, in their order."""
        self._systems = tuple(systems)
        self._pairs = pairs
        self._heap: list[tuple[float, int, Image]] = []
        self._seen = 0

    def add(
        self,
        item: str,
        photo: Image,
        garment: Image,
        pictures: Mapping[str, Image],
        score: float = math.nan,
    ) -> None:
        """Take a pair; a system without a picture leaves its place empty.

        Pictures have the photo's size. ``score`` NaN: none, as of a pair without a truth.
        """
        self._seen += 1
        # heapq drops the least: that is the highest score, and of equal ones the last
        badness = math.inf if math.isnan(score) else -score
        place = (badness, -self._seen)
        if len(self._heap) >= self._pairs and (not self._heap or place < self._heap[0][:2]):
            return
        words = item if math.isnan(score) else f"{item}  region SSIM {score:.3f}"
        tile = self._tile(words, photo, garment, pictures)
        keep = heapq.heappush if len(self._heap) < self._pairs else heapq.heapreplace
        keep(self._heap, (*place, tile))

    def sheets(self) -> list[Image]:
        """``uint8 [H, W, 3]`` of at most ``PER_SHEET`` pairs each, the lowest scores first."""
        tiles = [tile for *_, tile in sorted(self._heap, key=lambda entry: entry[:2])[::-1]]
        return [_sheet(tiles[at : at + PER_SHEET]) for at in range(0, len(tiles), PER_SHEET)]

    def _tile(
        self, words: str, photo: Image, garment: Image, pictures: Mapping[str, Image]
    ) -> Image:
        empty = np.full_like(photo, 200)
        row = [photo, garment, *(pictures.get(name, empty) for name in self._systems)]
        small = [_small(picture) for picture in row]
        heading = _bar(words, sum(picture.shape[1] for picture in small))
        names = ("person", "garment", *self._systems)
        captions = [_bar(n, p.shape[1]) for n, p in zip(names, small, strict=True)]
        return np.vstack([heading, np.hstack(captions), np.hstack(small)])


def _sheet(tiles: Sequence[Image]) -> Image:
    height, width = (max(tile.shape[axis] for tile in tiles) + _GAP for axis in (0, 1))
    across = max(1, min(len(tiles), _SHEET_WIDTH // width))
    sheet = np.full((-(-len(tiles) // across) * height, across * width, 3), _PAPER, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // across * height, number % across * width
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return sheet


def _small(picture: Image) -> Image:
    height, width = picture.shape[:2]
    shape = (max(1, round(width * TILE_HEIGHT / height)), TILE_HEIGHT)
    way = cv2.INTER_AREA if height > TILE_HEIGHT else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, shape, interpolation=way), np.uint8)


def _bar(words: str, width: int) -> Image:
    bar = np.full((_BAR, width, 3), _PAPER, np.uint8)
    cv2.putText(
        bar, words, (4, _BAR - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA
    )
    return bar
