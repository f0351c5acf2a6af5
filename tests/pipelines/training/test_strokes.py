"""Masks of random strokes."""

import numpy as np
import torch
from scipy import ndimage

from pipelines.training.strokes import SHARE, stroke_masks
from pipelines.types import Size

SIZE = Size(256, 192)


def drawn(count, seed=0, size=SIZE):
    return stroke_masks(count, size, torch.Generator().manual_seed(seed))


def test_strokes_are_binary_and_of_the_documented_share():
    masks = drawn(300)
    assert masks.shape == (300, 1, 256, 192) and masks.dtype == torch.float32
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    shares = masks.mean((1, 2, 3))
    assert abs(float(shares.mean()) - SHARE) < 0.02
    low, high = np.quantile(shares.numpy(), [0.05, 0.95])
    assert 0.005 < low < 0.1 and 0.3 < high < 0.5


def test_strokes_depend_on_the_generator_alone():
    one, again, other = drawn(3, 1), drawn(3, 1), drawn(3, 2)
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert not torch.equal(one[0], one[1])


def test_strokes_are_lines_not_specks():
    """Each piece is as thick as the thinnest stroke; there are at most as many as strokes."""
    for mask in drawn(20, 3)[:, 0].numpy():
        pieces, number = ndimage.label(mask)
        assert number <= 10
        inner = ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge"))
        # a piece may be cut off by the border
        thick = ndimage.maximum(inner[1:-1, 1:-1], pieces, range(1, number + 1))
        assert np.quantile(thick, 0.5) >= 3


def test_other_sizes():
    assert drawn(2, size=Size(33, 21)).shape == (2, 1, 33, 21)
