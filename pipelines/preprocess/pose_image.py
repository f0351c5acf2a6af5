"""The pose as a picture, as OpenPose renders it on black.

Source: the look of OpenPose's GPU renderer, run with ``--hand --disable_blending``: each limb is
a filled ellipse from joint to joint in the colour of its second joint, each joint a disc, all
blended with weight 0.6 over what was drawn before: body first, then left hand, then right hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.body import BODY25_LIMBS
from pipelines.pose_colours import BODY_COLOURS as BODY_COLOURS
from pipelines.types import Array, Image, Keypoints, Pose, Size

HAND_LIMBS = tuple(
    (0 if step == 0 else 4 * finger + step, 4 * finger + step + 1)
    for finger in range(5)
    for step in range(4)
)
"""Wrist to fingertip, thumb first."""

_FINGER_HUES = ((1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, 0.5), (0.0, 0.5, 1.0), (1.0, 0.0, 1.0))
_FINGER_STEPS = (100, 150, 200, 255)
HAND_COLOURS = (
    (100, 100, 100),
    *(tuple(step * h for h in hue) for hue in _FINGER_HUES for step in _FINGER_STEPS),
)
"""RGB of each hand point: a gray wrist, then a ramp of one hue for each finger."""

BLEND = np.float32(0.6)


@dataclass(frozen=True)
class _Style:
    limbs: tuple[tuple[int, int], ...]
    colours: NDArray[np.float32]
    threshold: float
    radius: float
    line_width: float


def draw_pose(pose: Pose, size: Size) -> Image:
    """Draw body and hands on black: ``uint8 [height, width, 3]`` RGB.

    Body joints with a score of at most 0.05 and hand points with at most 0.2 are left out, and
    so is what lies outside the picture. Faces are not drawn, as in the published pictures.
    """
    short = min(size)
    canvas = np.zeros((size.height, size.width, 3), np.float32)
    body_colours = np.array(BODY_COLOURS, np.float32)
    _draw(canvas, pose.body, _Style(BODY25_LIMBS, body_colours, 0.05, short / 100, short / 120))
    hand_colours = np.array(HAND_COLOURS, np.float32)
    for hand in (pose.left_hand, pose.right_hand):
        if hand is not None:
            _draw(canvas, hand, _Style(HAND_LIMBS, hand_colours, 0.2, short / 100, short / 80))
    # rounded down, as published pictures are
    return np.asarray(cv2.convertScaleAbs(canvas, beta=-0.499), np.uint8)


def _draw(canvas: Array, points: Keypoints, style: _Style) -> None:
    seen = points.score > style.threshold
    if not seen.any():
        return
    # small skeletons get thinner marks, as OpenPose draws them
    extent = points.xy[seen].max(0) - points.xy[seen].min(0)
    scale = float(np.clip(extent.sum() / 400, 0.33, 1.0))
    for a, b in style.limbs:
        if seen[a] and seen[b]:
            _blend_limb(
                canvas, points.xy[a], points.xy[b], style.line_width * scale, style.colours[b]
            )
    for joint in np.flatnonzero(seen):
        _blend_disc(canvas, points.xy[joint], style.radius * scale, style.colours[joint])


def _blend_limb(canvas: Array, a: Array, b: Array, width: float, colour: Array) -> None:
    """An ellipse whose long axis is the limb and whose other half axis is ``width``."""
    middle, half = (a + b) / 2, (b - a) / 2
    length = float(np.hypot(*half))
    if length == 0:
        return
    along = half / length
    reach = np.hypot(half, width * along[::-1])
    patch, x, y = _patch(canvas, middle, reach)
    u = (x * along[0] + y * along[1]) / length
    v = (x * along[1] - y * along[0]) / width
    _blend(patch, u * u + v * v <= 1, colour)


def _blend_disc(canvas: Array, centre: Array, radius: float, colour: Array) -> None:
    patch, x, y = _patch(canvas, centre, np.array((radius, radius)))
    _blend(patch, x * x + y * y <= radius * radius, colour)


def _patch(canvas: Array, centre: Array, reach: Array) -> tuple[Array, Array, Array]:
    """The part of the canvas within ``reach`` of ``centre``, and its x and y from there."""
    height, width = canvas.shape[:2]
    (cx, cy), (rx, ry) = centre.tolist(), reach.tolist()
    left, right = max(0, min(floor(cx - rx), width)), max(0, min(ceil(cx + rx) + 1, width))
    top, bottom = max(0, min(floor(cy - ry), height)), max(0, min(ceil(cy + ry) + 1, height))
    x = np.arange(left, right, dtype=np.float32)[None, :] - centre[0]
    y = np.arange(top, bottom, dtype=np.float32)[:, None] - centre[1]
    return canvas[top:bottom, left:right], x, y


def _blend(patch: Array, inside: Array, colour: Array) -> None:
    patch[inside] = patch[inside] * (1 - BLEND) + colour * BLEND
