"""Where clothes end: sleeves and trouser legs along their limbs, the hem along the torso."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.preprocess.body_regions import Floats, LimbCoordinates
from pipelines.preprocess.region_places import LEGS, R, Scene, ramp
from pipelines.types import Mask

_CLIP = 4.0
_HEM_FROM, _HEM_TO, _HEM_STEPS = 0.5, 2.6, 42


@dataclass(frozen=True)
class Hem:
    """Where the upper garment ends on the torso axis (0 = neck, 1 = hips).

    ``contrast`` tells how different the clothes above and below are, 0..1.
    """

    at: float
    contrast: float


def limb_cut(limb: LimbCoordinates, skin_gain: Floats, inside: Mask, start: float) -> float:
    """Where along a limb (0 = root, 2 = wrist or ankle) cloth ends and skin begins."""
    edges = np.linspace(0, 2.4, 25)
    use = inside & (limb.across < 0.7) & (limb.along >= start)
    which = np.minimum((limb.along[use] * 10).astype(np.int32), 23)
    count = np.bincount(which, minlength=24)
    total = np.bincount(which, skin_gain[use], 24).astype(np.float64)
    gain = total / np.maximum(count, 1)
    before = np.concatenate([[0.0], np.cumsum(gain)])
    return float(edges[int((before[-1] - 2 * before).argmax())])


def find_hem(s: Scene, skin: NDArray[np.bool_]) -> Hem:
    """The level that best splits the clothes' colours in two, near the hips if in doubt."""
    use = (s.alpha > 0.7) & s.off_arms() & ~skin & (np.abs(s.torso_x) < 0.5)
    use &= (s.torso_y > 0.25) & (s.torso_y < _HEM_TO) & (s.head_y > 1.4)
    edges = np.linspace(_HEM_FROM, _HEM_TO, _HEM_STEPS + 1)
    row = np.clip(((s.torso_y - _HEM_FROM) / (edges[1] - edges[0])).astype(np.int32), -1, None)
    row = np.minimum(row, _HEM_STEPS - 1)[use] + 1
    colour = s.colours.coarse[use]
    cells = np.bincount(row * 512 + colour, minlength=(_HEM_STEPS + 1) * 512)
    counts: NDArray[np.float64] = cells.reshape(_HEM_STEPS + 1, 512).astype(np.float64)
    # every level counts alike, however wide the body is there
    counts /= np.maximum(counts.sum(1, keepdims=True), 1)
    counts[0] *= (_HEM_FROM - 0.25) / (edges[1] - edges[0])
    above = np.cumsum(counts, 0, dtype=np.float64)[:-1]
    below = counts.sum(0) - above
    whole = _information(counts.sum(0, keepdims=True))[0]
    gain = _information(above) + _information(below) - whole
    levels = edges[: len(gain)]
    prior = 6.0 * np.minimum(((levels - 1.05) / 0.3) ** 2, 4.0) / 4.0
    best = int((gain - prior).argmax())
    share = counts.sum() * np.log(2)
    return Hem(float(levels[best]), float(np.clip(gain[best] / max(share * 0.6, 1e-6), 0, 1)))


def _information(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log likelihood of each row of counts under its own distribution."""
    total = np.maximum(counts.sum(1, keepdims=True), 1e-9)
    share = (counts + 1e-9) / total
    made: NDArray[np.float64] = (counts * np.log(share)).sum(1)
    return made


def apply_cuts(s: Scene, likely: dict[int, Floats], scores: Floats, hem: Hem) -> dict[int, float]:
    """Move ``scores`` [K, H, W] by where sleeves, trouser legs and the hem end, in place.

    ``likely`` holds the colour models' log likelihoods. Returns each limb's cut.
    """
    inside, cuts = s.alpha > 0.5, {}
    gain = np.clip(likely[R.FACE] - likely[R.UPPER], -_CLIP, _CLIP)
    for region, arm in s.arms.items():
        cuts[int(region)] = cut = limb_cut(arm, gain, inside, 0.0)
        near = ramp(-arm.across, -1.6, -1.0, 1)
        bare = np.clip((arm.along - cut) / 0.06, -3, 3) * near * arm.seen
        scores[region] += np.minimum(bare, 0)
        scores[R.UPPER] -= 0.7 * np.maximum(bare, 0)
    limit = 2 + 4 * hem.contrast
    below = np.clip((s.torso_y - hem.at) / 0.03, -limit, limit)
    scores[R.LOWER] += np.minimum(below, 0)
    # a sleeve hangs below the hem
    sleeve = np.logical_or.reduce([(a.across < 1.3) & (a.along > 0.6) for a in s.arms.values()])
    scores[R.UPPER] -= np.maximum(below, 0) * np.where(sleeve, 0.15, 1)
    gain = np.clip(likely[R.FACE] - np.maximum(likely[R.LOWER], likely[R.UPPER]), -_CLIP, _CLIP)
    for region, _, _ in LEGS:
        leg = s.legs[region]
        cuts[int(region)] = cut = limb_cut(leg, gain, inside, 0.2)
        bare = np.clip((leg.along - max(cut, 0.2)) / 0.06, -4, 3)
        scores[region] += np.minimum(bare, 0)
        scores[R.LOWER] -= 0.5 * np.maximum(bare, 0) * (leg.across < 1.5)
    return cuts
