"""Whether a photo shows several people, by their faces; people seen from behind do not count."""

from __future__ import annotations

import os
import threading
from functools import cache
from typing import Any

import cv2
import numpy as np

from pipelines.body import Body25
from pipelines.preprocess.native_logs import silenced
from pipelines.types import Array, Image, Keypoints

MIN_SCORE = 0.6
COMPARABLE = 0.6
"""Faces smaller than this share of the largest one are passers-by in the background."""

WORKING_SIDE = 512

_LOCK = threading.RLock()


def several_people(image: Image, body: Keypoints) -> bool:
    """Whether there is a second face of comparable size, besides prints on the person's clothes."""
    faces = [face for face in _faces(image) if not _printed(face, body)]
    if len(faces) < 2:
        return False
    heights = sorted(face[2] for face in faces)
    return bool(heights[-2] >= COMPARABLE * heights[-1])


def _faces(image: Image) -> list[Array]:
    """``x, y`` of the centre and height of each face, in pixels."""
    scale = min(1.0, WORKING_SIDE / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    with _LOCK, silenced():
        found = _model(os.getpid()).process(small).detections
    faces = []
    for detection in found or []:
        if detection.score[0] >= MIN_SCORE:
            box = detection.location_data.relative_bounding_box
            x, y = box.xmin + box.width / 2, box.ymin + box.height / 2
            faces.append(np.array((x, y, box.height)) * np.array(image.shape)[[1, 0, 0]])
    return faces


def _printed(face: Array, body: Keypoints) -> bool:
    """Whether the face lies on the person's trunk."""
    if not (body.seen(Body25.NECK) and body.seen(Body25.MID_HIP)):
        return False
    neck, hips = body.xy[Body25.NECK], body.xy[Body25.MID_HIP]
    down = hips - neck
    length = max(float(np.hypot(*down)), 1.0)
    along = float((face[:2] - neck) @ down) / length**2
    beside = abs(float((face[0] - neck[0]) * down[1] - (face[1] - neck[1]) * down[0])) / length**2
    return 0.1 < along < 1.2 and beside < 0.5


@cache
def _model(_pid: int) -> Any:
    from mediapipe.python.solutions.face_detection import FaceDetection

    return FaceDetection(min_detection_confidence=0.5, model_selection=1)
