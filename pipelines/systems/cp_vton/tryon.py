"""The systems of CP-VTON and CP-VTON+: two networks predict small, the picture is rendered large.

Neither predicts a layout; how one is read from what they say is told in ``rendering.placement``.
The new garment is where the bent garment lies *and* the composition mask takes more than half of
it (our choice): the first knows the outline, the second what is in front of it (arms, hair).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pipelines.checkpoint_files import check_files
from pipelines.networks.pictures import as_levels, as_plane, quantised
from pipelines.rendering.dressing import (
    PreparedGarment,
    PreparedPerson,
    dressed,
    prepare_garment,
    prepare_person,
)
from pipelines.rendering.placement import covered, placed
from pipelines.rendering.render import Prediction
from pipelines.rendering.scene import Floats, Scene
from pipelines.stage import GarmentInputs, PersonInputs, TryOnResult
from pipelines.systems.cp_vton.chain import ChainGarment, ChainPerson, ChainResult, TryOnChain
from pipelines.systems.cp_vton.conditions import photo_channels
from pipelines.systems.cp_vton.config import FAMILIES, PLUS_FAMILIES
from pipelines.systems.cp_vton.networks import PUBLISHED_SIZE
from pipelines.systems.cp_vton.weights import read_networks
from pipelines.types import Array, ParseMap

if TYPE_CHECKING:
    from pathlib import Path

_HALF = 0.5


class CPVTONTryOn:
    """Dresses people with weights of ``cp-vton.gmm`` and ``.tom``.

    ``weights`` are files by family, which must have the hashes ``weights_sha256``: what a run has
    planned with is what it uses. Raises ``InputError`` for files that are not.
    """

    families: ClassVar[tuple[str, ...]] = FAMILIES

    def __init__(
        self,
        *,
        weights: Mapping[str, Path],
        weights_sha256: Mapping[str, str] | None = None,
        device: str = "cpu",
        precision: str = "fp32",
    ) -> None:
        check_files(weights, weights_sha256)
        networks = read_networks(weights, self.families)
        self.chain = TryOnChain(networks, device=device, precision=precision)

    def prepare_person(self, person: PersonInputs) -> PreparedPerson[ChainPerson]:
        """Take a person apart. Raises ``ItemError`` (``uncertain_pose``)."""
        return prepare_person(person, PUBLISHED_SIZE, self.chain.prepare_person)

    def prepare_garment(self, garment: GarmentInputs) -> PreparedGarment[ChainGarment]:
        """Make a garment ready. Raises ``ItemError`` (``no_garment``)."""
        return prepare_garment(garment, self.chain.prepare_garment)

    def dress(
        self,
        person: PreparedPerson[ChainPerson],
        garment: PreparedGarment[ChainGarment],
        *,
        seed: int,
        save_stages: bool = False,
    ) -> TryOnResult:
        """Dress a person; nothing is random here, whatever ``seed`` is."""
        found = self.chain(person.known, garment.known)
        grid = self.chain.grid(found.warp)[0].cpu().numpy()
        made = prediction_of(person.scene, found, np.asarray(grid, np.float32))
        stages = _stages(person.known, found) if save_stages else None
        return dressed(person, garment, made, covered(person.scene, made), stages)


class CPVTONPlusTryOn(CPVTONTryOn):
    """Dresses people with weights of ``cp-vton-plus.gmm`` and ``.tom``."""

    families: ClassVar[tuple[str, ...]] = PLUS_FAMILIES


def prediction_of(scene: Scene, found: ChainResult, grid: Floats) -> Prediction:
    """What rendering asks for; ``grid`` ``float32 [h, w, 2]`` has the photo's edges at -1 and 1."""
    cover = as_plane(found.warp.mask)
    return placed(
        scene,
        lead=np.minimum(cover, as_plane(found.composed.share)) - _HALF,
        picture=as_levels(found.picture),
        warped=as_levels(found.warp.garment),
        cover=cover,
        grid=grid,
    )


def _stages(person: ChainPerson, found: ChainResult) -> dict[str, Array | ParseMap]:
    """Intermediate pictures of the networks, at their own size."""
    return {
        "kept": quantised(photo_channels(person.conditions.tryon)),
        "warped_garment": quantised(found.warp.garment),
        "warped_mask": as_plane(found.warp.mask),
        "composition_mask": as_plane(found.composed.share),
        "rendered": quantised(found.composed.rendered),
        "generated": quantised(found.picture),
    }
