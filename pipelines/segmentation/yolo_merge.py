"""Detected body parts to one map of LIP ids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.labels import BODY8, LIP20
from pipelines.relabel import relabel
from pipelines.segmentation.instances import Instances
from pipelines.types import ParseMap, Size

MIN_SCORE = 0.25
"""Instances below this are left out of the map; ultralytics' own limit for predictions."""

ORDER: tuple[BODY8, ...] = (
    BODY8.LOWER_BODY,
    BODY8.SKIRT,
    BODY8.UPPER_BODY,
    BODY8.NECK,
    BODY8.FACE,
    BODY8.HAIR,
    BODY8.RIGHT_ARM,
    BODY8.LEFT_ARM,
)
"""From the back to the front; decides between instances of equal scores."""


def body8_of_instances(
    instances: Instances, size: Size, *, min_score: float = MIN_SCORE
) -> ParseMap:
    """One map ``uint8 [H, W]`` in BODY8 of instances whose labels are BODY8.

    A pixel gets the class of the most certain instance that holds it, of equally certain ones the
    class that is later in ``ORDER``. All instances of a class count: an arm that was found in
    two pieces is one arm. Instances below ``min_score`` are left out.
    """
    certain = [i for i in range(len(instances)) if instances.scores[i] >= min_score]
    rank = {int(label): place for place, label in enumerate(ORDER)}

    def depth(index: int) -> tuple[float, int]:
        return float(instances.scores[index]), rank[int(instances.labels[index])]

    ids: NDArray[np.uint8] = np.zeros(size, np.uint8)
    for index in sorted(certain, key=depth):
        ids[instances.masks[index]] = instances.labels[index]
    return ParseMap(ids, BODY8)


def lip20_of_body8(parse: ParseMap) -> ParseMap:
    """LIP ids of a BODY8 map: upper body as upper clothes, lower body as pants.

    Legs, shoes and what BODY8 has no class for stay background.
    """
    return relabel(parse, LIP20)


def certainty(instances: Instances, parse: ParseMap) -> float:
    """Mean score of the instances, weighted by the pixels of the map that they stand for; 0..1.

    Where several instances of a class hold a pixel the most certain one stands for it.
    """
    certain = np.zeros(parse.ids.shape, np.float32)
    for mask, label, score in zip(instances.masks, instances.labels, instances.scores, strict=True):
        shown = mask & (parse.ids == label)
        certain[shown] = np.maximum(certain[shown], score)
    painted = parse.ids > 0
    return float(certain[painted].mean()) if painted.any() else 0.0
