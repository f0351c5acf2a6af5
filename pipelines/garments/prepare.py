"""A garment photo made ready for warping: clean colours and outline, landmarks, sleeves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipelines.errors import ItemError
from pipelines.garments.cutout import (
    carry_outward,
    open_gaps,
    paint_over,
    soft_edge,
    whole_piece,
)
from pipelines.garments.landmarks import (
    BODYSUIT,
    Landmarks,
    SidePoints,
    find_landmarks,
    sleeve_masks,
)
from pipelines.garments.neckline import find_neckline
from pipelines.garments.silhouette import Point, Silhouette, silhouette
from pipelines.garments.sleeves import SleeveAxis, fit_sleeve
from pipelines.stage import GarmentInputs
from pipelines.types import Alpha, Image, Mask


class SleeveKind(str, Enum):
    """How far the sleeves of a garment reach down the arm."""

    NONE = "none"
    SHORT = "short"
    HALF = "half"
    LONG = "long"


class Part(IntEnum):
    """Ids in ``PreparedGarment.parts`` and ``WarpedGarment.parts``; sides are the wearer's."""

    NONE = 0
    TORSO = 1
    LEFT_SLEEVE = 2
    RIGHT_SLEEVE = 3


@dataclass(frozen=True, eq=False)
class PreparedGarment:
    """A garment at its photo's own resolution ``[H, W]``.

    ``image`` is ``uint8 [H, W, 3]`` RGB with the garment's colours carried a little beyond its
    outline; ``alpha`` is ``float32 [H, W]`` in 0..1, without the inside of the back collar.
    ``inner_collar`` is ``bool [H, W]``: what was removed there. ``parts`` is ``uint8 [H, W]`` of
    ``Part`` (the sleeves' ids may reach beyond the outline). ``landmarks`` are in photo pixels.
    ``neck_front`` is the lowest point of the front neckline. ``left_sleeve`` and ``right_sleeve``
    are the sleeves' axes, ``None`` where there is none; ``sleeve_kind`` and ``sleeve_ratio``
    (sleeve length / shoulder width, 0 without sleeves) describe the longer one. ``is_top`` is
    false for what looks like trousers, a skirt or no garment.
    """

    image: Image
    alpha: Alpha
    inner_collar: Mask
    parts: NDArray[np.uint8]
    landmarks: Landmarks
    neck_front: Point
    left_sleeve: SleeveAxis | None
    right_sleeve: SleeveAxis | None
    sleeve_kind: SleeveKind
    sleeve_ratio: float
    is_top: bool


def prepare_garment(inputs: GarmentInputs) -> PreparedGarment:
    """Find landmarks, sleeves and the inner collar of a garment photo and clean its outline.

    Raises ``ItemError`` (code ``no_garment``) where the mask is empty or tiny.
    """
    if inputs.mask.sum() < 64:
        raise ItemError(
            "the garment mask is empty",
            code="no_garment",
            hint="Give a photo of one garment on a plain background.",
        )
    mask = open_gaps(inputs.image, inputs.mask)
    shape = silhouette(mask)
    marks = find_landmarks(shape)
    left_mask, right_mask = sleeve_masks(shape, marks)
    left, right = (
        _sleeve(shape, side, part)
        for side, part in ((marks.left, left_mask), (marks.right, right_mask))
    )
    size = mask.shape
    mask = whole_piece(mask)
    mask = _above_hem(mask, marks)
    neckline = find_neckline(inputs.image, mask, marks)
    inner = neckline.inner
    ratio = max((s.length for s in (left, right) if s), default=0.0) / _shoulder_width(marks)
    if not (mask & ~inner).any():
        inner = np.zeros(size, np.bool_)
    image = paint_over(inputs.image, mask & ~inner, neckline.label & ~inner)
    return PreparedGarment(
        image=carry_outward(image, mask & ~inner),
        alpha=soft_edge(mask & ~inner),
        inner_collar=inner,
        parts=_parts(shape, left_mask, right_mask, size),
        landmarks=marks,
        neck_front=neckline.front,
        left_sleeve=left,
        right_sleeve=right,
        sleeve_kind=_kind(ratio),
        sleeve_ratio=ratio,
        is_top=_is_top(shape, marks),
    )


