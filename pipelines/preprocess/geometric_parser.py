"""Body parts and clothes of one person from pose and colours, without learned weights.

The pose says where each region may be; colour models learned from this very photo say what each
looks like; inference over both keeps to the photo's edges. Where a sleeve, a trouser leg or the
hem ends is found along the limb or the torso, as the cut that best separates the colours on its
two sides. All this happens at a small size; at the end the outlines are fitted to the full photo.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.body import scaled, shifted
from pipelines.flags import Flag
from pipelines.labels import LIP20
from pipelines.preprocess.body_regions import Floats, Region
from pipelines.preprocess.parsing import ParsedPerson, Parser
from pipelines.preprocess.person_mask import person_mask
from pipelines.preprocess.region_cuts import Hem, apply_cuts, find_hem
from pipelines.preprocess.region_outline import drop_specks, full_size_regions
from pipelines.preprocess.region_places import (
    LEGS,
    SKIN,
    R,
    Scene,
    place_costs,
    seeds,
    short_hair_costs,
    without_skin,
)
from pipelines.preprocess.region_solver import infer
from pipelines.types import Alpha, Image, Mask, ParseMap, Pose

if TYPE_CHECKING:
    from pathlib import Path

WORK_HEIGHT = 224
MASK_HEIGHT = 512
"""The person is masked at this height: more than the 224 rows that are looked at."""

UNCERTAIN_BELOW = 0.35

_STRENGTH = 6.0
_COLOUR_RANGE = 6.0
_SHOE_LIKELIHOOD = 2e-3
_FAINT = 0.02
_MARGIN = 0.08
_LIMBS = (R.LEFT_ARM, R.RIGHT_ARM, R.LEFT_LEG, R.RIGHT_LEG)
_TO_LIP = {
    R.BACKGROUND: LIP20.BACKGROUND,
    R.HAIR: LIP20.HAIR,
    R.FACE: LIP20.FACE,
    R.NECK: LIP20.NECK,
    R.UPPER: LIP20.UPPER,
    R.LOWER: LIP20.PANTS,
    R.LEFT_ARM: LIP20.LEFT_ARM,
    R.RIGHT_ARM: LIP20.RIGHT_ARM,
    R.LEFT_LEG: LIP20.LEFT_LEG,
    R.RIGHT_LEG: LIP20.RIGHT_LEG,
    R.LEFT_SHOE: LIP20.LEFT_SHOE,
    R.RIGHT_SHOE: LIP20.RIGHT_SHOE,
}


@dataclass(frozen=True, eq=False)
class _Solved:
    scene: Scene
    beliefs: Floats
    models: dict[int, Floats]
    hem: Hem
    cuts: dict[int, float]


def load_parser(*, weights: Path | None, device: str, precision: str) -> Parser:
    """This parser, as ``pipelines.preprocess.parsing.ParserFactory``.

    It has no weights and computes in one way only, so nothing of what is given is looked at.
    """
    return parse_person


def parse_person(image: Image, pose: Pose) -> ParsedPerson:
    """LIP20 ids for the person that ``pose`` describes; see ``parse_masked_person``."""
    scale = MASK_HEIGHT / image.shape[0]
    if scale >= 1:
        return parse_masked_person(image, pose, person_mask(image, pose))
    shape = (max(1, round(image.shape[1] * scale)), MASK_HEIGHT)
    small = np.asarray(cv2.resize(image, shape, interpolation=cv2.INTER_AREA), np.uint8)
    return parse_masked_person(image, pose, person_mask(small, scaled(pose, scale, scale)))


def parse_masked_person(image: Image, pose: Pose, alpha: Alpha) -> ParsedPerson:
    """LIP20 ids for the person that ``pose`` describes and ``alpha`` covers.

    ``image`` is ``uint8 [H, W, 3]``, ``pose`` is in its pixels, ``alpha`` is ``float32`` in 0..1
    and shows the same at this or a smaller size. The score is 1 for no doubt; below 0.35 the
    parse is flagged as uncertain. Deterministic. Raises ``ItemError`` (``uncertain_pose``) when
    both shoulders are missing.
    """
    left, right = _columns(image, pose, alpha)
    per_column = alpha.shape[1] / image.shape[1]
    columns = slice(round(left * per_column), max(round(right * per_column), 1))
    part = image[:, left:right]
    solved = _solve(part, shifted(pose, -left, 0), alpha[:, columns])
    beliefs = drop_specks(solved.beliefs)
    table = np.zeros(256, np.uint8)
    for region, label in {**_TO_LIP, **_clothes(solved)}.items():
        table[region] = label
    ids = np.zeros(image.shape[:2], np.uint8)
    ids[:, left:right] = table[full_size_regions(part, beliefs, solved.scene.smooth)]
    score = _score(solved)
    flags = (Flag.UNCERTAIN_PARSE,) if score < UNCERTAIN_BELOW else ()
    return ParsedPerson(ParseMap(ids, LIP20), score, flags)


def _columns(image: Image, pose: Pose, alpha: Alpha) -> tuple[int, int]:
    """First and last column (exclusive) around the person; beyond them all is background."""
    width = image.shape[1]
    covered = np.flatnonzero((alpha > _FAINT).any(0)) * (width / alpha.shape[1])
    across = np.concatenate([pose.body.xy[pose.body.score > 0, 0], covered])
    if not across.size:
        return 0, width
    margin = _MARGIN * image.shape[0]
    left = np.clip(np.floor(across.min() - margin), 0, width - 1)
    right = np.clip(np.ceil(across.max() + margin), left + 1, width)
    return int(left), int(right)


def _solve(image: Image, pose: Pose, alpha: Alpha) -> _Solved:
    """Two passes: the second learns its colours from the first one's regions."""
    scene = Scene(image, pose, alpha, WORK_HEIGHT)
    place = place_costs(scene)
    weights = seeds(scene)
    skin = scene.colours.log_likelihood(scene.colours.histogram(weights[R.FACE]))
    weights = without_skin(scene, weights, skin)
    for rounds in (1, 2):
        models = {k: scene.colours.histogram(v) for k, v in weights.items()}
        # arms and legs are often in the shade when the face is not
        models[R.FACE] = scene.colours.shaded(weights[R.FACE])
        likely = {k: scene.colours.log_likelihood(v) for k, v in models.items()}
        scores = _colour_scores(likely) - place
        scores[R.HAIR] -= short_hair_costs(scene, likely)
        hem = find_hem(scene, _bare(likely, place))
        cuts = apply_cuts(scene, likely, scores, hem)
        beliefs = infer(scores, scene.smooth, _STRENGTH, rounds)
        if rounds == 1:
            weights = _weights(beliefs, weights)
    return _Solved(scene, beliefs, models, hem, cuts)


