"""Easy, medium and hard, on drawn persons."""

import cv2
import numpy as np
import pytest

from pipelines.evaluation.levels import EASY, HARD, LEVELS, MEDIUM, level_of, traits_of
from pipelines.labels import LIP20
from pipelines.types import Keypoints, ParseMap, Pose

HEIGHT, WIDTH = 256, 192
BASE = {
    2: (66, 70), 3: (58, 115), 4: (56, 160), 5: (126, 70), 6: (134, 115), 7: (136, 160),
    9: (76, 160), 12: (116, 160),
}  # fmt: skip
"""Shoulders 60 apart, a trunk 90 long, both arms down."""


def drawn(sleeves=False, hair=None, unseen=(), **moved):
    """A person whose joints are moved: ``j4=(96, 110)``; arms are drawn from them."""
    joints = BASE | {int(name[1:]): place for name, place in moved.items()}
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    ids = np.zeros((HEIGHT, WIDTH), np.uint8)
    trunk = np.array([joints[j] for j in (2, 5, 12, 9)], np.int32)
    cv2.fillPoly(ids, [trunk], int(LIP20.UPPER))
    for name, arm in (("RIGHT_ARM", (2, 3, 4)), ("LEFT_ARM", (5, 6, 7))):
        if not set(arm) & set(unseen):
            label = LIP20.UPPER if sleeves else LIP20[name]
            points = np.array([joints[j] for j in arm[1:]], np.int32)
            cv2.polylines(ids, [points], False, int(label), 9)
    if hair:
        left, top, right, bottom = hair
        ids[top:bottom, left:right] = LIP20.HAIR
    for joint, place in joints.items():
        if joint not in unseen:
            xy[joint], score[joint] = place, 0.9
    return Pose(Keypoints(xy, score)), ParseMap(ids, LIP20)


CASES = {
    "arms down": (EASY, {}),
    "a hand at the hip": (EASY, {"j4": (70, 158)}),
    "one arm bent outward": (MEDIUM, {"j4": (20, 100)}),
    "one arm raised": (MEDIUM, {"j3": (25, 60), "j4": (10, 30)}),
    "both arms raised": (MEDIUM, {"j3": (25, 60), "j4": (10, 30), "j6": (167, 60),
                                  "j7": (182, 30)}),
    "one hand behind the back": (MEDIUM, {"unseen": (4,)}),
    "turned, arms down": (MEDIUM, {"j2": (76, 70), "j5": (116, 70), "j3": (70, 115),
                                   "j6": (122, 115), "j4": (68, 160), "j7": (124, 160)}),
    "long hair": (MEDIUM, {"hair": (80, 70, 112, 90)}),
    "a bare arm across": (HARD, {"j4": (105, 115)}),
    "a sleeved arm across": (HARD, {"j4": (105, 115), "sleeves": True}),
    "turned, both arms hidden": (HARD, {"j2": (76, 70), "j5": (116, 70), "unseen": (4, 7)}),
}  # fmt: skip


@pytest.mark.parametrize("name", list(CASES))
def test_persons_are_sorted_as_people_would(name):
    level, options = CASES[name]
    assert level_of(*drawn(**options)) == level


def test_a_mirror_image_is_as_hard():
    for level, options in CASES.values():
        pose, parse = drawn(**options)
        xy = pose.body.xy.copy()
        xy[:, 0] = WIDTH - 1 - xy[:, 0]
        swap = np.arange(25)
        swap[[2, 3, 4, 5, 6, 7, 9, 12]] = [5, 6, 7, 2, 3, 4, 12, 9]
        ids = parse.ids[:, ::-1].copy()
        mirrored = Pose(Keypoints(xy[swap], pose.body.score[swap]))
        assert level_of(mirrored, ParseMap(ids, LIP20)) == level, options


@pytest.mark.parametrize("factor", [2, 4])
def test_the_size_of_a_photo_does_not_matter(factor):
    for level, options in CASES.values():
        pose, parse = drawn(**options)
        large = Pose(Keypoints(pose.body.xy * factor, pose.body.score))
        ids = parse.ids.repeat(factor, 0).repeat(factor, 1)
        assert level_of(large, ParseMap(ids, LIP20)) == level, options


def test_without_shoulders_or_hips_there_is_no_level():
    pose, parse = drawn(unseen=(9,))
    assert level_of(pose, parse) == "" and traits_of(pose, parse) is None
    assert set(LEVELS) == {EASY, MEDIUM, HARD}


def test_traits_are_told():
    found = traits_of(*drawn(j4=(105, 115)))
    assert (found.covered, found.limbs, found.turned) == (True, 1, False)
