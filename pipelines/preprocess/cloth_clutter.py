"""The garment in a photo taken at home: on a floor, a bed or a hanger.

Several first guesses (what lies in the middle, what differs from the border's colours, what no
smooth path joins to the border) are each made consistent by graph cut (GrabCut, Rother et al.
2004); the most plausible outcome wins.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from pipelines.preprocess.cloth_plausible import Scene, plausibility
from pipelines.preprocess.cloth_shape import (
    colored_outline,
    disc,
    grow,
    largest_parts,
    parts_with_margin,
    shrink,
)
from pipelines.types import Image, Mask

_WORKING = 176  # longer side at which guesses are compared
_GEODESIC = 96  # longer side of the graph of paths to the border
_FINE = 400  # longer side at which the winner is refined
_CLUSTERS = 5  # colours of the border
_DIM = np.array([0.4, 1, 1], np.float32)  # background between sleeves lies in shadow
_PATH_STEP = 3.0  # a colour step (CIE Lab) that does not count as an edge


@dataclass(frozen=True, eq=False)
class Guess:
    """A mask ``bool [h, w]`` and its plausibility, about 0 (absurd) to 2.7 (certain)."""

    mask: Mask
    score: float


def clutter_mask(image: Image) -> Guess | None:
    """The most plausible garment in ``uint8 [H, W, 3]``, at full size; None if there is none."""
    scene = look_at(image)
    guesses = [Guess(mask, plausibility(mask, scene)) for mask in _outcomes(scene)]
    guesses = [guess for guess in guesses if guess.score > -1]
    if not guesses:
        return None
    best = max(guesses, key=lambda guess: guess.score)
    opened = best.mask & ~_openings(best.mask, scene)
    return Guess(_refined(image, opened), best.score)


def look_at(image: Image) -> Scene:
    """Scale a photo down and measure how unlike its border each pixel is."""
    height, width = image.shape[:2]
    scale = _WORKING / max(height, width)
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    lab = np.asarray(cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
    calm = np.asarray(cv2.bilateralFilter(lab, 7, 8, 3), np.float32)
    band = np.ones(lab.shape[:2], bool)
    band[5:-5, 5:-5] = False
    unlike = _unlike_border(calm, band)
    y, x = np.mgrid[: size[1], : size[0]]
    across = (x - size[0] / 2) / (0.38 * size[0])
    down = (y - size[1] / 2) / (0.42 * size[1])
    center = np.exp(-(across**2 + down**2)).astype(np.float32)
    levels = np.percentile(unlike[band], (85, 90, 92, 95))
    return Scene(small, lab, calm, unlike, center, tuple(float(v) for v in levels))


def _unlike_border(lab: NDArray[np.float32], band: Mask) -> NDArray[np.float32]:
    """Mahalanobis distance of each pixel to the nearest of the border's main colours."""
    samples = np.ascontiguousarray(lab[band])
    cv2.setRNGSeed(1)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    start = np.zeros((len(samples), 1), np.int32)
    _, cluster, _ = cv2.kmeans(samples, _CLUSTERS, start, stop, 2, cv2.KMEANS_PP_CENTERS)
    pixels = lab.reshape(-1, 3)
    nearest = np.full(len(pixels), np.inf)
    for index in range(_CLUSTERS):
        own = samples[cluster.ravel() == index]
        if len(own) < 0.03 * len(samples):
            continue
        away = pixels - own.mean(0)
        precision = np.linalg.inv(np.cov(own.T) + 6 * np.eye(3))
        nearest = np.minimum(nearest, np.einsum("ij,jk,ik->i", away, precision, away))
    return np.asarray(np.sqrt(nearest).reshape(lab.shape[:2]), np.float32)


def _outcomes(scene: Scene) -> list[Mask]:
    """Whole masks: what graph cut makes of the first guesses, and what these agree on."""
    found = [_whole(_graph_cut(scene.small, *guess), scene) for guess in _first_guesses(scene)]
    for level in (scene.levels[3] + 0.3, scene.levels[0] + 0.3):
        unlike = cv2.medianBlur((scene.unlike > level).astype(np.uint8), 5) > 0
        found.append(_whole(np.asarray(unlike), scene))
    masks = [mask for mask in found if mask is not None]
    if len(masks) > 2:
        agreed = np.mean(masks, axis=0)
        joint = [_whole(np.asarray(agreed > share), scene) for share in (0.5, 0.25)]
        masks += [mask for mask in joint if mask is not None]
    return masks


