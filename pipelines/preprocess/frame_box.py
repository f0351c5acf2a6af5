"""Which part of a photo a stored picture shows; numbers only, no pixels."""

from __future__ import annotations

import numpy as np

from pipelines.preprocess.body_joints import torso_length
from pipelines.preprocess.landmarks import Landmarks
from pipelines.types import Array, Size

Box = tuple[float, float, float, float]
"""left, top, right, bottom; edges of pixels of the source photo, whole numbers."""

MARGIN = 0.06
"""Space kept around the person, of the person's longer side."""

HEAD_ABOVE_EYES = 0.32
"""Top of the head (with hair) above the eyes, in torso lengths."""

LOOSEST = 1.5
"""A picture is at most this many times as high as the person with margins needs."""


def whole_photo_box(source: Size, size: Size) -> Box:
    """The smallest box of the stored shape around the whole photo."""
    aspect = size.width / size.height
    height = max(source.height, round(source.width / aspect))
    width = max(source.width, round(source.height * aspect))
    left, top = -((width - source.width) // 2), -((height - source.height) // 2)
    return (float(left), float(top), float(left + width), float(top + height))


def person_box(landmarks: Landmarks, source: Size, size: Size) -> Box:
    """A box of the stored shape with the whole person in it, inside the photo where possible.

    As high as the photo allows without padding, but not so loose that the person gets small; when
    the person alone needs more than the photo has (a full figure in a narrow photo), it reaches
    outside.
    """
    aspect = size.width / size.height
    low, high = person_extent(landmarks, source)
    needed = max(high[1] - low[1], (high[0] - low[0]) / aspect)
    unpadded = min(source.height, source.width / aspect)
    height = round(max(needed, min(unpadded, LOOSEST * needed)))
    width = round(height * aspect)
    left = _placed((low[0] + high[0]) / 2, width, source.width)
    top = _placed((low[1] + high[1]) / 2, height, source.height)
    return (float(left), float(top), float(left + width), float(top + height))


def person_extent(landmarks: Landmarks, source: Size) -> tuple[Array, Array]:
    """Top left and bottom right corner of the person with head and margins, inside the photo."""
    limit = np.array((source.width, source.height), np.float64)
    inside = np.clip(landmarks.xyz[:, :2], 0, limit)
    present = landmarks.presence > 0.3
    points = inside[present] if present.sum() >= 5 else inside
    low, high = points.min(0).astype(np.float64), points.max(0).astype(np.float64)
    eyes = float(inside[[2, 5], 1].min())
    low[1] = min(low[1], eyes - HEAD_ABOVE_EYES * torso_length(landmarks.xyz))
    margin = MARGIN * float((high - low).max())
    return np.clip(low - margin, 0, limit), np.clip(high + margin, 0, limit)


def _placed(centre: float, length: int, available: int) -> int:
    """Where a stretch around ``centre`` starts; inside if it fits, else centred on the photo."""
    if length >= available:
        return -((length - available) // 2)
    return int(np.clip(round(centre - length / 2), 0, available - length))
