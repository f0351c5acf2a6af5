"""The shapes that published agnostic maps are drawn with, and the joints they need.

Lengths are in pixels of a 768 wide picture and are scaled to the picture's own width.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL import ImageDraw

from pipelines.body import Body25
from pipelines.errors import ItemError
from pipelines.types import Mask, Pose, Size

REFERENCE_WIDTH = 768

Joints = NDArray[np.float64]
"""``float64 [25, 2]`` in pixels; (0, 0) = missing."""

_R_SHOULDER, _L_SHOULDER = Body25.RIGHT_SHOULDER, Body25.LEFT_SHOULDER
_R_HIP, _L_HIP = Body25.RIGHT_HIP, Body25.LEFT_HIP
_ARM_JOINTS = (Body25.RIGHT_ELBOW, Body25.RIGHT_WRIST, Body25.LEFT_ELBOW, Body25.LEFT_WRIST)


class Canvas:
    """Shapes drawn with Pillow; sizes are given in pixels of a 768 wide picture."""

    def __init__(self, shape: tuple[int, ...], scale: float) -> None:
        self._picture = PilImage.new("L", (shape[1], shape[0]), 0)
        self._draw = ImageDraw.Draw(self._picture)
        self._scale = scale

    def line(self, points: Joints, width: float) -> None:
        """A straight line of this width without caps."""
        self._draw.line(_tuples(points), 255, width=max(1, round(width * self._scale)))

    def ellipse(self, centre: Joints, half_x: float, half_y: float) -> None:
        """A filled ellipse; two half axes."""
        x, y = float(centre[0]), float(centre[1])
        dx, dy = half_x * self._scale, half_y * self._scale
        self._draw.ellipse((x - dx, y - dy, x + dx, y + dy), 255, 255)

    def rectangle(self, centre: Joints, half_x: float, up: float, down: float) -> None:
        """A filled rectangle around a point."""
        x, y, s = float(centre[0]), float(centre[1]), self._scale
        self._draw.rectangle((x - half_x * s, y - up * s, x + half_x * s, y + down * s), 255, 255)

    def polygon(self, points: Joints) -> None:
        """A filled polygon."""
        self._draw.polygon(_tuples(points), 255, 255)

    def drawn(self) -> Mask:
        """Where something was drawn."""
        return np.asarray(self._picture) > 0


def _tuples(points: Joints) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in points]


def draw_fixed(canvas: Canvas, joints: Joints) -> None:
    """VITON-HD's shapes."""
    _draw_arms(canvas, joints, line=200, disc=100, shoulder_line=200, shoulder=(100, 100))
    _draw_torso(canvas, joints, 20)
    canvas.rectangle(joints[Body25.NECK], 140, 140, 140)


def draw_scaled(canvas: Canvas, joints: Joints, r: int) -> None:
    """HR-VITON's shapes."""
    _draw_torso(canvas, joints, r)
    canvas.rectangle(joints[Body25.NECK], 5 * r, 9 * r, 0)
    _draw_arms(
        canvas, joints, line=10 * r, disc=5 * r, shoulder_line=12 * r, shoulder=(5 * r, 6 * r)
    )


def _draw_torso(canvas: Canvas, joints: Joints, r: int) -> None:
    for hip in (_R_HIP, _L_HIP):
        canvas.ellipse(joints[hip], 3 * r, 6 * r)
    canvas.line(joints[[_R_SHOULDER, _R_HIP]], 6 * r)
    canvas.line(joints[[_L_SHOULDER, _L_HIP]], 6 * r)
    canvas.line(joints[[_R_HIP, _L_HIP]], 12 * r)
    canvas.polygon(joints[[_R_SHOULDER, _L_SHOULDER, _L_HIP, _R_HIP]])


def _draw_arms(
    canvas: Canvas,
    joints: Joints,
    *,
    line: float,
    disc: float,
    shoulder_line: float,
    shoulder: tuple[float, float],
) -> None:
    canvas.line(joints[[_R_SHOULDER, _L_SHOULDER]], shoulder_line)
    for joint in (_R_SHOULDER, _L_SHOULDER):
        canvas.ellipse(joints[joint], *shoulder)
    for joint in _ARM_JOINTS:
        if joints[joint - 1].any() and joints[joint].any():
            canvas.line(joints[[joint - 1, joint]], line)
            canvas.ellipse(joints[joint], disc, disc)