def worn_part(inputs: GarmentInputs) -> GarmentInputs:
    """What of a garment shows when it is worn, on white, of the same size.

    The inside of the back collar and the label in it are gone from photo and mask. Raises
    ``ItemError`` (code ``no_garment``), as ``prepare_garment``.
    """
    made = prepare_garment(inputs)
    alpha = made.alpha[..., None]
    on_white = np.round(made.image * alpha + 255 * (1 - alpha))
    return GarmentInputs(on_white.astype(np.uint8), made.alpha > 0.5)


def _above_hem(mask: Mask, marks: Landmarks) -> Mask:
    """The mask without the lower part of a bodysuit, which is worn out of sight."""
    ends = np.array([marks.right.hem, marks.left.hem])
    width = max(1.0, float(ends[1, 0] - ends[0, 0]))
    xs = np.arange(mask.shape[1])
    line = ends[0, 1] + (xs - ends[0, 0]) / width * (ends[1, 1] - ends[0, 1])
    rows = np.arange(mask.shape[0])[:, None]
    between = (xs >= ends[0, 0] - 0.05 * width) & (xs <= ends[1, 0] + 0.05 * width)
    below = mask & (rows > line[None]) & between[None]
    if below.any() and np.nonzero(below)[0].max() - ends[:, 1].mean() > BODYSUIT * width:
        above: Mask = mask & ~below
        return above
    return mask


def _shoulder_width(marks: Landmarks) -> float:
    return max(1.0, float(np.hypot(*(marks.left.shoulder - marks.right.shoulder))))


def _kind(ratio: float) -> SleeveKind:
    if ratio == 0:
        return SleeveKind.NONE
    if ratio < 0.62:
        return SleeveKind.SHORT
    return SleeveKind.HALF if ratio < 1.15 else SleeveKind.LONG


def _sleeve(shape: Silhouette, side: SidePoints, mask: Mask) -> SleeveAxis | None:
    if side.cuff_outer is None or side.cuff_inner is None:
        return None
    ys, xs = np.nonzero(mask)
    points = shape.to_photo(np.stack([xs, ys], axis=1).astype(float))
    return fit_sleeve(points, side.shoulder, side.armpit, side.cuff_outer, side.cuff_inner)


def _parts(shape: Silhouette, left: Mask, right: Mask, size: tuple[int, ...]) -> NDArray[np.uint8]:
    """Sleeve and trunk ids at the photo's size; pixels near a part take the nearest part's id."""
    small = np.where(shape.mask, int(Part.TORSO), 0).astype(np.uint8)
    small[left], small[right] = Part.LEFT_SLEEVE, Part.RIGHT_SLEEVE
    index = ndimage.distance_transform_edt(small == 0, return_distances=False, return_indices=True)
    spread = small[tuple(index)]
    ys, xs = np.indices(size, dtype=np.float32)
    corner = shape.from_photo(np.zeros(2))
    map_x = (xs / shape.step[0] + corner[0]).astype(np.float32)
    map_y = (ys / shape.step[1] + corner[1]).astype(np.float32)
    parts = cv2.remap(spread, map_x, map_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    ids: NDArray[np.uint8] = parts.astype(np.uint8)
    return ids


def _is_top(shape: Silhouette, marks: Landmarks) -> bool:
    """False for two legs (a gap up the middle from below) and for very long or flat shapes."""
    mask, axis = shape.mask, round(shape.axis)
    column = mask[:, max(0, axis - 2) : axis + 3].all(axis=1)
    rows = np.flatnonzero(mask.any(axis=1))
    tall = rows[-1] - rows[0]
    legs = not column[rows[0] + tall // 2 : rows[0] + int(0.9 * tall)].mean() > 0.6
    width = float(np.hypot(*(marks.left.armpit - marks.right.armpit)))
    length = float(marks.hem_centre[1] - marks.neck_top[1])
    return not legs and 0.3 < length / max(width, 1.0) < 3.2
