"""The layers of a try-on picture, on drawn people whose regions are known exactly."""

import numpy as np
import pytest

from pipelines.body import Body25
from pipelines.errors import ItemError
from pipelines.labels import LIP20
from pipelines.registry import tryon_system
from pipelines.stage import PersonInputs
from pipelines.systems.geometric.tryon import GeometricTryOn
from pipelines.types import Keypoints, ParseMap, Pose

OLD = np.array((20, 200, 40))
NEW = (40, 60, 190)


def dress(person, garment, **options):
    system = GeometricTryOn()
    return system.dress(
        system.prepare_person(person), system.prepare_garment(garment), seed=0, **options
    )


def looks_old(image):
    """Pixels whose colour is nearer to the worn top's than any mixture with another could be."""
    return np.abs(image.astype(int) - OLD).max(-1) < 60


def test_registry_builds_this_system():
    assert isinstance(tryon_system("geometric", {}), GeometricTryOn)


@pytest.mark.parametrize("long_sleeves", [True, False])
@pytest.mark.parametrize("sleeves", [True, False])
def test_outside_the_edited_region_is_the_photo(draw_person, draw_garment, long_sleeves, sleeves):
    person = draw_person(long_sleeves=long_sleeves)
    result = dress(person, draw_garment(sleeves=sleeves))
    kept = result.edited == 0
    assert kept.mean() > 0.3
    assert np.array_equal(result.image[kept], person.image[kept])
    assert result.edited.dtype == np.float32
    assert 0 <= result.edited.min() <= result.edited.max() <= 1


@pytest.mark.parametrize("long_sleeves", [True, False])
@pytest.mark.parametrize("sleeves", [True, False])
def test_edited_covers_the_old_top_and_nothing_of_it_is_left(
    draw_person, draw_garment, long_sleeves, sleeves
):
    person = draw_person(long_sleeves=long_sleeves)
    result = dress(person, draw_garment(sleeves=sleeves))
    old = person.parse.mask(LIP20.UPPER)
    assert looks_old(person.image)[old].mean() > 0.9
    assert (result.edited[old] > 0.5).mean() > 0.995
    assert looks_old(result.image).sum() <= 0.0005 * old.sum()


def test_the_garment_keeps_its_colour(draw_person, draw_garment):
    result = dress(draw_person(), draw_garment(NEW), save_stages=True)
    worn = result.stages["warped_mask"] > 250
    worn &= result.stages["skin_layer"].min(-1) > 250
    shown = result.image[worn].astype(float)
    assert np.abs(np.median(shown, axis=0) - NEW).max() < 8
    assert np.abs(shown.mean(0) - NEW).max() < 14


def test_bare_arms_are_filled_with_skin(draw_person, draw_garment):
    person = draw_person(long_sleeves=True)
    result = dress(person, draw_garment(sleeves=False))
    for elbow, wrist in (("LEFT_ELBOW", "LEFT_WRIST"), ("RIGHT_ELBOW", "RIGHT_WRIST")):
        a, b = (person.pose.body.xy[Body25[name]] for name in (elbow, wrist))
        x, y = np.round((a + b) / 2).astype(int)
        patch = result.image[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).astype(float)
        assert np.abs(patch.mean(0) - (214, 170, 146)).max() < 30


def test_a_hand_in_front_stays(draw_person, draw_garment):
    person = draw_person(crossed=True)
    result = dress(person, draw_garment())
    wrist, elbow = (person.pose.body.xy[Body25[name]] for name in ("LEFT_WRIST", "LEFT_ELBOW"))
    x, y = np.round(wrist + (wrist - elbow) * 0.25).astype(int)
    hand = np.s_[y - 3 : y + 4, x - 3 : x + 4]
    assert (person.parse.ids[hand] == LIP20.LEFT_ARM).all()
    assert np.array_equal(result.image[hand], person.image[hand])
    assert (result.edited[hand] == 0).all()


