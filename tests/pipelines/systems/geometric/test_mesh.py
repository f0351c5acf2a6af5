"""Drawing bent lattices against SciPy's interpolation and OpenCV's affine warp."""

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator

from pipelines.systems.geometric.mesh import backward_map, lattice, signed_areas, triangles
from pipelines.types import Size


def test_an_affine_bend_gives_the_inverse_affine_map():
    source, cells = lattice((0, 0, 60, 80), 10)
    matrix, shift = np.array([[1.2, 0.3], [-0.2, 0.9]]), np.array([20.0, 15.0])
    found = backward_map(source, source @ matrix.T + shift, triangles(cells), Size(110, 130))
    inverse = cv2.invertAffineTransform(np.hstack([matrix, shift[:, None]]))
    ys, xs = np.nonzero(np.isfinite(found[..., 0]))
    expected = np.stack([xs, ys, np.ones(len(xs))], axis=1) @ inverse.T
    np.testing.assert_allclose(found[ys, xs], expected, atol=1e-3)
    assert abs(len(xs) - 60 * 80 * np.linalg.det(matrix)) < 250


def test_a_bent_lattice_equals_scipys_interpolation_on_its_triangles():
    source, cells = lattice((0, 0, 50, 50), 5)
    target = 1.5 * source + 10 + 3 * np.sin(source[:, ::-1] / 9)
    faces = triangles(cells)
    found = backward_map(source, target, faces, Size(100, 100))
    expected = LinearNDInterpolator(target, source)(*np.meshgrid(np.arange(100), np.arange(100)))
    both = np.isfinite(found[..., 0]) & np.isfinite(expected[..., 0])
    assert both.sum() > 4500
    error = np.abs(found - expected)[both].max(axis=1)
    assert np.median(error) < 1e-3  # where the diagonals agree
    assert error.max() < 0.5


def test_the_later_triangle_wins_where_two_overlap():
    source = np.array([[0, 0], [9, 0], [0, 9], [100, 100], [109, 100], [100, 109]], float)
    target = np.tile(np.array([[0, 0], [9, 0], [0, 9]], float), (2, 1))
    for faces, least in (([[0, 1, 2], [3, 4, 5]], 100), ([[3, 4, 5], [0, 1, 2]], 0)):
        found = backward_map(source, target, np.array(faces), Size(10, 10))
        assert least <= found[2, 2, 0] < least + 10


def test_triangles_outside_the_picture_are_left_out():
    source, cells = lattice((0, 0, 20, 20), 10)
    assert np.isnan(backward_map(source, source - 500, triangles(cells), Size(8, 8))).all()
    crossing = backward_map(source, source - 10, triangles(cells), Size(8, 8))
    np.testing.assert_allclose(crossing[3, 5], (15, 13), atol=1e-4)


def test_areas_change_sign_when_a_triangle_turns_over():
    source, cells = lattice((0, 0, 20, 20), 10)
    faces = triangles(cells)
    assert (signed_areas(source, faces) == 50).all()
    assert (signed_areas(source * (-1, 1), faces) == -50).all()
