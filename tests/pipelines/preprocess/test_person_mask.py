"""The person's mask on real people, and the guided filter against its closed forms."""

import numpy as np
import pytest

from pipelines.errors import ItemError
from pipelines.preprocess.person_mask import person_mask
from pipelines.preprocess.pose import find_pose
from pipelines.types import Keypoints, Pose


def test_astronaut(astronaut: np.ndarray) -> None:
    mask = person_mask(astronaut, find_pose(astronaut))
    assert mask.dtype == np.float32 and mask.shape == (512, 512)
    assert mask.min() == 0 and mask.max() <= 1
    assert mask[120, 224] > 0.95 and mask[400, 220] > 0.95  # face, suit
    assert mask[:60, 330:].max() < 0.3 and mask[:100, :60].max() < 0.3  # shuttle, flag


def test_same_photo_twice(grace_hopper: np.ndarray) -> None:
    pose = find_pose(grace_hopper)
    first = person_mask(grace_hopper, pose)
    assert np.array_equal(first, person_mask(grace_hopper, pose))
    assert 0.3 < (first > 0.5).mean() < 0.9


def test_other_people_are_left_out(grace_hopper: np.ndarray) -> None:
    both = np.full((600, 1250, 3), 200, np.uint8)
    both[:, 40:552] = grace_hopper
    both[:, 700:1212] = grace_hopper
    alone = np.full_like(both, 200)
    alone[:, 40:552] = grace_hopper
    mask = person_mask(both, find_pose(alone))
    assert (mask[:, 40:552] > 0.5).mean() > 0.3
    assert (mask[:, 720:] > 0.5).mean() < 0.01


def test_no_joints() -> None:
    nobody = Pose(Keypoints(np.zeros((25, 2), np.float32), np.zeros(25, np.float32)))
    with pytest.raises(ItemError):
        person_mask(np.zeros((64, 48, 3), np.uint8), nobody)
