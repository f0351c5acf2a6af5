"""A pose as one map for each joint, as VITON, CP-VTON and ACGPN take it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL import ImageDraw

from pipelines.body import BODY25_TO_COCO18
from pipelines.types import Pose, Size

JOINTS = 18
RADIUS = 5


def pose_squares(pose: Pose, size: Size, radius: int = RADIUS) -> NDArray[np.uint8]:
    """A square around each joint in the order of COCO-18: ``uint8 [18, H, W]``, 0 or 255.

    ``pose`` is in pixels of ``size``; sides are ``2 radius + 1``. A joint that was not seen, or
    that lies in the first column or row, has none, as in the published loaders.
    """
    maps = np.zeros((JOINTS, *size), np.uint8)
    for number, joint in enumerate(BODY25_TO_COCO18):
        x, y = (float(value) for value in pose.body.xy[joint])
        if pose.body.score[joint] <= 0 or x <= 1 or y <= 1:
            continue
        canvas = PilImage.new("L", (size.width, size.height))
        corners = (x - radius, y - radius, x + radius, y + radius)
        ImageDraw.Draw(canvas).rectangle(corners, "white", "white")
        maps[number] = np.asarray(canvas)
    return maps
