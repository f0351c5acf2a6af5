"""The picture at the photo's size, from predictions that are as good as they can be."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from multipose_files import write_files

from pipelines.body import Body25, shifted
from pipelines.errors import ItemError
from pipelines.labels import LIP20
from pipelines.rendering.render import Prediction
from pipelines.stage import PersonInputs
from pipelines.systems.multipose.layers import PARTS, still_labels
from pipelines.systems.multipose.picture import PosedPrediction
from pipelines.systems.multipose.tryon import MultiPoseTryOn, painted
from pipelines.types import Keypoints, ParseMap, Pose

B = Body25
NEW, FOREIGN = (250, 40, 200), (0, 255, 255)
FACTOR = 3
ARMS = PARTS[0][0], PARTS[1][0]
LOWER = PARTS[3][0]


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    return MultiPoseTryOn(weights=write_files(tmp_path_factory.mktemp("weights")))


@pytest.fixture(scope="module")
def shown(draw_person):
    """768x576, the drawn person of 256x192 three times as large."""
    return draw_person(FACTOR, long_sleeves=False)


@pytest.fixture(scope="module")
def person(system, shown):
    return system.prepare_person(shown)


@pytest.fixture(scope="module")
def garment(system, draw_garment):
    return system.prepare_garment(draw_garment(NEW))


def posed(shown, joint, place):
    """The person's pose with one joint elsewhere, given in pixels of 256x192."""
    xy, score = shown.pose.body.xy.copy(), shown.pose.body.score.copy()
    xy[joint], score[joint] = np.multiply(place, FACTOR), 0.9
    return Pose(Keypoints(xy, score))


def perfect(drawn, picture=None):
    """What perfect networks would say of a drawn person of 256x192; the garment covers nothing."""
    shares = (drawn.parse.ids[None] == np.arange(20)[:, None, None]).astype(np.float32)
    others = np.stack([np.delete(shares, n, 0).max(0) for n in (LIP20.UPPER, LIP20.BACKGROUND)])
    x, y = np.meshgrid((np.arange(192) + 0.5) / 96 - 1, (np.arange(256) + 0.5) / 128 - 1)
    image = (drawn.image if picture is None else picture).astype(np.float32)
    made = Prediction(
        lead=shares[LIP20.UPPER] - others[0],
        body=others[1] - shares[LIP20.BACKGROUND],
        lower=np.isin(drawn.parse.ids, LOWER),
        picture=image,
        warped=np.full((256, 192, 3), NEW, np.float32),
        cover=np.ones((256, 192), np.float32),
        grid=np.stack((0.2 * x, 0.2 * y), -1).astype(np.float32),
    )
    return PosedPrediction(made, shares)


def show(system, person, garment, predicted, pose=None):
    target = system.prepare_pose(person, pose)
    return target, painted(person, garment, target, predicted, {})


def at(result, x, y):
    return result.image[round(y * FACTOR), round(x * FACTOR)].astype(int)


def test_in_their_own_pose_head_arms_and_legs_are_the_photos(
    system, person, garment, shown, draw_person
):
    """Pictures of the networks, in a colour found nowhere else, show where nothing else is."""
    drawn = draw_person(1, long_sleeves=False)
    strange = np.full_like(drawn.image, FOREIGN)
    strange[drawn.parse.mask(LIP20.UPPER)] = NEW
    target, found = show(system, person, garment, perfect(drawn, strange))
    assert target.stance.move is None, "the drawn person has a nose and no eyes"
    assert set(target.stance.still) == {group for group, _ in PARTS}
    for labels in (*ARMS, LOWER):
        inside = shown.parse.mask(*labels)
        inside[: 100 * FACTOR] = False
        same = (found.image == shown.image).all(-1)
        assert same[inside].mean() > 0.8
        assert not found.edited[same].any() and found.edited[~same].all()
    # the garment has its own colours, and nothing is left of the old one
    assert np.abs(at(found, 96, 130) - NEW).max() <= 60
    assert found.edited[130 * FACTOR, 96 * FACTOR] == 1


