"""Inputs of the three networks, against values known by hand and the published loaders' rules."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from pipelines.body import BODY25_TO_COCO18
from pipelines.labels import LIP20
from pipelines.networks.pose_maps import joint_squares
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.multipose.conditions import (
    coarse_shape,
    garment_conditions,
    person_conditions,
    pose_conditions,
)
from pipelines.systems.multipose.config import ConditionsConfig
from pipelines.types import Keypoints, ParseMap, Pose, Size

PHOTO = np.random.default_rng(1).integers(0, 255, (256, 192, 3), np.uint8)


def blocks():
    """Each label in a block of its own, 24 pixels high and 48 wide."""
    ids = np.zeros((256, 192), np.uint8)
    for label in range(20):
        row, column = divmod(label, 4)
        ids[row * 24 : row * 24 + 24, column * 48 : column * 48 + 48] = label
    nobody = Pose(Keypoints(np.zeros((25, 2), np.float32), np.zeros(25, np.float32)))
    return PersonInputs(PHOTO, nobody, ParseMap(ids, LIP20))


def normalised(picture):
    return torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1


def test_what_is_kept_apart_is_what_the_text_keeps_apart():
    person = blocks()
    body = person_conditions(person, ConditionsConfig()).body
    assert body.shape == (1, 6, 256, 192)
    wanted = {0: {13, 4}, 1: {2, 1}, 3: {16}, 4: {17}, 5: {9, 12}}
    for channel, labels in wanted.items():
        inside = torch.from_numpy(np.isin(person.parse.ids, list(labels))).float()
        assert torch.equal(body[0, channel], inside), channel


def test_the_lower_clothes_may_be_shown_in_colour():
    person = blocks()
    body = person_conditions(person, ConditionsConfig(bottom="colour")).body
    assert body.shape == (1, 8, 256, 192)
    inside = torch.from_numpy(np.isin(person.parse.ids, (9, 12)))
    wanted = torch.where(inside, normalised(PHOTO), torch.tensor(1.0))
    torch.testing.assert_close(body[:, 5:], wanted, atol=1e-6, rtol=0)


def test_the_bottom_parts_may_be_left_out():
    whole = person_conditions(blocks(), ConditionsConfig())
    found = person_conditions(blocks(), ConditionsConfig(bottom="none"))
    assert torch.equal(found.body, whole.body[:, :3])
    assert torch.equal(found.without_clothes, whole.without_clothes)


def test_the_source_has_no_upper_clothes_and_no_background():
    person = blocks()
    found = person_conditions(person, ConditionsConfig()).without_clothes
    white = torch.from_numpy(np.isin(person.parse.ids, (0, 5, 6, 7)))
    wanted = torch.where(white, torch.tensor(1.0), normalised(PHOTO))
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=0)


def test_the_shape_does_not_tell_the_sleeve():
    body = np.zeros((256, 192), bool)
    body[64:192, 48:144] = True
    small = Image.fromarray((body * 255).astype(np.uint8)).resize((12, 16), Image.BILINEAR)
    wanted = np.asarray(small.resize((192, 256), Image.BILINEAR)) / 255
    bodies = torch.from_numpy(body)[None, None].float()
    np.testing.assert_allclose(coarse_shape(bodies, 16)[0, 0], wanted, atol=1e-6)
    assert torch.equal(coarse_shape(bodies, 1), bodies)


@pytest.mark.parametrize("on_white", [True, False])
def test_a_garment_lies_on_white(on_white):
    mask = np.zeros((256, 192), bool)
    mask[50:200, 40:150] = True
    found = garment_conditions(
        GarmentInputs(PHOTO, mask), ConditionsConfig(garment_on_white=on_white)
    )
    assert torch.equal(found.mask[0, 0], torch.from_numpy(mask).float())
    outside = found.image[0, :, ~torch.from_numpy(mask)]
    assert bool((outside == 1).all()) == on_white
    inside = torch.from_numpy(mask)
    torch.testing.assert_close(found.image[..., inside], normalised(PHOTO)[..., inside])


@pytest.mark.parametrize("radius", [1, 4, 5])
def test_joints_are_squares_as_pillow_draws_them(radius):
    rng = np.random.default_rng(2)
    joints = np.concatenate((rng.integers(2, 250, (25, 2)), rng.random((25, 1)) > 0.3), 1)
    found = joint_squares(torch.from_numpy(joints)[None].float(), Size(256, 192), radius)
    assert found.shape == (1, 18, 256, 192) and set(found.unique().tolist()) <= {0, 1}
    for channel, joint in enumerate(BODY25_TO_COCO18):
        canvas = Image.new("L", (192, 256))
        x, y, seen = joints[joint]
        if seen:
            corners = (x - radius, y - radius, x + radius, y + radius)
            ImageDraw.Draw(canvas).rectangle(corners, 1, 1)
        np.testing.assert_array_equal(found[0, channel], np.asarray(canvas))


def test_a_pose_of_a_large_photo_is_brought_to_the_working_size():
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    xy[0], score[0] = (399.5, 199.5), 1  # centres of pixels: 4 x 100 - 0.5
    maps = pose_conditions(Pose(Keypoints(xy, score)), Size(1024, 768), ConditionsConfig())
    rows, columns = np.nonzero(maps[0, 0].numpy())
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (46, 53, 96, 103)
    assert not maps[0, 1:].any()
