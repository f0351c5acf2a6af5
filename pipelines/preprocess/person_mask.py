"""The person in a photo: MediaPipe's selfie segmentation, refined to the photo's edges."""

from __future__ import annotations

import os
import threading
from functools import cache
from typing import Any

import cv2
import numpy as np

from pipelines.body import Body25
from pipelines.errors import ItemError
from pipelines.preprocess.guided_filter import guided_filter
from pipelines.preprocess.native_logs import silenced
from pipelines.types import Alpha, Array, Image, Pose

NETWORK_SIDE = 256
"""MediaPipe's network looks at 256x256 pixels, whatever it is given."""

AROUND_PERSON = 0.25
"""Margin around the joints of what the network gets to see, of their longer extent."""

EDGE_RADIUS = 1 / 64
EDGE_EPSILON = 1e-3
"""Guided filter: window radius as a share of the photo's height, and smoothness."""

WORKING_HEIGHT = 256
"""Height at which the filter's coefficients are computed."""

_LOCK = threading.RLock()


def person_mask(image: Image, pose: Pose) -> Alpha:
    """``float32 [H, W]``: how far each pixel of a photo belongs to the person of the pose.

    Other people, as far as they do not touch the person, are left out. Raises ``ItemError``
    (``no_person``) where the mask misses the pose.
    """
    coarse = _coarse(image, pose)
    height = image.shape[0]
    fine = guided_filter(
        image,
        coarse,
        radius=max(2, round(EDGE_RADIUS * height)),
        epsilon=EDGE_EPSILON,
        shrink=max(1, height // WORKING_HEIGHT),
    )
    # the filter leaves a faint veil far from any edge: only the transition is its business
    sharp = np.clip((fine - 0.1) / 0.8, 0, 1)
    return _of_person(sharp, pose)


def _coarse(image: Image, pose: Pose) -> Alpha:
    """The network's answer around the person, enlarged to the photo's size; 0 elsewhere."""
    left, top, right, bottom = _surroundings(image, pose)
    part = image[top:bottom, left:right]
    small = cv2.resize(part, (NETWORK_SIDE, NETWORK_SIDE), interpolation=cv2.INTER_AREA)
    with _LOCK:
        found = _segment(small)
    size = (right - left, bottom - top)
    whole = np.zeros(image.shape[:2], np.float32)
    whole[top:bottom, left:right] = cv2.resize(found, size, interpolation=cv2.INTER_LINEAR)
    return whole


def _surroundings(image: Image, pose: Pose) -> tuple[int, int, int, int]:
    height, width = image.shape[:2]
    joints = pose.body.xy[pose.body.score > 0]
    if len(joints) < 2:
        raise ItemError("the pose has no joints to look for a person at", code="no_person")
    low, high = joints.min(0), joints.max(0)
    margin = AROUND_PERSON * float((high - low).max())
    left, top = np.clip(np.floor(low - margin), 0, (width - 1, height - 1)).astype(int)
    if not (pose.body.seen(Body25.LEFT_ANKLE) or pose.body.seen(Body25.RIGHT_ANKLE)):
        high[1] = height  # the photo ends at hips or thighs, of which no joint tells
    right, bottom = np.ceil(high + margin).astype(int)
    right, bottom = np.clip((right, bottom), (left + 1, top + 1), (width, height))
    return int(left), int(top), int(right), int(bottom)


def _of_person(alpha: Alpha, pose: Pose) -> Alpha:
    """Keep the connected parts that joints lie on."""
    count, parts = cv2.connectedComponents((alpha > 0.5).astype(np.uint8))
    joints = np.rint(pose.body.xy[pose.body.score > 0]).astype(int)
    joints = np.clip(joints, 0, (alpha.shape[1] - 1, alpha.shape[0] - 1))
    touched = np.bincount(parts[joints[:, 1], joints[:, 0]], minlength=count)
    touched[0] = 0
    if not touched.any():
        raise ItemError("no person was found where the pose is", code="no_person")
    if touched[1:].all():
        return alpha
    dropped = (touched == 0)[parts] & (parts > 0)
    # with their soft borders
    near = cv2.dilate(dropped.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
    kept = (parts > 0) & ~dropped
    return np.where(near & ~kept, 0, alpha).astype(np.float32)


def _segment(image: Array) -> Alpha:
    key = os.getpid()
    if key in _SPOKEN:
        return np.array(_model(key).process(image).segmentation_mask, np.float32)
    with silenced():
        found = np.array(_model(key).process(image).segmentation_mask, np.float32)
    _SPOKEN.add(key)
    return found


_SPOKEN: set[int] = set()
"""Processes whose model has run, and so has written all its warnings."""


@cache
def _model(_pid: int) -> Any:
    from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

    return SelfieSegmentation(model_selection=0)