def test_face_and_hair_stay(draw_person, draw_garment):
    person = draw_person()
    result = dress(person, draw_garment())
    head = np.s_[14:62, 84:108]
    assert np.array_equal(result.image[head], person.image[head])


def test_the_background_behind_a_wider_top_is_continued(draw_person, draw_garment):
    person = draw_person()
    ids, image = person.parse.ids.copy(), person.image.copy()
    wide = np.zeros(ids.shape, bool)
    wide[120:165, 12:50] = True
    image[wide], ids[wide] = OLD, LIP20.UPPER
    loose = PersonInputs(image, person.pose, ParseMap(ids, LIP20))
    system = GeometricTryOn()
    prepared = system.prepare_person(loose)
    plate = prepared.layers.plate[125:160, 16:36].astype(float)
    true = np.linspace(222, 240, 192)[16:36]
    assert np.abs(plate.mean(axis=(0, 2)) - true).max() < 4
    # with the grain of the photo, not as a flat plane
    assert 0.4 < np.std(plate - plate.mean(axis=0)) < 3


def test_two_runs_are_equal(draw_person, draw_garment):
    first, second = (dress(draw_person(), draw_garment()) for _ in range(2))
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.edited, second.edited)
    assert first.score == second.score


@pytest.mark.parametrize("factor", [1.0, 2.7, 7.8])
def test_sizes_from_256_to_2000(draw_person, draw_garment, factor):
    person = draw_person(factor)
    result = dress(person, draw_garment())
    assert result.image.shape == person.image.shape
    assert result.image.dtype == np.uint8
    assert result.edited.shape == person.image.shape[:2]
    assert looks_old(result.image).sum() <= 0.001 * person.parse.mask(LIP20.UPPER).sum()
    kept = result.edited == 0
    assert np.array_equal(result.image[kept], person.image[kept])


@pytest.mark.parametrize(
    "without",
    [
        (Body25.LEFT_WRIST, Body25.RIGHT_WRIST),
        (Body25.LEFT_ELBOW, Body25.LEFT_WRIST),
        (Body25.LEFT_HIP, Body25.RIGHT_HIP, Body25.MID_HIP),
        (Body25.NOSE, Body25.RIGHT_SHOULDER),
    ],
)
def test_missing_joints_do_no_harm(draw_person, draw_garment, without):
    person = draw_person(without=without)
    result = dress(person, draw_garment())
    assert looks_old(result.image).sum() <= 0.01 * person.parse.mask(LIP20.UPPER).sum()
    assert (result.edited > 0).mean() < 0.75


def test_without_shoulders_there_is_a_stated_reason(draw_person):
    person = draw_person(without=tuple(Body25))
    with pytest.raises(ItemError) as caught:
        GeometricTryOn().prepare_person(person)
    assert caught.value.code == "uncertain_pose"


def test_without_a_top_there_is_a_stated_reason(draw_person):
    person = draw_person()
    ids = np.where(person.parse.ids == LIP20.UPPER, 0, person.parse.ids).astype(np.uint8)
    image = np.full_like(person.image, 230)
    with pytest.raises(ItemError) as caught:
        GeometricTryOn().prepare_person(PersonInputs(image, person.pose, ParseMap(ids, LIP20)))
    assert caught.value.code == "no_garment"


def test_stages_are_given_on_request(draw_person, draw_garment):
    result = dress(draw_person(), draw_garment(), save_stages=True)
    names = {"warped_garment", "warped_mask", "background_plate", "skin_layer", "front_layer"}
    assert names <= set(result.stages)
    for value in result.stages.values():
        assert value.dtype == np.uint8
        assert value.shape[:2] == result.image.shape[:2]
    assert not dress(draw_person(), draw_garment()).stages


def test_a_top_that_the_label_map_misses_in_part_is_removed_all_the_same(draw_person, draw_garment):
    person = draw_person()
    ids = person.parse.ids.copy()
    ids[115:150, 84:108] = 0
    holed = PersonInputs(person.image, person.pose, ParseMap(ids, LIP20))
    result = dress(holed, draw_garment())
    assert looks_old(result.image).sum() <= 0.0005 * person.parse.mask(LIP20.UPPER).sum()


