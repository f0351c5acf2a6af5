"""The multi-pose system: three networks predict small, the picture is rendered large."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from torch import Tensor

from pipelines.body import scaled, shifted
from pipelines.checkpoint_files import check_files
from pipelines.labels import LIP20, LIP20_LOWER, LIP20_TOPS
from pipelines.networks.pictures import as_levels, as_plane, quantised
from pipelines.preprocess.pose_placement import LOWER_BODY, placed, with_joints_of
from pipelines.rendering.canvas import Canvas, off_canvas
from pipelines.rendering.dressing import (
    PreparedGarment,
    PreparedPerson,
    prepare_garment,
    prepare_person,
)
from pipelines.rendering.render import LayoutLabels, Prediction
from pipelines.rendering.scene import Floats, trunk_of
from pipelines.rendering.verdict import judged
from pipelines.stage import GarmentInputs, PersonInputs, TryOnResult
from pipelines.systems.multipose.chain import ChainGarment, ChainResult, TryOnChain
from pipelines.systems.multipose.conditions import PersonConditions
from pipelines.systems.multipose.head import (
    HEAD_JOINTS,
    Matrix,
    head_move,
    moved_points,
    stays_cut,
)
from pipelines.systems.multipose.layers import PersonLayers, person_layers, still_labels
from pipelines.systems.multipose.networks import WORKING_SIZE
from pipelines.systems.multipose.picture import PosedPrediction, Stance, covered, posed_picture
from pipelines.systems.multipose.weights import read_networks
from pipelines.types import Array, Keypoints, ParseMap, Pose, Size

if TYPE_CHECKING:
    from pathlib import Path

_LABELS = LayoutLabels(
    garment=LIP20.UPPER,
    background=LIP20.BACKGROUND,
    lower=LIP20_LOWER,
)


@dataclass(frozen=True, eq=False)
class PosedPerson:
    """A person taken apart."""

    base: PreparedPerson[PersonConditions]
    layers: PersonLayers

    @property
    def canvas(self) -> Canvas:
        """The part of the photo that networks are shown."""
        return self.base.canvas

    @property
    def shown(self) -> PersonInputs:
        """What it shows of them."""
        return self.base.shown


@dataclass(frozen=True, eq=False)
class TargetPose:
    """A pose made ready for one person: ``body`` in pixels of the photo, ``maps`` for the networks
    ``float32 [1, 18, 256, 192]``, and how the person will stand.
    """  # noqa: D205 - one sentence

    body: Keypoints
    maps: Tensor
    stance: Stance


class MultiPoseTryOn:
    """Dresses people, in any pose, with weights of ``multipose.shs``, ``.gwc`` and ``.tog``.

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

    def prepare_person(self, person: PersonInputs) -> PosedPerson:
        """Take a person apart. Raises ``ItemError`` (``uncertain_pose``)."""
        base = prepare_person(person, WORKING_SIZE, self.chain.prepare_person)
        return PosedPerson(base, person_layers(base.shown, base.scene))

    def prepare_garment(self, garment: GarmentInputs) -> PreparedGarment[ChainGarment]:
        """Make a garment ready. Raises ``ItemError`` (``no_garment``)."""
        return prepare_garment(garment, self.chain.prepare_garment)

    def prepare_pose(self, person: PosedPerson, pose: Pose | None) -> TargetPose:
        """Place a pose (None: the person's own) on a person. Raises ``ItemError``."""
        own, size = person.shown.pose, Size(*person.shown.image.shape[:2])
        target = Pose(own.body) if pose is None else placed(pose, own)
        if _goes_on_below(person):
            # legs that the networks are not shown stay as they are: so must those above them
            target = with_joints_of(target, own, LOWER_BODY)
        move = head_move(own.body, target.body)
        if move is not None and not stays_cut(person.layers.head, move):
            move = None
        if move is not None:
            target = _with_own_head(target, own, move)
        small = scaled(target, WORKING_SIZE.width / size.width, WORKING_SIZE.height / size.height)
        stance = Stance(move, still_labels(own, target), trunk_of(small, WORKING_SIZE))
        back = shifted(target, person.canvas.x, person.canvas.y)
        return TargetPose(back.body, self.chain.prepare_pose(target, size), stance)

    def dress(
        self,
        person: PosedPerson,
        garment: PreparedGarment[ChainGarment],
        *,
        seed: int,
        save_stages: bool = False,
    ) -> TryOnResult:
        """Dress a person in their own pose."""
        pose = self.prepare_pose(person, None)
        return self.dress_posed(person, garment, pose, seed=seed, save_stages=save_stages)

    def dress_posed(
        self,
        person: PosedPerson,
        garment: PreparedGarment[ChainGarment],
        pose: TargetPose,
        *,
        seed: int,
        save_stages: bool = False,
    ) -> TryOnResult:
        """Dress a person in a pose; nothing is random here, whatever ``seed`` is."""
        found = self.chain(person.base.known, garment.known, pose.maps)
        grid = self.chain.grid(found.warp)[0].float().cpu().numpy()
        predicted = prediction_of(found, np.asarray(grid, np.float32))
        stages = _stages(found) if save_stages else {}
        return painted(person, garment, pose, predicted, stages)

    def predict_layout(
        self, person: PosedPerson, garment: PreparedGarment[ChainGarment]
    ) -> ParseMap:
        """The layout of the dressed person in their own pose, LIP20 ids of the photo's size."""
        maps = self.prepare_pose(person, None).maps
        shares = self.chain.segment(person.base.known, garment.known, maps)[0].cpu().numpy()
        size = (person.canvas.size.width, person.canvas.size.height)
        found = np.stack([cv2.resize(share, size) for share in shares]).argmax(0)
        rest = person.base.person.parse.ids
        return ParseMap(off_canvas(found.astype(np.uint8), person.canvas, rest), LIP20)