def _weights(beliefs: Floats, seeds: dict[int, Floats]) -> dict[int, Floats]:
    found: dict[int, Floats] = {}
    for region in (R.BACKGROUND, R.HAIR, R.UPPER, R.LOWER):
        sure = np.where(beliefs[region] > 0.6, beliefs[region], 0)
        found[region] = (sure + 0.5 * seeds[region]).astype(np.float32)
    skin = beliefs[R.FACE] + 0.5 * beliefs[R.NECK] + 0.5 * beliefs[list(_LIMBS)].sum(0)
    found[R.FACE] = skin.astype(np.float32)
    return found


def _bare(likely: dict[int, Floats], place: Floats) -> Mask:
    """Where bare skin is likely and may be, so that it is not taken for clothes."""
    cloth = np.maximum(likely[R.UPPER], likely[R.LOWER])
    possible = place[[R.NECK, R.LEFT_LEG, R.RIGHT_LEG]].min(0) < 3
    found: Mask = (likely[R.FACE] > cloth + 1) & possible
    return found


def _colour_scores(likely: dict[int, Floats]) -> Floats:
    """Log likelihood of each region's colours, ``float32 [K, H, W]``, within a limited range."""
    made = np.empty((len(Region), *likely[R.FACE].shape), np.float32)
    for region in Region:
        if region in (R.LEFT_SHOE, R.RIGHT_SHOE):
            made[region] = np.log(_SHOE_LIKELIHOOD)
        else:
            made[region] = likely[R.FACE if region in SKIN else region]
    limited: Floats = np.maximum(made, made.max(0) - _COLOUR_RANGE)
    return limited


