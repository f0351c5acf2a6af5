"""What a picture changes of face, hair, lower clothes and hands."""

import math

import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import disk

from pipelines.evaluation.kept_parts import PARTS, PartChange, mean_changes, part_changes
from pipelines.labels import LIP20
from pipelines.types import ParseMap

SIZE = (256, 192)


def parse(*labels):
    """Labels in bands below each other, 40 rows each, and background beside them."""
    ids = np.zeros(SIZE, np.uint8)
    for row, label in enumerate(labels):
        ids[40 * row : 40 * row + 40, 30:160] = label
    return ParseMap(ids, LIP20)


@pytest.fixture(scope="module")
def pictures():
    random = np.random.default_rng(0)
    return tuple(random.integers(0, 256, (*SIZE, 3), np.uint8) for _ in range(2))


def test_the_figures_are_means_of_differences(pictures):
    picture, photo = pictures
    labels = parse(LIP20.HAIR, LIP20.FACE, LIP20.UPPER, LIP20.PANTS, LIP20.SKIRT)
    found = part_changes(picture, photo, labels, np.zeros(SIZE, bool))
    apart = np.abs(picture.astype(float) - photo)
    wanted = {"face": (LIP20.FACE,), "hair": (LIP20.HAIR,),
              "lower clothes": (LIP20.PANTS, LIP20.SKIRT)}  # fmt: skip
    for name, of in wanted.items():
        part = np.isin(labels.ids, of)
        inside = ndimage.binary_erosion(part, disk(2), border_value=1)
        assert 0 < inside.sum() < part.sum()
        assert found[name].whole == pytest.approx(apart[part].mean())
        assert found[name].inside == pytest.approx(apart[inside].mean())


def test_a_change_at_the_edge_alone_is_not_inside(pictures):
    photo = pictures[0]
    labels = parse(LIP20.BACKGROUND, LIP20.FACE)
    spoilt = photo.copy()
    spoilt[40:42, 30:160] = 255 - photo[40:42, 30:160]
    found = part_changes(spoilt, photo, labels, None)["face"]
    assert found.whole > 1 and found.inside == 0
    spoilt[43, 60] = 255 - photo[43, 60]
    assert part_changes(spoilt, photo, labels, None)["face"].inside > 0


def test_hands_are_what_is_not_hidden_of_the_arms(pictures):
    picture, photo = pictures
    labels = parse(LIP20.LEFT_ARM, LIP20.RIGHT_ARM)
    hidden = np.zeros(SIZE, bool)
    hidden[:, :100] = True
    found = part_changes(picture, photo, labels, hidden)["hands"]
    apart = np.abs(picture.astype(float) - photo)[:80, 100:160]
    assert found.whole == pytest.approx(apart.mean())
    assert math.isnan(part_changes(picture, photo, labels, None)["hands"].whole)


def test_larger_pictures_have_wider_edges():
    photo = np.zeros((1024, 768, 3), np.uint8)
    ids = np.zeros((1024, 768), np.uint8)
    ids[400:500, 300:400] = LIP20.FACE
    for depth, inside in ((7, 0.0), (8, 255 / (84 * 84))):
        spoilt = photo.copy()
        spoilt[400 + depth, 350] = 255
        found = part_changes(spoilt, photo, ParseMap(ids, LIP20), None)["face"]
        assert found.inside == pytest.approx(inside)


def test_means_are_over_the_photos_that_show_a_part():
    none = PartChange(math.nan, math.nan)
    first = dict.fromkeys(PARTS, none) | {"hair": PartChange(2.0, 1.0)}
    second = dict.fromkeys(PARTS, none) | {"hair": PartChange(4.0, 0.0)}
    found = mean_changes([first, second, dict.fromkeys(PARTS, none)])
    assert found["hair"] == PartChange(3.0, 0.5)
    assert math.isnan(found["face"].whole) and math.isnan(found["hands"].inside)
