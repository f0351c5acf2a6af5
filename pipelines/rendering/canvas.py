"""A person at the place and in the size that networks know: the part of a photo they are shown.

Try-on networks are trained on upper bodies of one size in the middle of the picture. A portrait, a
full-length photo or one of another shape is cut, or continued beyond its edges, to look like that;
what is made of it is put back into the photo.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.body import TORSO_PER_SHOULDERS, Body25, shifted
from pipelines.preprocess.agnostic_shapes import torso_completed
from pipelines.stage import PersonInputs
from pipelines.types import ParseMap, Size

V = TypeVar("V", bound=np.generic)

_ASPECT = 3 / 4
_SHOULDERS = 0.37
"""Width of the shoulders, as a share of the canvas's."""
_NECK = (0.5, 0.33)
"""Place of the neck, as shares of the canvas's width and height."""
_USUAL_SHOULDERS = (0.28, 0.54)
_USUAL_NECK_X, _USUAL_NECK_Y = (0.33, 0.67), (0.22, 0.46)
"""What 98 of 100 photos of VITON have; these are taken as they are."""
_SQUASHED = 0.03


@dataclass(frozen=True)
class Canvas:
    """A rectangle in pixels of a photo, which may reach beyond it; the photo's own size."""

    x: int
    y: int
    size: Size
    photo: Size

    @property
    def whole(self) -> bool:
        """Whether it is the photo itself."""
        return (self.x, self.y) == (0, 0) and self.size == self.photo


def find_canvas(person: PersonInputs) -> Canvas:
    """Where a person is shown as networks know persons.

    Raises ``ItemError`` (``uncertain_pose``) where no shoulder was found.
    """
    photo = Size(*person.image.shape[:2])
    joints = torso_completed(person.pose)
    neck = joints[Body25.NECK]
    wide = _shoulders(person, joints)
    share, at = wide / photo.width, neck / (photo.width, photo.height)
    usual = (
        _within(share, _USUAL_SHOULDERS)
        and _within(at[0], _USUAL_NECK_X)
        and _within(at[1], _USUAL_NECK_Y)
        and abs(photo.width / photo.height / _ASPECT - 1) < _SQUASHED
    )
    if usual:
        return Canvas(0, 0, photo, photo)
    width = max(48, round(wide / _SHOULDERS))
    height = round(width / _ASPECT)
    x, y = neck - np.multiply(_NECK, (width, height))
    return Canvas(round(float(x)), round(float(y)), Size(height, width), photo)


def on_canvas(person: PersonInputs, canvas: Canvas) -> PersonInputs:
    """The person as the canvas shows them; beyond the photo its edge is continued."""
    if canvas.whole:
        return person
    return PersonInputs(
        image=_shown(person.image, canvas),
        pose=shifted(person.pose, -canvas.x, -canvas.y),
        parse=ParseMap(_shown(person.parse.ids, canvas), person.parse.labels),
    )


def off_canvas(made: NDArray[V], canvas: Canvas, rest: NDArray[V]) -> NDArray[V]:
    """``rest`` (of the photo's size) with what was made where the canvas shows the photo."""
    if canvas.whole:
        return made
    into, of = _overlap(canvas)
    result = rest.copy()
    result[into] = made[of]
    return result


def _shoulders(person: PersonInputs, joints: Any) -> float:
    """Width of the shoulders in pixels, or what the torso says where they are seen from aside."""
    wide = float(np.hypot(*(joints[Body25.LEFT_SHOULDER] - joints[Body25.RIGHT_SHOULDER])))
    score = person.pose.body.score
    if score[Body25.LEFT_HIP] > 0 and score[Body25.RIGHT_HIP] > 0:
        hips = (joints[Body25.LEFT_HIP] + joints[Body25.RIGHT_HIP]) / 2
        wide = max(wide, float(np.hypot(*(hips - joints[Body25.NECK]))) / TORSO_PER_SHOULDERS)
    return wide


def _within(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]


def _overlap(canvas: Canvas) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part that canvas and photo share, in the photo and in the canvas."""
    into, of = [], []
    for start, side, whole in (
        (canvas.y, canvas.size.height, canvas.photo.height),
        (canvas.x, canvas.size.width, canvas.photo.width),
    ):
        first, last = max(0, start), max(0, min(whole, start + side))
        into.append(slice(first, last))
        of.append(slice(first - start, last - start))
    return (into[0], into[1]), (of[0], of[1])


def _shown(values: NDArray[np.uint8], canvas: Canvas) -> NDArray[np.uint8]:
    (rows, columns), (above, left) = _overlap(canvas)
    height, width = canvas.size
    pads = (above.start, height - above.stop, left.start, width - left.stop)
    part = np.ascontiguousarray(values[rows, columns])
    return np.asarray(cv2.copyMakeBorder(part, *pads, cv2.BORDER_REPLICATE), np.uint8)
