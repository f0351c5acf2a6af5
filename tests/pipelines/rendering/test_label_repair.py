"""Arms of a label map that are cloth."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipelines.body import Body25
from pipelines.labels import LIP20
from pipelines.rendering.dressing import prepare_person
from pipelines.rendering.label_repair import repaired_labels
from pipelines.rendering.reposing import Reposing
from pipelines.stage import PersonInputs
from pipelines.systems.geometric.tryon import GeometricTryOn
from pipelines.types import Keypoints, ParseMap, Pose, Size

SKIN, SHADE, BLUE, BLACK, GRAY = (
    (222, 178, 156), (128, 96, 82), (40, 70, 150), (24, 24, 28), (126, 128, 132),
)  # fmt: skip
ARM, SLEEVE = slice(60, 180), slice(60, 110)
"""Rows of what is called an arm, and of the sleeve on it."""
WRIST = (140, 190)


def drawn(garment, *, arm=SKIN, sleeve=None, label=LIP20.UPPER, hand=None):
    """A person: face, garment, trousers, and an arm beside them with a sleeve, its hand lower."""
    photo = np.full((256, 192, 3), 235, np.uint8)
    ids = np.zeros((256, 192), np.uint8)
    for rows, columns, colour, part in (
        (slice(10, 50), slice(80, 112), SKIN, LIP20.FACE),
        (slice(55, 150), slice(60, 130), garment, label),
        (slice(150, 256), slice(60, 130), GRAY, LIP20.PANTS),
        (ARM, slice(130, 150), arm, LIP20.LEFT_ARM),
    ):
        photo[rows, columns], ids[rows, columns] = colour, part
    if sleeve is not None:
        photo[SLEEVE, 130:150] = sleeve
    if hand is not None:
        photo[160:180, 130:140] = hand
    noise = np.random.default_rng(1).normal(0, 2, photo.shape)
    return seen(np.clip(photo + noise, 0, 255).astype(np.uint8), ids)


def seen(photo, ids, unit=1.0):
    """The person of a photo and labels, upright; an arm that ends above its wrist shows no hand."""
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for joint, place in {
        Body25.NOSE: (96, 30), Body25.NECK: (96, 58), Body25.RIGHT_SHOULDER: (62, 60),
        Body25.LEFT_SHOULDER: (132, 60), Body25.LEFT_ELBOW: (140, 110), Body25.LEFT_WRIST: WRIST,
        Body25.RIGHT_HIP: (75, 150), Body25.LEFT_HIP: (116, 150), Body25.MID_HIP: (96, 150),
    }.items():  # fmt: skip
        xy[joint], score[joint] = np.multiply(place, unit), 1
    return PersonInputs(photo, Pose(Keypoints(xy, score)), ParseMap(ids, LIP20))


@pytest.mark.parametrize("label", [LIP20.UPPER, LIP20.DRESS, LIP20.COAT])
def test_a_sleeve_called_arm_is_the_garment(label):
    person = drawn(BLUE, sleeve=BLUE, label=label)
    parse, made = person.parse, repaired_labels(person)
    assert (made.ids[62:106, 131:149] == label).all()
    assert (made.ids[115:180, 130:150] == LIP20.LEFT_ARM).all()
    elsewhere = np.ones(made.ids.shape, bool)
    elsewhere[ARM, 130:150] = False
    assert (made.ids == parse.ids)[elsewhere].all()
    assert (repaired_labels(replace(person, parse=made)).ids == made.ids).all()
    assert parse.ids[80, 140] == LIP20.LEFT_ARM, "the given map is not touched"


@pytest.mark.parametrize(
    ("garment", "arm"), [(BLUE, SKIN), (BLACK, SHADE), (SKIN, SKIN), ((215, 170, 150), SKIN)]
)
def test_bare_arms_stay(garment, arm):
    person = drawn(garment, arm=arm)
    assert (repaired_labels(person).ids == person.parse.ids).all()


def test_only_what_hangs_together_with_the_garment():
    person = drawn(BLUE)
    photo, ids = person.image.copy(), person.parse.ids.copy()
    photo[120:140, 160:175] = BLUE  # a bag, say
    ids[110:170, 155:180] = LIP20.RIGHT_ARM
    assert (repaired_labels(seen(photo, ids)).ids == ids).all()


def test_bare_legs_are_no_cloth():
    person = drawn(BLUE, arm=SHADE)
    photo, ids = person.image.copy(), person.parse.ids.copy()
    photo[150:, 60:130], ids[150:, 60:130] = SHADE, LIP20.LEFT_LEG
    assert (repaired_labels(seen(photo, ids)).ids == ids).all()


def test_trousers_beside_a_forearm():
    made = repaired_labels(drawn(BLUE, hand=GRAY))
    assert (made.ids[163:178, 131:138] == LIP20.PANTS).all()
    assert (made.ids[163:178, 144:150] == LIP20.LEFT_ARM).all()


def test_networks_are_shown_repaired_labels():
    person = drawn(BLUE, sleeve=BLUE)
    made = prepare_person(person, Size(256, 192), known=lambda shown: shown)
    wanted = repaired_labels(person).ids
    assert made.canvas.whole and (wanted != person.parse.ids).any()
    for ids in (made.shown.parse.ids, made.known.parse.ids, made.scene.ids):
        assert (ids == wanted).all()


def test_the_system_without_networks_takes_the_sleeve_off():
    layers = GeometricTryOn().prepare_person(drawn(BLUE, sleeve=BLUE)).layers
    assert (layers.removed[70:100, 134:146] > 250).all()
    bare = GeometricTryOn().prepare_person(drawn(BLUE)).layers
    assert not bare.removed[70:100, 140:146].any()


class _Shown:
    def prepare_person(self, person):
        self.person = person


def test_people_in_other_poses_are_repaired_before_they_turn(monkeypatch):
    monkeypatch.setattr("pipelines.rendering.reposing.articulated", lambda person, turns: person)
    person, system = drawn(BLUE, sleeve=BLUE), _Shown()
    Reposing(system).prepare_pose(person, person.pose)
    assert (system.person.parse.ids == repaired_labels(person).ids).all()


def test_large_photos_are_repaired_alike():
    person = drawn(BLUE, sleeve=BLUE)
    small = repaired_labels(person).ids
    large = cv2.resize(person.image, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    ids = np.kron(person.parse.ids, np.ones((4, 4), np.uint8))
    made = repaired_labels(seen(large, ids, 4.0)).ids
    assert (made[::4, ::4] == small).mean() > 0.997


@pytest.mark.parametrize("lacking", [LIP20.FACE, LIP20.UPPER, LIP20.LEFT_ARM])
def test_what_cannot_be_compared_stays(lacking):
    person = drawn(BLUE, sleeve=BLUE)
    given = person.parse.ids
    ids = np.where(given == lacking, LIP20.BACKGROUND, given).astype(np.uint8)
    assert (repaired_labels(seen(person.image, ids)).ids == ids).all()


def test_hands_stay_whatever_is_on_them():
    person = drawn(BLUE, sleeve=BLUE)
    body = person.pose.body
    body.xy[Body25.LEFT_ELBOW], body.xy[Body25.LEFT_WRIST] = (140, 62), (140, 66)
    made = repaired_labels(person).ids
    beyond = slice(100, 109)
    assert (made[beyond, 131:149] == LIP20.LEFT_ARM).all()
