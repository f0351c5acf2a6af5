"""Instances: the boxes, masks and classes that detectors predict, and those of a label map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.types import ParseMap


@dataclass(frozen=True, eq=False)
class Instances:
    """N instances on one image.

    ``boxes`` is ``float32 [N, 4]``: left, top, right, bottom in pixels, edges of pixels (a box
    around the whole image is ``(0, 0, width, height)``); ``masks`` is ``bool [N, H, W]``;
    ``labels`` is ``int64 [N]``, never the background; ``scores`` is ``float32 [N]`` in 0..1, 1 for
    instances that are known.
    """

    boxes: NDArray[np.float32]
    masks: NDArray[np.bool_]
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        """Check that all four speak of the same instances."""
        count = len(self.labels)
        shapes = (self.boxes.shape, self.masks.shape[:1], self.scores.shape)
        if shapes != ((count, 4), (count,), (count,)) or self.masks.ndim != 3:
            raise ValueError(f"instances: {count} labels, boxes/masks/scores {shapes}")

    def __len__(self) -> int:
        """Number of instances."""
        return len(self.labels)


def instances_of(parse: ParseMap, *, min_area_px: int = 16) -> Instances:
    """One instance for each label of a map, in the order of ids; the background is none.

    A label in several pieces (a garment behind an arm, a pair of shoes) is one instance, as in
    DeepFashion's parsing annotations. A label that covers fewer pixels than ``min_area_px`` is
    taken for noise. Ids outside the label set (255 = left out) are no instances.
    """
    height, width = parse.ids.shape
    found = []
    for label in sorted(parse.labels):
        mask = parse.ids == int(label)
        if label == 0 or int(mask.sum()) < max(1, min_area_px):
            continue
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        found.append((int(label), box, mask))
    return Instances(
        boxes=np.array([box for _, box, _ in found], np.float32).reshape(-1, 4),
        masks=np.array([mask for *_, mask in found], bool).reshape(-1, height, width),
        labels=np.array([label for label, *_ in found], np.int64),
        scores=np.ones(len(found), np.float32),
    )
