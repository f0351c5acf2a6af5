"""The person's own head in the new pose: cut out of the photo, turned and moved (our choice).

A face that a network of 256x192 paints is nobody's. Where head and target are seen from about the
same side, the photo's face and hair are moved as a rigid picture to where the target's head is;
where they are not, the network's have to do.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.body import Body25
from pipelines.rendering.scene import Bytes
from pipelines.types import Alpha, Keypoints

Matrix = NDArray[np.float64]
"""``float64 [2, 3]``: from pixels of the photo to those of the result."""

HEAD_JOINTS = (
    Body25.NOSE, Body25.RIGHT_EYE, Body25.LEFT_EYE, Body25.RIGHT_EAR, Body25.LEFT_EAR,
)  # fmt: skip
_FEWEST = 3
"""Joints of the head that both poses must show."""
_SCALE = 1.15
"""Largest factor by which a head becomes larger or smaller: it is the same person's."""
_TURN_DEGREES = 50.0
_MISFIT = 0.2
"""Largest root mean square distance from where the target has the head's joints, as a share of the
distance from neck to nose: beyond it the head is seen from another side."""
_BORDER = 2.0
"""Pixels by which a head that the photo's edge cuts may come away from that edge."""


def head_move(own: Keypoints, target: Keypoints) -> Matrix | None:
    """The similarity that brings the head's joints (and the neck) to the target's.

    Both are BODY_25 in pixels of one picture. The least squares solution (Umeyama 1991) with its
    scale limited to 1 / 1.15 .. 1.15; None where the head cannot be moved: too few joints, seen
    from another side, or upside down.
    """
    both = [j for j in (*HEAD_JOINTS, Body25.NECK) if own.seen(j) and target.seen(j)]
    if len(set(both) & set(HEAD_JOINTS)) < _FEWEST or Body25.NECK not in both:
        return None
    start, end = own.xy[both].astype(np.float64), target.xy[both].astype(np.float64)
    size = float(np.linalg.norm(start - start[-1], axis=1).max())
    move = similarity(start, end, _SCALE)
    if move is None or size < 1:
        return None
    angle = math.degrees(math.atan2(move[1, 0], move[0, 0]))
    misfit = math.sqrt(float(np.square(moved_points(start, move) - end).sum(1).mean())) / size
    return move if abs(angle) <= _TURN_DEGREES and misfit <= _MISFIT else None


def similarity(start: Matrix, end: Matrix, limit: float = math.inf) -> Matrix | None:
    """Least squares similarity ``float64 [2, 3]`` of points ``[N, 2]``; None for a single place.

    ``limit`` is the largest factor of scale, up or down.
    """
    z, w = (points[:, 0] + 1j * points[:, 1] for points in (start, end))
    about, to = z.mean(), w.mean()
    spread = float(np.square(np.abs(z - about)).sum())
    turn = complex(((w - to) * (z - about).conj()).sum()) / max(spread, 1e-12)
    if spread < 1e-6 or abs(turn) < 1e-6:
        return None
    turn *= min(max(abs(turn), 1 / limit), limit) / abs(turn)
    rest = to - turn * about
    return np.array([[turn.real, -turn.imag, rest.real], [turn.imag, turn.real, rest.imag]])


def moved_points(points: Matrix, move: Matrix) -> Matrix:
    """Points ``[N, 2]`` after a move."""
    moved: Matrix = points @ move[:, :2].T + move[:, 2]
    return moved


def stays_cut(head: Bytes, move: Matrix) -> bool:
    """Whether a head that the photo's edge cuts would not come away from that edge.

    ``head`` is its soft mask, of the photo's size.
    """
    height, width = head.shape
    rows, columns = np.nonzero(head > 0)
    edges = (
        (rows == 0, 1, -1, 0), (rows == height - 1, 1, 1, height - 1),
        (columns == 0, 0, -1, 0), (columns == width - 1, 0, 1, width - 1),
    )  # fmt: skip
    for touching, axis, outwards, edge in edges:
        if not touching.any():
            continue
        places = np.stack((columns[touching], rows[touching]), 1).astype(np.float64)
        beyond = (moved_points(places, move)[:, axis] - edge) * outwards
        if beyond.min() < -_BORDER:
            return False
    return True


def moved_head(
    photo: NDArray[np.uint8], head: Bytes, move: Matrix
) -> tuple[NDArray[np.float32], Alpha]:
    """The photo ``float32 [H, W, 3]`` and its head's mask 0..1 after a move, of the same size."""
    size = (photo.shape[1], photo.shape[0])
    picture = cv2.warpAffine(
        photo, move, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    mask = cv2.warpAffine(head, move, size, flags=cv2.INTER_LINEAR)
    return picture.astype(np.float32), np.asarray(mask.astype(np.float32) / 255, np.float32)
