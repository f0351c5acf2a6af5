"""The person's mask on real people, and the guided filter against its closed forms."""

import cv2
import numpy as np
import pytest

from pipelines.errors import ItemError
from pipelines.preprocess.guided_filter import _solved, guided_filter
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


def test_filter_keeps_constants() -> None:
    guide = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    for value in (0.0, 0.25, 1.0):
        mask = np.full((60, 80), value, np.float32)
        assert np.abs(guided_filter(guide, mask, radius=4, epsilon=1e-3) - value).max() < 1e-4


def test_filter_snaps_to_the_edge_of_the_guide() -> None:
    guide = np.zeros((80, 80, 3), np.uint8)
    guide[:, 40:] = (200, 180, 160)
    rough = np.zeros((80, 80), np.float32)
    rough[:, 35:] = 1  # the mask is 5 pixels off
    blurred = cv2.GaussianBlur(rough, (0, 0), 4)
    fine = guided_filter(guide, blurred, radius=12, epsilon=1e-4)
    assert fine[40, 41] - fine[40, 38] > 0.5  # the step is where the photo's is
    assert blurred[40, 41] - blurred[40, 38] < 0.3


def test_filter_is_a_mean_on_a_flat_guide() -> None:
    """Without colours to follow, He et al.'s filter is the mean of the mean."""
    guide = np.full((40, 40, 3), 90, np.uint8)
    mask = np.random.default_rng(1).random((40, 40)).astype(np.float32)
    box = cv2.blur(cv2.blur(mask, (7, 7), borderType=cv2.BORDER_REFLECT), (7, 7),
                   borderType=cv2.BORDER_REFLECT)  # fmt: skip
    ours = guided_filter(guide, mask, radius=3, epsilon=1e-2)
    assert np.abs(ours - box).max() < 1e-3


def test_coefficients_against_lapack() -> None:
    random = np.random.default_rng(4)
    root = random.random((5, 6, 3, 3))
    matrices = root @ np.swapaxes(root, -1, -2) + 0.1 * np.eye(3)
    right = random.random((5, 6, 3))
    upper = {(i, j): matrices[..., i, j] for i in range(3) for j in range(i, 3)}
    expected = np.linalg.solve(matrices, right[..., None])[..., 0]
    assert np.allclose(_solved(upper, right), expected, rtol=1e-4, atol=1e-4)
