"""From a photo of any size and shape to the stored 3:4 picture, and back; nothing is squashed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ItemError
from pipelines.flags import Flag
from pipelines.layout import Artifact
from pipelines.preprocess.border import padded
from pipelines.preprocess.frame_box import person_box, whole_photo_box
from pipelines.preprocess.person_search import search
from pipelines.stage import Outputs
from pipelines.types import Alpha, Array, Frame, Image, Size

LOW_RESOLUTION = 2.0
"""A photo enlarged more than this is flagged."""

SMALLEST_SIDE = 16
"""Photos with a shorter side than this are refused."""


class FrameStage:
    """SOURCE -> IMAGE: find the person and cut the photo to the stored size, 3:4.

    A photo that already has the stored shape (to a pixel) is kept whole, and bit for bit if it
    has the stored size. ``record["frame"]`` tells how to go back. Items without a person fail as
    ``no_person``, tiny photos as ``too_small``.
    """

    def __init__(self, size: tuple[int, int] = (1024, 768)) -> None:
        self.size = Size(*size)

    def __call__(self, batch: Sequence[Mapping[Artifact, Any]]) -> list[Outputs | ItemError]:
        """One result per photo, in order."""
        return [self._one(item[Artifact.SOURCE]) for item in batch]

    def _one(self, photo: Image) -> Outputs | ItemError:
        try:
            frame = find_frame(photo, self.size)
        except ItemError as error:
            return error
        return _framed(photo, frame, Artifact.IMAGE)


class GarmentFrameStage:
    """SOURCE -> CLOTH: the whole garment photo, padded with its border to 3:4 and resized."""

    def __init__(self, size: tuple[int, int] = (1024, 768)) -> None:
        self.size = Size(*size)

    def __call__(self, batch: Sequence[Mapping[Artifact, Any]]) -> list[Outputs | ItemError]:
        """One result per photo, in order."""
        return [self._one(item[Artifact.SOURCE]) for item in batch]

    def _one(self, photo: Image) -> Outputs | ItemError:
        try:
            source_size = _checked(photo)
        except ItemError as error:
            return error
        box = whole_photo_box(source_size, self.size)
        return _framed(photo, Frame(source_size, box, self.size), Artifact.CLOTH)


def find_frame(photo: Image, size: Size) -> Frame:
    """Where to cut a photo of a person for a stored picture of this size.

    Raises ``ItemError`` (``no_person``, ``too_small``).
    """
    source_size = _checked(photo)
    if _same_shape(source_size, size):
        return Frame(source_size, (0.0, 0.0, source_size.width, source_size.height), size)
    landmarks = search(photo, careful=False)
    if landmarks is None:
        raise ItemError(
            f"no person was found in the photo ({source_size.width}x{source_size.height} pixels)",
            code="no_person",
            hint="Use a photo that shows one person from head to hips.",
        )
    return Frame(source_size, person_box(landmarks, source_size, size), size)


def crop(image: Image, frame: Frame) -> Image:
    """What the frame shows of its source photo, ``uint8`` of ``frame.size``.

    Parts of the box outside the photo are filled from the photo's border.
    """
    left, top, right, bottom = (round(v) for v in frame.box)
    height, width = image.shape[:2]
    part = image[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
    whole = padded(
        part, max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0)
    )
    return _resized(whole, frame.size)


def to_frame(points: Array, frame: Frame) -> NDArray[np.float32]:
    """Points ``[N, 2]`` of the source photo, on the stored picture."""
    scale, corner = _scale(frame)
    return ((np.asarray(points) + 0.5 - corner) * scale - 0.5).astype(np.float32)


def to_source(points: Array, frame: Frame) -> NDArray[np.float32]:
    """Points ``[N, 2]`` of the stored picture, on the source photo."""
    scale, corner = _scale(frame)
    return ((np.asarray(points) + 0.5) / scale + corner - 0.5).astype(np.float32)


def paste_back(photo: Image, result: Image, edited: Alpha, frame: Frame) -> Image:
    """Put a result into the photo it was cut from; ``photo`` itself is not changed.

    ``result`` shows ``frame.box`` at any scale; ``edited`` has its height and width and is 0
    exactly where nothing was changed. There the photo stays as it is, bit for bit. Where the
    result has to be scaled, its soft border fades into the photo.
    """
    left, top, right, bottom = (round(v) for v in frame.box)
    box_size = Size(bottom - top, right - left)
    same_scale = Size(*result.shape[:2]) == box_size
    weight = (edited > 0).astype(np.float32)
    if not same_scale:
        weight = _resized(np.clip(2 * edited, 0, 1).astype(np.float32), box_size)
        result = _resized(result, box_size)
    inside = (
        slice(max(-top, 0), box_size.height - max(bottom - photo.shape[0], 0)),
        slice(max(-left, 0), box_size.width - max(right - photo.shape[1], 0)),
    )
    weight, result = weight[inside], result[inside]
    whole = photo.copy()
    target = whole[max(top, 0) : bottom, max(left, 0) : right]
    changed = weight > 1 / 512
    w = weight[changed][:, None]
    mixed = target[changed] * (1 - w) + result[changed] * w
    target[changed] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    return whole


def as_record(frame: Frame) -> dict[str, Any]:
    """The frame as a JSON-able dict: ``source_size``, ``box``, ``size``."""
    return {
        "source_size": list(frame.source_size),
        "box": [float(v) for v in frame.box],
        "size": list(frame.size),
    }


def from_record(record: Mapping[str, Any]) -> Frame:
    """The frame of ``as_record``'s dict."""
    left, top, right, bottom = (float(v) for v in record["box"])
    return Frame(Size(*record["source_size"]), (left, top, right, bottom), Size(*record["size"]))


def _framed(photo: Image, frame: Frame, artifact: Artifact) -> Outputs:
    enlarged = frame.size.height / (frame.box[3] - frame.box[1])
    flags = (Flag.LOW_RESOLUTION,) if enlarged > LOW_RESOLUTION else ()
    return Outputs({artifact: crop(photo, frame)}, flags, record={"frame": as_record(frame)})


def _checked(photo: Image) -> Size:
    size = Size(*photo.shape[:2])
    if min(size) < SMALLEST_SIDE:
        raise ItemError(
            f"the photo is too small ({size.width}x{size.height} pixels, "
            f"at least {SMALLEST_SIDE} on each side are needed)",
            code="too_small",
        )
    return size


def _same_shape(source: Size, size: Size) -> bool:
    """Whether the source has the stored height-to-width ratio, to a pixel."""
    aspect = size.width / size.height
    apart = (source.width / aspect - source.height, source.height * aspect - source.width)
    return min(abs(v) for v in apart) <= 1


def _scale(frame: Frame) -> tuple[Array, Array]:
    left, top, right, bottom = frame.box
    scale = np.array(
        (frame.size.width / (right - left), frame.size.height / (bottom - top)), np.float64
    )
    return scale, np.array((left, top), np.float64)


def _resized(image: Array, size: Size) -> Array:
    """Area averaging where it shrinks, cubic where it grows (linear for soft masks)."""
    if image.shape[:2] == tuple(size):
        return image
    shrinks = size.height < image.shape[0]
    grows = cv2.INTER_CUBIC if image.dtype == np.uint8 else cv2.INTER_LINEAR
    way = cv2.INTER_AREA if shrinks else grows
    return cv2.resize(image, (size.width, size.height), interpolation=way)
