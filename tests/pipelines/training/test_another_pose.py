"""Sources that are made of a single photo of a person."""

import numpy as np

from pipelines.body import BODY25_SWAP, Body25
from pipelines.labels import LIP20
from pipelines.stage import PersonInputs
from pipelines.training.another_pose import another_pose, drawn_turns
from pipelines.types import Keypoints, Pose

B = Body25


def test_arms_turn_outwards_on_whichever_side_they_are(draw_person):
    person = draw_person(1)
    drawn = [drawn_turns(person, np.random.default_rng(n)) for n in range(200)]
    right, left = (
        np.array([getattr(t, f"{s}_shoulder") for t in drawn]) for s in ("right", "left")
    )
    # outwards is clockwise for the arm on the left of the picture
    assert right.mean() > 10 and left.mean() < -10
    assert right.min() >= -15 and right.max() <= 60 and left.max() <= 15 and left.min() >= -60
    behind = [drawn_turns(mirrored_pose_only(person), np.random.default_rng(n)) for n in range(50)]
    assert np.mean([t.right_shoulder for t in behind]) < -5


def mirrored_pose_only(person):
    """The person from behind: sides as they are, places exchanged."""
    xy = person.pose.body.xy[list(BODY25_SWAP)]
    pose = Pose(Keypoints(xy, person.pose.body.score[list(BODY25_SWAP)]))
    return PersonInputs(person.image, pose, person.parse)


def test_sources_are_drawn_alike_for_a_seed_and_every_other_time_in_a_mirror(draw_person):
    person = draw_person(1)
    before = person.image.copy(), person.parse.ids.copy(), person.pose.body.xy.copy()
    one, again = (another_pose(person, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(one.image, again.image)
    np.testing.assert_array_equal(one.parse.ids, again.parse.ids)
    turned = []
    for seed in range(40):
        found = another_pose(person, np.random.default_rng(seed))
        assert found.image.dtype == found.parse.ids.dtype == np.uint8
        assert found.image.shape == person.image.shape
        assert found.parse.ids.max() < len(LIP20)
        body = found.pose.body.xy
        turned.append(bool(body[B.RIGHT_SHOULDER, 0] > body[B.LEFT_SHOULDER, 0]))
    # in a mirror the right side is where the right side would be: on the left of the picture
    assert not any(turned)
    for now, then in zip(
        (person.image, person.parse.ids, person.pose.body.xy), before, strict=True
    ):
        np.testing.assert_array_equal(now, then)
