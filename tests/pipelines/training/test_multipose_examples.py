"""What the multi-pose trainers keep, and the networks' inputs that they make of it."""

import cv2
import numpy as np
import pytest
import torch
from tryon_roots import garment, person

from pipelines.garments.prepare import worn_part
from pipelines.labels import LIP20
from pipelines.mirror_image import mirrored
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.multipose.conditions import (
    garment_conditions,
    person_conditions,
    pose_conditions,
)
from pipelines.systems.multipose.config import ConditionsConfig
from pipelines.systems.multipose.train_data import (
    CHANGEABLE,
    examples,
    in_own_pose,
    kept_arrays,
    recipe,
    unpacked,
)
from pipelines.training.tryon_augment import augmented
from pipelines.training.tryon_data import Example
from pipelines.training.tryon_settings import AugmentSettings
from pipelines.types import Size

NUMBERS = ((0, 3), (4, 1))
"""Source and target."""
CONFIGS = [
    ConditionsConfig(),
    ConditionsConfig("colour", heat_radius=3, coarse=8, garment_on_white=False),
    ConditionsConfig("none"),
]


def someone(number):
    photo, parse, pose = person(number)
    return PersonInputs(photo, pose, parse)


def something(number):
    return GarmentInputs(*garment(number))


def stacked(rows):
    return {n: torch.from_numpy(np.stack([row[n] for row in rows])) for n in rows[0]}


def kept_of(config):
    return stacked([kept_arrays(someone(a), someone(b), something(b), config) for a, b in NUMBERS])


@pytest.fixture(scope="module")
def kept():
    return kept_of(CONFIGS[0])


@pytest.mark.parametrize("config", CONFIGS, ids=lambda one: one.bottom)
def test_inputs_of_a_batch_are_those_of_inference(config):
    made = examples(unpacked(kept_of(config)), config)
    for row, (source, target) in enumerate(NUMBERS):
        photo = someone(target).image
        wanted = person_conditions(someone(source), config)
        for name in vars(wanted):
            found = getattr(made.person, name)[row : row + 1]
            assert torch.equal(found, getattr(wanted, name)), name
        worn = garment_conditions(worn_part(something(target)), config)
        for name in vars(worn):
            assert torch.equal(getattr(made.garment, name)[row : row + 1], getattr(worn, name))
        pose = pose_conditions(someone(target).pose, Size(*photo.shape[:2]), config)
        assert torch.equal(made.pose[row : row + 1], pose)


def test_the_truth_is_the_target(kept):
    made = examples(unpacked(kept), CONFIGS[0])
    ids = kept["ids"].long()
    assert torch.equal(made.segmentation.argmax(1), ids)
    assert torch.equal(made.segmentation.sum(1), torch.ones_like(made.segmentation[:, 0]))
    upper = ids == LIP20.UPPER
    assert upper.any() and torch.equal(made.worn[:, 0] > 0, upper)
    assert torch.equal(
        made.worn_garment.permute(0, 2, 3, 1)[upper], made.image.permute(0, 2, 3, 1)[upper]
    )
    assert (made.worn_garment.permute(0, 2, 3, 1)[~upper] == 1).all()
    assert not torch.equal(kept["source_ids"], kept["ids"])


def test_halved_examples_are_their_areas(kept):
    whole = examples(unpacked(kept), CONFIGS[0])
    half = whole.halved()
    parts = [(getattr(one.person, n), n) for one in (half, whole) for n in vars(one.person)]
    assert len(parts) == 4
    for (small, name), (large, _) in zip(parts[:2], parts[2:], strict=True):
        assert_area(small, large, name)
    for name in vars(whole.garment):
        assert_area(getattr(half.garment, name), getattr(whole.garment, name), name)
    for name in ("pose", "source", "image"):
        assert_area(getattr(half, name), getattr(whole, name), name)
    for row in range(2):
        ids = whole.ids[row].numpy().astype(np.uint8)
        wanted = cv2.resize(ids, (96, 128), interpolation=cv2.INTER_NEAREST)
        np.testing.assert_array_equal(half.ids[row], wanted)
    # a joint at the middle of its square, in the pixels of each
    assert torch.equal(half.joints[..., :2] * 2, whole.joints[..., :2])
    assert torch.equal(half.joints[..., 2], whole.joints[..., 2])


def assert_area(small, large, name):
    for row in range(len(large)):
        for found, plane in zip(small[row].numpy(), large[row].numpy(), strict=True):
            wanted = cv2.resize(plane, (96, 128), interpolation=cv2.INTER_AREA)
            np.testing.assert_allclose(found, wanted, atol=1e-6, err_msg=name)


def test_unknown_labels_are_in_no_map(kept):
    ids = kept["ids"].clone()
    ids[0, 40:60] = 255
    made = examples(unpacked({**kept, "ids": ids}), CONFIGS[0])
    assert not made.segmentation[0, :, 40:60].any()
    assert not made.worn[0, :, 40:60].any()


def test_a_mirror_turns_source_and_target_over(kept):
    options = AugmentSettings(1.0, 0, 0, 0, 0, 0, 0, 0)
    made = augmented(unpacked(kept), options, torch.Generator().manual_seed(0), CHANGEABLE)
    turned = stacked(
        [
            kept_arrays(mirrored(someone(a)), mirrored(someone(b)), something(b), CONFIGS[0])
            for a, b in NUMBERS
        ]
    )
    wanted = unpacked(turned)
    for name in ("source_ids", "ids"):
        # a nearest pixel of an enlarged map may lie on either side of an edge
        assert (made[name] != wanted[name]).float().mean() < 0.02, name
    for name in ("source", "image"):
        torch.testing.assert_close(made[name], wanted[name], atol=0.02, rtol=0)
    torch.testing.assert_close(made["joints"], wanted["joints"], atol=1e-3, rtol=0)


def test_a_new_colour_is_not_that_of_the_source(kept):
    options = AugmentSettings(0, 0, 0, 0, 1.0, 180.0, 0, 0)
    made = augmented(unpacked(kept), options, torch.Generator().manual_seed(1), CHANGEABLE)
    plain = unpacked(kept)
    assert not torch.equal(made["image"], plain["image"])
    assert torch.equal(made["source"], plain["source"])


def test_some_are_dressed_in_their_own_pose(kept):
    plain = unpacked(kept)
    made = in_own_pose(plain, torch.tensor([False, True]))
    for source, target in (("source", "image"), ("source_ids", "ids")):
        assert torch.equal(made[source][0], plain[source][0])
        assert torch.equal(made[source][1], plain[target][1])
        assert not torch.equal(plain[source], plain[target])
        assert torch.equal(made[target], plain[target])


def test_what_is_kept_depends_on_how_garments_are_shown():
    keys = [recipe(config, 1).key for config in CONFIGS]
    assert keys[0] == keys[2] != keys[1]
    assert recipe(CONFIGS[0], 2).key != keys[0]


def test_a_source_is_made_of_a_single_photo():
    made = list(recipe(CONFIGS[0], 2).rows(Example("0001_0", someone(1), something(1))))
    target = kept_arrays(someone(1), someone(1), something(1), CONFIGS[0])
    for row in made:
        assert set(row) == set(target)
        for name in ("image", "ids", "joints", "cloth", "cloth_mask"):
            np.testing.assert_array_equal(row[name], target[name], err_msg=name)
        assert (row["source"] != row["image"]).any()
