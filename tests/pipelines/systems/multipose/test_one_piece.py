"""What a segmentation shows beside the person is background, against SciPy's components."""

import numpy as np
from scipy import ndimage

from pipelines.labels import LIP20
from pipelines.systems.multipose.tryon import in_one_piece


def shares(ids):
    return (ids[None] == np.arange(20)[:, None, None]).astype(np.float32)


def test_loose_pieces_go_and_the_person_stays():
    rng = np.random.default_rng(0)
    ids = np.zeros((64, 48), np.int64)
    ids[rng.random(ids.shape) < 0.1] = LIP20.LEFT_ARM
    ids[20:60, 10:30] = LIP20.UPPER
    found = in_one_piece(shares(ids)).argmax(0)
    pieces, count = ndimage.label(ids > 0, np.ones((3, 3)))
    assert count > 20
    largest = 1 + np.argmax(ndimage.sum_labels(ids > 0, pieces, range(1, count + 1)))
    np.testing.assert_array_equal(found, np.where(pieces == largest, ids, 0))
    np.testing.assert_allclose(in_one_piece(shares(ids)).sum(0), 1)


def test_one_person_is_left_alone():
    ids = np.zeros((64, 48), np.int64)
    assert np.array_equal(in_one_piece(shares(ids)), shares(ids))
    ids[5:50, 5:40] = LIP20.DRESS
    soft = 0.6 * shares(ids) + 0.02
    assert np.array_equal(in_one_piece(soft), soft)
