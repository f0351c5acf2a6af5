"""What VITON-HD's trainers keep, make inputs of, and change at random."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from tryon_roots import garment, person

from pipelines.body import scaled
from pipelines.garments.prepare import worn_part
from pipelines.labels import LIP20, VITONHD7, VITONHD13
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.viton_hd.conditions import garment_conditions, person_conditions
from pipelines.systems.viton_hd.config import ConditionsConfig
from pipelines.systems.viton_hd.train_data import (
    CHANGEABLE,
    examples,
    kept_arrays,
    pose_redrawn,
    unpacked,
)
from pipelines.systems.viton_hd.train_seg import SegTask
from pipelines.systems.viton_hd.train_settings import ConditionsSettings
from pipelines.training.tryon_augment import augmented, cropped, relit
from pipelines.training.tryon_settings import AugmentSettings

CONFIG = ConditionsConfig((256, 192), "v3.2", "body")
NOTHING = AugmentSettings(0, 0, 0, 0, 0, 0, 0, 0)


def inputs(number):
    photo, parse, pose = person(number)
    return PersonInputs(photo, pose, parse), GarmentInputs(*garment(number))


@pytest.fixture(scope="module")
def kept():
    rows = [kept_arrays(*inputs(number), CONFIG) for number in (0, 3)]
    return {n: torch.from_numpy(np.stack([row[n] for row in rows])) for n in rows[0]}


def changed(kept, seed=0, **options):
    generator = torch.Generator().manual_seed(seed)
    return augmented(unpacked(kept), replace(NOTHING, **options), generator, CHANGEABLE)


def test_inputs_of_a_batch_are_those_of_inference(kept):
    made = examples(unpacked(kept))
    for row, number in enumerate((0, 3)):
        someone, something = inputs(number)
        wanted = person_conditions(someone, CONFIG)
        for name in vars(wanted):
            found = getattr(made.person, name)[row : row + 1]
            torch.testing.assert_close(found, getattr(wanted, name), atol=1e-6, rtol=0, msg=name)
        worn = garment_conditions(worn_part(something), CONFIG)
        for name in vars(worn):
            found = getattr(made.garment, name)[row : row + 1]
            torch.testing.assert_close(found, getattr(worn, name), atol=1e-6, rtol=0, msg=name)


def test_without_options_nothing_is_changed(kept):
    plain, made = unpacked(kept), changed(kept)
    for name, tensor in plain.items():
        # the garment is resampled in any case
        torch.testing.assert_close(made[name], tensor, atol=1e-3, rtol=0, msg=name)


def test_what_is_worn_does_not_reach_the_networks(kept):
    """Another garment under the same outline changes no input of the person."""
    batch = unpacked(kept)
    worn = (batch["ids"] == VITONHD13.UPPER)[:, None]
    assert worn.float().mean() > 0.05
    assert (batch["painted"] & worn).sum() / worn.sum() > 0.9
    assert not ((batch["ids"] == VITONHD13.UPPER) & ~batch["erased"][:, 0]).any()
    covered = worn & batch["painted"]
    other = {**batch, "image": torch.where(covered, -batch["image"], batch["image"])}
    one, two = examples(batch).person, examples(other).person
    for name in vars(one):
        torch.testing.assert_close(getattr(one, name), getattr(two, name), msg=name)


def test_a_mirror_image_is_that_of_the_mirrored_person(kept):
    someone, something = inputs(3)
    height, width = someone.image.shape[:2]
    found = changed(kept, flip=1.0)
    mirrored = kept_arrays(
        PersonInputs(someone.image[:, ::-1], mirror(someone.pose, width), flipped_parse(someone)),
        GarmentInputs(something.image[:, ::-1], something.mask[:, ::-1]),
        CONFIG,
    )
    wanted = unpacked({n: torch.from_numpy(a[None].copy()) for n, a in mirrored.items()})
    for name in ("pose", "joints", "ids", "cloth_mask"):
        assert_nearly_equal(found[name][1:].float(), wanted[name].float(), share=0.99)
    for name in ("image", "cloth", "painted", "erased", "region"):
        assert_nearly_equal(found[name][1:].float(), wanted[name].float(), share=0.97)


def mirror(pose, width):
    from pipelines.body import mirror_pose

    return scaled(mirror_pose(pose, width), 1, 1)


def flipped_parse(someone):
    swapped = someone.parse.ids[:, ::-1].copy()
    left, right = swapped == LIP20.LEFT_ARM, swapped == LIP20.RIGHT_ARM
    swapped[left], swapped[right] = LIP20.RIGHT_ARM, LIP20.LEFT_ARM
    return replace(someone.parse, ids=swapped)


def assert_nearly_equal(found, wanted, share):
    """Shapes are drawn on whole pixels, which a mirror moves by up to one."""
    apart = (found - wanted).abs() > 0.05
    assert 1 - float(apart.float().mean()) >= share


def test_the_garment_alone_is_moved(kept):
    plain = unpacked(kept)
    made = changed(kept, garment_rotation_deg=6, garment_scale=0.08, garment_shift=0.04)
    for name in ("image", "pose", "ids", "painted", "erased", "joints"):
        assert torch.equal(made[name], plain[name]), name
    before, after = plain["cloth_mask"].float(), made["cloth_mask"].float()
    overlap = (before * after).sum() / torch.maximum(before, after).sum()
    assert 0.6 < float(overlap) < 1
    # the mask still fits the photo: off it the garment's photo is white
    coloured = (made["cloth"] < 0.6).any(1, keepdim=True)
    assert float((coloured & ~made["cloth_mask"]).sum() / coloured.sum()) < 0.03


def test_a_shift_moves_by_its_share_of_the_picture(kept):
    torch.manual_seed(0)
    batch = unpacked(kept)
    made = changed(kept, seed=5, garment_shift=0.1)
    drawn = shift_of(5, len(batch["ids"]))
    for row, (x, y) in enumerate(drawn):
        before, after = (centre(b["cloth_mask"][row, 0]) for b in (batch, made))
        # the grid looks where the content comes from
        assert after[0] - before[0] == pytest.approx(-192 * x, abs=0.6)
        assert after[1] - before[1] == pytest.approx(-256 * y, abs=0.6)


def shift_of(seed, count):
    """The third number that is drawn: after flips, turns and scales."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(3):
        torch.rand((count,), generator=generator)
    return ((2 * torch.rand((count, 2), generator=generator) - 1) * 0.1).tolist()


