"""What ACGPN's trainers keep, and the networks' inputs that they make of it."""

import numpy as np
import pytest
import torch
from tryon_roots import garment, person

from pipelines.body import mirror_pose
from pipelines.garments.prepare import worn_part
from pipelines.labels import ACGPN14, LIP20
from pipelines.networks.noise import binary_noise
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.acgpn.conditions import garment_conditions, person_conditions, pose_pixels
from pipelines.systems.acgpn.config import ACGPNConfig
from pipelines.systems.acgpn.train_data import CHANGEABLE, examples, kept_arrays
from pipelines.systems.acgpn.train_fusion import true_inputs
from pipelines.training.pair_data import unpacked
from pipelines.training.pose_windows import maps_of_windows, pose_windows
from pipelines.training.tryon_augment import augmented
from pipelines.training.tryon_settings import AugmentSettings
from pipelines.types import Size

NUMBERS = (0, 3)
CONFIGS = [ACGPNConfig(), ACGPNConfig(neck="skin")]


def inputs(number):
    photo, parse, pose = person(number)
    return PersonInputs(photo, pose, parse), GarmentInputs(*garment(number))


@pytest.fixture(scope="module")
def kept():
    rows = [kept_arrays(*inputs(number)) for number in NUMBERS]
    return {n: torch.from_numpy(np.stack([row[n] for row in rows])) for n in rows[0]}


@pytest.mark.parametrize("config", CONFIGS, ids=lambda one: one.neck)
def test_inputs_of_a_batch_are_those_of_inference(kept, config):
    made = examples(unpacked(kept), config)
    for row, number in enumerate(NUMBERS):
        someone, something = inputs(number)
        wanted = person_conditions(someone, config)
        for name in vars(wanted):
            found = getattr(made.person, name)[row : row + 1]
            assert torch.equal(found, getattr(wanted, name)), name
        worn = garment_conditions(worn_part(something))
        for name in vars(worn):
            assert torch.equal(getattr(made.garment, name)[row : row + 1], getattr(worn, name))


def test_windows_hold_all_of_a_pose(kept):
    someone, _ = inputs(0)
    pixels = pose_pixels(someone.pose, someone.image.shape[:2])
    assert (pixels.reshape(18, -1).max(1) > 0).sum() > 8
    windows, corners = (torch.from_numpy(a)[None] for a in pose_windows(pixels))
    np.testing.assert_array_equal(maps_of_windows(windows, corners, Size(256, 192))[0], pixels)
    spread = np.zeros((18, 256, 192), np.uint8)
    spread[4, 10, 10] = spread[4, 60, 60] = 255
    with pytest.raises(ValueError, match="joint 4"):
        pose_windows(spread)


def test_a_mirror_image_has_the_mirrored_pose(kept):
    options = AugmentSettings(1.0, 0, 0, 0, 0, 0, 0, 0)
    made = examples(
        augmented(unpacked(kept), options, torch.Generator().manual_seed(0), CHANGEABLE),
        CONFIGS[1],
    )
    plain = examples(unpacked(kept), CONFIGS[1])
    for row, number in enumerate(NUMBERS):
        someone, _ = inputs(number)
        height, width = someone.image.shape[:2]
        wanted = pose_pixels(mirror_pose(someone.pose, width), (height, width))
        np.testing.assert_allclose(made.person.pose[row].numpy(), wanted / 127.5 - 1, atol=1e-6)
    assert torch.equal(made.image, plain.image.flip(-1))
    left, right = ACGPN14.LEFT_ARM, ACGPN14.RIGHT_ARM
    assert (plain.truth == left).any()
    assert torch.equal(made.truth == left, (plain.truth == right).flip(-1))
    assert torch.equal(made.truth == ACGPN14.UPPER, (plain.truth == ACGPN14.UPPER).flip(-1))
    assert torch.equal(made.region, plain.region.flip(-1))


def test_a_new_colour_is_that_of_the_garment_alone(kept):
    options = AugmentSettings(0, 0, 0, 0, 1.0, 180.0, 0, 0)
    made = augmented(unpacked(kept), options, torch.Generator().manual_seed(1), CHANGEABLE)
    plain = unpacked(kept)
    worn = torch.isin(plain["ids"], torch.tensor([LIP20.UPPER, LIP20.DRESS, LIP20.COAT]))
    changed = (made["image"] != plain["image"]).any(1)
    assert not changed[~worn].any() and changed[worn].float().mean() > 0.5


def test_noise_is_washed_into_the_clothes_of_the_truth_alone(kept):
    ids = kept["ids"].clone()
    ids[0, 100:120, 60:80] = LIP20.SCARF
    batch = unpacked({**kept, "ids": ids})
    made = examples(batch, CONFIGS[1])
    assert (made.person.labels[0, 100:120, 60:80] == ACGPN14.NOISE).all()
    assert (made.truth[0, 100:120, 60:80] == ACGPN14.UPPER).all()
    assert made.worn[0, 0, 100:120, 60:80].all()
    assert (made.body[0, 100:120, 60:80] == ACGPN14.BACKGROUND).all()
    unknown = examples(unpacked({**kept, "ids": torch.full_like(ids, 255)}), CONFIGS[1])
    assert not unknown.truth.any()


def test_the_neckline_does_not_reach_the_first_network(kept):
    """A lower neckline in the label map changes nothing that G1 is shown."""
    ids = kept["ids"]
    assert (ids == LIP20.NECK).any()
    lower = ids.clone()
    rows = torch.nonzero(ids[0] == LIP20.NECK)[:, 0]
    row = int(rows.max()) + 1
    assert (ids[0, row] == LIP20.UPPER).any()
    lower[0, row][ids[0, row] == LIP20.UPPER] = LIP20.NECK
    for config in CONFIGS:
        one, two = (examples(unpacked({**kept, "ids": i}), config) for i in (ids, lower))
        assert torch.equal(one.person.fused, two.person.fused)
    assert not torch.equal(one.truth, two.truth)


def test_strokes_open_arms_and_face_alone(kept):
    given = examples(unpacked(kept), CONFIGS[1])
    strokes = binary_noise(3, given.image.shape[-2:]).expand(len(given.image), -1, -1, -1)
    kept_all, labels, worn = true_inputs(given, torch.zeros_like(strokes))
    opened, _, _ = true_inputs(given, strokes)
    holes = (opened != kept_all).any(1)
    may = torch.isin(given.truth, torch.tensor([11, 12, 13]))
    assert holes.any() and not (holes & ~may).any()
    assert torch.equal(opened[:, 0][may], (given.image[:, 0] * (1 - strokes[:, 0]))[may])
    upper = given.truth == ACGPN14.UPPER
    assert not kept_all.permute(0, 2, 3, 1)[upper | (given.truth == 0)].any()
    assert torch.equal(worn.permute(0, 2, 3, 1)[upper], given.image.permute(0, 2, 3, 1)[upper])
    assert torch.equal(labels.argmax(1), given.truth.masked_fill(upper, 0))
