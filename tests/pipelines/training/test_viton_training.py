"""VITON's trainers on a small drawn root: from files to weights that inference reads."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from trainer_runs import lines, run_trainer, weights_of
from tryon_roots import garment, person, small_root

from pipelines.checkpoint_files import read_metadata
from pipelines.errors import ConfigError
from pipelines.garments.prepare import worn_part
from pipelines.layout import CP_VTON
from pipelines.networks.tps_grid import TpsGrid
from pipelines.registry import TRAINERS
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.viton.chain import bent
from pipelines.systems.viton.conditions import garment_conditions, person_conditions
from pipelines.systems.viton.config import VITONConfig
from pipelines.systems.viton.networks import PUBLISHED_SIZE
from pipelines.systems.viton.train_data import CHANGEABLE, examples, kept_arrays
from pipelines.systems.viton.train_settings import ROW
from pipelines.systems.viton.train_tasks import total_variation
from pipelines.systems.viton.warp import GRID_SIZE, VITON, control_points
from pipelines.systems.viton.weights import read_network, read_networks
from pipelines.training.pair_data import unpacked
from pipelines.training.tryon_augment import augmented
from pipelines.training.tryon_settings import AugmentSettings

FAST = {"batch_size": 2, "log_every": 1, "ema_decay": 0.5, "width": 8, "perceptual": "none"}
NUMBERS = (0, 3)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return small_root(CP_VTON, tmp_path_factory.mktemp("drawn") / "viton", train=3, val=1)


@pytest.fixture(scope="module")
def packs(tmp_path_factory):
    return str(tmp_path_factory.mktemp("packs"))


def trained(name, root, packs, out, *, steps=2, **settings):
    return run_trainer(name, root, packs, out, usual={}, steps=steps, **settings)


@pytest.fixture(scope="module")
def coarse(root, packs, tmp_path_factory):
    out = tmp_path_factory.mktemp("coarse") / "run"
    return trained("viton.coarse", root, packs, out, decay=0.9, **FAST)


@pytest.fixture(scope="module")
def refine(root, packs, coarse, tmp_path_factory):
    out = tmp_path_factory.mktemp("refine") / "run"
    return trained("viton.refine", root, packs, out, coarse=str(weights_of(coarse)), **FAST)


def inputs(number):
    photo, parse, pose = person(number)
    return PersonInputs(photo, pose, parse), GarmentInputs(*garment(number))


@pytest.fixture(scope="module")
def kept():
    rows = [kept_arrays(*inputs(number)) for number in NUMBERS]
    return {n: torch.from_numpy(np.stack([row[n] for row in rows])) for n in rows[0]}


def test_inputs_of_a_batch_are_those_of_inference(kept):
    made = examples(unpacked(kept), VITONConfig())
    for row, number in enumerate(NUMBERS):
        someone, something = inputs(number)
        wanted = person_conditions(someone, VITONConfig())
        assert torch.equal(made.person[row : row + 1], wanted)
        worn = garment_conditions(worn_part(something))
        assert torch.equal(made.garment.image[row : row + 1], worn.image)
        assert torch.equal(made.garment.mask[row : row + 1], worn.mask)
        mask = worn.mask[0, 0].numpy() > 0
        places = control_points(mask, made.worn[row, 0].numpy() > 0)
        np.testing.assert_array_equal(made.places[row].numpy(), places)
    assert 0 < made.worn.mean() < 0.5


def warped(made):
    grid = TpsGrid(PUBLISHED_SIZE, VITON, grid_size=GRID_SIZE)(made.places)
    return bent(made.garment, grid)


def test_a_mirror_image_has_the_mirrored_warp(kept):
    options = AugmentSettings(1.0, 0, 0, 0, 0, 0, 0, 0)
    changed = augmented(unpacked(kept), options, torch.Generator().manual_seed(0), CHANGEABLE)
    turned, plain = (warped(examples(b, VITONConfig())) for b in (changed, unpacked(kept)))
    torch.testing.assert_close(turned.garment, plain.garment.flip(-1), atol=2e-3, rtol=0)
    torch.testing.assert_close(turned.mask, plain.mask.flip(-1), atol=2e-3, rtol=0)
    worn = examples(unpacked(kept), VITONConfig()).worn > 0
    found = plain.mask > 0.5
    assert (worn & found).sum() / (worn | found).sum() > 0.7


def test_the_variation_is_the_sum_of_steps():
    maps = torch.tensor([[[[0.0, 1.0], [0.5, 0.5]]], [[[1.0, 1.0], [1.0, 1.0]]]])
    assert total_variation(maps).tolist() == [1 + 0 + 0.5 + 0.5, 0]


def test_the_coarse_picture(coarse):
    assert set(coarse.figures) == {"iou", "region_ssim", "region_l1"}
    about = read_metadata(weights_of(coarse))
    assert (about["family"], about["tier"]) == ("viton.coarse", "research")
    assert json.loads(about["config"]) == {"width": 8, "decay": 0.9, "neck": "background"}
    first, second = lines(coarse)
    for row in (first, second):
        assert row["loss/coarse"] == pytest.approx(row["loss/mask"] + row["loss/image"], rel=1e-4)
        assert "loss/perceptual" not in row
    network, _ = read_network(weights_of(coarse), "viton.coarse")
    assert float(network.encoder[1][2].running_var.mean()) != 1


def test_the_refinement(refine):
    assert set(refine.figures) == {"share", "region_ssim", "region_l1"}
    for row in lines(refine):
        total = 0.2 * row["loss/l1"] - 0.1 * row["loss/share"] + 5e-6 * row["loss/variation"]
        assert row["loss/refine"] == pytest.approx(total, rel=1e-3, abs=1e-6)
        assert 0 < row["loss/share"] < 0.5 and row["loss/variation"] > 0
    # before anything is learnt about half of the garment is taken
    assert 0.2 < refine.figures["share"] < 0.8


@pytest.mark.parametrize("stage", ["viton.coarse", "viton.refine"])
def test_a_resumed_run_is_the_run_that_was_not_interrupted(
    root, packs, coarse, check_resume, stage
):
    options = {"coarse": str(weights_of(coarse))} if stage == "viton.refine" else {}
    check_resume(partial(trained, stage, root, packs, **options, **FAST))


def test_both_files_belong_together(coarse, refine):
    files = {"viton.coarse": weights_of(coarse), "viton.refine": weights_of(refine)}
    assert read_networks(files, tuple(files)).config == VITONConfig(8, 0.9)
    told = json.loads(read_metadata(files["viton.refine"])["run"])["settings"]
    assert told["l1_weight"] == 0.2


def test_it_learns(root, packs, tmp_path):
    result = trained(
        "viton.coarse", root, packs, tmp_path / "run", steps=12,
        **{**FAST, "learning_rate": 2e-3},
    )  # fmt: skip
    losses = [row["loss/coarse"] for row in lines(result)]
    assert np.mean(losses[-3:]) < 0.8 * losses[0]


def test_the_perceptual_loss_is_weighted(root, packs, tmp_path):
    options = {**FAST, "perceptual": "parser"}
    result = trained("viton.coarse", root, packs, tmp_path / "run", steps=1, **options)
    (row,) = lines(result)
    total = row["loss/mask"] + row["loss/image"] + 3 * row["loss/perceptual"]
    assert row["loss/perceptual"] > 0
    assert row["loss/coarse"] == pytest.approx(total, rel=1e-4)


def test_in_a_row_the_second_is_given_the_first(root, packs, tmp_path):
    settings = {"cache": packs, "batch_size": 2}
    settings |= {f"{s}_{n}": v for s in ROW.stages for n, v in FAST.items() if n != "batch_size"}
    known = TRAINERS["viton"][0].defaults
    result = trained(
        "viton", root, packs, tmp_path / "run", steps=1,
        **{n: v for n, v in settings.items() if n in known},
    )  # fmt: skip
    found = {p.name for p in result.files if p.suffix == ".safetensors"}
    assert found == {"viton.coarse.safetensors", "viton.refine.safetensors"}
    assert {"coarse/iou", "refine/share"} <= set(result.figures)


def test_settings_that_cannot_be_are_refused(root, packs, coarse, tmp_path):
    cases = [
        ("viton.refine", {}, "bad_setting"),
        ("viton.coarse", {"schedule": "steep"}, "bad_setting"),
        ("viton.coarse", {"neck": "long"}, "bad_setting"),
        ("viton.coarse", {"decay": 1.5}, "bad_setting"),
        ("viton.refine", {"coarse": str(weights_of(coarse)), "neck": "kept"}, "other_conditions"),
    ]
    for name, values, code in cases:
        with pytest.raises(ConfigError) as error:
            trained(name, root, packs, tmp_path / "run", **values)
        assert error.value.code == code


def test_going_on_takes_the_networks_width(root, packs, coarse, tmp_path):
    start = str(weights_of(coarse))
    result = trained(
        "viton.coarse", root, packs, tmp_path / "run", steps=1,
        **{**FAST, "width": 32, "start": start},
    )  # fmt: skip
    assert json.loads(read_metadata(weights_of(result))["config"])["width"] == 8