def centre(mask):
    rows, columns = torch.nonzero(mask, as_tuple=True)
    return float(columns.float().mean()), float(rows.float().mean())


def test_garment_and_worn_garment_get_one_colour(kept):
    plain, made = unpacked(kept), changed(kept, recolour=1.0, hue_deg=180)
    worn = (plain["ids"] == VITONHD13.UPPER)[:, None].expand_as(plain["image"])
    assert torch.equal(made["image"][~worn], plain["image"][~worn])
    lying = plain["cloth_mask"].expand_as(plain["cloth"])
    unmoved = changed(kept)["cloth"]
    assert torch.equal(made["cloth"][~lying], unmoved[~lying])
    for row in range(2):
        first = made["image"][row][worn[row]].view(3, -1).median(1).values
        second = made["cloth"][row][lying[row]].view(3, -1).median(1).values
        before = plain["cloth"][row][lying[row]].view(3, -1).median(1).values
        torch.testing.assert_close(first, second, atol=0.12, rtol=0)
        assert (second - before).abs().max() > 0.1
    gray = {**kept, "cloth": torch.full_like(kept["cloth"], 100)}
    same = changed(gray, recolour=1.0, hue_deg=180)["cloth"]
    torch.testing.assert_close(same, unpacked(gray)["cloth"], atol=0.01, rtol=0)


