"""Fills against SciPy and scikit-image."""

import numpy as np
import pytest
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve
from skimage.morphology import closing, dilation, disk

from pipelines.rendering.fill import (
    closed_wide,
    fill_holes,
    grain,
    grown,
    membrane,
    parts,
    reflected,
    shrunk,
)


def harmonic(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The Laplace equation solved exactly, with reflecting borders."""
    height, width = known.shape
    index = np.arange(height * width).reshape(height, width)
    rows, columns, weights = [], [], []
    for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        y, x = np.mgrid[0:height, 0:width]
        inside = (0 <= y + dy) & (y + dy < height) & (0 <= x + dx) & (x + dx < width) & ~known
        rows += [index[inside], index[inside]]
        columns += [index[inside], index[(y + dy)[inside], (x + dx)[inside]]]
        weights += [np.ones(inside.sum()), -np.ones(inside.sum())]
    rows.append(index[known])
    columns.append(index[known])
    weights.append(np.ones(known.sum()))
    matrix = sparse.csr_matrix(
        (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    )
    return spsolve(matrix, np.where(known, values, 0).ravel()).reshape(height, width)


@pytest.fixture
def holed() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[0:96, 0:80].astype(np.float32)
    values = 120 + 0.8 * x + 25 * np.sin(y / 30)
    known = np.ones(values.shape, bool)
    known[30:70, 20:60] = False
    known[50:, 40:50] = False
    return values.astype(np.float32), known


def test_a_membrane_is_nearly_harmonic(holed):
    values, known = holed
    filled = membrane(values[..., None], known.astype(np.float32))[..., 0]
    assert np.array_equal(filled[known], values[known])
    exact = harmonic(values, known)
    assert np.abs(filled - exact).mean() < 1.5
    assert np.abs(filled - exact).max() < 6


def test_a_membrane_stays_between_what_is_known(holed):
    values, known = holed
    filled = membrane(values[..., None], known.astype(np.float32))[..., 0]
    assert values[known].min() - 1e-3 <= filled.min() <= filled.max() <= values[known].max() + 1e-3


def test_a_membrane_without_anything_known_is_zero():
    assert not membrane(np.full((20, 30, 3), 9, np.float32), np.zeros((20, 30), np.float32)).any()


def test_reflection_lands_on_the_mirror_image():
    unknown = np.zeros((20, 40), bool)
    unknown[:, 30:] = True
    x, y = reflected(unknown)
    assert np.array_equal(x[:, :30], np.tile(np.arange(30, dtype=np.float32), (20, 1)))
    assert np.array_equal(x[10, 30:], 58 - np.arange(30, 40))
    assert np.array_equal(y[:, 35], np.arange(20))


def test_grain_is_like_the_photo(holed):
    _, known = holed
    noise = np.random.default_rng(1).normal(128, 3, (*known.shape, 3))
    photo = noise.round().clip(0, 255).astype(np.uint8)
    detail = grain(photo, known, 3.0, 12)
    assert 0.6 < detail[~known].std() / detail[known].std() < 1.4
    assert abs(detail[~known].mean()) < 0.6
    assert np.abs(detail).max() <= 12


def test_masks_against_other_libraries():
    blobs = ndimage.gaussian_filter(np.random.default_rng(5).random((90, 110)), 3) > 0.5
    assert np.array_equal(fill_holes(blobs), ndimage.binary_fill_holes(blobs))
    label, count = ndimage.label(blobs, np.ones((3, 3)))
    sizes = ndimage.sum_labels(blobs, label, np.arange(count + 1))
    assert np.array_equal(parts(blobs, 60), (sizes >= 60)[label] & blobs)
    # the discs of the two libraries differ by single pixels on the rim
    assert not (dilation(blobs, disk(3)) & ~grown(blobs, 4)).any()
    assert not (grown(blobs, 4) & ~dilation(blobs, disk(5))).any()
    assert np.array_equal(shrunk(blobs, 3)[8:-8, 8:-8], ~grown(~blobs, 3)[8:-8, 8:-8])


@pytest.mark.parametrize("radius", [3, 12])
def test_wide_gaps_are_closed_as_by_scikit_image(radius):
    mask = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(120, 90)), 4) > 0.02
    inside = np.s_[radius:-radius, radius:-radius]  # where the border counts for neither
    wide = np.pad(mask, radius, mode="constant")
    wanted = closing(wide, disk(radius))[radius:-radius, radius:-radius]
    np.testing.assert_array_equal(closed_wide(mask, radius)[inside], wanted[inside])
    assert closed_wide(mask, radius).sum() > mask.sum()
    nothing = np.zeros((4, 5), bool)
    assert not closed_wide(nothing, radius).any() and closed_wide(~nothing, radius).all()
