"""What the trainers of CP-VTON and CP-VTON+ keep, and the inputs that they make of it."""

import numpy as np
import pytest
import torch
from tryon_roots import garment, person

from pipelines.body import mirror_pose, scaled
from pipelines.garments.prepare import worn_part
from pipelines.labels import LIP20, mirror_table
from pipelines.networks.pictures import resized
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.cp_vton.conditions import garment_conditions, person_conditions
from pipelines.systems.cp_vton.config import CPVTONConfig, CPVTONPlusConfig
from pipelines.systems.cp_vton.train_data import CHANGEABLE, examples, kept_arrays
from pipelines.training.pair_data import unpacked
from pipelines.training.tryon_augment import augmented
from pipelines.training.tryon_settings import AugmentSettings
from pipelines.types import ParseMap, Size

NUMBERS = (0, 3)
SIZE = Size(256, 192)
CONFIGS = [kind(neck=neck) for kind in (CPVTONConfig, CPVTONPlusConfig)
           for neck in ("background", "body", "kept")]  # fmt: skip
TURNED = AugmentSettings(1.0, 0, 0, 0, 0, 0, 0, 0)


def inputs(number):
    photo, parse, pose = person(number)
    return PersonInputs(photo, pose, parse), GarmentInputs(*garment(number))


def small(number):
    """The same person in a photo that has the networks' size."""
    photo, parse, pose = person(number)
    height, width = photo.shape[:2]
    ids = resized(parse.ids, SIZE, nearest=True)
    # off the middle, and bent: a shape whose mirror image is another
    ids = np.where(np.arange(SIZE.width) > 150, ids[::-1], ids)
    return PersonInputs(
        resized(photo, SIZE),
        scaled(pose, SIZE.width / width, SIZE.height / height),
        ParseMap(np.ascontiguousarray(ids), LIP20),
    )


def mirrored(one):
    sides = mirror_table(LIP20)
    table = np.array([sides.get(label, label) for label in range(256)], np.uint8)
    ids = table[one.parse.ids[:, ::-1]]
    return PersonInputs(
        np.ascontiguousarray(one.image[:, ::-1]),
        mirror_pose(one.pose, one.image.shape[1]),
        ParseMap(ids, LIP20),
    )


def stacked(pairs):
    rows = [kept_arrays(*pair) for pair in pairs]
    return {n: torch.from_numpy(np.stack([row[n] for row in rows])) for n in rows[0]}


@pytest.fixture(scope="module")
def kept():
    return stacked([inputs(number) for number in NUMBERS])


def assert_of(made, row, wanted):
    for name in vars(wanted):
        assert torch.equal(getattr(made, name)[row : row + 1], getattr(wanted, name)), name


@pytest.mark.parametrize("config", CONFIGS, ids=lambda one: f"{one.plus}-{one.neck}")
def test_inputs_of_a_batch_are_those_of_inference(kept, config):
    made = examples(unpacked(kept), config)
    for row, number in enumerate(NUMBERS):
        someone, something = inputs(number)
        assert_of(made.person, row, person_conditions(someone, config))
        assert_of(made.garment, row, garment_conditions(worn_part(something)))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda one: f"{one.plus}-{one.neck}")
def test_mirrored_inputs_are_those_of_the_mirrored_person(config):
    people = [small(number) for number in NUMBERS]
    batch = unpacked(stacked([(one, inputs(0)[1]) for one in people]))
    turned = augmented(batch, TURNED, torch.Generator().manual_seed(0), CHANGEABLE)
    made, plain = examples(turned, config), examples(batch, config)
    for row, one in enumerate(people):
        assert_of(made.person, row, person_conditions(mirrored(one), config))
    # sides count: what is mirrored is not what was there
    assert not torch.equal(made.person.matching[:, :1], plain.person.matching[:, :1])
    assert torch.equal(made.worn.mask, plain.worn.mask.flip(-1))
    assert torch.equal(made.worn.image, plain.worn.image.flip(-1))
    assert torch.equal(made.region, plain.region.flip(-1))


def test_a_new_colour_is_worn_and_not_shown(kept):
    options = AugmentSettings(0, 0, 0, 0, 1.0, 180.0, 0, 0)
    batch = augmented(unpacked(kept), options, torch.Generator().manual_seed(1), CHANGEABLE)
    for config in (CPVTONConfig(), CPVTONPlusConfig()):
        made, plain = examples(batch, config), examples(unpacked(kept), config)
        changed = (made.worn.image != plain.worn.image).any(1)
        worn = plain.worn.mask[:, 0] > 0
        assert changed[worn].float().mean() > 0.5 and not changed[~worn].any()
        assert torch.equal(made.person.matching, plain.person.matching)
        assert torch.equal(made.person.tryon, plain.person.tryon)


def test_the_worn_garment_stands_on_white(kept):
    made = examples(unpacked(kept), CPVTONPlusConfig())
    worn = torch.isin(kept["ids"], torch.tensor([5, 6, 7]))
    assert worn.float().mean() > 0.05
    assert torch.equal(made.worn.mask[:, 0] > 0, worn)
    wanted = torch.where(worn[:, None], made.image, 1.0)
    assert torch.equal(made.worn.image, wanted)


def test_another_garment_on_the_body_changes_nothing_that_is_shown(kept):
    """Neither its picture nor its kind."""
    worn = torch.isin(kept["ids"], torch.tensor([5, 6, 7]))
    image = torch.where(worn[..., None], 255 - kept["image"], kept["image"])
    ids = torch.where(worn, int(LIP20.DRESS), kept["ids"]).to(torch.uint8)
    for config in (CPVTONConfig(), CPVTONPlusConfig()):
        one, two = (examples(unpacked({**kept, **other}), config)
                    for other in ({}, {"image": image, "ids": ids}))  # fmt: skip
        assert torch.equal(one.person.matching, two.person.matching)
        assert torch.equal(one.person.tryon, two.person.tryon)
        assert not torch.equal(one.image, two.image)
