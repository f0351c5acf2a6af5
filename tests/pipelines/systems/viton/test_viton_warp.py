"""VITON's warp: its splines against SciPy's, and garments whose place is known."""

import cv2
import numpy as np
import pytest
import torch
from scipy.interpolate import RBFInterpolator
from scipy.spatial.distance import pdist

from pipelines.networks.tps_grid import TpsGrid, lattice
from pipelines.systems.viton.warp import (
    GRID_SIZE,
    POINTS,
    VITON,
    backward,
    control_points,
    matched,
    outline,
)
from pipelines.systems.viton.warp import lattice as pixel_lattice
from pipelines.types import Size

SIZE = Size(256, 192)
SHIRT = [
    (76, 40), (50, 50), (20, 100), (40, 112), (54, 86), (54, 220), (138, 220), (138, 86),
    (152, 112), (172, 100), (142, 50), (116, 40), (106, 56), (86, 56),
]  # fmt: skip


def filled(points, size=SIZE):
    mask = np.zeros(size, np.uint8)
    cv2.fillPoly(mask, [np.round(np.array(points)).astype(np.int32)], 1)
    return mask > 0


def moved(points):
    """A shape as a body might wear it: smaller, moved, its lower end to one side."""
    x, y = np.array(points, float).T
    return np.stack([0.55 * x + 40 + 0.0006 * y**2, 0.6 * y + 55 + 0.05 * x], 1)


def bent(mask, points):
    grid = TpsGrid(SIZE, VITON, grid_size=GRID_SIZE)(torch.from_numpy(points)[None])
    picture = torch.from_numpy(mask.astype(np.float32))[None, None]
    sampled = torch.nn.functional.grid_sample(picture, grid, align_corners=True)
    return sampled[0, 0].numpy() > 0.5


def overlap(a, b):
    return (a & b).sum() / (a | b).sum()


def test_the_lattice_is_the_published_one():
    """Ten by ten points from edge to edge, row by row."""
    line = np.linspace(-1, 1, 10)
    published = np.array([(x, y) for y in line for x in line])
    np.testing.assert_allclose(lattice(VITON, GRID_SIZE).numpy(), published, atol=1e-12)
    in_pixels = (published + 1) / 2 * (191, 255)
    np.testing.assert_allclose(pixel_lattice(SIZE), in_pixels, atol=1e-9)


def test_the_grid_is_scipys_spline_through_the_lattice():
    rng = np.random.default_rng(1)
    points = (lattice(VITON, GRID_SIZE).numpy() + rng.normal(0, 0.05, (100, 2))).astype(np.float32)
    size = Size(32, 24)
    found = TpsGrid(size, VITON, grid_size=GRID_SIZE)(torch.from_numpy(points)[None])
    x, y = np.meshgrid(np.linspace(-1, 1, 24), np.linspace(-1, 1, 32))
    spline = RBFInterpolator(
        lattice(VITON, GRID_SIZE).numpy(), points.astype(float), kernel="thin_plate_spline"
    )
    wanted = spline(np.stack([x.ravel(), y.ravel()], 1)).reshape(32, 24, 2)
    np.testing.assert_allclose(found[0].numpy(), wanted, atol=2e-5)


def test_the_control_points_are_on_scipys_spline_through_the_matches():
    garment, target = filled(SHIRT), filled(moved(SHIRT))
    matches = matched(outline(garment), outline(target))
    smoothing = 0.5 * pdist(matches.source).mean() ** 2
    spline = RBFInterpolator(
        matches.target, matches.source, kernel="thin_plate_spline", smoothing=smoothing
    )
    line = np.stack(np.meshgrid(np.linspace(0, 191, 10), np.linspace(0, 255, 10)), -1)
    wanted = spline(line.reshape(-1, 2)) / (191, 255) * 2 - 1
    found = control_points(garment, target)
    assert found.shape == (100, 2) and found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    np.testing.assert_allclose(backward(matches)(line[0]), spline(line[0]), atol=1e-6)


def test_the_first_spline_is_published_by_its_stiffness(monkeypatch):
    """Six fits: one of 1000 squared mean distances, then of 1, for a kernel r^2 log r^2."""
    from pipelines.systems.viton import warp

    seen, fit = [], warp.fit_tps

    def noted(source, target, *, smoothing):
        seen.append(smoothing)
        return fit(source, target, smoothing=smoothing)

    monkeypatch.setattr(warp, "fit_tps", noted)
    target = outline(filled(moved(SHIRT)))
    matched(outline(filled(SHIRT)), target)
    unit = np.mean([np.hypot(*(a - b)) for i, a in enumerate(target) for b in target[:i]]) ** 2
    np.testing.assert_allclose(np.array(seen) / unit, [500, *[0.5] * 5])


def test_a_garment_fills_the_place_it_is_bent_to():
    garment, target = filled(SHIRT), filled(moved(SHIRT))
    assert overlap(garment, target) < 0.4
    found = bent(garment, control_points(garment, target))
    assert overlap(found, target) > 0.93


def test_each_part_comes_to_its_own_place():
    """Sleeve to sleeve and hem to hem: nothing is turned over."""
    garment, target = filled(SHIRT), filled(moved(SHIRT))
    points = control_points(garment, target)
    for part in ([20, 100], [172, 100], [54, 220], [138, 220], [96, 130]):
        spot = cv2.circle(np.zeros(SIZE, np.uint8), tuple(part), 12, 1, -1) > 0
        seen = np.argwhere(bent(spot, points))
        assert len(seen)
        assert np.hypot(*(seen.mean(0)[::-1] - moved([part])[0])) < 8


def test_a_garment_in_its_place_stays_there():
    garment = filled(SHIRT)
    found = control_points(garment, garment)
    np.testing.assert_allclose(found, lattice(VITON, GRID_SIZE).numpy(), atol=1e-5)


def test_garment_photos_may_have_another_size():
    target = filled(moved(SHIRT))
    found = control_points(filled(np.array(SHIRT) * 2, Size(512, 384)), target)
    assert overlap(bent(filled(SHIRT), found), target) > 0.93


def test_only_the_largest_piece_counts():
    garment, target = filled(SHIRT), filled(moved(SHIRT))
    pieces = target | filled([(5, 5), (25, 5), (25, 25), (5, 25)])
    np.testing.assert_array_equal(outline(pieces), outline(target))
    assert outline(target).shape == (POINTS, 2)
    np.testing.assert_array_equal(control_points(garment, pieces), control_points(garment, target))


def test_outlines_are_walked_in_one_sense():
    for points in (SHIRT, moved(SHIRT), SHIRT[::-1]):
        x, y = outline(filled(points)).T
        turned = (x * np.roll(y, -1) - np.roll(x, -1) * y).sum()
        assert turned < 0


@pytest.mark.parametrize("empty", [np.zeros(SIZE, bool), filled([(9, 9), (14, 9), (14, 14)])])
def test_nothing_to_bend_or_to_bend_to_is_told(empty):
    assert control_points(filled(SHIRT), empty) is None
    assert control_points(empty, filled(SHIRT)) is None
