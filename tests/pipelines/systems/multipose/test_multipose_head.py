"""The photo's own head, moved: against scikit-image's estimate and pictures known by hand."""

import numpy as np
import pytest
from skimage.transform import SimilarityTransform

from pipelines.body import Body25
from pipelines.systems.multipose.head import (
    HEAD_JOINTS,
    head_move,
    moved_head,
    moved_points,
    similarity,
    stays_cut,
)
from pipelines.types import Keypoints

B = Body25
HEAD = {
    B.NOSE: (100, 50), B.RIGHT_EYE: (94, 44), B.LEFT_EYE: (106, 44), B.RIGHT_EAR: (86, 48),
    B.LEFT_EAR: (114, 48), B.NECK: (100, 90),
}  # fmt: skip


def joints(places):
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for joint, place in places.items():
        xy[joint], score[joint] = place, 0.9
    return Keypoints(xy, score)


def turned(degrees, scale=1.0, shift=(0, 0), only=None):
    move = SimilarityTransform(scale=scale, rotation=np.deg2rad(degrees), translation=(0, 0))
    return {
        j: tuple(move(np.subtract(p, HEAD[B.NECK]))[0] + HEAD[B.NECK] + shift)
        for j, p in HEAD.items() if only is None or j in only
    }  # fmt: skip


def test_least_squares_is_scikit_images():
    rng = np.random.default_rng(5)
    start = rng.random((6, 2)) * 100
    end = start @ np.array([[0.9, 0.4], [-0.4, 0.9]]) + (7, -3) + rng.normal(0, 2, (6, 2))
    wanted = SimilarityTransform.from_estimate(start, end)
    np.testing.assert_allclose(similarity(start, end), wanted.params[:2], atol=1e-6)


def test_points_of_one_place_have_no_similarity():
    one = np.ones((3, 2))
    assert similarity(one, np.eye(3)[:, :2]) is None and similarity(np.eye(3)[:, :2], one) is None


@pytest.mark.parametrize(("degrees", "shift"), [(0, (0, 0)), (25, (3, -4)), (-30, (0, 0))])
def test_a_tilted_head_is_found_exactly(degrees, shift):
    target = turned(degrees, shift=shift)
    move = head_move(joints(HEAD), joints(target))
    for joint in (*HEAD_JOINTS, B.NECK):
        found = moved_points(np.array([HEAD[joint]], float), move)[0]
        np.testing.assert_allclose(found, target[joint], atol=1e-3)


def test_a_head_keeps_nearly_its_size():
    """Whoever gave the pose may have a larger head; the person does not get it."""
    move = head_move(joints(HEAD), joints(turned(0, scale=1.25)))
    assert np.hypot(*move[:, 0]) == pytest.approx(1.15)
    inner = head_move(joints(HEAD), joints(turned(0, scale=1.1)))
    assert np.hypot(*inner[:, 0]) == pytest.approx(1.1)


def test_a_head_seen_from_another_side_is_not_moved():
    own = joints(HEAD)
    profile = dict(HEAD) | {B.NOSE: (84, 50), B.RIGHT_EYE: (90, 44), B.LEFT_EYE: (88, 44)}
    profile |= {B.RIGHT_EAR: (112, 48), B.LEFT_EAR: (110, 48)}
    assert head_move(own, joints(profile)) is None
    assert head_move(own, joints(turned(80))) is None
    mirrored = {B.RIGHT_EYE: HEAD[B.LEFT_EYE], B.LEFT_EYE: HEAD[B.RIGHT_EYE],
                B.RIGHT_EAR: HEAD[B.LEFT_EAR], B.LEFT_EAR: HEAD[B.RIGHT_EAR]}  # fmt: skip
    assert head_move(own, joints(HEAD | mirrored)) is None


@pytest.mark.parametrize(
    "only", [{B.NECK}, {B.NOSE, B.NECK}, {B.NOSE, B.LEFT_EYE, B.NECK}, set(HEAD_JOINTS)]
)
def test_a_head_of_few_joints_is_not_moved(only):
    assert head_move(joints(HEAD), joints(turned(0, only=only))) is None
    assert head_move(joints(turned(0, only=only)), joints(HEAD)) is None


def head_at(rows, columns):
    mask = np.zeros((100, 80), np.uint8)
    mask[rows, columns] = 255
    return mask


def shift(x, y):
    return np.array([[1.0, 0, x], [0, 1, y]])


@pytest.mark.parametrize(
    ("head", "move", "good"),
    [
        (head_at(slice(10, 40), slice(20, 50)), shift(5, 30), True),
        (head_at(slice(0, 40), slice(20, 50)), shift(0, 10), False),
        (head_at(slice(0, 40), slice(20, 50)), shift(0, -10), True),
        (head_at(slice(0, 40), slice(20, 50)), shift(30, 1), True),
        (head_at(slice(10, 40), slice(50, 80)), shift(-10, 0), False),
        (head_at(slice(10, 40), slice(0, 30)), shift(10, 0), False),
        (head_at(slice(0, 0), slice(0, 0)), shift(10, 0), True),
    ],
)
def test_a_head_that_the_photo_cuts_stays_at_its_edge(head, move, good):
    assert stays_cut(head, move) == good


def test_the_head_is_drawn_where_it_moves_to():
    photo = np.full((100, 80, 3), 200, np.uint8)
    photo[10:40, 20:50] = (10, 60, 120)
    picture, alpha = moved_head(photo, head_at(slice(10, 40), slice(20, 50)), shift(7, 12))
    assert (alpha[22:52, 27:57] == 1).all() and alpha.sum() == 900
    assert np.abs(picture[22:52, 27:57] - (10, 60, 120)).max() < 1
    same, _ = moved_head(photo, head_at(slice(10, 40), slice(20, 50)), shift(0, 0))
    np.testing.assert_array_equal(same, photo)
