"""What a new top must not change: face, hair, lower clothes and hands, held against the photo."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.evaluation.averages import mean_known
from pipelines.labels import LIP20, LIP20_ARMS
from pipelines.types import Image, Mask, ParseMap

FACE, HAIR, LOWER, HANDS = "face", "hair", "lower clothes", "hands"
PARTS = (FACE, HAIR, LOWER, HANDS)

EDGE_PX, EDGE_HEIGHT = 2, 256
"""Width of a part's edge, whose pixels may show the old garment too, at a picture's height."""


@dataclass(frozen=True)
class PartChange:
    """Mean absolute difference to the photo, levels of 255; NaN where there is no such part."""

    whole: float
    inside: float
    """Without the part's edge."""


def part_changes(
    picture: Image, photo: Image, parse: ParseMap, hidden: Mask | None
) -> dict[str, PartChange]:
    """How much of each of ``PARTS`` a try-on picture changes.

    ``picture`` and ``photo`` are ``uint8 [H, W, 3]``, ``parse`` is in LIP20; ``hidden`` ``bool
    [H, W]`` is what the clothing-agnostic person hides: of the arms, everything but the hands.
    Without it hands are not known.
    """
    apart = cv2.absdiff(picture, photo).mean(2, dtype=np.float64)
    radius = max(1, round(EDGE_PX * apart.shape[0] / EDGE_HEIGHT))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    found = {}
    for name, part in _parts(parse, hidden).items():
        inside = cv2.erode(part.astype(np.uint8), disc) > 0
        found[name] = PartChange(_mean(apart[part]), _mean(apart[inside]))
    return found


def mean_changes(changes: Sequence[Mapping[str, PartChange]]) -> dict[str, PartChange]:
    """Means over the photos that show a part; NaN for a part that none shows."""
    return {
        name: PartChange(
            whole=mean_known([each[name].whole for each in changes]),
            inside=mean_known([each[name].inside for each in changes]),
        )
        for name in PARTS
    }


def _parts(parse: ParseMap, hidden: Mask | None) -> dict[str, Mask]:
    arms = parse.mask(*LIP20_ARMS)
    return {
        FACE: parse.mask(LIP20.FACE),
        HAIR: parse.mask(LIP20.HAIR),
        LOWER: parse.mask(LIP20.PANTS, LIP20.SKIRT),
        HANDS: np.zeros_like(arms) if hidden is None else arms & ~hidden,
    }


def _mean(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    return float(values.mean()) if values.size else math.nan
