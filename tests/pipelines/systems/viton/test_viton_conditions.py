"""The inputs of VITON's networks, against the published loader written out pixel by pixel."""

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.labels import LIP20
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.viton.conditions import (
    coarse_shape,
    enlarged,
    garment_conditions,
    person_conditions,
)
from pipelines.systems.viton.config import VITONConfig
from pipelines.types import Keypoints, ParseMap, Pose, Size


def published_enlarged(small, height, width):
    """``tf.image.resize_images`` of TensorFlow 1, bilinear, corners not aligned."""
    out = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            y, x = row * small.shape[0] / height, column * small.shape[1] / width
            top, left = int(y), int(x)
            low, right = min(top + 1, small.shape[0] - 1), min(left + 1, small.shape[1] - 1)
            upper = small[top, left] + (small[top, right] - small[top, left]) * (x - left)
            lower = small[low, left] + (small[low, right] - small[low, left]) * (x - left)
            out[row, column] = upper + (lower - upper) * (y - top)
    return out


def painted(factor=1, seed=5):
    """A photo of noise, labels in blocks, and joints anywhere."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (256 * factor, 192 * factor, 3), np.uint8)
    ids = np.kron(np.arange(48).reshape(8, 6) % 20, np.ones((32 * factor, 32 * factor))).astype(
        np.uint8
    )
    xy = rng.uniform(0, 190, (25, 2)).astype(np.float32) * factor
    score = np.full(25, 0.9, np.float32)
    xy[4], xy[1], xy[0] = (0, 0), (3.7 * factor, 252.2 * factor), (-8, 90)
    score[7] = 0
    return PersonInputs(image, Pose(Keypoints(xy, score)), ParseMap(ids, LIP20))


def published(person, head=(1, 2, 4, 13), outside=(0, 10)):
    """Body 1, head 3, pose 18, of a photo of 256x192."""
    ids = person.parse.ids
    shown = np.isin(ids, head)
    body = ~np.isin(ids, outside) & ~shown
    small = np.zeros((16, 12))
    for row in range(16):
        for column in range(12):
            small[row, column] = body[
                16 * row : 16 * row + 16, 16 * column : 16 * column + 16
            ].mean()
    seen = (person.image / 255 - 0.5) * 2 * shown[..., None]
    pose = np.zeros((256, 192, 18))
    for number in range(18):
        joint = number if number < 8 else number + 1
        x, y = (int(v) for v in person.pose.body.xy[joint])
        if person.pose.body.score[joint] > 0 and x >= 0:
            pose[
                max(y - 5, 0) : min(y + 5, 255) + 1, max(x - 5, 0) : min(x + 5, 191) + 1, number
            ] = 1
    return np.concatenate([published_enlarged(small, 256, 192)[..., None], seen, pose], -1)


def test_a_person_is_told_as_published():
    person = painted()
    found = person_conditions(person, VITONConfig())
    assert found.shape == (1, 22, 256, 192) and found.dtype == torch.float32
    wanted = published(person)
    np.testing.assert_allclose(found[0].permute(1, 2, 0).numpy(), wanted, atol=1e-6)
    # the joint at the origin counts, the one left of the photo and the one unseen do not
    squares = wanted[..., 4:].sum((0, 1))
    assert squares[4] == 36 and squares[0] == squares[7] == 0 and squares[1] == 9 * 9
    assert sorted(np.unique(found[0, 4:])) == [0, 1]


@pytest.mark.parametrize(
    ("neck", "head", "outside"),
    [("body", (1, 2, 4, 13), (0,)), ("kept", (1, 2, 4, 10, 13), (0,))],
)
def test_a_neck_may_be_body_or_shown(neck, head, outside):
    person = painted()
    found = person_conditions(person, VITONConfig(neck=neck))
    wanted = published(person, head, outside)
    np.testing.assert_allclose(found[0].permute(1, 2, 0).numpy(), wanted, atol=1e-6)
    usual = person_conditions(person, VITONConfig())
    assert not torch.equal(usual[:, :1], found[:, :1]) or not torch.equal(usual, found)


def test_large_photos_are_reduced():
    person = painted(3)
    small = np.asarray(Image.fromarray(person.image).resize((192, 256), Image.BILINEAR))
    # places are those of pixels' centres
    pose = Pose(Keypoints((person.pose.body.xy + 0.5) / 3 - 0.5, person.pose.body.score))
    reduced = PersonInputs(small, pose, ParseMap(person.parse.ids[1::3, 1::3], LIP20))
    found = person_conditions(person, VITONConfig())
    wanted = published(reduced)
    np.testing.assert_allclose(found[0].permute(1, 2, 0).numpy(), wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("small", "large"), [((4, 3), (10, 9)), ((5, 7), (5, 7)), ((2, 2), (8, 6))]
)
def test_maps_are_enlarged_as_tensorflow_1_does_it(small, large):
    maps = np.random.default_rng(6).normal(size=(2, 3, *small))
    found = enlarged(torch.from_numpy(maps), Size(*large))
    for index in np.ndindex(2, 3):
        wanted = published_enlarged(maps[index], *large)
        np.testing.assert_allclose(found[index].numpy(), wanted, atol=1e-6)


def test_a_coarse_shape_does_not_tell_the_outline():
    """Two bodies of the same area in each cell look the same."""
    torch.manual_seed(0)
    body = torch.zeros(1, 1, 64, 48)
    body[..., 16:48, 16:32] = (torch.rand(32, 16) > 0.5).float()
    other = body.clone()
    other[..., 16:32, 16:32] = body[..., 16:32, 16:32].flip(-1)
    assert not torch.equal(body, other)
    torch.testing.assert_close(coarse_shape(body), coarse_shape(other))


@pytest.mark.parametrize("factor", [1, 2])
def test_a_garment_is_its_whole_photo_and_its_mask(factor):
    image = np.random.default_rng(2).integers(0, 256, (256 * factor, 192 * factor, 3), np.uint8)
    mask = np.zeros((256 * factor, 192 * factor), bool)
    mask[40 * factor : 200 * factor, 50 * factor : 150 * factor] = True
    shown = garment_conditions(GarmentInputs(image, mask))
    small = np.asarray(Image.fromarray(image).resize((192, 256), Image.BILINEAR))
    wanted = (small / 255 - 0.5) * 2
    np.testing.assert_allclose(shown.image[0].permute(1, 2, 0).numpy(), wanted, atol=1e-6)
    inside = torch.zeros(1, 1, 256, 192)
    inside[..., 40:200, 50:150] = 1
    assert torch.equal(shown.mask, inside)