def test_a_print_of_the_old_top_does_not_show_through(draw_person, draw_garment):
    plain, printed = draw_person(), draw_person()
    image = printed.image.copy()
    for x in range(78, 114, 8):
        image[100:150, x : x + 4] = (250, 250, 250)
    printed = PersonInputs(image, printed.pose, printed.parse)
    a, b = (dress(p, draw_garment()).image[110:140, 84:108].astype(int) for p in (plain, printed))
    assert np.abs(a - b).max() <= 6


def astronaut_person(image: np.ndarray) -> PersonInputs:
    """The astronaut with hand-set joints; the orange suit is the top."""
    rgb = image.astype(int)
    orange = (rgb[..., 0] > 120) & (rgb[..., 0] - rgb[..., 2] > 60) & (rgb[..., 0] > rgb[..., 1])
    ids = np.zeros(image.shape[:2], np.uint8)
    rows, columns = np.mgrid[0 : image.shape[0], 0 : image.shape[1]]
    ids[orange & (rows > 200) & (columns > 30) & (columns < 365)] = LIP20.UPPER
    ids[(rows - 90) ** 2 / 75**2 + (columns - 227) ** 2 / 72**2 < 1] = LIP20.HAIR
    ids[(rows - 130) ** 2 / 58**2 + (columns - 224) ** 2 / 45**2 < 1] = LIP20.FACE
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for joint, point in (
        (Body25.NOSE, (224, 132)), (Body25.NECK, (222, 262)),
        (Body25.RIGHT_SHOULDER, (110, 262)), (Body25.LEFT_SHOULDER, (334, 262)),
    ):  # fmt: skip
        xy[joint], score[joint] = point, 0.9
    return PersonInputs(image, Pose(Keypoints(xy, score)), ParseMap(ids, LIP20))


def test_a_real_photo(astronaut, draw_garment):
    person = astronaut_person(astronaut)
    result = dress(person, draw_garment())
    kept = result.edited == 0
    assert np.array_equal(result.image[kept], astronaut[kept])
    face = person.parse.mask(LIP20.FACE)
    face[170:] = False
    assert np.array_equal(result.image[face], astronaut[face])
    old = person.parse.mask(LIP20.UPPER)
    assert (result.edited[old] > 0.5).mean() > 0.97
    blue = (np.abs(result.image.astype(int) - NEW).max(-1) < 45)[260:420, 150:300]
    assert blue.mean() > 0.6


def test_a_dark_uniform_is_replaced(grace_hopper, draw_garment):
    ids = np.zeros(grace_hopper.shape[:2], np.uint8)
    rows, columns = np.mgrid[0 : ids.shape[0], 0 : ids.shape[1]]
    dark = grace_hopper.max(-1) < 70
    ids[dark & (rows > 330)] = LIP20.UPPER
    ids[(rows - 190) ** 2 / 150**2 + (columns - 265) ** 2 / 105**2 < 1] = LIP20.FACE
    ids[(rows < 140) & (np.abs(columns - 265) < 110)] = LIP20.HAT
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for joint, point in (
        (Body25.NOSE, (270, 250)), (Body25.NECK, (262, 400)),
        (Body25.RIGHT_SHOULDER, (90, 410)), (Body25.LEFT_SHOULDER, (440, 410)),
    ):  # fmt: skip
        xy[joint], score[joint] = point, 0.9
    person = PersonInputs(grace_hopper, Pose(Keypoints(xy, score)), ParseMap(ids, LIP20))
    result = dress(person, draw_garment((220, 60, 40)))
    kept = result.edited == 0
    assert np.array_equal(result.image[kept], grace_hopper[kept])
    chest = result.image[480:600, 200:340].astype(float).reshape(-1, 3)
    assert np.abs(np.median(chest, axis=0) - (220, 60, 40)).max() < 25
