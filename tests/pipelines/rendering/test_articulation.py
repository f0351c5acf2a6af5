"""A person in another pose, against geometry known by hand and by matplotlib's transforms."""

import numpy as np
import pytest
from matplotlib.transforms import Affine2D

from pipelines.body import BODY25_SWAP, Body25
from pipelines.labels import LIP20
from pipelines.mirror_image import mirrored
from pipelines.rendering.articulation import articulated
from pipelines.rendering.limbs import Turns, legs_cross, turns_between
from pipelines.stage import PersonInputs
from pipelines.types import Keypoints, ParseMap, Pose

B = Body25
SHOULDER, ELBOW, WRIST = B.RIGHT_SHOULDER, B.RIGHT_ELBOW, B.RIGHT_WRIST
SKIN, CLOTH, GROUND, JEANS = (220, 180, 150), (40, 120, 60), (235, 235, 240), (40, 50, 90)


def at(person, joint):
    return person.pose.body.xy[joint].astype(float)


def painted(arm_across=False):
    """A person of rectangles, 192x256: bare arms 12 wide, legs 30 wide; every place is known."""
    image = np.full((256, 192, 3), GROUND, np.uint8)
    ids = np.zeros((256, 192), np.uint8)
    joints = {
        B.NOSE: (96, 30), B.NECK: (96, 56), B.RIGHT_SHOULDER: (70, 60), B.LEFT_SHOULDER: (122, 60),
        B.RIGHT_ELBOW: (56, 100), B.RIGHT_WRIST: (56, 140), B.LEFT_ELBOW: (136, 100),
        B.LEFT_WRIST: (136, 140), B.RIGHT_HIP: (80, 140), B.LEFT_HIP: (112, 140),
        B.RIGHT_KNEE: (80, 190), B.LEFT_KNEE: (112, 190), B.RIGHT_ANKLE: (80, 240),
        B.LEFT_ANKLE: (112, 240),
    }  # fmt: skip

    def rectangle(left, top, right, bottom, colour, label):
        image[top:bottom, left:right], ids[top:bottom, left:right] = colour, label

    rectangle(82, 12, 110, 48, SKIN, LIP20.FACE)
    rectangle(90, 48, 102, 60, SKIN, LIP20.NECK)
    rectangle(66, 140, 95, 250, JEANS, LIP20.PANTS)
    rectangle(97, 140, 126, 250, JEANS, LIP20.PANTS)
    rectangle(66, 56, 126, 145, CLOTH, LIP20.UPPER)
    rectangle(50, 56, 62, 150, SKIN, LIP20.RIGHT_ARM)
    rectangle(62, 56, 66, 66, SKIN, LIP20.RIGHT_ARM)
    rectangle(130, 56, 142, 150, SKIN, LIP20.LEFT_ARM)
    joints[B.RIGHT_SHOULDER], joints[B.LEFT_SHOULDER] = (58, 60), (134, 60)
    if arm_across:
        rectangle(50, 106, 62, 150, GROUND, LIP20.BACKGROUND)
        rectangle(50, 94, 110, 106, SKIN, LIP20.RIGHT_ARM)
        joints[B.RIGHT_ELBOW], joints[B.RIGHT_WRIST] = (56, 100), (96, 100)
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for joint, place in joints.items():
        xy[joint], score[joint] = place, 0.9
    return PersonInputs(image, Pose(Keypoints(xy, score)), ParseMap(ids, LIP20))


def test_nothing_turns_nothing_changes(draw_person):
    for person in (painted(), draw_person(1)):
        found = articulated(person, Turns())
        np.testing.assert_array_equal(found.image, person.image)
        np.testing.assert_array_equal(found.parse.ids, person.parse.ids)
        np.testing.assert_array_equal(found.pose.body.xy, person.pose.body.xy)


@pytest.mark.parametrize(("shoulder", "elbow"), [(40, 0), (-20, 0), (0, 75), (35, -50), (90, 90)])
def test_joints_turn_about_shoulder_and_elbow(shoulder, elbow):
    person = painted()
    found = articulated(person, Turns(right_shoulder=shoulder, right_elbow=elbow))
    upper = Affine2D().rotate_deg_around(*at(person, SHOULDER), shoulder)
    lower = Affine2D().rotate_deg_around(*at(person, ELBOW), elbow) + upper
    np.testing.assert_allclose(at(found, ELBOW), upper.transform(at(person, ELBOW)), atol=1e-3)
    np.testing.assert_allclose(at(found, WRIST), lower.transform(at(person, WRIST)), atol=1e-3)
    others = [j for j in range(25) if j not in (ELBOW, WRIST)]
    np.testing.assert_array_equal(found.pose.body.xy[others], person.pose.body.xy[others])


