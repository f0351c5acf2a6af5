"""Several people are noticed; one person, a print and an empty photo are not."""

import cv2
import numpy as np

from pipelines.body import Body25
from pipelines.flags import Flag
from pipelines.layout import Artifact
from pipelines.preprocess.people import several_people
from pipelines.preprocess.pose import PoseStage, find_pose


def beside_each_other(photo: np.ndarray, share: float) -> np.ndarray:
    second = cv2.resize(photo, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    both = np.full((photo.shape[0], photo.shape[1] + second.shape[1], 3), 200, np.uint8)
    both[:, : photo.shape[1]] = photo
    both[-second.shape[0] :, photo.shape[1] :] = second
    return both


def test_two_people(grace_hopper: np.ndarray) -> None:
    body = find_pose(grace_hopper).body
    assert several_people(beside_each_other(grace_hopper, 0.9), body)
    assert not several_people(beside_each_other(grace_hopper, 0.3), body)
    assert not several_people(grace_hopper, body)
    assert not several_people(np.zeros((90, 60, 3), np.uint8), body)


def test_a_print_is_no_person(grace_hopper: np.ndarray) -> None:
    body = find_pose(grace_hopper).body
    both = beside_each_other(grace_hopper, 0.9)
    body.xy[Body25.NECK], body.score[Body25.NECK] = (740, 60), 1
    body.xy[Body25.MID_HIP], body.score[Body25.MID_HIP] = (740, 400), 1
    assert not several_people(both, body)  # the second face lies on this body's trunk


def test_the_stage_flags_it(grace_hopper: np.ndarray) -> None:
    both = beside_each_other(grace_hopper, 0.9)
    (result,) = PoseStage()([{Artifact.IMAGE: both}])
    assert Flag.SEVERAL_PEOPLE in result.flags
