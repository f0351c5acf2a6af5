"""The try-on system without weights: a warped garment among the layers of a photo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipelines.flags import Flag
from pipelines.garments import prepare as garments
from pipelines.quality import (
    Evidence,
    garment_cut_off,
    garment_mask_plausibility,
    judge,
    pose_certainty,
    pose_flags,
)
from pipelines.rendering.fill import Floats
from pipelines.rendering.label_repair import repaired_labels
from pipelines.stage import GarmentInputs, PersonInputs, TryOnResult
from pipelines.systems.geometric.body_target import BodyTarget, body_target
from pipelines.systems.geometric.compose import Cloth, Composite, as_levels, compose, picture
from pipelines.systems.geometric.layers import PersonLayers, split_person
from pipelines.systems.geometric.leftover import leftover_share, parse_agreement, uncovered_share
from pipelines.systems.geometric.shading import fold_map
from pipelines.systems.geometric.warp import WarpedGarment, warp_garment
from pipelines.types import Array, Size


@dataclass(frozen=True, eq=False)
class PreparedPerson:
    """Everything that depends on the person alone."""

    layers: PersonLayers
    folds: Floats
    target: BodyTarget
    pose: float
    parse: float
    leftover: float
    flags: tuple[Flag, ...]


@dataclass(frozen=True, eq=False)
class PreparedGarment:
    """A garment ready to be warped, and what its mask says about it."""

    garment: garments.PreparedGarment
    mask: float
    flags: tuple[Flag, ...]


class GeometricTryOn:
    """Dresses people by landmarks and contours alone; deterministic, no weights."""

    def prepare_person(self, person: PersonInputs) -> PreparedPerson:
        """Take a person apart. Raises ``ItemError`` (``uncertain_pose``, ``no_garment``)."""
        person = replace(person, parse=repaired_labels(person))
        target = body_target(person.pose, person.parse)
        layers = split_person(person, _trunk_outline(target))
        height, width = person.image.shape[:2]
        size = Size(height, width)
        return PreparedPerson(
            layers=layers,
            folds=fold_map(layers.regions),
            target=target,
            pose=pose_certainty(person.pose, size),
            parse=parse_agreement(layers.regions),
            leftover=leftover_share(layers.regions),
            flags=pose_flags(person.pose, size),
        )

    def prepare_garment(self, garment: GarmentInputs) -> PreparedGarment:
        """Find a garment's landmarks. Raises ``ItemError`` (``no_garment``)."""
        prepared = garments.prepare_garment(garment)
        flags = []
        if garment_cut_off(garment.mask):
            flags.append(Flag.GARMENT_CUT_OFF)
        if not prepared.is_top:
            flags.append(Flag.GARMENT_IS_NOT_A_TOP)
        return PreparedGarment(prepared, garment_mask_plausibility(garment.mask), tuple(flags))

    def dress(
        self,
        person: PreparedPerson,
        garment: PreparedGarment,
        *,
        seed: int,
        save_stages: bool = False,
    ) -> TryOnResult:
        """Dress a person; nothing here is random, so ``seed`` changes nothing."""
        del seed
        height, width = person.layers.photo.shape[:2]
        warped = warp_garment(garment.garment, person.target, Size(height, width))
        sleeves = np.maximum(warped.left_sleeve, warped.right_sleeve)
        # parts are visible shares: below a sleeve's soft edge the trunk goes on
        trunk = np.clip(warped.torso / np.maximum(1 - sleeves, 0.05), 0, 1).astype(np.float32)
        cloth = Cloth(
            warped.image.astype(np.float32), trunk, warped.left_sleeve, warped.right_sleeve
        )
        made = compose(person.layers, cloth, person.folds)
        verdict = judge(
            Evidence(
                pose=person.pose,
                parse=person.parse,
                garment_mask=garment.mask,
                strain=_strain(warped.measures),
                uncovered=uncovered_share(person.layers, made),
                leftover=person.leftover,
                flags=(*person.flags, *garment.flags),
            )
        )
        return TryOnResult(
            image=made.image,
            edited=made.edited,
            score=verdict.score,
            flags=verdict.flags,
            measures=verdict.measures,
            stages=_stages(person.layers, warped, made) if save_stages else {},
        )


def _trunk_outline(target: BodyTarget) -> NDArray[np.float64]:
    """Outline ``[N, 2]`` of the clothed trunk, in pixels of the photo."""
    across = target.left.shoulder - target.right.shoulder
    across = across / max(float(np.hypot(*across)), 1e-6)
    spine = target.origin + target.levels[:, None] * target.down
    left = spine + target.left_width[:, None] * across
    right = spine - target.right_width[:, None] * across
    return np.vstack([target.right.shoulder, target.left.shoulder, left, right[::-1]])


def _strain(measures: Mapping[str, float]) -> float:
    """How near a warp is to what looks wrong (1), from its stretch and its folds."""
    return max(
        (measures["stretch_mean"] - 1) / 0.9,
        (measures["stretch_max"] - 1) / 4,
        measures["fold_share"] / 0.08,
    )


def _stages(layers: PersonLayers, warped: WarpedGarment, made: Composite) -> dict[str, Array]:
    """Intermediate pictures ``uint8``, of the photo's size."""
    share = (layers.front.astype(np.float32) / 255)[..., None]
    front = np.clip(np.round(255 + share * (layers.photo.astype(np.float32) - 255)), 0, 255)
    covered = np.maximum(made.cloth.trunk, made.cloth.sleeves)
    return {
        "warped_garment": picture(warped.image.astype(np.float32), warped.alpha),
        "warped_mask": as_levels(warped.alpha),
        "shaded_garment": picture(made.cloth.colours, covered),
        "background_plate": layers.plate,
        "skin_layer": picture(
            layers.arms.astype(np.float32), layers.arm_alpha.astype(np.float32) / 255
        ),
        "front_layer": front.astype(np.uint8),
        "edited": as_levels(made.edited),
    }
