"""The try-on system of VITON-HD: three networks predict small, the picture is rendered large."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import cv2
import numpy as np

from pipelines.checkpoint_files import check_files
from pipelines.labels import VITONHD13
from pipelines.networks.pictures import as_levels, as_plane, quantised
from pipelines.relabel import relabel
from pipelines.rendering.canvas import off_canvas
from pipelines.rendering.dressing import (
    PreparedGarment,
    PreparedPerson,
    dressed,
    prepare_garment,
    prepare_person,
)
from pipelines.rendering.render import LayoutLabels, Prediction
from pipelines.stage import GarmentInputs, PersonInputs, TryOnResult
from pipelines.systems.viton_hd.chain import (
    ChainGarment,
    ChainPerson,
    ChainResult,
    Layout,
    TryOnChain,
)
from pipelines.systems.viton_hd.weights import read_networks
from pipelines.types import Array, Mask, ParseMap, Size

if TYPE_CHECKING:
    from pathlib import Path


_LABELS = LayoutLabels(
    garment=VITONHD13.UPPER,
    background=VITONHD13.BACKGROUND,
    lower=(
        VITONHD13.BOTTOM, VITONHD13.LEFT_LEG, VITONHD13.RIGHT_LEG, VITONHD13.SOCKS,
        VITONHD13.LEFT_SHOE, VITONHD13.RIGHT_SHOE,
    ),
)  # fmt: skip
_SHOWN = (VITONHD13.UPPER, VITONHD13.LEFT_ARM, VITONHD13.RIGHT_ARM, VITONHD13.HAIR)


class VitonHDTryOn:
    """Dresses people with weights of ``viton-hd.seg``, ``.gmm`` and ``.alias``.

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
        self.chain = TryOnChain(read_networks(weights), device=device, precision=precision)

    def prepare_person(self, person: PersonInputs) -> PreparedPerson[ChainPerson]:
        """Take a person apart. Raises ``ItemError`` (``uncertain_pose``)."""
        return prepare_person(person, self.chain.size, self.chain.prepare_person)

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
        """Dress a person; ``seed`` draws the noise of the networks."""
        found = self.chain(person.known, garment.known, seed=seed)
        stages = _stages(person.known, found) if save_stages else None
        return dressed(person, garment, _prediction(found), _covered(found), stages)

    def predict_layout(
        self, person: PreparedPerson[ChainPerson], garment: PreparedGarment[ChainGarment]
    ) -> ParseMap:
        """The layout of the dressed person, VITONHD13 ids of the person image's size."""
        layout = self.chain.layout(person.known, garment.known)
        found = _layout_map(layout, person.canvas.size)
        rest = relabel(person.person.parse, VITONHD13)
        return ParseMap(off_canvas(found.ids, person.canvas, rest.ids), VITONHD13)


def _prediction(found: ChainResult) -> Prediction:
    return Prediction.of(
        found.layout.maps[0].float().cpu().numpy(),
        _LABELS,
        picture=as_levels(found.picture),
        warped=as_levels(found.warp.garment),
        cover=as_plane(found.warp.mask),
        grid=found.warp.grid[0].float().cpu().numpy(),
    )


def _covered(found: ChainResult) -> Mask:
    """Where the layout has upper clothes, arms or hair."""
    return np.isin(found.layout.ids.cpu().numpy(), _SHOWN)


def _layout_map(layout: Layout, size: Size) -> ParseMap:
    maps = layout.maps[0].float().cpu().numpy()
    shape = (size.width, size.height)
    if maps.shape[1:] != size:
        maps = np.stack([cv2.resize(each, shape, interpolation=cv2.INTER_LINEAR) for each in maps])
    return ParseMap(maps.argmax(0).astype(np.uint8), VITONHD13)


def _stages(person: ChainPerson, found: ChainResult) -> dict[str, Array | ParseMap]:
    """Intermediate pictures of the networks, at their own size."""
    ids = found.layout.ids.cpu().numpy().astype(np.uint8)
    return {
        "agnostic": quantised(person.conditions.agnostic),
        "predicted_layout": ParseMap(ids, VITONHD13),
        "warped_garment": quantised(found.warp.garment),
        "warped_mask": as_plane(found.warp.mask),
        "misalignment": as_plane(found.misalign),
        "generated": quantised(found.picture),
    }