def _first_guesses(scene: Scene) -> list[tuple[Mask, Mask]]:
    """Pairs of (probably garment, surely background)."""
    height, width = scene.center.shape
    y, x = np.mgrid[:height, :width]
    across, down = np.abs(x / width - 0.5), np.abs(y / height - 0.5)
    nothing = np.zeros((height, width), bool)
    apart = _apart_from_border(scene) * (0.4 + 0.6 * scene.center)
    cut = _otsu(apart)
    unlike = np.clip(scene.unlike, 0, 8) * (0.3 + 0.7 * scene.center)
    clear = cv2.medianBlur((scene.unlike > scene.levels[2] + 0.5).astype(np.uint8), 3) > 0
    return [
        (apart > cut, apart < 0.3 * cut),
        (apart > 0.5 * cut, nothing),
        (unlike > _otsu(unlike), nothing),
        (clear & (across < 0.47) & (down < 0.48), shrink(~clear, 3)),
        ((across / 0.27) ** 2 + (down / 0.3) ** 2 < 1, nothing),
        ((across < 0.36) & (down < 0.38), nothing),
        ((across < 0.44) & (down < 0.45), nothing),
    ]


def _apart_from_border(scene: Scene) -> NDArray[np.float32]:
    """0..1: the colour steps on the smoothest path to the border (geodesic distance)."""
    height, width = scene.center.shape
    scale = _GEODESIC / max(height, width)
    size = (round(width * scale), round(height * scale))
    lab = cv2.resize(scene.calm, size, interpolation=cv2.INTER_AREA)
    index = np.arange(size[0] * size[1]).reshape(size[1], size[0])
    pairs = [
        (index[:, :-1], index[:, 1:]),
        (index[:-1], index[1:]),
        (index[:-1, :-1], index[1:, 1:]),
        (index[:-1, 1:], index[1:, :-1]),
    ]
    one = np.concatenate([first.ravel() for first, _ in pairs])
    other = np.concatenate([second.ravel() for _, second in pairs])
    color = lab.reshape(-1, 3)
    step = np.maximum(np.linalg.norm(color[one] - color[other], axis=1) - _PATH_STEP, 0) + 0.02
    border = np.unique(np.concatenate([index[0], index[-1], index[:, 0], index[:, -1]]))
    outside = index.size
    weights = np.concatenate([step, np.full(len(border), 1e-3)])
    ends = (
        np.concatenate([one, np.full(len(border), outside)]),
        np.concatenate([other, border]),
    )
    graph = coo_matrix((weights, ends), shape=(outside + 1, outside + 1)).tocsr()
    distance = dijkstra(graph, directed=False, indices=outside)[:outside]
    apart = np.clip(distance / max(float(np.percentile(distance, 98)), 1e-6), 0, 1)
    apart = apart.reshape(index.shape).astype(np.float32)
    return np.asarray(cv2.resize(apart, (width, height)), np.float32)


def _otsu(values: NDArray[np.float32]) -> float:
    top = max(float(np.percentile(values, 99)), 1e-6)
    levels = np.clip(values / top * 255, 0, 255).astype(np.uint8)
    cut, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return float(cut) / 255 * top


def _graph_cut(image: Image, garment: Mask, background: Mask, rounds: int = 3) -> Mask:
    """GrabCut in CIE Lab from a first guess; ``garment`` itself where one side is empty."""
    labels = np.where(garment, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[background] = cv2.GC_BGD
    if garment[~background].sum() < 10 or (labels == cv2.GC_PR_FGD).mean() > 0.98:
        return garment & ~background
    lab = np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_RGB2LAB))
    outer, inner = np.zeros((1, 65)), np.zeros((1, 65))
    unused = (0, 0, 1, 1)
    cv2.setRNGSeed(0)
    cv2.grabCut(lab, labels, unused, outer, inner, rounds, cv2.GC_INIT_WITH_MASK)
    return np.asarray((labels & 1) > 0)


