"""Try-on at a photo's own resolution: the stored person scaled up to its crop of the photo."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from pipelines.preprocess.framing import crop, paste_back
from pipelines.stage import PersonInputs
from pipelines.types import Alpha, Frame, Image, Keypoints, ParseMap, Pose, Size

MAX_PIXELS = 16_000_000
"""Size of the crop beyond which a photo is worked on at a smaller scale."""


@dataclass(frozen=True, eq=False)
class NativeFit:
    """A person at the photo's own resolution, and the way back into the photo."""

    photo: Image
    frame: Frame
    person: PersonInputs

    def paste(self, result: Image, edited: Alpha) -> Image:
        """The photo ``uint8 [H, W, 3]`` with the edited part of ``result`` in it."""
        return paste_back(self.photo, result, edited, self.frame)


def native_frame(frame: Frame, max_pixels: int = MAX_PIXELS) -> Frame:
    """The same box at the photo's own scale, or smaller so as to have at most ``max_pixels``."""
    left, top, right, bottom = frame.box
    width, height = right - left, bottom - top
    scale = min(1.0, math.sqrt(max_pixels / (width * height)))
    size = Size(max(1, round(height * scale)), max(1, round(width * scale)))
    return replace(frame, size=size)


def fit_native(photo: Image, frame: Frame, stored: PersonInputs) -> NativeFit:
    """Cut the person out of the photo at its own scale; pose and parse are scaled to it."""
    native = native_frame(frame)
    height, width = native.size
    ids = cv2.resize(stored.parse.ids, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    person = PersonInputs(
        image=crop(photo, native),
        pose=_scale_pose(stored.pose, native.size, Size(*stored.image.shape[:2])),
        parse=ParseMap(ids.astype(np.uint8, copy=False), stored.parse.labels),
    )
    return NativeFit(photo, native, person)


def _scale_pose(pose: Pose, size: Size, stored: Size) -> Pose:
    factor = np.array([size.width / stored.width, size.height / stored.height], np.float32)

    def scaled(points: Keypoints | None) -> Keypoints | None:
        if points is None:
            return None
        # the centre of the top left pixel is (0, 0) at either scale
        xy = (points.xy + 0.5) * factor - 0.5
        return Keypoints(
            np.where(points.score[:, None] > 0, xy, 0).astype(np.float32), points.score
        )

    body = scaled(pose.body)
    return Pose(
        body=body if body is not None else pose.body,
        left_hand=scaled(pose.left_hand),
        right_hand=scaled(pose.right_hand),
        face=scaled(pose.face),
    )
