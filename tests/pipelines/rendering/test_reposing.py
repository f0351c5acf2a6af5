"""Systems that know people's own poses only, made to show others."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.body import BODY25_SWAP, Body25
from pipelines.errors import ItemError
from pipelines.flags import Flag
from pipelines.rendering.articulation import articulated
from pipelines.rendering.limbs import Turns
from pipelines.rendering.reposing import Reposing
from pipelines.stage import TryOnResult
from pipelines.types import Keypoints, Pose

B = Body25
PATCH = np.s_[100:120, 80:100]
GREEN = (0, 200, 0)


class Patch:
    """A system that paints a square on whomever it is shown."""

    def __init__(self):
        self.shown = []

    def prepare_person(self, person):
        self.shown.append(person)
        return person

    def prepare_garment(self, garment):
        return f"prepared {garment}"

    def dress(self, person, garment, *, seed, save_stages=False):
        image, edited = person.image.copy(), np.zeros(person.image.shape[:2], np.float32)
        image[PATCH], edited[PATCH] = GREEN, 0.5
        measures = {"warp": 0.1, "seed": seed}
        stages = {"garment": garment} if save_stages else {}
        return TryOnResult(image, edited, 0.8, (Flag.STRONG_WARP,), measures, stages)


@pytest.fixture
def system():
    return Reposing(Patch())


@pytest.fixture
def person(draw_person):
    return draw_person(1)


def larger(pose, factor=2.0, x=31, y=-12):
    """The pose in another photo of another size."""
    return Pose(Keypoints((pose.body.xy * factor + (x, y)).astype(np.float32), pose.body.score))


def posed(system, person, pose, **options):
    garment = system.prepare_garment("a tee")
    made = system.prepare_pose(system.prepare_person(person), pose)
    return system.dress_posed(person, garment, made, seed=7, **options)


def test_the_system_is_shown_the_person_with_turned_limbs(system, person):
    wanted = articulated(person, Turns(right_shoulder=35, right_elbow=-20))
    made = posed(system, person, larger(wanted.pose), save_stages=True)
    (shown,) = system.system.shown
    assert np.abs(shown.image.astype(int) - wanted.image).mean() < 0.01
    np.testing.assert_allclose(made.pose.xy, wanted.pose.body.xy, atol=0.01)
    assert made.stages == {"garment": "prepared a tee"}
    assert made.measures["pose_distance"] < 0.01
    assert (made.score, made.flags, made.measures["seed"]) == (0.8, (Flag.STRONG_WARP,), 7)


def test_edited_is_what_differs_from_the_photo(system, person):
    pose = articulated(person, Turns(left_shoulder=-40)).pose
    made = posed(system, person, larger(pose))
    differs = (made.image != person.image).any(-1)
    assert made.edited.dtype == np.float32
    np.testing.assert_array_equal(made.edited > 0, differs)
    moved = differs.copy()
    moved[PATCH] = False
    assert moved.sum() > 100
    assert (made.edited[moved] == 1).all(), "an arm that went is gone altogether"
    assert (made.edited[PATCH][differs[PATCH]] == 0.5).all()


def test_without_a_pose_people_are_in_their_own(system, person):
    made = system.dress(person, "tee", seed=0)
    assert system.system.shown == [person]
    assert made.measures["pose_distance"] == 0 and made.flags == (Flag.STRONG_WARP,)
    np.testing.assert_array_equal(made.pose.xy, person.pose.body.xy)


def test_a_pose_that_limbs_cannot_take_is_flagged(system, person):
    pose = articulated(person, Turns(right_shoulder=60)).pose
    score = person.pose.body.score.copy()
    score[B.RIGHT_ELBOW] = 0  # so there is no telling where the arm is
    stiff = replace(person, pose=Pose(Keypoints(person.pose.body.xy, score)))
    made = posed(system, stiff, pose)
    assert made.measures["pose_distance"] > 0.4 and Flag.POSE_NOT_REACHED in made.flags
    assert Flag.POSE_NOT_REACHED not in posed(system, person, pose).flags


def test_the_other_side_of_a_body_is_refused(system, person):
    swap = list(BODY25_SWAP)
    behind = Pose(Keypoints(person.pose.body.xy[swap], person.pose.body.score[swap]))
    with pytest.raises(ItemError, match="other side") as refused:
        system.prepare_pose(person, behind)
    assert refused.value.code == "uncertain_pose" and refused.value.hint
    nobody = Pose(Keypoints(np.zeros((25, 2), np.float32), np.zeros(25, np.float32)))
    with pytest.raises(ItemError, match="no shoulder"):
        system.prepare_pose(person, nobody)
