"""Target poses on a person's torso, against values known by hand and scikit-image's transforms."""

import numpy as np
import pytest
from skimage.transform import SimilarityTransform

from pipelines.body import Body25
from pipelines.errors import ItemError
from pipelines.preprocess.agnostic_shapes import torso_completed
from pipelines.preprocess.pose_placement import (
    LOWER_BODY,
    placed,
    torso_length,
    with_joints_of,
)
from pipelines.types import Keypoints, Pose

B = Body25
STANDING = {
    B.NOSE: (100, 40), B.NECK: (100, 80), B.RIGHT_SHOULDER: (70, 84), B.LEFT_SHOULDER: (130, 84),
    B.RIGHT_ELBOW: (60, 130), B.LEFT_ELBOW: (140, 130), B.RIGHT_WRIST: (58, 170),
    B.LEFT_WRIST: (142, 170), B.RIGHT_HIP: (80, 180), B.LEFT_HIP: (120, 180),
    B.MID_HIP: (100, 180), B.RIGHT_KNEE: (80, 260), B.LEFT_KNEE: (120, 260),
}  # fmt: skip


def pose_of(places):
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for joint, place in places.items():
        xy[joint], score[joint] = place, 0.8
    return Pose(Keypoints(xy, score))


def moved(places, scale, shift):
    return {j: (scale * x + shift[0], scale * y + shift[1]) for j, (x, y) in places.items()}


def trunk(pose):
    """Neck and length of the torso, written out."""
    xy = pose.body.xy.astype(float)
    hips = (xy[B.RIGHT_HIP] + xy[B.LEFT_HIP]) / 2
    return xy[B.NECK], np.hypot(*(hips - xy[B.NECK]))


@pytest.mark.parametrize(("scale", "shift"), [(1, (0, 0)), (0.25, (3, 900)), (7.5, (-400, 20))])
def test_torso_length_and_neck_are_the_persons(scale, shift):
    person = pose_of(STANDING)
    waving = {**STANDING, B.RIGHT_ELBOW: (40, 60), B.RIGHT_WRIST: (50, 20)}
    found = placed(pose_of(moved(waving, scale, shift)), person)
    neck, length = trunk(found)
    np.testing.assert_allclose(neck, (100, 80), atol=0.01)
    assert length == pytest.approx(100, abs=0.01)
    # at equal size the target is what it was, wherever it came from and however large
    np.testing.assert_allclose(found.body.xy, pose_of(waving).body.xy, atol=0.02)


def test_limbs_keep_their_angles_and_proportions():
    target = moved({**STANDING, B.LEFT_WRIST: (180, 90), B.NOSE: (110, 42)}, 2.5, (31, -8))
    person = pose_of(moved(STANDING, 0.6, (10, 20)))
    found = placed(pose_of(target), person)
    seen = [int(j) for j in target]
    source = np.array([target[B(j)] for j in seen])
    fitted = SimilarityTransform.from_estimate(source, found.body.xy[seen])
    np.testing.assert_allclose(fitted(source), found.body.xy[seen], atol=1e-3)
    assert fitted.scale == pytest.approx(0.6 / 2.5, rel=1e-4)
    assert fitted.rotation == pytest.approx(0, abs=1e-4)


def test_what_the_target_does_not_show_stays_unseen():
    target = {j: p for j, p in STANDING.items() if j not in (B.LEFT_WRIST, B.RIGHT_KNEE)}
    found = placed(pose_of(target), pose_of(STANDING)).body
    assert not found.seen(B.LEFT_WRIST) and tuple(found.xy[B.RIGHT_KNEE]) == (0, 0)
    assert found.score[B.NOSE] == np.float32(0.8)


def test_a_pose_without_hips_is_sized_by_its_shoulders():
    upper = {j: p for j, p in STANDING.items() if j not in LOWER_BODY}
    once, twice = (placed(pose_of(moved(upper, f, (0, 0))), pose_of(STANDING)) for f in (1, 2))
    np.testing.assert_allclose(once.body.xy, twice.body.xy, atol=0.01)
    np.testing.assert_allclose(once.body.xy[B.NECK], (100, 80), atol=0.01)


def test_who_leans_towards_the_camera_does_not_become_a_giant():
    leaning = {**STANDING, **{j: (x, 100) for j, (x, _) in STANDING.items() if j in LOWER_BODY}}
    found = placed(pose_of(leaning), pose_of(STANDING)).body.xy
    shoulders = found[B.LEFT_SHOULDER, 0] - found[B.RIGHT_SHOULDER, 0]
    # a torso is 1.5 shoulders long, of which 0.6 are believed at least: 54 of 60
    assert shoulders == pytest.approx(60 * 100 / 54, rel=1e-3)


def test_a_target_without_shoulders_is_refused():
    legs = {j: p for j, p in STANDING.items() if j in LOWER_BODY}
    with pytest.raises(ItemError, match="target pose shows no shoulder") as error:
        placed(pose_of(legs), pose_of(STANDING))
    assert error.value.code == "uncertain_pose" and error.value.hint


def test_the_length_of_a_torso():
    assert torso_length(torso_completed(pose_of(STANDING))) == pytest.approx(100)


def test_joints_of_another_pose_are_taken_with_their_visibility():
    other = {B.NOSE: (1, 2)}
    found = with_joints_of(pose_of(STANDING), pose_of(other), (B.NOSE, B.LEFT_WRIST)).body
    assert tuple(found.xy[B.NOSE]) == (1, 2) and not found.seen(B.LEFT_WRIST)
    assert tuple(found.xy[B.RIGHT_WRIST]) == (58, 170)
