"""Left and right: whether a label map has the sides of arms, legs or shoes exchanged.

Two maps are compared by IoU: exchanged, if the two sides fit better after changing places. A map
and a pose are compared by distance: exchanged, if the pixels of the two sides lie nearer to the
opposite limbs of the pose than to their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.body import Body25
from pipelines.evaluation.masks import mask_iou
from pipelines.labels import LIP20
from pipelines.types import Keypoints, Mask, ParseMap

MIN_PIXELS = 12
"""A side with fewer pixels is taken for noise, and is not judged."""


@dataclass(frozen=True)
class Part:
    """A part of the body that has two sides: LIP20 labels, and the joints that it lies along.

    The first ``needed`` joints of both limbs must have been seen: where a hand is, is not told by
    the elbow.
    """

    left: LIP20
    right: LIP20
    left_joints: tuple[Body25, ...]
    right_joints: tuple[Body25, ...]
    needed: int


_LEFT_LEG = (Body25.LEFT_HIP, Body25.LEFT_KNEE, Body25.LEFT_ANKLE)
_RIGHT_LEG = (Body25.RIGHT_HIP, Body25.RIGHT_KNEE, Body25.RIGHT_ANKLE)

PARTS: Mapping[str, Part] = {
    "arms": Part(
        LIP20.LEFT_ARM,
        LIP20.RIGHT_ARM,
        (Body25.LEFT_SHOULDER, Body25.LEFT_ELBOW, Body25.LEFT_WRIST),
        (Body25.RIGHT_SHOULDER, Body25.RIGHT_ELBOW, Body25.RIGHT_WRIST),
        3,
    ),
    "legs": Part(LIP20.LEFT_LEG, LIP20.RIGHT_LEG, _LEFT_LEG, _RIGHT_LEG, 2),
    "shoes": Part(
        LIP20.LEFT_SHOE,
        LIP20.RIGHT_SHOE,
        (*_LEFT_LEG[1:], Body25.LEFT_BIG_TOE),
        (*_RIGHT_LEG[1:], Body25.RIGHT_BIG_TOE),
        2,
    ),
}


def exchanged_maps(predicted: ParseMap, truth: ParseMap, part: Part) -> bool | None:
    """Whether ``predicted`` has the sides of ``truth`` exchanged.

    Both are LIP20 maps of one size. None where the part is in one of them alone, or where neither
    order overlaps.
    """
    left, right = _sides(predicted, part)
    true_left, true_right = _sides(truth, part)
    if not (left.any() or right.any()) or not (true_left.any() or true_right.any()):
        return None
    as_they_are = _overlap(left, true_left) + _overlap(right, true_right)
    crossed = _overlap(left, true_right) + _overlap(right, true_left)
    return None if as_they_are == crossed else crossed > as_they_are


def exchanged_pose(parse: ParseMap, body: Keypoints, part: Part) -> bool | None:
    """Whether the sides of a LIP20 map contradict a pose (BODY_25, in pixels of the map).

    None where the map does not have the part, or the pose does not show what it needs.
    """
    left, right = _sides(parse, part)
    needed = (*part.left_joints[: part.needed], *part.right_joints[: part.needed])
    if not (left.any() or right.any()) or not all(body.seen(joint) for joint in needed):
        return None
    bones = _bones(body, part.left_joints), _bones(body, part.right_joints)
    own = opposite = 0.0
    for mask, mine, other in ((left, *bones), (right, *bones[::-1])):
        rows, columns = np.nonzero(mask)
        points = np.stack([columns, rows], 1).astype(np.float64)
        own += float(_distance(points, mine).sum())
        opposite += float(_distance(points, other).sum())
    return opposite < own


def _overlap(first: Mask, second: Mask) -> float:
    """IoU, but 0 for two empty masks: what is not there speaks for neither order."""
    return mask_iou(first, second) if first.any() and second.any() else 0.0


def _sides(parse: ParseMap, part: Part) -> tuple[Mask, Mask]:
    left, right = parse.mask(part.left), parse.mask(part.right)
    return (_unless_noise(left), _unless_noise(right))


def _unless_noise(mask: Mask) -> Mask:
    return mask if int(mask.sum()) >= MIN_PIXELS else np.zeros_like(mask)


def _bones(body: Keypoints, joints: tuple[Body25, ...]) -> NDArray[np.float64]:
    """Lines between neighbouring joints that were seen: ``float64 [N, 2, 2]``."""
    seen = [body.xy[joint] for joint in joints if body.seen(joint)]
    lines = list(zip(seen, seen[1:], strict=False))
    return np.array(lines, np.float64).reshape(-1, 2, 2)


def _distance(points: NDArray[np.float64], bones: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of points ``[P, 2]`` to the nearest of lines ``[N, 2, 2]``: ``[P]``."""
    start, way = bones[:, 0], bones[:, 1] - bones[:, 0]
    length2 = np.maximum((way**2).sum(-1), 1e-9)
    offset = points[:, None] - start
    along = np.clip((offset * way).sum(-1) / length2, 0, 1)
    nearest: NDArray[np.float64] = np.linalg.norm(offset - along[..., None] * way, axis=-1).min(1)
    return nearest
