"""The system of VITON, and two that its paper compares it with, rendered at the photo's own size.

Where the new garment will be is what the first network's mask says; the rest of a layout is read
from the pictures, see ``rendering.placement``. Where the bent garment does not reach, the network's
own picture shows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from pipelines.checkpoint_files import check_files
from pipelines.labels import LIP20_TOPS
from pipelines.networks.pictures import as_levels, as_plane, quantised
from pipelines.networks.spline_matcher import Warped
from pipelines.rendering.dressing import (
    PreparedGarment,
    PreparedPerson,
    dressed,
    prepare_garment,
    prepare_person,
)
from pipelines.rendering.placement import covered, placed
from pipelines.rendering.render import Prediction, new_garment
from pipelines.rendering.scene import Floats, Scene
from pipelines.stage import GarmentInputs, PersonInputs, TryOnResult
from pipelines.systems.viton.chain import INSIDE, Refined, TryOnChain, edge_to_edge
from pipelines.systems.viton.conditions import GarmentConditions
from pipelines.systems.viton.config import COARSE_FAMILIES, FAMILIES
from pipelines.systems.viton.networks import PUBLISHED_SIZE, Coarse
from pipelines.systems.viton.weights import read_networks
from pipelines.types import Array

if TYPE_CHECKING:
    from pathlib import Path

_FAR = np.float32(4)
"""Beyond a photo whose edges are at -1 and 1."""

Person = PreparedPerson[Tensor]
Garment = PreparedGarment[GarmentConditions]


@dataclass(frozen=True, eq=False)
class _Dressing:
    """What is to be rendered: the scene (which may be another than the person's), the prediction,
    the share of the old garment that is left, and intermediate pictures.
    """  # noqa: D205 - one sentence

    scene: Scene
    made: Prediction
    leftover: float = 0.0
    stages: Mapping[str, Array] = field(default_factory=dict)


class _Rendered(ABC):
    """What the three systems share.

    ``weights`` are files by family, which must have the hashes ``weights_sha256``: what a run has
    planned with is what it uses. Raises ``InputError`` for files that are not.
    """

    families: ClassVar[tuple[str, ...]]

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

    def prepare_person(self, person: PersonInputs) -> Person:
        """Take a person apart. Raises ``ItemError`` (``uncertain_pose``)."""
        return prepare_person(person, PUBLISHED_SIZE, self.chain.prepare_person)

    def prepare_garment(self, garment: GarmentInputs) -> Garment:
        """Make a garment ready. Raises ``ItemError`` (``no_garment``)."""
        return prepare_garment(garment, self.chain.prepare_garment)

    def dress(
        self, person: Person, garment: Garment, *, seed: int, save_stages: bool = False
    ) -> TryOnResult:
        """Dress a person; nothing is random here, whatever ``seed`` is.

        Raises ``ItemError`` (``no_place``) where the first network shows no garment to bend to.
        """
        coarse = self.chain.coarse(person.known, garment.known)
        found = self._dressing(person.scene, coarse, garment.known)
        return dressed(
            replace(person, scene=found.scene),
            garment,
            found.made,
            covered(found.scene, found.made),
            {**_coarse_stages(person.known, coarse), **found.stages} if save_stages else None,
            leftover=found.leftover,
        )

    @abstractmethod
    def _dressing(self, scene: Scene, coarse: Coarse, garment: GarmentConditions) -> _Dressing:
        """What is to be rendered, of what the first network makes."""


class VITONTryOn(_Rendered):
    """Dresses people with weights of ``viton.coarse`` and ``viton.refine``."""

    families = FAMILIES

    def _dressing(self, scene: Scene, coarse: Coarse, garment: GarmentConditions) -> _Dressing:
        warp = self.chain.warp(garment, coarse.mask)
        refined = self.chain.refined(coarse, warp)
        made = placed(
            scene,
            lead=as_plane(coarse.mask) - np.float32(INSIDE),
            picture=as_levels(refined.picture),
            warped=as_levels(warp.garment),
            cover=as_plane(warp.mask),
            grid=_grid(warp),
        )
        return _Dressing(scene, made, stages={**_warp_stages(warp), **_refined_stages(refined)})


class EncoderDecoderTryOn(_Rendered):
    """The paper's "encoder-decoder generator": the coarse picture is the result.

    Needs weights of ``viton.coarse`` alone. No pixel is taken from the garment's photo.
    """

    families = COARSE_FAMILIES

    def _dressing(self, scene: Scene, coarse: Coarse, garment: GarmentConditions) -> _Dressing:
        picture = as_levels(coarse.picture)
        made = placed(
            scene,
            lead=as_plane(coarse.mask) - np.float32(INSIDE),
            picture=picture,
            warped=picture,
            cover=np.zeros(tuple(PUBLISHED_SIZE), np.float32),
            grid=_beyond(),
        )
        return _Dressing(scene, made)


class WarpedTryOn(_Rendered):
    """The paper's "non-parametric warped synthesis": the bent garment is laid on the photo.

    Needs weights of ``viton.coarse`` alone, for the mask that the garment is bent to. Where the
    bent garment does not reach, the worn one stays; hair and hands stay in front (our choice).
    """

    families = COARSE_FAMILIES

    def _dressing(self, scene: Scene, coarse: Coarse, garment: GarmentConditions) -> _Dressing:
        warp = self.chain.warp(garment, coarse.mask)
        cover, warped = as_plane(warp.mask), as_levels(warp.garment)
        picture = scene.small + cover[..., None] * (warped - scene.small)
        kept = replace(scene, removed=np.zeros_like(scene.removed))
        made = placed(
            kept,
            lead=cover - np.float32(INSIDE),
            picture=picture.astype(np.float32),
            warped=warped,
            cover=cover,
            grid=_grid(warp),
        )
        return _Dressing(kept, made, _left(scene, made), _warp_stages(warp))


def _left(scene: Scene, made: Prediction) -> float:
    """Share of the worn garment that the new one does not hide."""
    worn = np.isin(scene.ids, LIP20_TOPS)
    return float((~new_garment(made.lead))[worn].mean()) if worn.any() else 0.0


def _grid(warp: Warped) -> Floats:
    """Where the garment was sampled, -1 and 1 being its photo's edges: ``float32 [h, w, 2]``."""
    return np.asarray(edge_to_edge(warp.grid)[0].cpu().numpy(), np.float32)


def _beyond() -> Floats:
    """A grid without strain that sees nothing of a garment's photo: ``float32 [h, w, 2]``."""
    unmoved = Tensor([[[1, 0, 0], [0, 1, 0]]])
    grid = F.affine_grid(unmoved, [1, 1, *PUBLISHED_SIZE], align_corners=False)
    return np.asarray(grid[0].numpy() + _FAR, np.float32)


def _coarse_stages(person: Tensor, coarse: Coarse) -> dict[str, Array]:
    """Intermediate pictures of the networks, at their own size."""
    return {
        "head": quantised(person[:, 1:4]),
        "body_shape": as_plane(person[:, :1]),
        "coarse_mask": as_plane(coarse.mask.clamp(0, 1)),
        "coarse": quantised(coarse.picture),
    }


def _warp_stages(warp: Warped) -> dict[str, Array]:
    return {"warped_garment": quantised(warp.garment), "warped_mask": as_plane(warp.mask)}


def _refined_stages(refined: Refined) -> dict[str, Array]:
    return {
        "composition_mask": as_plane(refined.share),
        "generated": quantised(refined.picture),
    }
