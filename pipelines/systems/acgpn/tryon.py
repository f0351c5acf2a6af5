"""The try-on system of ACGPN: four networks predict small, the picture is rendered large."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from torch import Tensor

from pipelines.checkpoint_files import check_file
from pipelines.garments.prepare import worn_part
from pipelines.labels import ACGPN14
from pipelines.networks.pictures import as_levels, as_plane, quantised
from pipelines.rendering.canvas import Canvas, find_canvas, off_canvas, on_canvas
from pipelines.rendering.garment import RenderGarment, make_garment
from pipelines.rendering.render import LayoutLabels, Prediction, Rendered, render
from pipelines.rendering.scene import Floats, Scene, make_scene
from pipelines.rendering.verdict import GarmentEvidence, PersonEvidence, judged
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
_OUTLINE_SIGMA = 0.8
"""Blur of a layout's outlines, in pixels of 256x192, without which they would show their steps."""


@dataclass(frozen=True, eq=False)
class PreparedPerson:
    """Everything that depends on the person alone."""

    person: PersonInputs
    canvas: Canvas
    conditions: PersonConditions
    scene: Scene
    evidence: PersonEvidence


@dataclass(frozen=True, eq=False)
class PreparedGarment:
    """Everything that depends on the garment alone."""

    conditions: GarmentConditions
    render: RenderGarment
    evidence: GarmentEvidence


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
        for family, sha256 in (weights_sha256 or {}).items():
            check_file(weights[family], sha256)
        networks = read_networks(weights)
        self.config = networks.config
        self.chain = TryOnChain(networks, device=device, precision=precision)

    def prepare_person(self, person: PersonInputs) -> PreparedPerson:
        """Take a person apart. Raises ``ItemError`` (``uncertain_pose``)."""
        canvas = find_canvas(person)
        shown = on_canvas(person, canvas)
        scene = make_scene(shown, PUBLISHED_SIZE)
        conditions = person_conditions(shown, self.config, device=self.chain.device)
        return PreparedPerson(person, canvas, conditions, scene, PersonEvidence.of(person, scene))

    def prepare_garment(self, garment: GarmentInputs) -> PreparedGarment:
        """Make a garment ready. Raises ``ItemError`` (``no_garment``)."""
        worn = worn_part(garment)
        return PreparedGarment(
            conditions=garment_conditions(worn, device=self.chain.device),
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
        found = self.chain(person.conditions, garment.conditions, seed=seed)
        ids = layout_ids(found)
        made = Prediction.of(
            _soft(ids),
            _LABELS,
            picture=as_levels(found.picture),
            warped=as_levels(found.warp.garment),
            cover=as_plane(found.warp.mask),
            grid=self.chain.grid(found.warp)[0].float().cpu().numpy(),
        )
        rendered = render(person.scene, garment.render, made)
        verdict, measures = judged(
            person.evidence, garment.evidence, person.scene, made, np.isin(ids, _SHOWN)
        )
        nothing = np.zeros(person.canvas.photo, np.float32)
        return TryOnResult(
            image=off_canvas(rendered.image, person.canvas, person.person.image),
            edited=off_canvas(rendered.edited, person.canvas, nothing),
            score=verdict.score,
            flags=verdict.flags,
            measures=measures,
            stages=_stages(person.canvas, found, ids, rendered) if save_stages else {},
        )

    def predict_layout(self, person: PreparedPerson, garment: PreparedGarment) -> ParseMap:
        """The layout of the dressed person, ACGPN14 ids of the person image's size."""
        layout = self.chain.layout(person.conditions, garment.conditions, seed=0)
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


def _stages(
    canvas: Canvas, found: ChainResult, ids: Array, rendered: Rendered
) -> dict[str, Array | ParseMap]:
    """Intermediate pictures, those of the networks at their own size."""
    nothing = np.zeros(canvas.photo, np.float32)
    return {
        "predicted_layout": ParseMap(ids, ACGPN14),
        "warped_garment": quantised(found.warp.garment),
        "warped_mask": as_plane(found.warp.mask),
        "refined_garment": quantised(found.garment),
        "kept": quantised(found.kept),
        "generated": quantised(found.picture),
        "garment_alpha": off_canvas(rendered.cloth, canvas, nothing),
        "edited": off_canvas(rendered.edited, canvas, nothing),
    }