def test_an_arm_that_moves_leaves_background_and_comes_to_where_it_is_wanted(
    system, person, garment, shown, draw_person
):
    """The drawn person's left forearm, from beside the hip to across the chest."""
    pose = posed(shown, B.LEFT_WRIST, (104, 128))
    pose = posed(replace(shown, pose=pose), B.LEFT_ELBOW, (146, 120))
    crossed = draw_person(1, long_sleeves=False, crossed=True)
    target, found = show(system, person, garment, perfect(crossed), pose)
    assert ARMS[1] not in target.stance.still and ARMS[0] in target.stance.still
    # the old place of the hand is background now, as bright as beside it
    before, beside = shown.image[165 * FACTOR, 143 * FACTOR].astype(int), at(found, 170, 165)
    assert np.abs(before - beside).max() > 40
    assert np.abs(at(found, 143, 165) - beside).max() < 12
    # the forearm lies before the garment, in the colour of skin
    assert np.abs(at(found, 124, 125) - crossed.image[125, 124]).max() < 25
    # the other arm and the trousers are the photo's
    same = (found.image == shown.image).all(-1)
    for labels in (ARMS[0], LOWER):
        inside = shown.parse.mask(*labels)
        inside[: 100 * FACTOR] = False
        assert same[inside].mean() > 0.8


def test_where_nobody_was_and_nobody_comes_the_photo_stays(
    system, person, garment, shown, draw_person
):
    _, found = show(system, person, garment, perfect(draw_person(1)))
    far = np.ones(shown.image.shape[:2], bool)
    rows, columns = np.nonzero(shown.parse.ids)
    far[max(0, rows.min() - 20) : rows.max() + 20, columns.min() - 20 : columns.max() + 20] = False
    assert far.any()
    np.testing.assert_array_equal(found.image[far], shown.image[far])
    assert not found.edited[far].any()


def with_face(shown, places):
    xy, score = shown.pose.body.xy.copy(), shown.pose.body.score.copy()
    for joint, place in places.items():
        xy[joint], score[joint] = np.multiply(place, FACTOR), 0.9
    return replace(shown, pose=Pose(Keypoints(xy, score)))


FACE = {B.NOSE: (96, 46), B.RIGHT_EYE: (89, 40), B.LEFT_EYE: (103, 40), B.RIGHT_EAR: (78, 44),
        B.LEFT_EAR: (114, 44)}  # fmt: skip


def test_the_photos_own_head_goes_with_the_pose(system, garment, shown, draw_person):
    """By ten pixels of 192 to the right; what the networks paint there is not shown."""
    faced = with_face(shown, FACE)
    # a mark on the forehead that no network paints
    image = faced.image.copy()
    rows, columns = slice(33 * FACTOR, 36 * FACTOR), slice(94 * FACTOR, 98 * FACTOR)
    image[rows, columns] = (255, 0, 0)
    faced = replace(faced, image=image)
    person = system.prepare_person(faced)
    aside = {joint: (x + 10, y) for joint, (x, y) in FACE.items()}
    drawn = draw_person(1)
    moved = PersonInputs(
        np.roll(drawn.image, 10, 1), drawn.pose, ParseMap(np.roll(drawn.parse.ids, 10, 1), LIP20)
    )
    predicted = perfect(moved, np.full_like(drawn.image, FOREIGN))
    target, found = show(system, person, garment, predicted, with_face(shown, aside).pose)
    assert target.stance.move is not None and found.measures["own_head"] == 1
    red = (found.image.astype(int) - (255, 0, 0)).__abs__().max(-1) < 40
    y, x = np.nonzero(red)
    assert len(x) > 50
    # a least squares head turns a little about the neck, which stays where it is
    assert abs(x.mean() / FACTOR - (96 + 10)) < 4 and abs(y.mean() / FACTOR - 34.5) < 4
    # the joints that the networks and the report are told are those of this head
    move = target.stance.move
    nose = move[:, :2] @ faced.pose.body.xy[B.NOSE] + move[:, 2]
    np.testing.assert_allclose(found.pose.xy[B.NOSE], nose, atol=0.01)


