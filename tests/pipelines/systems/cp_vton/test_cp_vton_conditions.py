"""Inputs of CP-VTON's and CP-VTON+'s networks, against values known by hand and torchvision."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from pipelines.body import Body25
from pipelines.labels import LIP20
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.cp_vton.conditions import (
    body_of,
    coarse_body,
    enlarged,
    garment_conditions,
    person_conditions,
    shown_labels,
    worn_garment,
)
from pipelines.systems.cp_vton.config import CPVTONConfig, CPVTONPlusConfig
from pipelines.types import Keypoints, ParseMap, Pose

BOTH = [CPVTONConfig(), CPVTONPlusConfig()]
published = transforms.Compose(
    [transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))]
)
EVERYTHING = np.arange(20, dtype=np.uint8)[None].repeat(2, 0)


def painted(factor=1):
    """Each label in a block of its own, 24 pixels high and 48 wide, in a picture of 256x192."""
    ids = np.zeros((256, 192), np.uint8)
    for label in range(20):
        row, column = divmod(label, 4)
        ids[row * 24 : row * 24 + 24, column * 48 : column * 48 + 48] = label
    photo = np.random.default_rng(1).integers(0, 256, (256, 192, 3), np.uint8)
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for joint, place in ((Body25.NOSE, (96, 40)), (Body25.LEFT_WRIST, (150, 200))):
        xy[joint], score[joint] = np.multiply(place, factor), 0.9
    large = [np.kron(a, np.ones((factor, factor) + (1,) * (a.ndim - 2), np.uint8))
             for a in (photo, ids)]  # fmt: skip
    return PersonInputs(large[0], Pose(Keypoints(xy, score)), ParseMap(large[1], LIP20))


@pytest.mark.parametrize(
    ("config", "part", "labels"),
    [
        (CPVTONConfig(), "matching", {1, 2, 4, 13}),
        (CPVTONConfig(), "tryon", {1, 2, 4, 13}),
        (CPVTONPlusConfig(), "matching", {1, 4, 13}),
        (CPVTONPlusConfig(), "tryon", {1, 2, 4, 9, 12, 13, 16, 17}),
        (CPVTONConfig(neck="kept"), "tryon", {1, 2, 4, 10, 13}),
        (CPVTONPlusConfig(neck="kept"), "matching", {1, 4, 10, 13}),
    ],
)
def test_of_the_photo_the_published_labels_are_kept_on_black(config, part, labels):
    person = painted()
    seen = getattr(person_conditions(person, config), part)
    assert seen.shape == (1, 22, 256, 192) and seen.dtype == torch.float32
    photo = published(person.image)
    inside = torch.from_numpy(np.isin(person.parse.ids, list(labels)))
    torch.testing.assert_close(seen[0, 1:4], torch.where(inside, photo, torch.tensor(-1.0)))


@pytest.mark.parametrize(
    ("neck", "outside"), [("background", {0, 10}), ("body", {0}), ("kept", {0})]
)
def test_what_counts_as_body(neck, outside):
    body = body_of(EVERYTHING, CPVTONConfig(neck=neck))
    assert set(EVERYTHING[~body]) == outside
    shown = shown_labels(frozenset({13}), CPVTONConfig(neck=neck))
    assert shown == ({10, 13} if neck == "kept" else {13})


@pytest.mark.parametrize("config", BOTH)
def test_the_shape_of_the_body_is_blurred_as_published(config):
    person = painted()
    body = person.parse.ids > 0
    if config.neck == "background":
        body &= person.parse.ids != 10
    small = Image.fromarray((body * 255).astype(np.uint8)).resize((12, 16), Image.BILINEAR)
    wanted = transforms.ToTensor()(small.resize((192, 256), Image.BILINEAR)) * 2 - 1
    seen = person_conditions(person, config)
    for part in (seen.matching, seen.tryon):
        torch.testing.assert_close(part[:, :1], wanted[None])
    assert wanted.min() == -1 and wanted.max() == 1 and len(wanted.unique()) > 50


def test_coarse_shapes_are_enlarged_as_pillow_does_it():
    coarse = np.random.default_rng(3).integers(0, 256, (2, 1, 16, 12), np.uint8)
    found = (enlarged(torch.from_numpy(coarse)) + 1) * 127.5
    for made, each in zip(found, coarse, strict=True):
        wanted = np.asarray(Image.fromarray(each[0]).resize((192, 256), Image.BILINEAR))
        assert np.abs(made[0].numpy() - wanted).max() < 1e-3


def body_shape(body):
    return enlarged(torch.from_numpy(coarse_body(body))[None, None])


def test_a_worn_sleeve_leaves_no_outline():
    body = np.zeros((256, 192), bool)
    body[64:192, 48:144] = True
    plain = body_shape(body)
    body[100:108, 144:150] = True
    assert (body_shape(body) - plain).abs().max() < 0.5
    # far inside and far outside it is what it was
    assert plain[0, 0, 128, 96] == 1 and plain[0, 0, 10, 10] == -1


@pytest.mark.parametrize("factor", [1, 4])
def test_each_joint_has_a_square_of_eleven_pixels(factor):
    pose = person_conditions(painted(factor), CPVTONConfig()).matching[0, 4:]
    assert set(pose.unique().tolist()) == {-1.0, 1.0}
    shown = [number for number in range(18) if (pose[number] > 0).any()]
    # COCO-18: nose and left wrist
    assert shown == [0, 7]
    for number, (x, y) in ((0, (96, 40)), (7, (150, 200))):
        rows, columns = np.nonzero(pose[number].numpy() > 0)
        # the middle of the first of four pixels is left of and above the middle of all four
        near = 0 if factor == 1 else 1
        for found, place in ((rows, y), (columns, x)):
            assert abs(found.min() - (place - 5)) <= near
            assert found.max() - found.min() == 10


def test_cp_vton_shows_both_networks_the_same():
    seen = person_conditions(painted(), CPVTONConfig())
    assert seen.matching is seen.tryon
    seen = person_conditions(painted(), CPVTONPlusConfig())
    assert torch.equal(seen.matching[:, :1], seen.tryon[:, :1])
    assert torch.equal(seen.matching[:, 4:], seen.tryon[:, 4:])


def test_large_photos_are_reduced_as_the_data_was():
    person = painted(4)
    noisy = person.image.copy()
    noisy[::2] //= 2
    seen = person_conditions(PersonInputs(noisy, person.pose, person.parse), CPVTONConfig())
    wanted = published(Image.fromarray(noisy).resize((192, 256), Image.BILINEAR))
    # block 13 is the face: row 3, column 1
    torch.testing.assert_close(seen.tryon[0, 1:4, 72:96, 48:96], wanted[:, 72:96, 48:96])


@pytest.mark.parametrize("factor", [1, 3])
def test_a_garment_is_its_whole_photo_and_its_mask(factor):
    image = np.random.default_rng(2).integers(0, 256, (256 * factor, 192 * factor, 3), np.uint8)
    mask = np.zeros((256 * factor, 192 * factor), bool)
    mask[40 * factor : 200 * factor, 50 * factor : 150 * factor] = True
    shown = garment_conditions(GarmentInputs(image, mask))
    small = Image.fromarray(image).resize((192, 256), Image.BILINEAR)
    torch.testing.assert_close(shown.image[0], published(small))
    wanted = torch.zeros(1, 1, 256, 192)
    wanted[..., 40:200, 50:150] = 1
    assert torch.equal(shown.mask, wanted)


def test_the_worn_garment_stands_on_white():
    person = painted()
    photo, ids = published(person.image), torch.from_numpy(person.parse.ids)
    worn = worn_garment(photo[None], ids[None])
    inside = np.isin(person.parse.ids, (5, 6, 7))
    np.testing.assert_array_equal(worn.mask[0, 0].numpy(), inside.astype(np.float32))
    wanted = torch.where(torch.from_numpy(inside), photo, torch.tensor(1.0))
    torch.testing.assert_close(worn.image[0], wanted)
