"""Inputs of the networks against the published maps, torchvision and values known by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from pipelines.body import scaled
from pipelines.errors import ItemError
from pipelines.labels import LIP20, VITONHD13
from pipelines.networks.pictures import levels, resized
from pipelines.pose_json import decode_pose
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.viton_hd.conditions import (
    draw_pose_picture,
    garment_conditions,
    person_conditions,
    seven_of_thirteen,
)
from pipelines.systems.viton_hd.config import ConditionsConfig
from pipelines.types import Keypoints, ParseMap, Pose, Size

DATA = Path(__file__).resolve().parents[3] / "data" / "agnostic"


def picture(name):
    return np.asarray(Image.open(DATA / name))


@pytest.fixture(scope="module")
def person():
    y, x = np.mgrid[:1024, :768]
    photo = np.stack([x * 255 // 768, y * 255 // 1024, (x + y) % 256], -1).astype(np.uint8)
    pose = decode_pose((DATA / "pose_keypoints.json").read_bytes())
    return PersonInputs(photo, pose, ParseMap(picture("parse.png"), LIP20))


@pytest.fixture(scope="module")
def garment():
    image = np.full((1024, 768, 3), 250, np.uint8)
    mask = np.zeros((1024, 768), bool)
    image[200:800, 150:600], mask[200:800, 150:600] = (10, 90, 200), True
    return GarmentInputs(image, mask)


@pytest.fixture(scope="module")
def conditions(person):
    return person_conditions(person, ConditionsConfig())


def test_the_groups_are_those_of_the_published_agnostic_parse(conditions):
    ids = picture("expected_parse_agnostic.png")
    groups = {0: (0, 10), 1: (1, 2), 2: (4, 13), 3: (5, 6, 7), 4: (9, 12), 5: (14,), 6: (15,)}
    stack = np.stack([np.isin(ids, groups.get(k, ())) for k in range(13)]).astype(np.float32)
    wanted = torch.nn.functional.interpolate(torch.from_numpy(stack)[None], (256, 192), mode="area")
    # four by four pixels become one: bilinear takes the middle two of each row and column
    middle = stack.reshape(13, 256, 4, 192, 4)[:, :, 1:3][..., 1:3].mean((2, 4))
    assert conditions.parse_agnostic.shape == wanted.shape
    np.testing.assert_allclose(conditions.parse_agnostic[0].numpy(), middle, atol=1e-6)
    assert conditions.parse_agnostic[0, VITONHD13.UPPER].abs().max() == 0


def test_the_picture_is_the_published_agnostic_one(conditions, person):
    painted = picture("expected_viton-hd.png")
    assert (painted != person.image).any()
    normal = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)]
    )
    torch.testing.assert_close(conditions.agnostic[0], normal(Image.fromarray(painted)))
    # the nearest pixel of four is the first
    torch.testing.assert_close(conditions.agnostic_nearest, conditions.agnostic[..., ::4, ::4])
    assert conditions.size == Size(1024, 768)


def test_pictures_are_resized_as_the_published_loader_does(person):
    resize = transforms.Resize((512, 384))
    wanted = np.asarray(resize(Image.fromarray(person.image)))
    np.testing.assert_array_equal(resized(person.image, Size(512, 384)), wanted)
    labels = transforms.Resize((512, 384), transforms.InterpolationMode.NEAREST)
    wanted = np.asarray(labels(Image.fromarray(person.parse.ids)))
    found = resized(person.parse.ids, Size(512, 384), nearest=True)
    np.testing.assert_array_equal(found, wanted)


def test_another_working_size_shows_the_same(person, conditions):
    small = person_conditions(person, ConditionsConfig(size_hw=(256, 192)))
    assert small.agnostic.shape == (1, 3, 256, 192)
    gap = (small.parse_agnostic - conditions.parse_agnostic).abs().mean()
    assert gap < 0.01
    drawn, wanted = small.pose, conditions.pose_bilinear
    # lines keep their width relative to the picture
    assert float((drawn - wanted).abs().mean()) < 0.01


def test_a_photo_of_another_size_gives_the_same(person, conditions):
    large = PersonInputs(
        np.repeat(np.repeat(person.image, 2, 0), 2, 1),
        scaled(person.pose, 2, 2),
        ParseMap(np.repeat(np.repeat(person.parse.ids, 2, 0), 2, 1), LIP20),
    )
    found = person_conditions(large, ConditionsConfig())
    assert float((found.parse_agnostic - conditions.parse_agnostic).abs().mean()) < 1e-3
    assert float((found.agnostic - conditions.agnostic).abs().mean()) < 5e-3


def test_the_garment_is_cut_out_for_the_layout_and_whole_for_the_match(garment):
    found = garment_conditions(garment, ConditionsConfig())
    assert found.masked.shape == (1, 4, 256, 192)
    colour = levels(np.array([[[10, 90, 200]]], np.uint8)).flatten()
    torch.testing.assert_close(found.masked[0, :, 100, 100], torch.cat((torch.ones(1), colour)))
    assert found.masked[0, :, 10, 10].abs().max() == 0
    white = levels(np.full((1, 1, 3), 250, np.uint8)).flatten()
    torch.testing.assert_close(found.image_nearest[0, :, 10, 10], white)
    assert set(found.mask.unique().tolist()) == {0, 1}


def test_a_body_alone_has_neither_feet_nor_hands():
    xy = np.random.default_rng(1).uniform(20, 200, (25, 2)).astype(np.float32)
    hand = Keypoints(np.full((21, 2), 100, np.float32), np.ones(21, np.float32))
    body = Keypoints(xy, np.ones(25, np.float32))
    unseen = Keypoints(xy, np.r_[np.ones(19), np.zeros(6)].astype(np.float32))
    with_all = Pose(body, left_hand=hand, right_hand=hand)
    size = Size(256, 192)
    alone = draw_pose_picture(with_all, size, "body")
    np.testing.assert_array_equal(alone, draw_pose_picture(Pose(unseen), size, "all"))
    assert (alone != draw_pose_picture(with_all, size, "all")).any()


def test_seven_groups_follow_from_thirteen():
    found = seven_of_thirteen(torch.arange(13))
    assert found.tolist() == [0, 3, 1, 2, 1, 4, 5, 1, 1, 1, 1, 1, 6]


def test_without_shoulders_there_is_no_agnostic_picture(person):
    score = person.pose.body.score.copy()
    score[[2, 5]] = 0
    blind = replace(person, pose=Pose(Keypoints(person.pose.body.xy, score)))
    with pytest.raises(ItemError, match="shoulder"):
        person_conditions(blind, ConditionsConfig())
