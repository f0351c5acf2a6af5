"""The try-on system of VITON-HD: three networks predict small, the picture is rendered large."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from pipelines.checkpoint_files import check_file
from pipelines.garments.prepare import worn_part
from pipelines.labels import VITONHD13
from pipelines.networks.pictures import as_levels, as_plane, quantised
from pipelines.rendering.canvas import Canvas, find_canvas, off_canvas, on_canvas
from pipelines.rendering.garment import RenderGarment, make_garment
from pipelines.rendering.render import (
    LayoutLabels,
    Prediction,
    Rendered,
    render,
)
from pipelines.rendering.scene import Scene, make_scene
from pipelines.rendering.verdict import GarmentEvidence, PersonEvidence, judged
from pipelines.stage import GarmentInputs, PersonInputs, TryOnResult
from pipelines.systems.viton_hd.chain import (
    ChainGarment,
    ChainPerson,
    ChainResult,
    Layout,
    TryOnChain,
)
from pipelines.systems.viton_hd.conditions import grouped
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


@dataclass(frozen=True, eq=False)
class PreparedPerson:
    """Everything that depends on the person alone."""

    person: PersonInputs
    canvas: Canvas
    chain: ChainPerson
    scene: Scene
    evidence: PersonEvidence


@dataclass(frozen=True, eq=False)
class PreparedGarment:
    """Everything that depends on the garment alone."""

    chain: ChainGarment
    render: RenderGarment
    evidence: GarmentEvidence


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
        for family, sha256 in (weights_sha256 or {}).items():
            check_file(weights[family], sha256)
        self.chain = TryOnChain(read_networks(weights), device=device, precision=precision)

    def prepare_person(self, person: PersonInputs) -> PreparedPerson:
        """Take a person apart. Raises ``ItemError`` (``uncertain_pose``)."""
        canvas = find_canvas(person)
        shown = on_canvas(person, canvas)
        scene = make_scene(shown, self.chain.size)
        chain = self.chain.prepare_person(shown)
        return PreparedPerson(person, canvas, chain, scene, PersonEvidence.of(person, scene))

    def prepare_garment(self, garment: GarmentInputs) -> PreparedGarment:
        """Make a garment ready. Raises ``ItemError`` (``no_garment``)."""
        worn = worn_part(garment)
        return PreparedGarment(
            chain=self.chain.prepare_garment(worn),
            render=make_garment(worn),
            evidence=GarmentEvidence.of(garment),
        )

    def dress(
        self,
        person: PreparedPerson,
        garment: PreparedGarment,
        *,
        seed: int,
        save_stages: bool = False,
    ) -> TryOnResult:
        """Dress a person; ``seed`` draws the noise of the networks."""
        found = self.chain(person.chain, garment.chain, seed=seed)
        made = _prediction(found)
        rendered = render(person.scene, garment.render, made)
        verdict, measures = judged(
            person.evidence, garment.evidence, person.scene, made, _covered(found)
        )
        nothing = np.zeros(person.canvas.photo, np.float32)
        return TryOnResult(
            image=off_canvas(rendered.image, person.canvas, person.person.image),
            edited=off_canvas(rendered.edited, person.canvas, nothing),
            score=verdict.score,
            flags=verdict.flags,
            measures=measures,
            stages=_stages(person, found, rendered) if save_stages else {},
        )

    def predict_layout(self, person: PreparedPerson, garment: PreparedGarment) -> ParseMap:
        """The layout of the dressed person, VITONHD13 ids of the person image's size."""
        layout = self.chain.layout(person.chain, garment.chain)
        found = _layout_map(layout, person.canvas.size)
        ids = off_canvas(found.ids, person.canvas, grouped(person.person.parse.ids))
        return ParseMap(ids, VITONHD13)


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


def _stages(
    person: PreparedPerson, found: ChainResult, rendered: Rendered
) -> dict[str, Array | ParseMap]:
    """Intermediate pictures, those of the networks at their own size."""
    ids = found.layout.ids.cpu().numpy().astype(np.uint8)
    nothing = np.zeros(person.canvas.photo, np.float32)
    return {
        "agnostic": quantised(person.chain.conditions.agnostic),
        "predicted_layout": ParseMap(ids, VITONHD13),
        "warped_garment": quantised(found.warp.garment),
        "warped_mask": as_plane(found.warp.mask),
        "misalignment": as_plane(found.misalign),
        "generated": quantised(found.picture),
        "garment_alpha": off_canvas(rendered.cloth, person.canvas, nothing),
        "edited": off_canvas(rendered.edited, person.canvas, nothing),
    }
