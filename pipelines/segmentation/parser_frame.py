"""The part of a photo that the parser looks at, and at which size: told from the pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.types import Image, Pose, Size

TORSO_PX = 115.0
"""Length of the torso (neck to hips) at the network's size: that of VITON's 256x192 photos."""

AS_IT_IS = (0.75, 1.34)
"""Within this range of scales the photo is not resampled."""

MARGIN = (0.95, 0.9, 0.6)
"""Torso lengths kept above, beside and below the seen joints."""

MAX_SIDE = 704
"""Longest side at the network's size; a longer figure is made smaller."""

MULTIPLE = 32
"""Sides that the network takes are multiples of this."""

_SHOULDERS_TO_TORSO = 1.5


@dataclass(frozen=True)
class ParserFrame:
    """``box`` = (left, top, right, bottom) in whole pixels of the photo; ``size`` of its copy."""

    box: tuple[int, int, int, int]
    size: Size

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Pixels of the copy for a pixel of the photo, across and down."""
        left, top, right, bottom = self.box
        return self.size.width / (right - left), self.size.height / (bottom - top)


def torso_px(pose: Pose) -> float:
    """Length of the torso in pixels: neck to hips, or 1.5 shoulder widths; 0 where unknown."""
    xy, seen = pose.body.xy, pose.body.score > 0
    lengths = []
    if seen[1] and seen[8]:
        lengths.append(float(np.linalg.norm(xy[1] - xy[8])))
    if seen[2] and seen[5]:
        factor = 0.6 if lengths else 1.0
        lengths.append(factor * _SHOULDERS_TO_TORSO * float(np.linalg.norm(xy[2] - xy[5])))
    return max(lengths, default=0.0)


def parser_frame(size: Size, pose: Pose) -> ParserFrame:
    """The frame around the person of ``pose`` on a photo of ``size``.

    A pose without torso gives the whole photo, at most 256 pixels wide.
    """
    torso = torso_px(pose)
    if torso <= 0:
        scale = min(1.0, 256 / size.width)
        return _scaled((0, 0, size.width, size.height), scale)
    xy = pose.body.xy[pose.body.score > 0]
    above, beside, below = (share * torso for share in MARGIN)
    box = (
        max(0, int(np.floor(xy[:, 0].min() - beside))),
        max(0, int(np.floor(xy[:, 1].min() - above))),
        min(size.width, int(np.ceil(xy[:, 0].max() + beside))),
        min(size.height, int(np.ceil(xy[:, 1].max() + below))),
    )
    if box[2] - box[0] < 8 or box[3] - box[1] < 8:
        box = (0, 0, size.width, size.height)
    scale = TORSO_PX / torso
    if AS_IT_IS[0] <= scale <= AS_IT_IS[1]:
        scale = 1.0
    return _scaled(box, scale)


def _scaled(box: tuple[int, int, int, int], scale: float) -> ParserFrame:
    width, height = box[2] - box[0], box[3] - box[1]
    scale = min(scale, MAX_SIDE / max(width, height))
    return ParserFrame(box, Size(max(8, round(height * scale)), max(8, round(width * scale))))


def framed_joints(pose: Pose, frame: ParserFrame) -> NDArray[np.float32]:
    """``float32 [25, 3]``: x, y in pixels of the frame's copy, and the score; unseen ones are 0."""
    x, y = frame.scale_xy
    xy = (pose.body.xy - np.array(frame.box[:2]) + 0.5) * np.array((x, y)) - 0.5
    seen = pose.body.score > 0
    made = np.column_stack([np.where(seen[:, None], xy, 0), pose.body.score])
    return made.astype(np.float32)


def cut(image: Image, frame: ParserFrame) -> NDArray[np.uint8]:
    """The part of an image (or label map) that the frame shows, at the image's own size."""
    left, top, right, bottom = frame.box
    return image[top:bottom, left:right]


def padded(image: Image, size: Size | None = None) -> Image:
    """An image ``uint8 [H, W, 3]`` continued at its right and lower edges to a larger size.

    Without ``size``: to the next multiples of ``MULTIPLE``. The edge pixels are repeated.
    """
    height, width = image.shape[:2]
    down, right = (
        (size.height - height, size.width - width)
        if size
        else (-height % MULTIPLE, -width % MULTIPLE)
    )
    return np.pad(image, ((0, down), (0, right), (0, 0)), mode="edge")
