"""Squares around joints, against the rule in words."""

import numpy as np
import pytest

from pipelines.body import BODY25_TO_COCO18
from pipelines.preprocess.pose_heatmap import pose_squares
from pipelines.types import Keypoints, Pose, Size

SIZE = Size(64, 48)


def pose(**at):
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for name, place in at.items():
        joint = int(name.removeprefix("j"))
        xy[joint], score[joint] = place, 0.8
    return Pose(Keypoints(xy, score))


def test_a_square_of_eleven_pixels_around_each_joint():
    # BODY_25 has the middle of the hips at 8, which COCO-18 has not: 9 becomes 8, 18 becomes 17
    maps = pose_squares(pose(j0=(20, 30), j8=(10, 10), j9=(12, 40), j18=(47, 3)), SIZE)
    assert maps.shape == (18, 64, 48) and maps.dtype == np.uint8
    assert set(np.unique(maps)) == {0, 255}
    rows, columns = np.nonzero(maps[0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (25, 35, 15, 25)
    assert (maps[0] > 0).sum() == 121
    assert maps[8, 40, 12] == 255
    # cut off at the edge
    assert (maps[17] > 0).sum() == 9 * 6
    shown = {number for number in range(18) if maps[number].any()}
    assert shown == {0, 8, 17}
    assert BODY25_TO_COCO18[8] == 9


@pytest.mark.parametrize("place", [(1, 30), (30, 1), (0, 0), (-3, 20)])
def test_joints_in_the_first_row_or_column_have_none(place):
    assert not pose_squares(pose(j3=place), SIZE).any()


def test_joints_outside_the_picture():
    assert not pose_squares(pose(j3=(90, 30)), SIZE).any()
    assert pose_squares(pose(j3=(51, 30)), SIZE)[3].any()
    assert (pose_squares(pose(j3=(20, 30)), SIZE, radius=2)[3] > 0).sum() == 25
