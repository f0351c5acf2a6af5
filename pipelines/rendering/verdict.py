"""How far a rendered try-on can be trusted: what every system that predicts small is judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.flags import Flag
from pipelines.quality import (
    Evidence,
    Quality,
    garment_cut_off,
    garment_mask_plausibility,
    judge,
    pose_certainty,
    pose_flags,
)
from pipelines.rendering import measures
from pipelines.rendering.render import Prediction, new_garment
from pipelines.rendering.scene import Scene
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.types import Mask, Size


@dataclass(frozen=True)
class PersonEvidence:
    """What a person's pose and parse say, 0..1."""

    pose: float
    parse: float
    flags: tuple[Flag, ...]

    @staticmethod
    def of(person: PersonInputs, scene: Scene) -> PersonEvidence:
        """Of a person and the scene made of it."""
        size = Size(*person.image.shape[:2])
        return PersonEvidence(
            pose=pose_certainty(person.pose, size),
            parse=measures.parse_agreement(scene),
            flags=pose_flags(person.pose, size),
        )


@dataclass(frozen=True)
class GarmentEvidence:
    """What a garment's mask says, 0..1."""

    mask: float
    flags: tuple[Flag, ...]

    @staticmethod
    def of(garment: GarmentInputs) -> GarmentEvidence:
        """Of a garment photo as it was given."""
        return GarmentEvidence(
            mask=garment_mask_plausibility(garment.mask),
            flags=(Flag.GARMENT_CUT_OFF,) if garment_cut_off(garment.mask) else (),
        )


def judged(
    person: PersonEvidence,
    garment: GarmentEvidence,
    scene: Scene,
    made: Prediction,
    covered: Mask,
    *,
    leftover: float = 0.0,
) -> tuple[Quality, dict[str, float]]:
    """The verdict on a prediction, and all measures behind it.

    ``covered`` ``bool [h, w]`` is where garment, arms or hair will be. ``leftover`` is the share
    of the old garment that is left; none where its whole region is painted anew.
    """
    upper = new_garment(made.lead)
    warp = measures.warp_measures(made.grid, upper)
    verdict = judge(
        Evidence(
            pose=person.pose,
            parse=person.parse,
            garment_mask=garment.mask,
            strain=measures.strain(warp),
            uncovered=measures.uncovered_share(scene, covered),
            leftover=leftover,
            flags=(*person.flags, *garment.flags),
        )
    )
    misaligned = measures.misaligned_share(upper, np.clip(upper - made.cover, 0, 1))
    more = {**warp, "misaligned": misaligned}
    return verdict, {**verdict.measures, **{k: round(v, 4) for k, v in more.items()}}
