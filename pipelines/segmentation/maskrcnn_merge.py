"""Detected instances to one map of DeepFashion's classes, and that map to LIP ids by a pose."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.body import Body25
from pipelines.clothing_labels import CCP59, FASHION15
from pipelines.labels import LIP20
from pipelines.preprocess.body_regions import Body
from pipelines.segmentation.ccp_labels import lip20_of_ccp
from pipelines.segmentation.instances import Instances
from pipelines.types import Mask, ParseMap, Pose, Size

MIN_SCORE = 0.3
"""Instances below this are left out of the map."""

LAYERS: tuple[tuple[FASHION15, ...], ...] = (
    (FASHION15.SKIN,),
    (FASHION15.LEGGINGS, FASHION15.PANTS, FASHION15.SKIRT, FASHION15.DRESS, FASHION15.TOP,
     FASHION15.OUTER, FASHION15.FOOTWEAR, FASHION15.FACE, FASHION15.HAIR),
    (FASHION15.BELT, FASHION15.NECKWEAR, FASHION15.BAG, FASHION15.EYEGLASS, FASHION15.HEADWEAR),
)  # fmt: skip
"""Classes from the body outward; what is worn on top is painted over what lies below."""

_AS_CCP = {
    FASHION15.TOP: CCP59.TOP,
    FASHION15.SKIRT: CCP59.SKIRT,
    FASHION15.LEGGINGS: CCP59.LEGGINGS,
    FASHION15.DRESS: CCP59.DRESS,
    FASHION15.OUTER: CCP59.COAT,
    FASHION15.PANTS: CCP59.PANTS,
    FASHION15.BAG: CCP59.BAG,
    FASHION15.NECKWEAR: CCP59.SCARF,
    FASHION15.HEADWEAR: CCP59.HAT,
    FASHION15.EYEGLASS: CCP59.SUNGLASSES,
    FASHION15.BELT: CCP59.BELT,
    FASHION15.FOOTWEAR: CCP59.SHOES,
    FASHION15.HAIR: CCP59.HAIR,
    FASHION15.SKIN: CCP59.SKIN,
    FASHION15.FACE: CCP59.SKIN,
}
"""One tag of each class, so that the pose divides skin and shoes as it does in labelled photos."""

_GARMENTS = (LIP20.UPPER, LIP20.DRESS, LIP20.COAT, LIP20.PANTS, LIP20.SKIRT)
_NEAR = 0.25
_WITHIN = 0.5
_KNEE = 1.0


def fashion15_of_instances(
    instances: Instances, size: Size, *, min_score: float = MIN_SCORE
) -> ParseMap:
    """One map ``uint8 [H, W]`` in FASHION15 of instances whose labels are FASHION15.

    Instances below ``min_score`` are left out. The others are painted one over the other: by
    layer (``LAYERS``: skin, then clothes, hair and face, then what is worn on top), within a layer
    from the least to the most certain, equal ones in the order of the layer.
    """
    rank = {label: (layer, at) for layer, row in enumerate(LAYERS) for at, label in enumerate(row)}

    def depth(index: int) -> tuple[int, float, int]:
        layer, at = rank[FASHION15(int(instances.labels[index]))]
        return layer, float(instances.scores[index]), at

    ids = np.zeros(size, np.uint8)
    certain = [i for i in range(len(instances)) if instances.scores[i] >= min_score]
    for index in sorted(certain, key=depth):
        ids[instances.masks[index]] = instances.labels[index]
    return ParseMap(ids, FASHION15)


def of_person(instances: Instances, pose: Pose) -> Instances:
    """Those instances that belong to the person of ``pose``.

    At least half of their box lies in the box of the joints, widened by a quarter of its longer
    side.
    """
    seen = pose.body.xy[pose.body.score > 0]
    if not len(seen):
        return _chosen(instances, np.zeros(len(instances), bool))
    low, high = seen.min(0), seen.max(0)
    margin = _NEAR * float((high - low).max())
    corner = np.maximum(instances.boxes[:, :2], low - margin)
    opposite = np.minimum(instances.boxes[:, 2:], high + margin)
    shared = np.clip(opposite - corner, 0, None).prod(1)
    area = (instances.boxes[:, 2:] - instances.boxes[:, :2]).prod(1)
    return _chosen(instances, shared >= _WITHIN * area)


def _chosen(instances: Instances, keep: Mask) -> Instances:
    return Instances(
        instances.boxes[keep], instances.masks[keep], instances.labels[keep], instances.scores[keep]
    )


def lip20_of_fashion15(parse: ParseMap, pose: Pose) -> ParseMap:
    """LIP ids ``uint8 [H, W]`` of a map in FASHION15; ``pose`` is in its pixels.

    The pose divides skin into face, neck, arms and legs, and footwear into left and right
    (``lip20_of_ccp``); what was detected as face stays face. Leggings that stay below the knee of
    a leg are socks, others pants. Belts take the label of the nearest garment, bags become
    background: LIP has neither. Raises ``ValueError`` for a map in another label set and
    ``ItemError`` (``uncertain_pose``) without shoulders.
    """
    if parse.labels is not FASHION15:
        raise ValueError(f"a map in FASHION15 is wanted, got {parse.labels.__name__}")
    table = np.zeros(256, np.uint8)
    for label, tag in _AS_CCP.items():
        table[label] = tag
    ids = lip20_of_ccp(ParseMap(table[parse.ids], CCP59), pose).ids.copy()
    ids[parse.mask(FASHION15.FACE)] = LIP20.FACE
    ids[_socks(parse.mask(FASHION15.LEGGINGS), pose)] = LIP20.SOCKS
    _dissolve(ids, parse.mask(FASHION15.BELT))
    return ParseMap(ids, LIP20)


def _socks(leggings: Mask, pose: Pose) -> Mask:
    """Where leggings cover nothing above the knee of the leg that they are nearer to."""
    made = np.zeros_like(leggings)
    if not leggings.any():
        return made
    body = Body(pose, 1.0, Size(*leggings.shape))
    left, right = body.leg(Body25.LEFT_HIP), body.leg(Body25.RIGHT_HIP)
    for side, other in ((left, right), (right, left)):
        own = leggings & (side.across <= other.across)
        if own.any() and float((side.along[own] < _KNEE).mean()) < _WITHIN / 10:
            made |= own
    return made


def _dissolve(ids: np.ndarray, region: Mask) -> None:  # type: ignore[type-arg]  # uint8, in place
    """Give each pixel of ``region`` the label of the nearest garment pixel outside of it."""
    garment = np.isin(ids, _GARMENTS) & ~region
    ids[region] = LIP20.BACKGROUND
    if not garment.any() or not region.any():
        return
    _, nearest = cv2.distanceTransformWithLabels(
        (~garment).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_index = np.zeros(int(nearest.max()) + 1, np.uint8)
    of_index[nearest[garment]] = ids[garment]
    ids[region] = of_index[nearest[region]]
