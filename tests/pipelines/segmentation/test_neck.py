"""The neck that maps lack: on drawn persons before a white wall, and in VITON's photos."""

import cv2
import numpy as np
import pytest

from pipelines.body import Body25
from pipelines.labels import LIP20
from pipelines.segmentation.neck import completed, with_neck
from pipelines.types import Keypoints, ParseMap, Pose

SIZE = (256, 192)
SKIN, SHIRT, HAIR, WALL = (224, 172, 142), (40, 60, 140), (50, 35, 30), (250, 250, 250)
JOINTS = {
    "NOSE": (96, 48), "NECK": (96, 84), "RIGHT_SHOULDER": (68, 86), "LEFT_SHOULDER": (124, 86),
    "MID_HIP": (96, 172), "RIGHT_HIP": (80, 172), "LEFT_HIP": (112, 172), "RIGHT_EYE": (89, 42),
    "LEFT_EYE": (103, 42),
}  # fmt: skip
NECK = np.zeros(SIZE, bool)
NECK[66:100, 86:107] = True


def pose() -> Pose:
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for name, place in JOINTS.items():
        xy[Body25[name]], score[Body25[name]] = place, 0.9
    return Pose(Keypoints(xy, score))


def drawn() -> tuple[np.ndarray, np.ndarray]:
    """A photo with some noise, and its map, in which the neck is background."""
    ids = np.zeros(SIZE, np.uint8)
    cv2.ellipse(ids, (96, 40), (22, 28), 0, 0, 360, int(LIP20.HAIR), -1)
    cv2.ellipse(ids, (96, 48), (15, 20), 0, 0, 360, int(LIP20.FACE), -1)
    cv2.rectangle(ids, (62, 86), (130, 180), int(LIP20.UPPER), -1)
    ids[NECK] = LIP20.NECK
    photo = np.empty((*SIZE, 3), np.uint8)
    photo[:] = WALL
    for label, colour in (
        (LIP20.HAIR, HAIR), (LIP20.FACE, SKIN), (LIP20.UPPER, SHIRT), (LIP20.NECK, SKIN),
    ):  # fmt: skip
        photo[ids == label] = colour
    noise = np.random.default_rng(5).normal(0, 4, photo.shape)
    ids[NECK] = 0
    return np.clip(photo + noise, 0, 255).astype(np.uint8), ids


def test_skin_between_face_and_shirt_becomes_the_neck():
    photo, ids = drawn()
    before = ids.copy()
    made = with_neck(photo, ParseMap(ids, LIP20), pose())
    found = made.ids == LIP20.NECK
    assert made.labels is LIP20 and found[NECK & (ids == 0)].mean() > 0.98
    # nothing else is touched: neither the wall nor what the map knows already
    np.testing.assert_array_equal(made.ids[~NECK], before[~NECK])
    np.testing.assert_array_equal(ids, before)


def test_a_completed_map_has_no_unsure_pixels():
    photo, ids = drawn()
    ids[ids == LIP20.FACE] = 0
    before, pale = ParseMap(ids, LIP20), with_neck(photo, ParseMap(ids, LIP20), pose())
    assert (pale.ids == 255).any(), "no face, no colour to go by"
    np.testing.assert_array_equal(completed(photo, before, pose()).ids, ids)
    photo, ids = drawn()
    found = completed(photo, ParseMap(ids, LIP20), pose()).ids
    np.testing.assert_array_equal(
        found == LIP20.NECK, with_neck(photo, ParseMap(ids, LIP20), pose()).ids == LIP20.NECK
    )
    assert found.max() < 20


def darker(colour: tuple[int, int, int], less: int) -> np.ndarray:
    """The colour in a shade: only its lightness (CIELAB, 0..255) is lower."""
    lab = cv2.cvtColor(np.array([[colour]], np.uint8), cv2.COLOR_RGB2LAB)
    lab[..., 0] -= np.uint8(less)
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)[0, 0]


def test_a_slight_shade_is_neck_and_a_deep_one_is_left_out():
    for less, wanted in ((24, LIP20.NECK), (54, 255)):
        photo, ids = drawn()
        shade = np.zeros(SIZE, bool)
        shade[72:84, 88:104] = True
        photo[shade] = darker(SKIN, less)
        made = with_neck(photo, ParseMap(ids, LIP20), pose()).ids
        core = cv2.erode(shade.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        assert (made[core] == wanted).mean() > 0.95, less
        assert (made[NECK & (ids == 0) & ~shade] == LIP20.NECK).mean() > 0.9


def test_skin_that_does_not_reach_the_face_is_not_sure():
    photo, ids = drawn()
    gap, apart = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    gap[66:90, 86:107], apart[90:100, 86:107] = True, True
    photo[gap] = WALL
    made = with_neck(photo, ParseMap(ids, LIP20), pose()).ids
    assert not (made == LIP20.NECK).any()
    assert (made[apart] == 255).mean() > 0.95
    assert (made[gap & (ids == 0)] == 0).mean() > 0.95


def test_without_a_face_the_place_is_left_out():
    photo, ids = drawn()
    ids[ids == LIP20.FACE] = LIP20.HAIR
    made = with_neck(photo, ParseMap(ids, LIP20), pose()).ids
    assert (made[70:84, 90:103] == 255).all()
    assert set(np.unique(made)) == {0, 2, 5, 255}
    # only there: the wall beside the person stays what it is
    assert not (made[:, :60] == 255).any() and not (made[140:, 140:] == 255).any()


def test_a_turtleneck_leaves_nothing_to_find():
    photo, ids = drawn()
    ids[NECK], photo[NECK] = LIP20.UPPER, SHIRT
    np.testing.assert_array_equal(with_neck(photo, ParseMap(ids, LIP20), pose()).ids, ids)


@pytest.mark.shared_data
def test_most_photos_of_viton_get_a_neck(viton_val):
    """Where the maps leave room between chin and collar, what fills it is mostly neck."""
    with_room, with_it = 0, 0
    for item in viton_val(30):
        x = round(float(item.pose.body.xy[Body25.NECK, 0]))
        column = item.parse.ids[:, x]
        face, top = np.flatnonzero(column == 13), np.flatnonzero(np.isin(column, (5, 6, 7)))
        if not (len(face) and len(top)) or top[0] - face[-1] < 8:
            continue
        gap = item.parse.ids[face[-1] + 1 : top[0], x - 3 : x + 4]
        made = with_neck(item.image, item.parse, item.pose).ids
        filled = made[face[-1] + 1 : top[0], x - 3 : x + 4] == LIP20.NECK
        with_room += 1
        with_it += filled.sum() > 0.5 * (gap == 0).sum()
    assert with_room >= 12
    assert with_it >= 0.8 * with_room