def test_a_quarter_turn_puts_the_arm_where_it_is_known_to_be():
    """The right arm hangs from (58, 60) down; clockwise by 90 degrees it points to the left."""
    person = painted()
    found = articulated(person, Turns(right_shoulder=90))
    np.testing.assert_allclose(at(found, ELBOW), (18, 58), atol=1e-3)
    ids, image = found.parse.ids, found.image
    # a vertical bar at x 50..62 becomes a horizontal one at y 52..64, up to the photo's edge
    assert (ids[55:62, 2:48] == LIP20.RIGHT_ARM).all()
    assert np.abs(image[55:62, 2:48].astype(int) - SKIN).max() <= 2
    assert not (ids[:45] == LIP20.RIGHT_ARM).any()
    # where it was there is background
    assert (ids[85:150, 48:62] == LIP20.BACKGROUND).all()
    assert np.abs(image[85:150, 48:62].astype(int) - GROUND).max() <= 3
    # the rest of the person is untouched
    for label in (LIP20.LEFT_ARM, LIP20.PANTS, LIP20.FACE):
        np.testing.assert_array_equal(ids == label, person.parse.ids == label)
    assert (ids[person.parse.ids == LIP20.UPPER] == LIP20.UPPER).all()


def test_the_forearm_turns_alone():
    person = painted()
    found = articulated(person, Turns(right_elbow=90))
    ids = found.parse.ids
    assert (ids[64:90, 52:60] == LIP20.RIGHT_ARM).all(), "the upper arm stays"
    assert (ids[97:103, 22:44] == LIP20.RIGHT_ARM).all(), "the forearm points to the left"
    assert (ids[112:150, 48:62] == LIP20.BACKGROUND).all()


def test_behind_an_arm_across_the_body_is_the_garment():
    person = painted(arm_across=True)
    assert (person.parse.ids[96:104, 70:105] == LIP20.RIGHT_ARM).all()
    found = articulated(person, Turns(right_elbow=90))
    hole = (slice(96, 104), slice(72, 108))
    assert (found.parse.ids[hole] == LIP20.UPPER).all()
    assert np.abs(found.image[hole].astype(int) - CLOTH).max() <= 3
    assert (found.parse.ids[112:140, 53:59] == LIP20.RIGHT_ARM).all()


def test_the_flank_of_a_garment_beside_a_bare_arm_stays():
    """It is as near to the arm's bones as a sleeve would be."""
    person = painted()
    person.parse.ids[100:140, 60:66] = LIP20.UPPER
    found = articulated(person, Turns(right_shoulder=60))
    assert (found.parse.ids[100:140, 63:66] == LIP20.UPPER).all()


def test_a_sleeve_goes_with_its_arm():
    person = painted()
    arm = person.parse.mask(LIP20.RIGHT_ARM)
    arm[98:] = False
    person.parse.ids[arm], person.image[arm] = LIP20.COAT, (200, 0, 0)
    found = articulated(person, Turns(right_shoulder=90))
    assert (found.parse.ids[55:62, 25:48] == LIP20.COAT).all()
    assert (found.image[56:61, 26:46] == (200, 0, 0)).all()
    assert (found.parse.ids[80:98, 48:62] == LIP20.BACKGROUND).all()


def test_a_leg_turns_about_its_hip_and_keeps_its_waist():
    person = painted()
    found = articulated(person, Turns(right_hip=10))
    turned = Affine2D().rotate_deg_around(*at(person, B.RIGHT_HIP), 10)
    for joint in (B.RIGHT_KNEE, B.RIGHT_ANKLE):
        np.testing.assert_allclose(at(found, joint), turned.transform(at(person, joint)), atol=1e-3)
    ids = found.parse.ids
    x, y = np.round(at(found, B.RIGHT_ANKLE)).astype(int)
    assert (ids[y - 2 : y + 3, x - 8 : x + 9] == LIP20.PANTS).all()
    # no gap opens under the garment, the garment's hem is in front, the other leg stays
    assert (ids[146:152, 68:94] == LIP20.PANTS).all()
    assert (ids[100:145, 66:126] == LIP20.UPPER).all()
    assert (ids[150:250, 98:125] == LIP20.PANTS).all()


def test_a_limb_with_an_unseen_joint_stays():
    person = painted()
    xy, score = person.pose.body.xy.copy(), person.pose.body.score.copy()
    xy[WRIST], score[WRIST] = 0, 0
    blind = PersonInputs(person.image, Pose(Keypoints(xy, score)), person.parse)
    found = articulated(blind, Turns(right_shoulder=50, right_elbow=10))
    np.testing.assert_array_equal(found.image, person.image)
    np.testing.assert_array_equal(found.pose.body.xy, xy)


