"""The body's own frame: its unit of length, shoulders, hips and the outline of the bare trunk."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.body import Body25
from pipelines.errors import ItemError
from pipelines.types import Keypoints, Mask

_TORSO_FROM_SHOULDERS = 1.52  # neck to hips / shoulder width, median of front views


def body_unit(body: Keypoints) -> float:
    """Width of the shoulders as if seen from the front, in pixels. Raises ``ItemError``."""

    def distance(a: int, b: int) -> float:
        if not (body.seen(a) and body.seen(b)):
            return 0.0
        return float(np.linalg.norm(body.xy[a] - body.xy[b]))

    shoulders = distance(Body25.LEFT_SHOULDER, Body25.RIGHT_SHOULDER)
    torso = distance(Body25.NECK, Body25.MID_HIP) / _TORSO_FROM_SHOULDERS
    unit = max(shoulders, 0.85 * torso)
    if unit < 6:
        raise ItemError(
            "the shoulders were not found, so no garment can be placed", code="uncertain_pose"
        )
    return unit


def torso_polygon(body: Keypoints, unit: float) -> NDArray[np.float32]:
    """Outline ``float32 [N, 2]`` of the bare torso from neck to hips, clockwise from the neck.

    Hips that were not seen are placed where a front view has them.
    """
    right, left = shoulders(body, unit)
    neck = (right + left) / 2
    hip_right, hip_left = hips(body, unit)
    across = (left - right) / max(float(np.linalg.norm(left - right)), 1e-3)
    down = (hip_right + hip_left) / 2 - neck

    def row(t: float, half: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        middle = neck + t * down
        side = (right + t * (hip_right - right) - middle, left + t * (hip_left - left) - middle)
        return (middle + side[0] - half * unit * across, middle + side[1] + half * unit * across)

    rows = [row(0.0, 0.06), row(0.3, 0.03), row(0.7, 0.07), row(1.0, 0.17), row(1.2, 0.22)]
    lift = -down / max(float(np.linalg.norm(down)), 1e-3) * unit
    # flesh above the joints: the foot of the neck, the slope to the shoulder's end
    slope = [
        neck - 0.2 * unit * across + 0.24 * lift, neck + 0.2 * unit * across + 0.24 * lift,
        left + 0.04 * unit * across + 0.1 * lift,
    ]  # fmt: skip
    end = right - 0.04 * unit * across + 0.1 * lift
    points = [*slope, *[r[1] for r in rows], *[r[0] for r in rows[::-1]], end]
    return np.asarray(points, np.float32)


def shoulders(body: Keypoints, unit: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Right and left shoulder; one that was not seen is mirrored about the neck."""
    right, left = Body25.RIGHT_SHOULDER, Body25.LEFT_SHOULDER
    if body.seen(right) and body.seen(left):
        return body.xy[right], body.xy[left]
    middle = body.xy[Body25.NECK]
    if body.seen(right):
        return body.xy[right], 2 * middle - body.xy[right]
    if body.seen(left):
        return 2 * middle - body.xy[left], body.xy[left]
    half = np.array([unit / 2, 0], np.float32)
    return middle - half, middle + half


def hips(body: Keypoints, unit: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Right and left hip, guessed below the shoulders where they were not seen."""
    right, left = Body25.RIGHT_HIP, Body25.LEFT_HIP
    if body.seen(right) and body.seen(left):
        return body.xy[right], body.xy[left]
    shoulder_right, shoulder_left = shoulders(body, unit)
    middle = (shoulder_right + shoulder_left) / 2
    middle = middle + np.array([0, _TORSO_FROM_SHOULDERS * unit], np.float32)
    half = (shoulder_left - shoulder_right) * 0.31
    return middle - half, middle + half


def filled_polygon(points: NDArray[np.float32], shape: tuple[int, ...]) -> Mask:
    """Pixels inside a polygon."""
    canvas = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(canvas, [np.round(points).astype(np.int32)], (1,))
    return canvas.astype(bool)