def scaled_unit(joints: Joints, width: int) -> int:
    """HR-VITON's unit of length, in pixels of a 768 wide picture."""
    shoulders = float(np.linalg.norm(joints[_L_SHOULDER] - joints[_R_SHOULDER]))
    return int(shoulders * REFERENCE_WIDTH / width / 16) + 1


def hips_widened(joints: Joints) -> Joints:
    """The hips moved along their line until they are as far apart as the shoulders."""
    shoulders = float(np.linalg.norm(joints[_L_SHOULDER] - joints[_R_SHOULDER]))
    hips = float(np.linalg.norm(joints[_L_HIP] - joints[_R_HIP]))
    if hips == 0:
        return joints
    widened, middle = joints.copy(), (joints[_R_HIP] + joints[_L_HIP]) / 2
    for hip in (_R_HIP, _L_HIP):
        widened[hip] = middle + (joints[hip] - middle) / hips * shoulders
    return widened


def torso_completed(pose: Pose) -> Joints:
    """Joints ``float64 [25, 2]``; (0, 0) = missing, which neck, shoulders and hips never are."""
    # parity: the published code reads decimal text as float64; the shortest decimal of a float32
    # is that text again, while a plain cast would move shapes by a pixel now and then
    joints = pose.body.xy.astype(str).astype(np.float64)
    joints[pose.body.score <= 0] = 0
    neck, right, left = joints[Body25.NECK], joints[_R_SHOULDER], joints[_L_SHOULDER]
    if not (right.any() or left.any()):
        raise ItemError(
            "no shoulder was found, so there is no telling where the garment is",
            code="uncertain_pose",
            hint="Use a photo that shows the upper body.",
        )
    if not (right.any() and left.any()):
        seen = right if right.any() else left
        missing = _L_SHOULDER if right.any() else _R_SHOULDER
        axis_x = neck[0] if neck.any() else _middle_x(joints, seen)
        joints[missing] = (2 * axis_x - seen[0], seen[1])
    if not neck.any():
        joints[Body25.NECK] = (joints[_R_SHOULDER] + joints[_L_SHOULDER]) / 2
    _complete_hips(joints)
    return joints


def neck_zone(pose: Pose, size: Size) -> Mask:
    """Where a neckline may be, ``bool [H, W]``; ``pose`` is in pixels of ``size``.

    A strip about the neck, 0.7 shoulder widths wide, from half a width above it to 0.9 below.
    Raises ``ItemError`` (``uncertain_pose``) where no shoulder was found.
    """
    joints = torso_completed(pose)
    across = joints[_L_SHOULDER] - joints[_R_SHOULDER]
    side, down = 0.35 * across, np.array([0.0, float(np.hypot(*across))])
    neck = joints[Body25.NECK]
    top, bottom = neck - 0.5 * down, neck + 0.9 * down
    corners = (top - side, top + side, bottom + side, bottom - side)
    canvas = PilImage.new("1", (size.width, size.height))
    ImageDraw.Draw(canvas).polygon([tuple(corner) for corner in corners], fill=1)
    return np.array(canvas, bool)


def _middle_x(joints: Joints, shoulder: Joints) -> float:
    """Where the middle of the body is when neck and one shoulder are missing."""
    for joint in (Body25.MID_HIP, Body25.NOSE):
        if joints[joint].any():
            return float(joints[joint, 0])
    return float(shoulder[0])


def _complete_hips(joints: Joints) -> None:
    across = joints[_L_SHOULDER] - joints[_R_SHOULDER]
    for missing, other, side in ((_R_HIP, _L_HIP, -0.7), (_L_HIP, _R_HIP, 0.7)):
        if not joints[missing].any() and joints[other].any():
            joints[missing] = joints[other] + side * across
    if not joints[_R_HIP].any():
        drop = np.array([0.0, 1.4 * max(float(np.linalg.norm(across)), 1.0)])
        joints[_R_HIP], joints[_L_HIP] = joints[_R_SHOULDER] + drop, joints[_L_SHOULDER] + drop
