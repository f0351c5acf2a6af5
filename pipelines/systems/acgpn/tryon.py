"""The try-on system of ACGPN: four networks predict small, the picture is rendered large."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import cv2
import numpy as np
from torch import Tensor

from pipelines.checkpoint_files import check_files
from pipelines.labels import ACGPN14, LIP20_LOWER
from pipelines.mirror_image import mirrored
from pipelines.networks.pictures import as_levels, as_plane, quantised
from pipelines.rendering.canvas import off_canvas
from pipelines.rendering.dressing import (
    PreparedGarment,
    PreparedPerson,
    dressed,
    prepare_garment,
    prepare_person,
)
from pipelines.rendering.render import LayoutLabels, Prediction
from pipelines.rendering.scene import FRONT, Floats
from pipelines.stage import GarmentInputs, PersonInputs, TryOnResult
from pipelines.systems.acgpn.chain import ChainResult, TryOnChain
from pipelines.systems.acgpn.conditions import (
    ARMS,
    CHANNELS,
    GarmentConditions,
    PersonConditions,
    garment_conditions,
    lip_labels,
    person_conditions,
)
from pipelines.systems.acgpn.networks import PUBLISHED_SIZE
from pipelines.systems.acgpn.weights import read_networks
from pipelines.types import Array, ParseMap, Size

if TYPE_CHECKING:
    from pathlib import Path

_LABELS = LayoutLabels(
    garment=ACGPN14.UPPER,
    background=ACGPN14.BACKGROUND,
    lower=(
        ACGPN14.PANTS, ACGPN14.LEFT_LEG, ACGPN14.RIGHT_LEG, ACGPN14.LEFT_SHOE, ACGPN14.RIGHT_SHOE,
    ),
)  # fmt: skip
_SHOWN = (ACGPN14.UPPER, *ARMS, ACGPN14.HAIR)
_KEPT = (*FRONT, *LIP20_LOWER)
"""What of a person the system preserves (the paper's non-target body parts) besides hands."""
_OUTLINE_SIGMA = 0.8
"""Blur of a layout's outlines, in pixels of 256x192, without which they would show their steps."""


class ACGPNTryOn:
    """Dresses people with weights of ``acgpn.g1``, ``.g2``, ``.u`` and ``.g``.

    ``weights`` are files by family, which must have the hashes ``weights_sha256``: what a run has
    planned with is what it uses. Raises ``InputError`` for files that are not.
    """

    def __init__(
        self,
        *,
        weights: Mapping[str, Path],
        weights_sha256: Mapping[str, str] | None = None,
        device: str = "cpu",
        precision: str = "fp32",
    ) -> None:
        check_files(weights, weights_sha256)
        networks = read_networks(weights)
        self.config = networks.config
        self.chain = TryOnChain(networks, device=device, precision=precision)

    def prepare_person(self, person: PersonInputs) -> PreparedPerson[PersonConditions]:
        """Take a person apart. Raises ``ItemError`` (``uncertain_pose``)."""

        def known(shown: PersonInputs) -> PersonConditions:
            made = person_conditions(shown, self.config, device=self.chain.device)
            if not self.chain.looks_twice:
                return made
            other = person_conditions(mirrored(shown), self.config, device=self.chain.device)
            return made.beside(other)

        return prepare_person(person, PUBLISHED_SIZE, known, _KEPT)

    def prepare_garment(self, garment: GarmentInputs) -> PreparedGarment[GarmentConditions]:
        """Make a garment ready. Raises ``ItemError`` (``no_garment``)."""

        def known(worn: GarmentInputs) -> GarmentConditions:
            return garment_conditions(worn, device=self.chain.device)

        return prepare_garment(garment, known)

    def dress(
        self,
        person: PreparedPerson[PersonConditions],
        garment: PreparedGarment[GarmentConditions],
        *,
        seed: int,
        save_stages: bool = False,
    ) -> TryOnResult:
        """Dress a person; ``seed`` draws the noise of the networks."""
        found = self.chain(person.known, garment.known, seed=seed)
        ids = layout_ids(found)
        made = Prediction.of(
            _soft(ids),
            _LABELS,
            picture=as_levels(found.picture),
            warped=as_levels(found.warp.garment),
            cover=as_plane(found.warp.mask),
            grid=found.warp.bent.grid[0].float().cpu().numpy(),
        )
        stages = _stages(found, ids) if save_stages else None
        return dressed(person, garment, made, np.isin(ids, _SHOWN), stages)

    def predict_layout(
        self, person: PreparedPerson[PersonConditions], garment: PreparedGarment[GarmentConditions]
    ) -> ParseMap:
        """The layout of the dressed person, ACGPN14 ids of the person image's size."""
        layout = self.chain.layout(person.known, garment.known, seed=0)
        found = _at_size(_ids(layout.labels, layout.garment), person.canvas.size)
        rest = lip_labels(person.person.parse.ids, self.config)
        return ParseMap(off_canvas(found, person.canvas, rest), ACGPN14)


def layout_ids(found: ChainResult) -> Array:
    """``ACGPN14`` ids of the dressed person, ``uint8 [256, 192]``."""
    return _ids(found.layout.labels, found.layout.garment)


def _ids(labels: Tensor, garment: Tensor) -> Array:
    ids = labels[0].argmax(0).cpu().numpy()
    worn = garment[0, 0].cpu().numpy() > 0
    return np.where(worn, ACGPN14.UPPER, ids).astype(np.uint8)


def _soft(ids: Array) -> Floats:
    """One map ``float32 [14, h, w]`` for each label, with smooth outlines."""
    hard = (ids[None] == np.arange(CHANNELS)[:, None, None]).astype(np.float32)
    return np.stack([cv2.GaussianBlur(each, (0, 0), _OUTLINE_SIGMA) for each in hard])


def _at_size(ids: Array, size: Size) -> Array:
    if ids.shape == size:
        return ids
    maps = [cv2.resize(each, (size.width, size.height)) for each in _soft(ids)]
    return np.asarray(np.stack(maps).argmax(0), np.uint8)


def _stages(found: ChainResult, ids: Array) -> dict[str, Array | ParseMap]:
    """Intermediate pictures of the networks, at their own size."""
    return {
        "predicted_layout": ParseMap(ids, ACGPN14),
        "warped_garment": quantised(found.warp.garment),
        "warped_mask": as_plane(found.warp.mask),
        "refined_garment": quantised(found.garment),
        "kept": quantised(found.kept),
        "generated": quantised(found.picture),
    }
