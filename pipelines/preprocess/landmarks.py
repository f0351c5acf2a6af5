"""MediaPipe's 33 body landmarks: the one file that loads its pose model.

MediaPipe objects belong to one process and one thread at a time: they are made on first use in
each process, never carried over a fork, and used under a lock.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ConfigError
from pipelines.preprocess.native_logs import silenced
from pipelines.types import Array, Image

MODELS = {"lite": 0, "full": 1, "heavy": 2}

MIRROR_33 = (
    0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23, 26,
    25, 28, 27, 30, 29, 32, 31,
)  # fmt: skip
"""Index of each landmark's mirror image."""

WORKING_SIDE = 512
"""Longest side of the picture MediaPipe gets; its networks look at 256 pixels and fewer."""

OTHER_PAD = 0.16
"""Border around the picture for a second look, of its height: another cut, another opinion."""

AGREEING = 0.15
"""Looks whose shoulders and hips lie within this many torso lengths agree."""

ALONE = 1.0
"""Spread of what only one look saw: most likely no person at all."""

_LOCK = threading.RLock()


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Where MediaPipe sees 33 landmarks.

    ``xyz`` is ``float32 [33, 3]`` in pixels (z: towards the camera is negative),
    ``visibility`` and ``presence`` are ``float32 [33]`` in 0..1: not hidden, and inside the image.
    ``spread`` is how far two looks at the photo disagree about shoulders and hips, in torso
    lengths; 0 where there was one look.
    """

    xyz: NDArray[np.float32]
    visibility: NDArray[np.float32]
    presence: NDArray[np.float32]
    spread: float = 0.0

    def moved(self, scale: float, offset: tuple[float, float]) -> Landmarks:
        """The same landmarks on an image where ``p`` lies at ``p * scale + offset``."""
        xyz = self.xyz * np.float32(scale)
        xyz[:, :2] += np.array(offset, np.float32)
        return Landmarks(xyz, self.visibility, self.presence, self.spread)


def find_landmarks(image: Image, model: str = "full", *, looks: int = 2) -> Landmarks | None:
    """The most prominent person of an image, or None; with two looks, the mean of both.

    ``model`` is a key of ``MODELS`` or the path of a ``.task`` bundle. The second look is at the
    mirrored, padded image: the mean of both is steadier than either (on photos with OpenPose's
    joints as reference, 1 to 2 % more joints within a tenth of the torso). Raises ``ConfigError``
    if the model is not there.
    """
    small, scale = _shrunk(image)
    first = look(small, model)
    if first is None:
        return None
    merged = first if looks == 1 else _agreed(small, first, model)
    return merged.moved(1 / scale, (0.5 / scale - 0.5, 0.5 / scale - 0.5))


def look(image: Image, model: str = "full") -> Landmarks | None:
    """One run of the model on an image as it is, or None where it finds nobody."""
    with _LOCK:
        found = _quietly(model, np.ascontiguousarray(image))
    if found is None:
        return None
    height, width = image.shape[:2]
    table = np.array([(p.x, p.y, p.z, p.visibility, p.presence) for p in found], np.float32)
    xyz = table[:, :3] * np.array((width, height, width), np.float32)
    xyz[:, :2] -= 0.5  # MediaPipe counts from the corner of the first pixel
    return Landmarks(xyz, table[:, 3], table[:, 4])


def _shrunk(image: Image) -> tuple[Image, float]:
    scale = min(1.0, WORKING_SIDE / max(image.shape[:2]))
    if scale == 1.0:
        return image, 1.0
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _agreed(image: Image, first: Landmarks, model: str) -> Landmarks:
    """The mean of two looks that agree; a third one decides where two do not."""
    second = _padded_look(image, model, mirrored=True)
    merged = _mean(first, second) if second else None
    if merged is not None and merged.spread < AGREEING:
        return merged
    third = _padded_look(image, model, mirrored=False)
    pairs = [merged] if merged else []
    if third is not None:
        pairs += [_mean(one, third) for one in (first, second) if one]
    if not pairs:
        return Landmarks(first.xyz, first.visibility, first.presence, ALONE)
    return min(pairs, key=lambda pair: pair.spread)


def _padded_look(image: Image, model: str, *, mirrored: bool) -> Landmarks | None:
    pad = round(OTHER_PAD * image.shape[0])
    turned = image[:, ::-1] if mirrored else image
    padded = cv2.copyMakeBorder(turned, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    found = look(np.asarray(padded, np.uint8), model)
    if found is None:
        return None
    xyz = found.xyz - np.array((pad, pad, 0), np.float32)
    if not mirrored:
        return Landmarks(xyz, found.visibility, found.presence)
    index = list(MIRROR_33)
    xyz = xyz[index]
    xyz[:, 0] = image.shape[1] - 1 - xyz[:, 0]
    return Landmarks(xyz, found.visibility[index], found.presence[index])


def _mean(a: Landmarks, b: Landmarks) -> Landmarks:
    xyz = (a.xyz + b.xyz) / 2
    torso = float(np.linalg.norm((xyz[11] + xyz[12] - xyz[23] - xyz[24])[:2]) / 2)
    apart = np.linalg.norm((a.xyz - b.xyz)[[11, 12, 23, 24], :2], axis=1)
    spread = float(apart.mean() / max(torso, 1.0))
    return Landmarks(xyz, (a.visibility + b.visibility) / 2, (a.presence + b.presence) / 2, spread)


_Runner = Callable[[Array], Any]


_SPOKEN: set[tuple[str, int]] = set()
"""Models that have found somebody in this process, and so have written all their warnings."""


def _quietly(model: str, image: Array) -> Any:
    key = (model, os.getpid())
    if key in _SPOKEN:
        return _runner(*key)(image)
    with silenced():
        found = _runner(*key)(image)
    if found is not None:
        _SPOKEN.add(key)
    return found


@cache
def _runner(model: str, _pid: int) -> _Runner:
    """A function from an RGB image to 33 landmark messages or None; one for each process."""
    return _from_package(model) if model in MODELS else _from_bundle(model)


def _from_package(name: str) -> _Runner:
    import mediapipe
    from mediapipe.python.solution_base import SolutionBase
    from mediapipe.python.solutions.pose import Pose

    folder = Path(mediapipe.__file__).parent / "modules" / "pose_landmark"
    if not (folder / f"pose_landmark_{name}.tflite").is_file():
        raise ConfigError(
            f"the pose model {name!r} is not part of the installed MediaPipe",
            code="no_pose_model",
            hint="Use --pose-model full, or give the path of a .task file.",
        )
    solution = Pose(static_image_mode=True, model_complexity=MODELS[name])

    def run(image: Array) -> Any:
        # the base class keeps "presence", which Pose.process throws away
        found = SolutionBase.process(solution, {"image": image}).pose_landmarks
        return found.landmark if found else None

    return run


def _from_bundle(path: str) -> _Runner:
    from mediapipe import Image as MediaPipeImage
    from mediapipe import ImageFormat
    from mediapipe.tasks.python import BaseOptions, vision

    try:
        data = Path(path).read_bytes()
        options = vision.PoseLandmarkerOptions(BaseOptions(model_asset_buffer=data))
        landmarker = vision.PoseLandmarker.create_from_options(options)
    except (OSError, ValueError, RuntimeError) as error:
        known = ", ".join(MODELS)
        raise ConfigError(
            f"the pose model {path!r} cannot be used: {error}",
            code="no_pose_model",
            hint=f"Use one of {known}, or the path of a pose landmarker .task file.",
        ) from error

    def run(image: Array) -> Any:
        frame = MediaPipeImage(image_format=ImageFormat.SRGB, data=image)
        found = landmarker.detect(frame).pose_landmarks
        return found[0] if found else None

    return run
