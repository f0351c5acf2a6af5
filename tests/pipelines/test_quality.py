"""The quality score: order, bounds, flags."""

import dataclasses

import numpy as np
import pytest

from pipelines.body import Body25
from pipelines.flags import Flag
from pipelines.quality import (
    Evidence,
    garment_cut_off,
    garment_mask_plausibility,
    judge,
    pose_certainty,
    pose_flags,
)
from pipelines.types import Keypoints, Pose, Size

GOOD = Evidence(pose=0.9, parse=0.99, garment_mask=1.0, strain=0.2, uncovered=0.02, leftover=0.0)
SIZE = Size(1024, 768)


def pose(**moved: tuple[float, float] | None) -> Pose:
    at: dict[str, tuple[float, float] | None] = {
        "NOSE": (384, 200), "NECK": (384, 320), "RIGHT_SHOULDER": (270, 330),
        "LEFT_SHOULDER": (498, 330), "RIGHT_ELBOW": (230, 500), "LEFT_ELBOW": (540, 500),
        "RIGHT_WRIST": (220, 650), "LEFT_WRIST": (550, 650), "RIGHT_HIP": (310, 670),
        "LEFT_HIP": (458, 670), "MID_HIP": (384, 670),
    }  # fmt: skip
    at.update(moved)
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for name, point in at.items():
        if point is not None:
            xy[Body25[name]], score[Body25[name]] = point, 0.9
    return Pose(Keypoints(xy, score))


def test_a_good_result_scores_near_one_without_flags():
    verdict = judge(GOOD)
    assert verdict.score > 0.9
    assert verdict.flags == ()
    assert set(verdict.measures) == {
        "pose", "parse", "garment_mask", "strain", "uncovered", "leftover"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "worse"),
    [
        ("pose", (0.4, 0.25, 0.1)),
        ("parse", (0.8, 0.6, 0.4)),
        ("garment_mask", (0.7, 0.4, 0.1)),
        ("strain", (0.6, 0.9, 1.5)),
        ("uncovered", (0.15, 0.3, 0.5)),
        ("leftover", (0.05, 0.15, 0.25)),
    ],
)
def test_each_doubt_lowers_the_score_step_by_step(name, worse):
    scores = [judge(GOOD).score]
    for value in worse:
        scores.append(judge(dataclasses.replace(GOOD, **{name: value})).score)
    assert all(a > b for a, b in zip(scores, scores[1:], strict=False))
    assert scores[-1] < 0.55


def test_doubts_add_up_and_the_score_stays_in_bounds():
    one = judge(dataclasses.replace(GOOD, strain=1.2)).score
    two = judge(dataclasses.replace(GOOD, strain=1.2, leftover=0.2)).score
    worst = judge(Evidence(0.0, 0.0, 0.0, 9.0, 1.0, 1.0, flags=tuple(Flag)))
    assert 0 <= worst.score < two < one < judge(GOOD).score <= 1
    assert set(worst.flags) == set(Flag)


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        ({"pose": 0.1}, Flag.UNCERTAIN_POSE),
        ({"parse": 0.5}, Flag.UNCERTAIN_PARSE),
        ({"garment_mask": 0.2}, Flag.UNCERTAIN_GARMENT_MASK),
        ({"strain": 2.0}, Flag.STRONG_WARP),
        ({"leftover": 0.1}, Flag.OLD_GARMENT_LEFT),
    ],
)
def test_a_strong_doubt_is_named(change, flag):
    assert judge(dataclasses.replace(GOOD, **change)).flags == (flag,)


def test_a_flag_from_outside_is_kept_once():
    evidence = dataclasses.replace(GOOD, pose=0.1, flags=(Flag.UNCERTAIN_POSE, Flag.BACK_VIEW))
    assert judge(evidence).flags == (Flag.UNCERTAIN_POSE, Flag.BACK_VIEW)


def test_a_front_view_has_no_flags():
    assert pose_flags(pose(), SIZE) == ()
    assert pose_certainty(pose(), SIZE) == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("moved", "flag"),
    [
        ({"RIGHT_SHOULDER": (498, 330), "LEFT_SHOULDER": (270, 330)}, Flag.BACK_VIEW),
        ({"RIGHT_SHOULDER": (360, 330), "LEFT_SHOULDER": (410, 330)}, Flag.SIDE_VIEW),
        ({"RIGHT_WRIST": (470, 470), "LEFT_WRIST": (300, 480)}, Flag.ARMS_CROSSED),
        ({"RIGHT_HIP": None, "LEFT_HIP": None, "MID_HIP": None}, Flag.TORSO_CUT_OFF),
        ({"RIGHT_HIP": (310, 1100), "LEFT_HIP": (458, 1100)}, Flag.TORSO_CUT_OFF),
    ],
)
def test_flags_of_a_pose(moved, flag):
    assert flag in pose_flags(pose(**moved), SIZE)


def test_hands_on_hips_are_not_crossed():
    akimbo = pose(RIGHT_WRIST=(320, 620), LEFT_WRIST=(450, 620))
    assert Flag.ARMS_CROSSED not in pose_flags(akimbo, SIZE)


def test_a_small_person_is_low_resolution():
    small = pose()
    tiny = Pose(Keypoints(small.body.xy / 8, small.body.score))
    assert Flag.LOW_RESOLUTION in pose_flags(tiny, Size(128, 96))


def test_joints_outside_the_picture_do_not_count_against_the_pose():
    below = pose(RIGHT_WRIST=(220, 1300), LEFT_WRIST=None)
    assert pose_certainty(below, SIZE) == pytest.approx(0.9 * 10 / 10.5)
    assert pose_certainty(Pose(Keypoints(np.zeros((25, 2), np.float32),
                                         np.zeros(25, np.float32))), SIZE) == 0  # fmt: skip


def test_garment_masks():
    shirt = np.zeros((256, 192), bool)
    shirt[40:220, 54:138] = True
    shirt[50:110, 20:172] = True
    assert garment_mask_plausibility(shirt) == 1
    assert not garment_cut_off(shirt)
    assert garment_mask_plausibility(np.zeros_like(shirt)) == 0
    assert garment_mask_plausibility(np.ones_like(shirt)) == 0
    specks = np.random.default_rng(0).random(shirt.shape) < 0.08
    assert garment_mask_plausibility(specks) < 0.5
    cut = np.roll(shirt, 60, axis=0)
    cut[:20] = False
    assert garment_cut_off(cut)
