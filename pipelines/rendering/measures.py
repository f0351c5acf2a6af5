"""What a rendered try-on says about its own quality: warp, cover, agreement of labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.labels import LIP20, LIP20_ARMS, LIP20_TOPS
from pipelines.rendering.scene import Scene
from pipelines.types import Mask

Floats = NDArray[np.float32]

_BODY = (
    *LIP20_TOPS,
    *LIP20_ARMS,
    LIP20.NECK,
    LIP20.HAIR,
    LIP20.FACE,
    LIP20.SCARF,
    LIP20.PANTS,
    LIP20.SKIRT,
)


def parse_agreement(scene: Scene) -> float:
    """Share of the trunk (by the pose) that the parse calls a part of the body or its clothes."""
    return _share(np.isin(scene.ids, _BODY), scene.trunk)


def uncovered_share(scene: Scene, covered: Mask) -> float:
    """Share of the lower half of the trunk that neither garment nor arms will cover."""
    rows = np.nonzero(scene.trunk.any(1))[0]
    half = scene.trunk.copy()
    if len(rows):
        # a neckline bares the upper part, and trousers may begin above the hips
        first, last = int(rows[0]), int(rows[-1])
        half[: first + round(0.5 * (last - first))] = False
        half[first + round(0.85 * (last - first)) :] = False
    return 1 - _share(covered, half) if half.any() else 0.0


def misaligned_share(upper: Mask, misalign: Floats) -> float:
    """Share of the new garment that the bent one does not cover."""
    return float(misalign[upper].mean()) if upper.any() else 1.0


def warp_measures(grid: Floats, upper: Mask) -> dict[str, float]:
    """Stretch and folds of the warp where the garment shows.

    ``stretch_mean`` and ``stretch_max``: ratio of the larger to the smaller local scale, mean and
    98th percentile; ``fold_share``: share that is turned over. ``grid`` is ``[h, w, 2]``.
    """
    height, width = grid.shape[:2]
    right = np.diff(grid, axis=1)[:-1] * width
    down = np.diff(grid, axis=0)[:, :-1] * height
    inside = upper[:-1, :-1]
    if not inside.any():
        return {"stretch_mean": 1.0, "stretch_max": 1.0, "fold_share": 0.0}
    # garment photos have the shape of the person's: their sides cancel out but for this ratio
    aspect = np.array([width, height]) / height
    jacobian = np.stack((right[inside] / width, down[inside] / height), -1) * aspect[:, None]
    jacobian = jacobian.astype(np.float64) * height
    scale = np.linalg.svd(jacobian, compute_uv=False)
    ratio = np.minimum(scale[:, 0] / np.maximum(scale[:, 1], 1e-6), 20)
    return {
        "stretch_mean": float(ratio.mean()),
        "stretch_max": float(np.percentile(ratio, 98)),
        "fold_share": float((np.linalg.det(jacobian) <= 0).mean()),
    }


def strain(measures: dict[str, float]) -> float:
    """How near a warp is to what looks wrong (1), from its stretch and its folds."""
    return max(
        (measures["stretch_mean"] - 1) / 0.9,
        (measures["stretch_max"] - 1) / 4,
        measures["fold_share"] / 0.08,
    )


def _share(found: Mask, region: Mask) -> float:
    return float(found[region].mean()) if region.any() else 0.0
