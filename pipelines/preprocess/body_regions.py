"""Where each body region may be, told from the joints alone.

Costs are in nats: 0 = expected there, higher = less likely. All maps are ``float32 [H, W]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.body import Body25
from pipelines.preprocess.agnostic_shapes import torso_completed
from pipelines.types import Pose, Size

Floats = NDArray[np.float32]
Point = NDArray[Any]


class Region(IntEnum):
    """What the geometric parser tells apart; sides are the person's own."""

    BACKGROUND = 0
    HAIR = 1
    FACE = 2
    NECK = 3
    UPPER = 4
    LOWER = 5
    LEFT_ARM = 6
    RIGHT_ARM = 7
    LEFT_LEG = 8
    RIGHT_LEG = 9
    LEFT_SHOE = 10
    RIGHT_SHOE = 11


@dataclass(frozen=True)
class Head:
    """``eyes`` is the middle of the eye line, ``unit`` the distance from there to the chin."""

    eyes: Point
    unit: float
    across: Point
    """Unit vector along the eye line, towards the person's left."""
    down: Point


@dataclass(frozen=True)
class LimbCoordinates:
    """Along a limb (0 at its root, 1 at the middle joint, 2 at the end) and across it (radii)."""

    along: Floats
    across: Floats
    seen: float
    """Trust in the limb's place: 1 = all joints seen, lower = guessed."""


