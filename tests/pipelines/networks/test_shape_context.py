"""Shape contexts against a direct loop, their invariances, and matchings that are known."""

from itertools import combinations, permutations

import numpy as np
import pytest

from pipelines.networks.shape_context import (
    Matching,
    chi_square,
    match,
    matching_cost,
    resample,
    shape_contexts,
)


def blob(count: int, seed: int = 5) -> np.ndarray:
    """Points around an outline without any symmetry."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    radius = 100 + sum(
        rng.uniform(6, 18) * np.cos(k * angle + rng.uniform(0, 6)) for k in (1, 2, 3, 5)
    )
    return np.stack([radius * np.cos(angle) * 1.3, radius * np.sin(angle)], axis=1)


def turned(points: np.ndarray, degrees: float) -> np.ndarray:
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return points @ np.array([[c, s], [-s, c]])


def tangents(points: np.ndarray) -> np.ndarray:
    return np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)


def slow_contexts(points: np.ndarray, rings: int, sectors: int) -> np.ndarray:
    """The definition, one pair of points at a time."""
    mean = np.mean([np.hypot(*(a - b)) for a, b in combinations(points, 2)])
    outer = [2.0 / 16 ** ((rings - 1 - k) / (rings - 1)) for k in range(rings)]
    out = np.zeros((len(points), rings, sectors))
    for i, a in enumerate(points):
        for j, b in enumerate(points):
            distance = np.hypot(*(b - a)) / mean
            ring = next((k for k, edge in enumerate(outer) if distance < edge), None)
            if i == j or ring is None:
                continue
            degrees = np.rad2deg(np.arctan2(b[1] - a[1], b[0] - a[0])) % 360
            out[i, ring, min(int(degrees // (360 / sectors)), sectors - 1)] += 1
    total = out.sum(axis=(1, 2), keepdims=True)
    return (out / np.where(total > 0, total, 1)).reshape(len(points), -1)


@pytest.mark.parametrize(("rings", "sectors"), [(5, 12), (3, 8)])
def test_contexts_equal_the_definition(rings, sectors):
    points = np.vstack([np.random.default_rng(1).uniform(0, 50, (40, 2)), [[400, 400]]])
    found = shape_contexts(points, radial_bins=rings, angle_bins=sectors)
    assert found.shape == (41, rings * sectors)
    np.testing.assert_allclose(found, slow_contexts(points, rings, sectors), atol=1e-12)
    np.testing.assert_allclose(found[:40].sum(axis=1), 1)
    assert found[40].sum() == 0, "a stray point sees nothing within two mean distances"


def test_place_and_size_do_not_matter():
    points = blob(60)
    np.testing.assert_allclose(
        shape_contexts(points), shape_contexts(points * 3.7 + (50, -900)), atol=1e-12
    )


def test_a_direction_that_turns_along_makes_rotation_irrelevant():
    points = turned(blob(60), 11)  # no two on a line with the x axis, where bins meet
    spun = turned(points, 71)
    fixed = np.array([1.0, 0.0])
    np.testing.assert_allclose(
        shape_contexts(points, direction=tangents(points)),
        shape_contexts(spun, direction=tangents(spun)),
        atol=1e-12,
    )
    np.testing.assert_allclose(
        shape_contexts(points, direction=fixed),
        shape_contexts(spun, direction=turned(fixed[None], 71)[0]),
        atol=1e-12,
    )
    assert np.abs(shape_contexts(points) - shape_contexts(spun)).max() > 0.05


def test_chi_square_by_hand():
    a = np.array([[1.0, 0, 0], [0.5, 0.5, 0]])
    b = np.array([[1.0, 0, 0], [0, 0, 1.0], [0.5, 0.25, 0.25]])
    expected = [
        [0, 1, 0.5 * (0.25 / 1.5 + 0.25 + 0.25)],
        [0.5 * (0.25 / 1.5 + 0.5), 1, 0.5 * (0.0625 / 0.75 + 0.25)],
    ]
    np.testing.assert_allclose(chi_square(a, b), expected)


def test_a_shuffled_shape_is_put_in_order_again():
    points = blob(80)
    order = np.random.default_rng(2).permutation(80)
    found = match(matching_cost(points, points[order] * 0.4 + 7), outlier=0.5)
    np.testing.assert_array_equal(order[found.target], found.source)
    np.testing.assert_allclose(found.cost, 0, atol=1e-12)


@pytest.mark.parametrize("position_weight", [0.0, 0.5])
def test_a_bent_shape_is_matched_point_by_point(position_weight):
    points = blob(100)
    bent = points @ np.array([[1.1, 0.05], [0.12, 0.85]]) + (300, 40)
    found = match(matching_cost(points, bent, position_weight=position_weight), outlier=1.0)
    off = np.abs((found.source - found.target + 50) % 100 - 50)
    assert len(found.source) == 100
    assert np.mean(off <= 2) > 0.95
    assert np.median(off) == 0


def test_position_tells_points_of_equal_context_apart():
    corner = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.stack([np.cos(corner), np.sin(corner)], axis=1)
    cost = matching_cost(ring, ring * 5 + 2, position_weight=1.0)
    without = matching_cost(ring, ring * 5 + 2)
    expected = np.hypot(*(ring[:, None] - ring[None]).transpose(2, 0, 1))
    np.testing.assert_allclose(cost - without, expected, atol=1e-12)


def test_points_that_fit_nothing_stay_alone():
    cost = np.array([[0.1, 0.9, 0.9], [0.9, 0.8, 0.9], [0.9, 0.9, 0.2]])
    found = match(cost, outlier=0.5)
    assert found.source.tolist() == [0, 2]
    assert found.target.tolist() == [0, 2]
    assert match(cost[:2], outlier=1.0).source.tolist() == [0, 1]
    assert len(match(cost, outlier=0.05).in_order().source) == 0


def test_with_few_dummies_few_points_stay_alone():
    """Against all assignments: so many dummies can be paired, the rest pays its price."""
    cost = np.random.default_rng(4).uniform(0, 1, (6, 6))
    for dummies in (0, 2):
        found = match(cost, outlier=0.05, dummies=dummies)
        assert len(found.source) == len(set(found.target)) == 6 - dummies
        cheapest = min(
            cost[list(rows), list(columns)].sum()
            for rows in combinations(range(6), 6 - dummies)
            for columns in permutations(range(6), 6 - dummies)
        )
        assert found.cost.sum() == pytest.approx(cheapest)
    many = match(cost, outlier=0.3, dummies=6)
    np.testing.assert_array_equal(many.target, match(cost, outlier=0.3).target)
    assert 0 < len(many.source) < 6


@pytest.mark.parametrize("seed", range(8))
def test_in_order_is_the_longest_and_cheapest_ascending_part(seed):
    rng = np.random.default_rng(seed)
    target, cost = rng.permutation(9), rng.uniform(0, 1, 9)
    kept = Matching(np.arange(9), target, cost).in_order()
    assert (np.diff(kept.source) > 0).all()
    assert (np.diff(kept.target) > 0).all()
    ascending = [
        (-len(pick), cost[list(pick)].sum())
        for size in range(1, 10)
        for pick in combinations(range(9), size)
        if (np.diff(target[list(pick)]) > 0).all()
    ]
    length, price = min(ascending)
    assert len(kept.source) == -length
    assert kept.cost.sum() == pytest.approx(price)


def test_resampling_is_even_along_the_line():
    square = np.array([[0, 0], [4, 0], [4, 4], [0, 4]], float)
    np.testing.assert_allclose(
        resample(square, 8, closed=True),
        [[0, 0], [2, 0], [4, 0], [4, 2], [4, 4], [2, 4], [0, 4], [0, 2]],
    )
    opened = resample(square, 7, closed=False)
    np.testing.assert_allclose(opened[[0, 1, -1]], [[0, 0], [2, 0], [0, 4]])
    np.testing.assert_allclose(np.hypot(*np.diff(opened, axis=0).T), 2)


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.zeros((1, 2))])
def test_points_in_one_place_are_refused(points):
    with pytest.raises(ValueError, match="different points"):
        shape_contexts(points)
    with pytest.raises(ValueError, match="some length"):
        resample(points, 5, closed=False)