def _whole(mask: Mask, scene: Scene) -> Mask | None:
    """Drop thin and remote parts, close cracks and small holes; None if nothing is left."""
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, disc(2))
    labels, count = ndimage.label(opened)
    if count == 0:
        return None
    weight = ndimage.sum_labels(scene.center, labels, np.arange(1, count + 1))
    kept = np.isin(labels, 1 + np.nonzero(weight > 0.25 * weight.max())[0])
    closed = cv2.morphologyEx(kept.astype(np.uint8), cv2.MORPH_CLOSE, disc(2)) > 0
    holes, count = ndimage.label(ndimage.binary_fill_holes(closed) & ~closed)
    area = np.bincount(holes.ravel())
    small = area < 0.03 * closed.sum()
    small[0] = False
    return np.asarray(closed | small[holes])


def _openings(mask: Mask, scene: Scene) -> Mask:
    """Background seen between sleeve and body or between straps, in the mask's own scale."""
    typical = 0.35 * float(np.median(scene.unlike[mask]))
    like = mask & (scene.unlike < max(scene.levels[1], min(typical, 4.0)))
    found = np.zeros_like(mask)
    if like.sum() > 0.2 * mask.sum():
        return found
    rows, columns = np.nonzero(mask)
    middle, breadth = columns.mean(), np.ptp(columns) + 1
    top, length = rows.min(), np.ptp(rows) + 1
    for part, box in parts_with_margin(
        np.asarray(cv2.morphologyEx(like.astype(np.uint8), cv2.MORPH_OPEN, disc(1)) > 0), 6
    ):
        if part.sum() < 0.003 * mask.sum():
            continue
        touches = bool((grow(part, 1) & ~mask[box]).any())
        if touches and typical > 1.5 * scene.levels[3]:
            found[box] |= part
            continue
        y, x = (axis.mean() + edge.start for axis, edge in zip(np.nonzero(part), box, strict=True))
        upright = np.ptp(np.nonzero(part)[0]) > 1.8 * np.ptp(np.nonzero(part)[1])
        aside = (upright and abs(x - middle) > 0.2 * breadth) or y - top < 0.15 * length
        rim = grow(part, 4) & ~grow(part, 1) & mask[box]
        lab = scene.calm[box]
        beyond = lab[~mask[box]] if (~mask[box]).sum() > 20 else scene.calm[~mask]
        seen = _DIM * lab[part].mean(0)
        if not (aside and rim.any()) or np.linalg.norm(seen - _DIM * beyond.mean(0)) > 14:
            continue
        if np.linalg.norm(lab[part].mean(0) - lab[rim].mean(0)) > 14:
            found[box] |= grow(part, 1)
    return found


def _refined(image: Image, mask: Mask) -> Mask:
    """Cut again near the outline at a finer scale, then place the outline at full size."""
    height, width = image.shape[:2]
    scale = min(1.0, _FINE / max(height, width))
    size = (round(width * scale), round(height * scale))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    rough = _enlarged(mask, size)
    reach = max(3, round(0.02 * max(size)))
    inner, outer = shrink(rough, reach), grow(rough, reach)
    fine = (_graph_cut(small, rough, ~outer, 2) & outer) | inner
    if abs(int(fine.sum()) - int(rough.sum())) > 0.12 * rough.sum():
        fine = rough
    kernel = disc(1)
    calm = cv2.morphologyEx(fine.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    calm = cv2.medianBlur(cv2.morphologyEx(calm, cv2.MORPH_CLOSE, kernel), 5)
    kept = largest_parts(np.asarray(calm > 0), 0.1)
    return colored_outline(image, _enlarged(kept, (width, height)), max(2, round(1.5 / scale)))


def _enlarged(mask: Mask, size_wh: tuple[int, int]) -> Mask:
    level = cv2.resize(mask.astype(np.float32), size_wh, interpolation=cv2.INTER_LINEAR)
    wide = max(0.8, 0.6 * size_wh[0] / mask.shape[1])
    return np.asarray(cv2.GaussianBlur(level, (0, 0), wide) > 0.5)
