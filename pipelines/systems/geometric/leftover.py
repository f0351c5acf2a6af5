"""Measures of a geometric try-on: what is left of the old garment, what is not covered."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.rendering.fill import grown, shrunk
from pipelines.systems.geometric.body_frame import filled_polygon, torso_polygon
from pipelines.systems.geometric.compose import Composite
from pipelines.systems.geometric.layers import PersonLayers
from pipelines.systems.geometric.parse_repair import garment_colours, skin_like
from pipelines.systems.geometric.regions import Regions
from pipelines.types import Mask

_LIKE_LAB = 12.0
_FOREGROUND_LEVELS = 30.0


def leftover_share(regions: Regions) -> float:
    """Pixels around the old garment's region that still look like it, as a share of its area."""
    unit = regions.unit_px
    ring = grown(regions.old, 0.22 * unit) & ~grown(regions.old, unit / 25)
    ring &= ~grown(regions.head | regions.lower, unit / 25)
    ring &= np.abs(regions.image - regions.background).max(-1) > _FOREGROUND_LEVELS
    skin = regions.arms | regions.neck
    if skin.any():
        ring &= ~skin_like(regions.image, skin)
    if not ring.any():
        return 0.0
    lab = cv2.cvtColor(regions.image, cv2.COLOR_RGB2LAB)[ring].astype(np.float32)
    centres = garment_colours(regions.image, regions.old)
    distance = np.min([np.linalg.norm(lab - c, axis=-1) for c in centres], axis=0)
    return float((distance < _LIKE_LAB).sum() / max(1, regions.old.sum()))


def parse_agreement(regions: Regions) -> float:
    """Share of the trunk (by the pose) that the parse calls garment or something in front."""
    trunk = shrunk(_upper_trunk(regions), 0.05 * regions.unit_px)
    known = regions.old | regions.head | regions.neck | regions.arms | regions.lower
    return float(known[trunk].mean()) if trunk.any() else 0.0


def uncovered_share(person: PersonLayers, made: Composite) -> float:
    """Share of the trunk, below the armpits, that the new garment leaves bare."""
    regions = person.regions
    height, width = regions.old.shape
    chest = _upper_trunk(regions) & regions.old
    rows = np.nonzero(chest.any(1))[0]
    if not len(rows):
        return 1.0
    chest[: int(rows[0] + 0.35 * (rows[-1] - rows[0]))] = False
    small = cv2.resize(
        np.maximum(made.cloth.trunk, made.cloth.sleeves), (width, height),
        interpolation=cv2.INTER_AREA,
    )  # fmt: skip
    arms = cv2.resize(person.arm_over, (width, height), interpolation=cv2.INTER_AREA) > 64
    chest &= ~arms
    return float((small[chest] < 0.5).mean()) if chest.any() else 0.0


def _upper_trunk(regions: Regions) -> Mask:
    points = torso_polygon(regions.body, regions.unit_px)
    trunk = filled_polygon(points, regions.old.shape)
    rows = np.nonzero(trunk.any(1))[0]
    if len(rows):
        trunk[int(rows[0] + 0.75 * (rows[-1] - rows[0])) :] = False
    return trunk
