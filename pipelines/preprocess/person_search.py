"""Find the person in a photo of any size: look again, differently, where the first look fails."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from pipelines.preprocess.landmarks import AGREEING, WORKING_SIDE, Landmarks, find_landmarks
from pipelines.types import Array, Image

SMALL_PERSON = 0.5
"""A person who takes less than this share of the photo's longer side is looked at again."""

AROUND_PERSON = 0.35
"""Margin of that closer look, as a share of the person's longer side."""

PADDING = 0.3
"""Border of the padded attempt, as a share of the longer side; finds people who fill the photo."""


def search(image: Image, model: str = "full", *, careful: bool = True) -> Landmarks | None:
    """Landmarks of the most prominent person, in pixels of ``image``, or None.

    Attempts, until one finds somebody: the photo; the photo with a border; with its contrast
    equalised; then overlapping parts of it, enlarged. A person who is small in the photo is looked
    at once more on a crop, which gives MediaPipe more pixels of them. Not ``careful`` is enough to
    know where the person is: one look instead of two, and no closer one.
    """
    if not careful:
        found = find_landmarks(image, model, looks=1)
        if found is not None:
            return found
    found = _first_agreed(_attempts(image, model)) or _first_agreed(_looks_at_parts(image, model))
    if found is None or not careful:
        return found
    return _closer(image, found, model) or found


def _first_agreed(attempts: Iterator[Landmarks | None]) -> Landmarks | None:
    """The first person on whom two looks agree, else the one they disagree on least."""
    best: Landmarks | None = None
    for found in attempts:
        if found is not None and (best is None or found.spread < best.spread):
            best = found
        if best is not None and best.spread < AGREEING:
            break
    return best


def _attempts(image: Image, model: str) -> Iterator[Landmarks | None]:
    yield find_landmarks(image, model)
    yield _padded(image, model)
    yield find_landmarks(_equalised(image), model)


def _looks_at_parts(image: Image, model: str) -> Iterator[Landmarks | None]:
    for left, top, right, bottom in _parts(image):
        found = find_landmarks(image[top:bottom, left:right], model)
        yield found and found.moved(1.0, (left, top))


def _padded(image: Image, model: str) -> Landmarks | None:
    pad = round(PADDING * max(image.shape[:2]))
    bordered = cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    found = find_landmarks(np.asarray(bordered, np.uint8), model)
    return found and found.moved(1.0, (-pad, -pad))


def _equalised(image: Image) -> Image:
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(clipLimit=3.0, tileGridSize=(4, 4)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)


def _parts(image: Image) -> Iterator[tuple[int, int, int, int]]:
    """Overlapping parts of a large photo (left, top, right, bottom): centre, halves, thirds."""
    height, width = image.shape[:2]
    if max(height, width) < WORKING_SIDE:
        return
    for share in (0.6, 0.4):
        part_height, part_width = round(height * share), round(width * share)
        places = (0.5, 0.0, 1.0)
        for down in places:
            for across in places:
                top = round((height - part_height) * down)
                left = round((width - part_width) * across)
                yield left, top, left + part_width, top + part_height


def _closer(image: Image, found: Landmarks, model: str) -> Landmarks | None:
    """A second search around a small person; None where it is not needed or finds another."""
    low, high = _extent(found)
    side = float((high - low).max())
    longest = max(image.shape[:2])
    if side >= SMALL_PERSON * longest or longest <= WORKING_SIDE:
        return None
    height, width = image.shape[:2]
    margin = AROUND_PERSON * side
    left, top = np.clip(np.floor(low - margin), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(high + margin), 1, (width, height)).astype(int)
    if right - left < 16 or bottom - top < 16:
        return None
    again = find_landmarks(image[top:bottom, left:right], model)
    if again is None:
        return None
    again = again.moved(1.0, (left, top))
    moved = np.linalg.norm((again.xyz - found.xyz)[[11, 12], :2], axis=1).max()
    return again if moved < 0.3 * side else None


def _extent(found: Landmarks) -> tuple[Array, Array]:
    points = found.xyz[found.presence > 0.3, :2]
    if len(points) < 5:
        points = found.xyz[:, :2]
    return points.min(0), points.max(0)
