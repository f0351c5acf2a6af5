"""Core array types: what an image, a pose and a label map are, with shape, dtype, range and order.

Conventions used in the whole project:

- Images are ``uint8 [H, W, 3]``, RGB, 0..255, sRGB.
- Masks are ``bool [H, W]``; soft masks (alpha) are ``float32 [H, W]`` in 0..1.
- Sizes are ``(height, width)``; points are ``(x, y)`` in pixels, x right, y down, and the centre
  of the top left pixel is ``(0, 0)``.
- "Left" and "right" are the person's own sides, not the viewer's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, NewType

import numpy as np
from numpy.typing import NDArray

from pipelines.labels import Labels

ItemId = NewType("ItemId", str)
"""The sanitised file stem that joins every folder; a try-on item is ``<person>__<garment>``."""

Image = NDArray[np.uint8]
"""``uint8 [H, W, 3]`` RGB."""

Mask = NDArray[np.bool_]
"""``bool [H, W]``."""

Alpha = NDArray[np.float32]
"""``float32 [H, W]`` in 0..1."""

Array = NDArray[Any]


class Size(NamedTuple):
    """Height and width in pixels, in this order."""

    height: int
    width: int

    def __str__(self) -> str:
        """Return ``HEIGHTxWIDTH``, the form the command line takes."""
        return f"{self.height}x{self.width}"


@dataclass(frozen=True, eq=False)
class Keypoints:
    """Joints on one image.

    ``xy`` is ``float32 [J, 2]`` in pixels of the image they were found on, ``score`` is
    ``float32 [J]`` in 0..1; a joint with score 0 was not seen and its ``xy`` is (0, 0).
    J is 25 for a body (BODY_25 order, ``pipelines.body.Body25``) and 21 for a hand.
    """

    xy: NDArray[np.float32]
    score: NDArray[np.float32]

    def __post_init__(self) -> None:
        """Check shapes; a wrong number of joints is never repaired silently."""
        if self.xy.ndim != 2 or self.xy.shape[1] != 2 or self.score.shape != self.xy.shape[:1]:
            raise ValueError(f"keypoints: xy {self.xy.shape}, score {self.score.shape}")

    def seen(self, joint: int) -> bool:
        """Whether this joint was seen."""
        return bool(self.score[joint] > 0)


@dataclass(frozen=True, eq=False)
class Pose:
    """One person's body (25 joints) and, when seen, hands (21 joints) and face (70 points)."""

    body: Keypoints
    left_hand: Keypoints | None = None
    right_hand: Keypoints | None = None
    face: Keypoints | None = None


@dataclass(frozen=True, eq=False)
class ParseMap:
    """Label ids ``uint8 [H, W]`` together with the label set they belong to."""

    ids: NDArray[np.uint8]
    labels: type[Labels]

    def mask(self, *wanted: int) -> Mask:
        """``bool [H, W]``: where the id is one of ``wanted``."""
        # comparing bytes is many times faster than looking ids up in a table
        found = np.zeros(self.ids.shape, bool)
        for label in wanted:
            found |= self.ids == int(label)
        return found


@dataclass(frozen=True)
class Frame:
    """How a stored image was cut out of a source photo, and how to go back.

    The stored image shows ``box`` = (left, top, right, bottom), in pixels of the upright source
    photo (edges of pixels, so the whole photo is ``(0, 0, width, height)``), scaled to ``size``.
    The box may reach outside the photo; that part is padding. The scale is the same in x and y
    up to the rounding of ``size``.
    """

    source_size: Size
    box: tuple[float, float, float, float]
    size: Size
