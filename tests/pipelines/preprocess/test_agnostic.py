"""Agnostic maps against what the published code made of the same labels and joints."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import ConfigError, ItemError
from pipelines.labels import ATR18, LIP20
from pipelines.layout import Artifact
from pipelines.preprocess.agnostic import (
    AgnosticStage,
    agnostic_mask,
    image_agnostic,
    parse_agnostic,
)
from pipelines.preprocess.agnostic_shapes import neck_zone
from pipelines.types import Keypoints, ParseMap, Pose, Size

DATA = Path(__file__).resolve().parents[2] / "data" / "agnostic"
PERSONS = ("00891_00", "03615_00", "07445_00")
WORN = (LIP20.UPPER, LIP20.DRESS, LIP20.COAT, LIP20.NECK)


def read_pose(path):
    numbers = json.loads(path.read_text())["people"][0]["pose_keypoints_2d"]
    joints = np.array(numbers, np.float32).reshape(25, 3)
    return Pose(Keypoints(joints[:, :2].copy(), joints[:, 2].copy()))


def picture(path):
    return np.asarray(Image.open(path))


def without(pose, *joints):
    xy, score = pose.body.xy.copy(), pose.body.score.copy()
    xy[list(joints)], score[list(joints)] = 0, 0
    return Pose(Keypoints(xy, score))


def gray(agnostic):
    return (agnostic == 128).all(axis=2)


@pytest.fixture(scope="module")
def synthetic():
    y, x = np.mgrid[:1024, :768]
    photo = np.stack([x * 255 // 768, y * 255 // 1024, (x + y) % 256], -1).astype(np.uint8)
    parse = ParseMap(picture(DATA / "parse.png"), LIP20)
    return photo, parse, read_pose(DATA / "pose_keypoints.json")


@pytest.fixture(scope="module", params=PERSONS)
def person(request, shared_data):
    root, golden = shared_data / "viton-hd-sample" / "test", shared_data.parent / "golden"
    if not golden.is_dir():
        pytest.skip("the published results are not on this machine")
    parse = ParseMap(picture(root / "image-parse" / f"{request.param}.png"), LIP20)
    photo = picture(root / "image" / f"{request.param}.jpg")
    pose = read_pose(root / "openpose-json" / f"{request.param}_keypoints.json")
    expected = json.loads((golden / "agnostic" / "agnostic.json").read_text())
    return request.param, photo, parse, pose, golden, expected["persons"][request.param]


def test_parse_is_the_published_one(synthetic):
    _, parse, pose = synthetic
    expected = picture(DATA / "expected_parse_agnostic.png")
    np.testing.assert_array_equal(parse_agnostic(parse, pose).ids, expected)


@pytest.mark.parametrize("variant", ["viton-hd", "v3.2"])
def test_picture_is_the_published_one(synthetic, variant):
    expected = picture(DATA / f"expected_{variant}.png")
    np.testing.assert_array_equal(image_agnostic(*synthetic, variant), expected)


@pytest.mark.shared_data
def test_real_parses_are_the_published_ones(person):
    _, _, parse, pose, _, expected = person
    made = parse_agnostic(parse, pose).ids
    assert hashlib.sha256(made.tobytes()).hexdigest() == expected["vitonhd_parse"]["sha256"]


@pytest.mark.shared_data
@pytest.mark.parametrize(("variant", "name"), [("viton-hd", "vitonhd"), ("v3.2", "hrviton")])
def test_real_pictures_are_the_published_ones(person, variant, name):
    item, photo, parse, pose, golden, expected = person
    made = image_agnostic(photo, parse, pose, variant)
    painted = picture(golden / "agnostic" / f"{item}.{name}_image_gray.png").astype(bool)
    np.testing.assert_array_equal(gray(made), painted)
    np.testing.assert_array_equal(made[~painted], photo[~painted])
    if hashlib.sha256(photo.tobytes()).hexdigest() == expected["image_rgb"]:
        assert hashlib.sha256(made.tobytes()).hexdigest() == expected[f"{name}_image"]["sha256"]


@pytest.mark.shared_data
def test_mask_covers_the_worn_garment_of_real_people(person):
    _, _, parse, pose, _, _ = person
    worn = parse.mask(*WORN)
    assert (agnostic_mask(parse, pose) & worn).sum() >= 0.97 * worn.sum()


def test_inputs_are_left_alone(synthetic):
    photo, parse, pose = synthetic
    before = photo.copy(), parse.ids.copy(), pose.body.xy.copy()
    parse_agnostic(parse, pose)
    image_agnostic(photo, parse, pose)
    agnostic_mask(parse, pose)
    for was, now in zip(before, (photo, parse.ids, pose.body.xy), strict=True):
        np.testing.assert_array_equal(was, now)


def test_mask_takes_garment_and_arms_and_spares_the_rest(synthetic):
    _, parse, pose = synthetic
    mask = agnostic_mask(parse, pose)
    assert mask[parse.mask(*WORN)].all()
    assert not mask[parse.mask(LIP20.FACE, LIP20.HAIR, LIP20.PANTS)].any()
    x, y = np.meshgrid(np.arange(768), np.arange(1024))
    for label, wrist in ((LIP20.LEFT_ARM, 7), (LIP20.RIGHT_ARM, 4)):
        arm = parse.mask(label)
        above = arm & (y < pose.body.xy[wrist, 1] - 60)
        hand = arm & (y > pose.body.xy[wrist, 1] + 60)
        assert mask[above].all()
        assert not mask[hand].any()


@pytest.mark.parametrize("variant", ["viton-hd", "v3.2"])
@pytest.mark.parametrize("missing", [(1,), (2,), (5,), (9,), (9, 12, 8), (1, 5), (2, 9, 12, 8)])
def test_missing_joints_are_estimated(synthetic, variant, missing):
    photo, parse, pose = synthetic
    made = gray(image_agnostic(photo, parse, without(pose, *missing), variant))
    full = gray(image_agnostic(photo, parse, pose, variant))
    assert not made[:60, :200].any()
    assert (made & full).sum() > 0.8 * (made | full).sum()


def test_a_missing_wrist_lets_the_whole_arm_be_repainted(synthetic):
    _, parse, pose = synthetic
    mask = agnostic_mask(parse, without(pose, 4))
    assert mask[parse.mask(LIP20.RIGHT_ARM)].all()


def test_hips_on_one_spot_do_not_divide_by_zero(synthetic):
    photo, parse, pose = synthetic
    xy = pose.body.xy.copy()
    xy[9] = xy[12]
    made = image_agnostic(photo, parse, Pose(Keypoints(xy, pose.body.score)))
    assert 50_000 < gray(made).sum() < 300_000


@pytest.mark.parametrize("variant", ["viton-hd", "v3.2"])
def test_half_size_is_the_full_size_halved(synthetic, variant):
    photo, parse, pose = synthetic
    small = ParseMap(np.ascontiguousarray(parse.ids[::2, ::2]), LIP20)
    small_pose = Pose(Keypoints(pose.body.xy / 2, pose.body.score))
    made = gray(image_agnostic(np.ascontiguousarray(photo[::2, ::2]), small, small_pose, variant))
    full = gray(image_agnostic(photo, parse, pose, variant))[::2, ::2]
    assert (made != full).mean() < 0.005
    parse_small = parse_agnostic(small, small_pose).ids
    assert (parse_small != parse_agnostic(parse, pose).ids[::2, ::2]).mean() < 0.001


def test_stage_returns_all_three(synthetic):
    photo, parse, pose = synthetic
    item = {Artifact.IMAGE: photo, Artifact.PARSE: parse, Artifact.POSE: pose}
    (made,) = AgnosticStage(variant="viton-hd")([item])
    expected = picture(DATA / "expected_viton-hd.png")
    np.testing.assert_array_equal(made.values[Artifact.AGNOSTIC], expected)
    assert set(made.values) == {
        Artifact.PARSE_AGNOSTIC,
        Artifact.AGNOSTIC,
        Artifact.AGNOSTIC_MASK,
    }


def test_one_bad_item_does_not_stop_the_others(synthetic):
    photo, parse, pose = synthetic
    good = {Artifact.IMAGE: photo, Artifact.PARSE: parse, Artifact.POSE: pose}
    shoulderless = {**good, Artifact.POSE: without(pose, 2, 5)}
    other_size = {**good, Artifact.IMAGE: photo[:-1]}
    first, second, third = AgnosticStage()([shoulderless, other_size, good])
    assert isinstance(first, ItemError) and first.code == "uncertain_pose"
    assert isinstance(second, ItemError) and second.code == "bad_parse_file"
    assert not isinstance(third, ItemError)


def test_unknown_variants_and_label_sets_are_refused(synthetic):
    photo, parse, pose = synthetic
    with pytest.raises(ConfigError, match="v3.2"):
        AgnosticStage(variant="v4")
    with pytest.raises(ValueError, match="LIP20"):
        image_agnostic(photo, ParseMap(parse.ids, ATR18), pose)


def test_the_zone_of_a_neckline(synthetic):
    _, _, pose = synthetic
    xy = np.zeros((25, 2), np.float32)
    xy[[1, 2, 5]] = (300, 200), (200, 210), (400, 210)
    upright = Pose(Keypoints(xy, (xy.sum(1) > 0).astype(np.float32)))
    zone = neck_zone(upright, Size(640, 480))
    rows, columns = np.nonzero(zone)
    # 0.35 of the shoulders to each side, 0.5 up and 0.9 down of their distance
    assert (columns.min(), columns.max()) == (230, 370)
    assert (rows.min(), rows.max()) == (100, 380)
    assert zone.sum() == 141 * 281
    with pytest.raises(ItemError) as error:
        neck_zone(without(pose, 2, 5), Size(1024, 768))
    assert error.value.code == "uncertain_pose"
