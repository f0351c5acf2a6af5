"""Dressing a person by networks that predict small: all that is not the networks' own.

A system makes its networks' inputs of the person as the canvas shows them and of the garment as it
is worn, and a ``Prediction`` of each pair of these; what is made of it is put back into the photo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np

from pipelines.garments.prepare import worn_part
from pipelines.labels import LIP20
from pipelines.rendering.canvas import Canvas, find_canvas, off_canvas, on_canvas
from pipelines.rendering.garment import RenderGarment, make_garment
from pipelines.rendering.label_repair import repaired_labels
from pipelines.rendering.render import Prediction, render
from pipelines.rendering.scene import FRONT, Scene, make_scene
from pipelines.rendering.verdict import GarmentEvidence, PersonEvidence, judged
from pipelines.stage import GarmentInputs, PersonInputs, TryOnResult
from pipelines.types import Array, Mask, ParseMap, Size

P = TypeVar("P")
G = TypeVar("G")


@dataclass(frozen=True, eq=False)
class PreparedPerson(Generic[P]):
    """Everything that depends on the person alone.

    ``shown`` is what the canvas shows of them, labels repaired; ``known`` is what the networks are
    given.
    """

    person: PersonInputs
    canvas: Canvas
    shown: PersonInputs
    scene: Scene
    evidence: PersonEvidence
    known: P


@dataclass(frozen=True, eq=False)
class PreparedGarment(Generic[G]):
    """Everything that depends on the garment alone; ``known`` is what the networks are given."""

    render: RenderGarment
    evidence: GarmentEvidence
    known: G


def prepare_person(
    person: PersonInputs,
    working_size: Size,
    known: Callable[[PersonInputs], P],
    kept: tuple[LIP20, ...] = FRONT,
) -> PreparedPerson[P]:
    """Take a person apart; ``known`` makes the networks' inputs of what the canvas shows.

    ``kept`` are labels that no garment is drawn over. Raises ``ItemError`` (``uncertain_pose``).
    """
    canvas = find_canvas(person)
    shown = on_canvas(person, canvas)
    shown = replace(shown, parse=repaired_labels(shown))
    scene = make_scene(shown, working_size, kept)
    return PreparedPerson(
        person, canvas, shown, scene, PersonEvidence.of(person, scene), known=known(shown)
    )


def prepare_garment(
    garment: GarmentInputs, known: Callable[[GarmentInputs], G]
) -> PreparedGarment[G]:
    """Make a garment ready; ``known`` makes the networks' inputs of what of it is worn.

    Raises ``ItemError`` (``no_garment``).
    """
    worn = worn_part(garment)
    return PreparedGarment(make_garment(worn), GarmentEvidence.of(garment), known=known(worn))


def dressed(
    person: PreparedPerson[P],
    garment: PreparedGarment[G],
    made: Prediction,
    covered: Mask,
    stages: Mapping[str, Array | ParseMap] | None = None,
    *,
    leftover: float = 0.0,
) -> TryOnResult:
    """The picture of the photo's size, and the verdict on it.

    ``covered`` ``bool [h, w]`` is where the prediction has garment, arms or hair. ``stages`` are
    intermediate pictures of the networks, to which those of the rendering are added; None: the
    result has none. ``leftover`` is the share of the old garment that is left in the picture.
    """
    rendered = render(person.scene, garment.render, made)
    verdict, measures = judged(
        person.evidence, garment.evidence, person.scene, made, covered, leftover=leftover
    )
    nothing = np.zeros(person.canvas.photo, np.float32)
    edited = off_canvas(rendered.edited, person.canvas, nothing)
    shown: dict[str, Array | ParseMap] = {}
    if stages is not None:
        cloth = off_canvas(rendered.cloth, person.canvas, nothing)
        shown = {**stages, "garment_alpha": cloth, "edited": edited}
    return TryOnResult(
        image=off_canvas(rendered.image, person.canvas, person.person.image),
        edited=edited,
        score=verdict.score,
        flags=verdict.flags,
        measures=measures,
        stages=shown,
    )