def prediction_of(found: ChainResult, grid: Floats) -> PosedPrediction:
    """What rendering asks for; ``grid`` ``float32 [h, w, 2]`` has the photo's edges at -1 and 1.

    Upper clothes, dress and coat are all the new garment. Of the bent garment counts what the
    composition mask takes.
    """
    segmentation = in_one_piece(found.segmentation[0].float().cpu().numpy())
    merged = segmentation.copy()
    merged[LIP20.UPPER] = segmentation[list(LIP20_TOPS)].sum(0)
    merged[[LIP20.DRESS, LIP20.COAT]] = 0
    taken = np.minimum(as_plane(found.warp.mask), as_plane(found.composed.share))
    made = Prediction.of(
        merged,
        _LABELS,
        picture=as_levels(found.picture),
        warped=as_levels(found.warp.garment),
        cover=taken,
        grid=grid,
    )
    return PosedPrediction(made, segmentation)


def in_one_piece(segmentation: Floats) -> Floats:
    """Shares of labels ``float32 [20, h, w]`` without pieces that lie beside the person.

    They become background: a network may find a hand, and not the arm that it is on.
    """
    person = (segmentation.argmax(0) != LIP20.BACKGROUND).astype(np.uint8)
    count, pieces, about, _ = cv2.connectedComponentsWithStats(person, connectivity=8)
    if count < 3:  # the background and one piece
        return segmentation
    largest = 1 + about[1:, cv2.CC_STAT_AREA].argmax()
    loose = (pieces > 0) & (pieces != largest)
    made = np.where(loose, np.float32(0), segmentation)
    made[LIP20.BACKGROUND][loose] = 1
    return made


def painted(
    person: PosedPerson,
    garment: PreparedGarment[ChainGarment],
    pose: TargetPose,
    predicted: PosedPrediction,
    stages: Mapping[str, Array | ParseMap],
) -> TryOnResult:
    """The picture of the photo's size, and the verdict on it.

    ``stages`` are intermediate pictures of the networks; empty: the result has none.
    """
    base, canvas = person.base, person.canvas
    rendered = posed_picture(person.layers, garment.render, predicted, pose.stance)
    scene = replace(base.scene, trunk=pose.stance.trunk)
    shown = covered(predicted.segmentation)
    verdict, measures = judged(base.evidence, garment.evidence, scene, predicted.made, shown)
    nothing = np.zeros(canvas.photo, np.float32)
    edited = off_canvas(rendered.edited, canvas, nothing)
    if stages:
        cloth = off_canvas(rendered.cloth, canvas, nothing)
        stages = {**stages, "garment_alpha": cloth, "edited": edited}
    return TryOnResult(
        image=off_canvas(rendered.image, canvas, base.person.image),
        edited=edited,
        score=verdict.score,
        flags=verdict.flags,
        measures={**measures, "own_head": float(pose.stance.move is not None)},
        stages=stages,
        pose=pose.body,
    )


def _goes_on_below(person: PosedPerson) -> bool:
    """Whether the photo shows more of the person below what the networks are shown."""
    canvas, parse = person.canvas, person.base.person.parse
    below = canvas.y + canvas.size.height
    return bool(below < canvas.photo.height and (parse.ids[below:] != LIP20.BACKGROUND).any())


def _with_own_head(target: Pose, own: Pose, move: Matrix) -> Pose:
    """The target with the person's own head where it will be shown."""
    xy = moved_points(own.body.xy.astype(np.float64), move)
    seen = own.body.score > 0
    moved = Pose(Keypoints(np.where(seen[:, None], xy, 0).astype(np.float32), own.body.score))
    return with_joints_of(target, moved, HEAD_JOINTS)


def _stages(found: ChainResult) -> dict[str, Array | ParseMap]:
    """Intermediate pictures of the networks, at their own size."""
    ids = found.segmentation[0].argmax(0).cpu().numpy().astype(np.uint8)
    return {
        "predicted_layout": ParseMap(ids, LIP20),
        "warped_garment": quantised(found.warp.garment),
        "warped_mask": as_plane(found.warp.mask),
        "composition_mask": as_plane(found.composed.share),
        "coarse": quantised(found.composed.rendered),
        "generated": quantised(found.picture),
    }