def test_a_head_that_the_photo_cuts_is_not_pulled_away_from_its_edge(system, shown):
    faced = with_face(shown, FACE)
    cut = PersonInputs(
        np.ascontiguousarray(faced.image[90:]),
        shifted(faced.pose, 0, -90),
        ParseMap(np.ascontiguousarray(faced.parse.ids[90:]), LIP20),
    )
    lower = with_face(shown, {joint: (x, y + 8) for joint, (x, y) in FACE.items()}).pose
    own = with_face(shown, FACE).pose
    for photo, can in ((faced, True), (cut, False)):
        prepared = system.prepare_person(photo)
        assert (system.prepare_pose(prepared, lower).stance.move is not None) == can
        assert system.prepare_pose(prepared, own).stance.move is not None


def test_a_target_of_any_size_is_placed_on_the_person(system, person, shown):
    near = system.prepare_pose(person, shown.pose)
    scaled = Pose(Keypoints(shown.pose.body.xy * 0.2 + 50, shown.pose.body.score))
    far = system.prepare_pose(person, scaled)
    seen = shown.pose.body.score > 0
    np.testing.assert_allclose(far.body.xy[seen], near.body.xy[seen], atol=0.05)
    np.testing.assert_allclose(near.body.xy[seen], shown.pose.body.xy[seen], atol=0.05)
    assert (near.maps != far.maps).float().mean() < 0.001
    own = system.prepare_pose(person, None)
    assert torch.equal(own.maps, near.maps)
    assert set(own.stance.still) == set(far.stance.still) == {group for group, _ in PARTS}


def test_a_pose_without_shoulders_is_an_items_error(system, person):
    empty = Pose(Keypoints(np.zeros((25, 2), np.float32), np.zeros(25, np.float32)))
    with pytest.raises(ItemError, match="shows no shoulder"):
        system.prepare_pose(person, empty)


def test_legs_that_networks_are_not_shown_stay_with_those_above_them(system, draw_person):
    """A full-length photo: the canvas ends at the thighs, so that moved legs would be torn off."""
    whole = draw_person(2.0)
    size = ((0, 400), (100, 100))
    ids = np.pad(whole.parse.ids, size)
    ids[512:, 250:340] = LIP20.PANTS
    tall = PersonInputs(
        np.pad(whole.image, (*size, (0, 0)), mode="edge"),
        shifted(whole.pose, 100, 0),
        ParseMap(ids, LIP20),
    )
    person = system.prepare_person(tall)
    assert not person.canvas.whole
    assert person.canvas.y + person.canvas.size.height < 912
    xy, score = tall.pose.body.xy.copy(), tall.pose.body.score.copy()
    xy[B.RIGHT_HIP] += (30, -5)
    xy[B.RIGHT_WRIST] += (-60, -90)
    target = system.prepare_pose(person, Pose(Keypoints(xy, score)))
    np.testing.assert_allclose(
        target.body.xy[B.RIGHT_HIP], tall.pose.body.xy[B.RIGHT_HIP], atol=0.01
    )
    assert target.body.xy[B.RIGHT_WRIST, 1] < tall.pose.body.xy[B.RIGHT_WRIST, 1] - 50
    assert LOWER in target.stance.still and ARMS[0] not in target.stance.still


def test_a_part_is_still_only_if_each_of_its_joints_is(shown):
    torso = 86 * FACTOR  # neck to middle of the hips
    for share, still in ((0.04, True), (0.06, False)):
        xy = shown.pose.body.xy.copy()
        xy[B.RIGHT_WRIST, 0] += share * torso
        found = still_labels(shown.pose, Pose(Keypoints(xy, shown.pose.body.score)))
        assert (ARMS[0] in found) == still and ARMS[1] in found
    # a leg that comes into view has moved
    hidden = posed(shown, B.LEFT_KNEE, (114, 220))
    assert LOWER not in still_labels(shown.pose, hidden)