class Body:
    """A pose in working pixels, with everything missing that the torso needs filled in."""

    def __init__(self, pose: Pose, scale: float, size: Size) -> None:
        joints = torso_completed(pose)
        joints = np.where(joints.any(1, keepdims=True), (joints + 0.5) * scale - 0.5, 0.0)
        self.joints = joints
        self.seen = joints.any(1)
        self.size = size
        self.neck = joints[Body25.NECK]
        self.hips = (joints[Body25.RIGHT_HIP] + joints[Body25.LEFT_HIP]) / 2
        span = joints[Body25.LEFT_SHOULDER] - joints[Body25.RIGHT_SHOULDER]
        torso = float(np.linalg.norm(self.hips - self.neck))
        # seen from the side shoulders are close together; the torso's length is not
        self.width = max(float(np.linalg.norm(span)), 0.55 * torso, 4.0)
        self.torso = max(torso, 0.8 * self.width)
        self.head = self._head()
        y, x = np.mgrid[: size.height, : size.width].astype(np.float32)
        self.x, self.y = x, y

    def _head(self) -> Head:
        j, seen = self.joints, self.seen
        eyes = [j[k] for k in (Body25.RIGHT_EYE, Body25.LEFT_EYE) if seen[k]]
        up = self.neck - self.hips
        up = up / max(float(np.linalg.norm(up)), 1e-6)
        # medians over frontal and turned heads: eyes to chin, in other lengths of the head
        sizes = []
        if len(eyes) == 2:
            sizes.append(1.51 * float(np.linalg.norm(eyes[0] - eyes[1])))
        if seen[Body25.RIGHT_EAR] and seen[Body25.LEFT_EAR]:
            ears = j[Body25.RIGHT_EAR] - j[Body25.LEFT_EAR]
            sizes.append(0.655 * float(np.linalg.norm(ears)))
        middle = self._eye_middle(eyes, up)
        sizes.append(0.48 * float(np.linalg.norm(self.neck - middle)))
        unit = float(np.median(sizes)) if len(sizes) != 2 else max(sizes)
        unit = float(np.clip(unit, 0.18 * self.width, 0.6 * self.width))
        across = np.array([-up[1], up[0]])
        if len(eyes) == 2 and np.linalg.norm(eyes[1] - eyes[0]) > 0.3 * unit:
            line = (eyes[1] - eyes[0]) / np.linalg.norm(eyes[1] - eyes[0])
            across = line if line @ across > 0 else -line
        return Head(middle, unit, across, np.array([-across[1], across[0]]) * self._handed(across))

    def _handed(self, across: Point) -> float:
        """1 or -1, so that the head's down vector points towards the hips."""
        down = np.array([-across[1], across[0]])
        return 1.0 if down @ (self.hips - self.neck) >= 0 else -1.0

    def _eye_middle(self, eyes: list[Point], up: Point) -> Point:
        j, seen = self.joints, self.seen
        ears = [j[k] for k in (Body25.RIGHT_EAR, Body25.LEFT_EAR) if seen[k]]
        middle: Point = self.neck + 0.66 * self.width * up
        if len(eyes) == 2:
            middle = np.mean(eyes, axis=0)
        elif seen[Body25.NOSE]:
            middle = j[Body25.NOSE] + 0.15 * self.width * up
        elif ears or eyes:
            middle = np.mean(ears or eyes, axis=0)
        return middle

    def head_coordinates(self) -> tuple[Floats, Floats]:
        """Each pixel relative to the eyes, in head units: across (person's left) and down."""
        dx, dy = self.x - self.head.eyes[0], self.y - self.head.eyes[1]
        a, d, u = self.head.across, self.head.down, self.head.unit
        return (
            ((dx * a[0] + dy * a[1]) / u).astype(np.float32),
            ((dx * d[0] + dy * d[1]) / u).astype(np.float32),
        )

    def torso_coordinates(self) -> tuple[Floats, Floats]:
        """Each pixel relative to the torso: across in widths, down (0 = neck, 1 = hips)."""
        axis = (self.hips - self.neck) / max(float(np.linalg.norm(self.hips - self.neck)), 1e-6)
        dx, dy = self.x - self.neck[0], self.y - self.neck[1]
        down = (dx * axis[0] + dy * axis[1]) / self.torso
        across = (dx * axis[1] - dy * axis[0]) / self.width
        return across.astype(np.float32), down.astype(np.float32)

    def arm(self, root: int) -> LimbCoordinates:
        """The arm whose shoulder is ``root``; the hand lies beyond 2."""
        chain = [self.joints[root], self.joints[root + 1], self.joints[root + 2]]
        trust = 1.0
        if not self.seen[root + 1]:
            side = np.sign(chain[0][0] - self.neck[0]) or 1.0
            chain[1] = chain[0] + np.array([0.15 * side, 0.85]) * self.width
            trust = 0.3
        if not self.seen[root + 2]:
            chain[2] = chain[1] + 0.85 * (chain[1] - chain[0])
            trust = min(trust, 0.5)
        radius = 0.19 * self.width
        return self._limb(chain, radius, 0.55 * radius, 0.5 * self.width, trust)

    def leg(self, root: int) -> LimbCoordinates:
        """The leg whose hip is ``root``; the foot lies beyond 2."""
        chain = [self.joints[root], self.joints[root + 1], self.joints[root + 2]]
        trust = 1.0
        if not self.seen[root + 1]:
            down = (self.hips - self.neck) / self.torso
            chain[1], trust = chain[0] + 0.9 * self.torso * down, 0.5
        if not self.seen[root + 2]:
            chain[2] = chain[1] + 0.95 * (chain[1] - chain[0])
            trust = min(trust, 0.7)
        radius = 0.33 * self.width
        return self._limb(chain, radius, 0.5 * radius, 0.2 * self.width, trust)

    def _limb(
        self, chain: list[Point], radius: float, end_radius: float, beyond: float, trust: float
    ) -> LimbCoordinates:
        """Coordinates of the nearest bone; the last one reaches ``beyond`` pixels further."""
        best = np.full(self.x.shape, np.inf, np.float32)
        along = np.zeros(self.x.shape, np.float32)
        radii = np.linspace(radius, end_radius, 3)
        for k in (0, 1):
            start, bone = chain[k], chain[k + 1] - chain[k]
            length = max(float(np.linalg.norm(bone)), 1.0)
            bx, by = bone / length
            dx, dy = self.x - start[0], self.y - start[1]
            t = dx * bx + dy * by
            reach = length + (beyond if k == 1 else 0)
            clipped = np.clip(t, 0, reach)
            distance = np.hypot(dx - clipped * bx, dy - clipped * by)
            part = clipped / length
            local = radii[k] + (radii[k + 1] - radii[k]) * np.minimum(part, 1)
            across = (distance / local).astype(np.float32)
            nearer = across < best
            best = np.where(nearer, across, best)
            along = np.where(nearer, k + part, along).astype(np.float32)
        return LimbCoordinates(along, best, trust)
