"""OpenPose JSON: BODY_25 (version 1.3) and the older COCO-18 form of CP-VTON, ACGPN and MPV.

A body of 75 numbers is BODY_25, one of 54 is COCO-18, whatever the key is called: the count alone
tells them apart with certainty (joints 9 and 12 are hips in one and knees in the other), so both
are read in either place. Every other count is refused.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines import body
from pipelines.errors import ItemError
from pipelines.types import Keypoints, Pose

MAX_BYTES = 16_000_000
"""Largest pose file that is read."""

HAND_JOINTS = 21
FACE_POINTS = 70
_COORDINATE_LIMIT = 1e6
_HINT = "Make the pose again, or write OpenPose's JSON with 75 (BODY_25) or 54 (COCO-18) numbers."


def encode_body25(pose: Pose) -> bytes:
    """OpenPose 1.3 JSON: ``pose_keypoints_2d`` 75 numbers, hands 63 and face 210 or empty.

    Numbers keep six significant digits, as OpenPose writes them; unseen joints are 0, 0, 0.
    """
    if len(pose.body.score) != len(body.Body25):
        raise ValueError(f"a BODY_25 body has 25 joints, got {len(pose.body.score)}")
    person = {
        "person_id": [-1],
        "pose_keypoints_2d": _numbers(pose.body),
        "face_keypoints_2d": _numbers(pose.face, FACE_POINTS),
        "hand_left_keypoints_2d": _numbers(pose.left_hand, HAND_JOINTS),
        "hand_right_keypoints_2d": _numbers(pose.right_hand, HAND_JOINTS),
        "pose_keypoints_3d": [],
        "face_keypoints_3d": [],
        "hand_left_keypoints_3d": [],
        "hand_right_keypoints_3d": [],
    }
    return _dump({"version": 1.3, "people": [person]})


def encode_coco18(pose: Pose) -> bytes:
    """The older JSON: ``pose_keypoints`` with 54 numbers; mid-hip and feet are dropped."""
    person = {
        "face_keypoints": _numbers(pose.face, FACE_POINTS),
        "pose_keypoints": _numbers(body.to_coco18(pose.body)),
        "hand_right_keypoints": _numbers(pose.right_hand, HAND_JOINTS),
        "hand_left_keypoints": _numbers(pose.left_hand, HAND_JOINTS),
    }
    return _dump({"version": 1.0, "people": [person]})


def decode_pose(data: bytes, name: str = "the pose file") -> Pose:
    """The first person of an OpenPose JSON file, as BODY_25 with hands and face when given.

    Raises ``ItemError``: ``no_person`` where nobody was found, else ``bad_pose_file``.
    """
    person = people(data, name)[0]
    numbers = body_numbers(person, name)
    joints = _keypoints(numbers, name, "pose_keypoints_2d")
    if len(joints.score) == len(body.BODY25_TO_COCO18):
        joints = body.from_coco18(joints)
    if not (joints.score > 0).any():
        raise _no_person(name)
    return Pose(
        joints,
        left_hand=_part(person, "hand_left_keypoints", HAND_JOINTS, name),
        right_hand=_part(person, "hand_right_keypoints", HAND_JOINTS, name),
        face=_part(person, "face_keypoints", FACE_POINTS, name),
    )


def people(data: bytes, name: str) -> list[dict[str, Any]]:
    """The people of an OpenPose JSON file, at least one. Raises ``ItemError``."""
    if len(data) > MAX_BYTES:
        raise _bad(name, f"is {len(data)} bytes long, more than {MAX_BYTES}")
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _bad(name, f"is not JSON ({error})") from None
    found = document.get("people") if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise _bad(name, 'has no list "people"')
    if not found:
        raise _no_person(name)
    if not all(isinstance(person, dict) for person in found):
        raise _bad(name, 'holds something in "people" that is not an object')
    return found


def body_numbers(person: dict[str, Any], name: str) -> list[Any]:
    """The raw body numbers of a person, 75 or 54 of them. Raises ``ItemError``."""
    numbers = person.get("pose_keypoints_2d", person.get("pose_keypoints"))
    if not isinstance(numbers, list):
        raise _bad(name, 'has no list "pose_keypoints_2d" (or "pose_keypoints")')
    if len(numbers) not in (75, 54):
        raise _bad(
            name,
            f"holds {len(numbers)} body numbers; BODY_25 has 75 and COCO-18 has 54",
        )
    return numbers


def _part(person: dict[str, Any], key: str, joints: int, name: str) -> Keypoints | None:
    numbers = person.get(f"{key}_2d", person.get(key))
    if numbers is None or numbers == []:
        return None
    if not isinstance(numbers, list) or len(numbers) != 3 * joints:
        count = len(numbers) if isinstance(numbers, list) else "no list of"
        raise _bad(name, f"holds {count} numbers in {key}; {3 * joints} or none are wanted")
    keypoints = _keypoints(numbers, name, key)
    return keypoints if (keypoints.score > 0).any() else None


def _keypoints(numbers: list[Any], name: str, key: str) -> Keypoints:
    if not all(type(number) in (int, float) for number in numbers):
        raise _bad(name, f"holds something in {key} that is not a number")
    try:
        triples = np.array(numbers, dtype=np.float64).reshape(-1, 3)
    except OverflowError:
        raise _bad(name, f"holds a number in {key} that is too large") from None
    if not np.isfinite(triples).all() or (np.abs(triples) > _COORDINATE_LIMIT).any():
        raise _bad(name, f"holds a number in {key} that is infinite, undefined or too large")
    # exactly (0, 0) is how every published reader marks a missing joint
    seen = (triples[:, 2] > 0) & triples[:, :2].any(axis=1)
    xy: NDArray[np.float32] = np.where(seen[:, None], triples[:, :2], 0).astype(np.float32)
    score: NDArray[np.float32] = np.where(seen, triples[:, 2].clip(0, 1), 0).astype(np.float32)
    return Keypoints(xy, score)


def _numbers(points: Keypoints | None, joints: int | None = None) -> list[float]:
    if points is None:
        return []
    if joints is not None and len(points.score) != joints:
        raise ValueError(f"{joints} points are wanted here, got {len(points.score)}")
    numbers: list[float] = []
    for (x, y), score in zip(points.xy.tolist(), points.score.tolist(), strict=True):
        numbers += [_six_digits(v) for v in (x, y, score)] if score > 0 else [0, 0, 0]
    return numbers


def _six_digits(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("a pose holds a coordinate that is not finite")
    short = float(f"{value:.6g}")
    return int(short) if short.is_integer() else short


def _dump(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()


def _bad(name: str, what: str) -> ItemError:
    return ItemError(f"{name}: {what}.", code="bad_pose_file", hint=_HINT)


def _no_person(name: str) -> ItemError:
    return ItemError(
        f"{name}: no person in it.",
        code="no_person",
        hint="Use a photo in which one person is clearly visible.",
    )