def test_a_crop_is_a_part_of_the_photo_enlarged(kept):
    plain = unpacked(kept)
    made, which = cropped(plain, 1.0, 0.7, torch.Generator().manual_seed(0), CHANGEABLE)
    assert which.all()
    assert torch.equal(made["cloth"], plain["cloth"])
    for row in range(len(which)):
        before, after = (batch["joints"][row].double().numpy() for batch in (plain, made))
        seen = after[:, 2] > 0
        assert 4 <= seen.sum() < (before[:, 2] > 0).sum()
        assert not after[~seen].any()
        # where the photo's joints are, by those of the crop: a scale and a corner
        share, x = np.polyfit(after[seen, 0], before[seen, 0], 1)
        assert np.polyfit(after[seen, 1], before[seen, 1], 1)[0] == pytest.approx(share, abs=1e-4)
        assert 0.7 <= share < 1
        y = np.mean(before[seen, 1] - share * after[seen, 1])
        window = np.float32([[share, 0, x], [0, share, y]])
        for name, how, least in (
            ("image", cv2.INTER_LINEAR, 0.995),
            ("ids", cv2.INTER_NEAREST, 0.98),
            ("painted", cv2.INTER_NEAREST, 0.98),
        ):
            source, found = (np.float32(b[name][row]).reshape(-1, 256, 192) for b in (plain, made))
            wanted = [_part(layer, window, how) for layer in source]
            assert (np.abs(found - wanted) < 0.02).mean() >= least, name


def _part(layer, window, how):
    flags = how | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(layer, window, (192, 256), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def test_crops_are_as_frequent_as_asked(kept):
    pixels = [name for name in kept if name != "joints"]
    few = {name: kept[name][:1, ::16, ::16] for name in pixels}
    few["joints"] = kept["joints"][:1]
    many = {name: tensor.expand(200, *tensor.shape[1:]) for name, tensor in few.items()}
    batch = unpacked(many)
    made, which = cropped(batch, 0.25, 0.5, torch.Generator().manual_seed(0), CHANGEABLE)
    assert 35 <= int(which.sum()) <= 65
    for name, before in batch.items():
        assert torch.equal(made[name][~which], before[~which]), name


def test_pose_pictures_of_joints_are_those_of_inference(kept):
    plain = unpacked(kept)
    blank = {**plain, "pose": torch.zeros_like(plain["pose"])}
    made = pose_redrawn(blank, torch.tensor([False, True]), CONFIG.pose_points)
    assert not made["pose"][0].any()
    assert torch.equal(made["pose"][1], plain["pose"][1])


@pytest.mark.parametrize("crop", [0.0, 1.0])
def test_trainers_crop_with_the_share_they_are_told(kept, crop):
    task = object.__new__(SegTask)
    task.shared = ConditionsSettings(crop=crop, pose_points=CONFIG.pose_points)
    task.augmentation = NOTHING
    made, plain = task.augment(kept, torch.Generator().manual_seed(0)), unpacked(kept)
    for row in range(2):
        for name in ("image", "ids", "joints", "pose"):
            assert torch.equal(made[name][row], plain[name][row]) == (crop == 0), name
    again = pose_redrawn(
        {**made, "pose": plain["pose"]}, torch.tensor([True] * 2), CONFIG.pose_points
    )
    assert torch.equal(made["pose"], again["pose"])


def test_other_light_stays_in_range():
    cloth = torch.rand(8, 3, 16, 12) * 2 - 1
    made = relit(cloth, 0.5, torch.Generator().manual_seed(0))
    assert made.min() >= -1 and made.max() <= 1 and not torch.allclose(made, cloth)
    assert torch.equal(relit(cloth, 0.0, torch.Generator()), cloth)


def test_random_changes_depend_on_the_generator_alone(kept):
    options = AugmentSettings()
    runs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed * 7)
        generator = torch.Generator().manual_seed(seed)
        runs.append(augmented(unpacked(kept), options, generator, CHANGEABLE))
    assert all(torch.equal(runs[0][n], runs[1][n]) for n in runs[0])
    assert not torch.equal(runs[0]["cloth"], runs[2]["cloth"])


def test_layouts_are_one_hot(kept):
    made = examples(unpacked(kept))
    assert torch.equal(made.parse.sum(1), torch.ones(2, 256, 192))
    upper = made.parse[:, VITONHD7.UPPER] > 0
    assert torch.equal(upper, made.ids == VITONHD13.UPPER)
    assert made.region[upper].all() and not made.region.all()