def _clothes(solved: _Solved) -> dict[Region, LIP20]:
    """What the clothes are called: a dress, or a top over trousers or a skirt."""
    seen = solved.scene.body.seen
    knees = [root + 1 for _, _, root in LEGS if seen[root + 1]]
    if not knees:
        return {}
    bare = max(solved.cuts[region] for region, _, _ in LEGS) < 1.7
    alike = _alike(solved, R.UPPER, R.LOWER)
    if bare and (alike > 0.8 or solved.hem.at > 1.6):
        return {R.UPPER: LIP20.DRESS, R.LOWER: LIP20.DRESS}
    if bare and _closed_between_legs(solved):
        return {R.LOWER: LIP20.SKIRT}
    return {}


def _closed_between_legs(solved: _Solved) -> bool:
    """Whether cloth fills the gap between the thighs just above where the legs become bare."""
    s = solved.scene
    level = min(min(solved.cuts[region] for region, _, _ in LEGS), 1.0) - 0.12
    points = []
    for _, _, root in LEGS:
        hip, knee = s.body.joints[root], s.body.joints[root + 1]
        points.append(hip + max(level, 0.35) * (knee - hip))
    x, y = np.rint((points[0] + points[1]) / 2).astype(int)
    around = solved.beliefs[R.LOWER, max(y - 2, 0) : y + 3, max(x - 1, 0) : x + 2]
    return bool(around.size and float(around.mean()) > 0.8)


def _score(solved: _Solved) -> float:
    """Confidence in 0..1: how much there is of what must be there, and how clear it is."""
    s, beliefs = solved.scene, solved.beliefs
    inside = s.alpha > 0.5
    if not inside.any():
        return 0.0
    torso = inside & (s.torso_y > 0.15) & (s.torso_y < 0.8) & (np.abs(s.torso_x) < 0.4)
    face = inside & (s.face_rho < 0.7)
    clothed = _share(beliefs[R.UPPER] + beliefs[[R.LEFT_ARM, R.RIGHT_ARM]].sum(0), torso)
    headed = _share(beliefs[R.FACE] + beliefs[R.HAIR], face)
    unclear = 1 - float(beliefs.max(0)[inside].mean())
    doubts = (
        1 - np.clip((clothed - 0.4) / 0.3, 0, 1),
        1 - np.clip((headed - 0.3) / 0.3, 0.3, 1),
        0.6 * np.clip((unclear - 0.01) / 0.03, 0, 1),
        # clothes that look like their neighbours are easily mistaken for them
        0.6 * np.clip((_alike(solved, R.UPPER, R.FACE) - 0.2) / 0.5, 0, 1),
        0.4 * np.clip((_alike(solved, R.UPPER, R.HAIR) - 0.3) / 0.6, 0, 1),
        0.2 * np.clip((_alike(solved, R.UPPER, R.LOWER) - 0.5) / 0.4, 0, 1),
    )
    return float(np.prod(1 - np.array(doubts)))


def _alike(solved: _Solved, a: Region, b: Region) -> float:
    """How much two regions' colours overlap, 0..1 (Bhattacharyya coefficient)."""
    return float(np.sqrt(solved.models[a] * solved.models[b]).sum())


def _share(belief: Floats, where: NDArray[np.bool_]) -> float:
    return float(belief[where].mean()) if where.any() else 0.0