def test_an_arm_that_grows_out_of_hair_stays():
    person = painted()
    person.parse.ids[48:75, 44:72] = LIP20.HAIR
    found = articulated(person, Turns(right_shoulder=50))
    np.testing.assert_array_equal(found.parse.ids, person.parse.ids)
    np.testing.assert_array_equal(found.pose.body.xy, person.pose.body.xy)


def test_legs_that_cross_stay():
    person = painted()
    body = person.pose.body
    xy = body.xy.copy()
    xy[[B.RIGHT_ANKLE, B.LEFT_ANKLE]] = xy[[B.LEFT_ANKLE, B.RIGHT_ANKLE]]
    crossed = PersonInputs(person.image, Pose(Keypoints(xy, body.score)), person.parse)
    assert legs_cross(crossed.pose.body) and not legs_cross(body)
    found = articulated(crossed, Turns(right_hip=12, left_hip=-12))
    np.testing.assert_array_equal(found.image, person.image)
    np.testing.assert_array_equal(found.pose.body.xy, xy)


@pytest.mark.parametrize(("hidden", "stays"), [(0.3, False), (0.9, True)])
def test_an_arm_whose_forearm_does_not_show_stays(hidden, stays):
    """A bag or a sleeve before the trunk: the hand would come off."""
    person = painted()
    (_, elbow), (_, wrist) = at(person, B.RIGHT_ELBOW), at(person, B.RIGHT_WRIST)
    rows = slice(round(elbow), round(elbow + hidden * (wrist - elbow)))
    person.parse.ids[rows, 40:66] = LIP20.SCARF
    found = articulated(person, Turns(right_shoulder=50))
    assert (found.image == person.image).all() == stays
    assert (found.pose.body.xy == person.pose.body.xy).all() == stays


def test_a_mirror_exchanges_sides_and_two_of_them_nothing(draw_person):
    person = draw_person(1)
    found = mirrored(person)
    np.testing.assert_array_equal(found.image, person.image[:, ::-1])
    for label, other in (("LEFT_ARM", "RIGHT_ARM"), ("RIGHT_SHOE", "LEFT_SHOE"), ("FACE", "FACE")):
        np.testing.assert_array_equal(
            found.parse.mask(LIP20[label]), person.parse.mask(LIP20[other])[:, ::-1]
        )
    width, seen = person.image.shape[1], person.pose.body.score > 0
    for joint in np.nonzero(seen)[0]:
        x, y = person.pose.body.xy[joint]
        np.testing.assert_array_equal(found.pose.body.xy[BODY25_SWAP[joint]], (width - 1 - x, y))
    twice = mirrored(found)
    np.testing.assert_array_equal(twice.image, person.image)
    np.testing.assert_array_equal(twice.parse.ids, person.parse.ids)
    np.testing.assert_array_equal(twice.pose.body.xy, person.pose.body.xy)


@pytest.mark.parametrize("seed", range(5))
def test_turns_between_two_poses_bring_the_one_to_the_other(seed):
    """Bones keep their own length: it is directions that must agree."""
    person, rng = painted(), np.random.default_rng(seed)
    wanted = Turns(*(float(angle) for angle in rng.uniform(-70, 70, 4)), *rng.uniform(-9, 9, 2))
    target = articulated(person, wanted).pose.body
    larger = Keypoints(target.xy * 1.7 + 20, target.score)
    found = turns_between(person.pose.body, larger)
    for name in vars(wanted):
        assert getattr(found, name) == pytest.approx(getattr(wanted, name), abs=1e-3)
    np.testing.assert_allclose(articulated(person, found).pose.body.xy, target.xy, atol=1e-3)


def test_a_limb_that_either_pose_does_not_show_is_not_turned():
    person = painted()
    target = articulated(person, Turns(right_shoulder=30, left_shoulder=-30, right_hip=5)).pose.body
    assert turns_between(person.pose.body, person.pose.body) == Turns()
    unseen = target.score.copy()
    unseen[[WRIST, B.RIGHT_ANKLE, B.LEFT_SHOULDER]] = 0
    found = turns_between(person.pose.body, Keypoints(target.xy, unseen))
    assert found.right_shoulder == pytest.approx(30, abs=1e-3)
    assert (found.right_elbow, found.left_shoulder, found.left_elbow) == (0, 0, 0)
    assert found.right_hip == 0


def test_behind_a_hand_in_a_pocket_are_the_trousers():
    person = painted()
    ids, image = person.parse.ids, person.image
    ids[150:166, 60:78], image[150:166, 60:78] = LIP20.RIGHT_ARM, SKIN
    found = articulated(person, Turns(right_shoulder=40))
    assert (found.parse.ids[154:162, 70:76] == LIP20.PANTS).all()
    assert np.abs(found.image[154:162, 70:76].astype(int) - JEANS).max() <= 2
