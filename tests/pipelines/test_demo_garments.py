"""The garments of the demonstration look like product photos."""

import cv2
import numpy as np
import pytest

from pipelines.demo_garments import draw_garment, garment_names


@pytest.fixture(scope="module")
def drawn():
    return {name: draw_garment(name) for name in garment_names()}


def test_there_are_several_and_all_differ(drawn):
    assert len(drawn) >= 3
    means = {tuple(picture.mean((0, 1)).round(1)) for picture in drawn.values()}
    assert len(means) == len(drawn)


@pytest.mark.parametrize("name", garment_names())
def test_a_garment_is_one_piece_on_white(drawn, name):
    picture = drawn[name]
    assert picture.shape == (1024, 768, 3) and picture.dtype == np.uint8
    border = np.concatenate([picture[:20].ravel(), picture[-20:].ravel(), picture[:, :8].ravel()])
    assert border.min() > 245
    saturation = picture.max(2).astype(int) - picture.min(2)
    inside = (picture.min(2) < 215) | (saturation > 30)
    closed = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((31, 31)))
    _, _, stats, _ = cv2.connectedComponentsWithStats(closed)
    areas = np.sort(stats[1:, cv2.CC_STAT_AREA])[::-1]
    assert areas[0] > 0.2 * closed.size
    assert areas[1:].sum() < 0.01 * areas[0]


@pytest.mark.parametrize("name", garment_names())
def test_both_sides_have_one_outline(drawn, name):
    inside = drawn[name].min(2) < 235
    same = (inside == inside[:, ::-1]).mean()
    assert same > 0.9


def test_it_is_the_same_each_time(drawn):
    name = garment_names()[0]
    assert np.array_equal(draw_garment(name), drawn[name])
