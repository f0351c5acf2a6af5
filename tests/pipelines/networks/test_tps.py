"""Thin-plate splines against SciPy's radial basis functions."""

import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

from pipelines.networks.tps import fit_tps


@pytest.fixture
def points() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    source = rng.uniform(0, 800, (25, 2))
    return source, source * (0.7, 0.9) + (30, -12) + rng.normal(0, 20, (25, 2))


@pytest.mark.parametrize("smoothing", [0.0, 10.0, 1e4, 1e7])
def test_equals_scipy(points, smoothing):
    source, target = points
    at = np.random.default_rng(8).uniform(-100, 900, (200, 2))
    expected = RBFInterpolator(source, target, kernel="thin_plate_spline", smoothing=smoothing)
    np.testing.assert_allclose(
        fit_tps(source, target, smoothing=smoothing)(at), expected(at), atol=1e-5
    )


def test_smoothing_per_point_equals_scipy(points):
    source, target = points
    smoothing = np.random.default_rng(9).uniform(0, 1e5, len(source))
    expected = RBFInterpolator(source, target, kernel="thin_plate_spline", smoothing=smoothing)
    found = fit_tps(source, target, smoothing=smoothing)
    np.testing.assert_allclose(found(source), expected(source), atol=1e-5)


def test_passes_through_its_points_without_smoothing(points):
    source, target = points
    np.testing.assert_allclose(fit_tps(source, target)(source), target, atol=1e-6)


def test_an_affine_map_does_not_bend(points):
    source, _ = points
    matrix, shift = np.array([[1.2, 0.3], [-0.2, 0.8]]), np.array([5.0, 7.0])
    spline = fit_tps(source, source @ matrix + shift, smoothing=100.0)
    assert np.abs(spline.weights).max() < 1e-9
    np.testing.assert_allclose(spline.affine, np.vstack([shift, matrix]), atol=1e-6)


@pytest.mark.parametrize(
    "source", [np.zeros((2, 2)), np.array([[0, 0], [1, 1], [2, 2], [5, 5]]), np.zeros((4, 2))]
)
def test_too_few_points_or_a_line_are_refused(source):
    with pytest.raises(ValueError, match="spline"):
        fit_tps(source, source)
