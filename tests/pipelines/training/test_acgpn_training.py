"""ACGPN's trainers on a small drawn root: from files to weights that inference reads."""

import json
from functools import partial

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from trainer_runs import lines, run_trainer, weights_of
from tryon_roots import garment, person, small_root

from pipelines.checkpoint_files import read_metadata
from pipelines.errors import ConfigError, InputError
from pipelines.labels import LIP20
from pipelines.layout import CP_VTON, VITON_HD
from pipelines.networks.grid_refiner import GridRefiner
from pipelines.networks.losses import released_second_order_constraint
from pipelines.registry import TRAINERS, train
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.acgpn.train_settings import ROW
from pipelines.systems.acgpn.tryon import ACGPNTryOn
from pipelines.systems.acgpn.weights import read_network, read_networks
from pipelines.training.export import write_weights
from pipelines.training.request import TrainRequest

NARROW = {"width": 16, "discriminator_width": 16, "perceptual": "none"}
FAST = {"batch_size": 1, "log_every": 1, "ema_decay": 0.5, "checkpoint_every": 2}
STAGES = ("g1", "g2", "u", "g")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return small_root(CP_VTON, tmp_path_factory.mktemp("drawn") / "viton", train=3, val=1)


@pytest.fixture(scope="module")
def packs(tmp_path_factory):
    return str(tmp_path_factory.mktemp("packs"))


def trained(stage, root, packs, out, **settings):
    usual = {**NARROW, **FAST}
    return run_trainer(f"acgpn.{stage}", root, packs, out, usual=usual, **settings)


@pytest.fixture(scope="module")
def chain(root, packs, tmp_path_factory):
    """Results of one step of each stage, by stage; each is judged with those before it."""
    made = {}
    for stage in STAGES:
        known = TRAINERS[f"acgpn.{stage}"][0].defaults
        before = {name: str(weights_of(r)) for name, r in made.items() if name in known}
        made[stage] = trained(stage, root, packs, tmp_path_factory.mktemp(stage) / "run", **before)
    return made


def test_the_body_layout(chain):
    parts = ("hair", "face", "left_arm", "right_arm", "pants")
    result = chain["g1"]
    assert set(result.figures) == {"miou", *(f"iou/{part}" for part in parts)}
    about = read_metadata(weights_of(result))
    assert (about["family"], about["tier"], about["label_set"]) == (
        "acgpn.g1", "research", "ACGPN14",
    )  # fmt: skip
    assert json.loads(about["config"]) == {
        "width": 16, "spline_width": 8, "coarse_width": 0, "refine_width": 0,
        "adds_garment": False, "neck": "skin",
    }  # fmt: skip
    (row,) = lines(result)
    # 14 maps are equally likely before anything is learnt
    assert row["loss/cross_entropy"] == pytest.approx(np.log(14), abs=0.3)
    assert row["loss/g1"] == pytest.approx(
        row["loss/adversarial"] + 10 * row["loss/cross_entropy"], rel=1e-4
    )
    assert 0.2 < row["loss/g1_discriminator"] < 2
    assert [r["label"] for r in result.rows] == list(parts)


def test_the_garment_mask(chain):
    assert set(chain["g2"].figures) == {"iou", "predicted/iou"}
    (row,) = lines(chain["g2"])
    assert row["loss/cross_entropy"] == pytest.approx(np.log(2), abs=0.3)
    assert row["loss/g2"] == pytest.approx(
        row["loss/adversarial"] + 10 * row["loss/cross_entropy"], rel=1e-4
    )


@pytest.mark.parametrize("stage", ["g1", "g2"])
def test_a_coarse_layout_is_trained_alone(root, packs, chain, tmp_path, stage):
    start = weights_of(chain[stage])
    before, _ = read_network(start, f"acgpn.{stage}")
    result = trained(
        stage, root, packs, tmp_path / "run", start=str(start), coarse_width=16,
        coarse_alone=True, gan_weight=0.0, ema_decay=0.0,
    )  # fmt: skip
    network, config = read_network(weights_of(result), f"acgpn.{stage}")
    assert (config.width, config.coarse_width) == (16, 16)
    kept = network.state_dict()
    assert all(torch.equal(tensor, kept[name]) for name, tensor in before.state_dict().items())
    assert any(bool(head.weight.any()) for head in network.coarse.heads), "it has learnt"


@pytest.mark.parametrize("stage", ["g1", "g2"])
def test_a_coarse_layout_may_be_all_there_is(root, packs, tmp_path, stage):
    options = {"width": 0, "coarse_width": 16, "gan_weight": 0.0}
    result = trained(stage, root, packs, tmp_path / "run", **options)
    network, config = read_network(weights_of(result), f"acgpn.{stage}")
    assert (config.width, config.coarse_width) == (0, 16)
    assert all(name.startswith("coarse.") for name in network.state_dict())
    seen = torch.rand(1, 37, 256, 192)
    torch.testing.assert_close(network(seen), network.coarse_maps(seen))


def test_a_corrected_warp(root, packs, chain, tmp_path):
    """Its refiner starts as another system's; spline and U-Net go on from weights without one."""
    other = torch.nn.ModuleDict({"refiner": GridRefiner(17, width=8)})
    about = {"family": "viton-hd.gmm", "tier": "research", "config": {}, "figures": {}}
    theirs = write_weights(tmp_path / "gmm.safetensors", other, about)
    result = trained(
        "u", root, packs, tmp_path / "run", start=str(weights_of(chain["u"])), gan_weight=0.0,
        refine_width=8, refiner=str(theirs), learning_rate=0.0, ema_decay=0.0,
    )  # fmt: skip
    network, config = read_network(weights_of(result), "acgpn.u")
    assert config.refine_width == 8
    stored = load_file(theirs)
    for name, tensor in network.refiner.state_dict().items():
        known = stored[f"refiner.{name}"].float()
        if name == "downs.0.0.weight":
            assert not tensor[:, 7:25].any(), "no pose yet"
            tensor, known = (
                tensor[:, [*range(7), 25, 26, 27, 28]],
                known[:, [*range(7), *range(13, 17)]],
            )
        torch.testing.assert_close(tensor, known, msg=name)
    (row,) = lines(result)
    parts = {"warp": 1, "mask": 1, "constraint": 0.04, "refined": 0.2, "composed": 10, "share": 1}
    parts |= {"refined_l1": 1, "refined_coarse": 1, "refined_mask": 1, "refined_hidden": 1}
    parts |= {"refined_ssim": 0.5, "bending": 0.7}
    total = sum(weight * row[f"loss/{name}"] for name, weight in parts.items())
    assert row["loss/u"] == pytest.approx(total, rel=1e-4)


def test_a_difference_to_what_is_shown_starts_near_the_photo(root, packs, chain, tmp_path):
    options = {"gan_weight": 0.0, "learning_rate": 0.0, "ema_decay": 0.0}
    made = {
        adds: trained("g", root, packs, tmp_path / str(adds), adds_garment=adds, **options)
        for adds in (True, False)
    }
    network, config = read_network(weights_of(made[True]), "acgpn.g")
    assert config.adds_garment and network.adds_garment
    # shown are the true garment and all of the person but for strokes
    assert made[True].figures["region_l1"] < 0.7 * made[False].figures["region_l1"]


def test_a_warp_is_trained_alone(root, packs, chain, tmp_path):
    start = weights_of(chain["u"])
    before, _ = read_network(start, "acgpn.u")
    result = trained(
        "u", root, packs, tmp_path / "run", start=str(start), gan_weight=0.0, refine_width=8,
        warp_alone=True, ema_decay=0.0,
    )  # fmt: skip
    after = read_network(weights_of(result), "acgpn.u")[0].state_dict()
    changed = {n for n, tensor in before.state_dict().items() if not torch.equal(tensor, after[n])}
    assert changed and all(name.startswith("stn.") for name in changed)
    assert any(after[f"refiner.heads.{level}.weight"].any() for level in range(4))


def test_the_warp(chain):
    names = {"iou", "l1", "ssim", "inner_ssim", "refined_l1", "constraint"}
    figures = chain["u"].figures
    assert set(figures) == names | {f"predicted/{name}" for name in names}
    assert 0 < figures["iou"] < 1 and 0 <= figures["constraint"] < 1
    (row,) = lines(chain["u"])
    parts = {"warp": 1, "mask": 1, "constraint": 0.04, "refined": 0.2, "composed": 10, "share": 1}
    total = sum(weight * row[f"loss/{name}"] for name, weight in parts.items())
    total += row["loss/adversarial"] + 5 * row["loss/features"]
    assert row["loss/u"] == pytest.approx(total, rel=1e-4)
    # the spline starts as the identity
    assert row["loss/constraint"] < 0.05


def test_the_picture(chain):
    names = {"ssim", "region_ssim", "region_l1"}
    figures = chain["g"].figures
    assert set(figures) == names | {f"predicted/{name}" for name in names}
    # the photo is put back outside the region, so most of the picture is right
    assert figures["ssim"] > figures["region_ssim"]
    (row,) = lines(chain["g"])
    total = 10 * row["loss/l1"] + row["loss/adversarial"] + 5 * row["loss/features"]
    assert row["loss/g"] == pytest.approx(total, rel=1e-4)


def test_the_four_files_dress_a_person(chain):
    files = {f"acgpn.{stage}": weights_of(chain[stage]) for stage in STAGES}
    assert read_networks(files).config.neck == "skin"
    told = json.loads(read_metadata(files["acgpn.g"])["run"])["settings"]
    assert not {"g1", "g2", "u"} & set(told) and told["l1_weight"] == 10.0
    system = ACGPNTryOn(weights=files)
    photo, parse, pose = person(2)
    someone = system.prepare_person(PersonInputs(photo, pose, parse))
    trousers = parse.mask(LIP20.PANTS).astype(np.uint8)
    inside = cv2.erode(trousers, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))) > 0
    assert inside.any() and (someone.scene.front[inside] == 255).all(), "no garment is drawn there"
    made = system.dress(someone, system.prepare_garment(GarmentInputs(*garment(3))), seed=0)
    assert made.image.shape == photo.shape and (made.edited > 0).any()


@pytest.mark.parametrize("stage", STAGES)
def test_without_a_discriminator(root, packs, tmp_path, stage):
    extra = {"g": {"ssim_weight": 2.0, "l1_weight": 3.0}}.get(stage, {})
    result = trained(stage, root, packs, tmp_path / "run", gan_weight=0.0, **extra)
    (row,) = lines(result)
    assert not [name for name in row if "discriminator" in name or "adversarial" in name]
    if stage == "g":
        assert 0 < row["loss/ssim"] < 2
        total = 3 * row["loss/l1"] + 2 * row["loss/ssim"]
        assert row["loss/g"] == pytest.approx(total, rel=1e-4)
        assert set(result.figures) == {"ssim", "region_ssim", "region_l1"}


def forced_losses(stage, share, root, packs, chain, out, name):
    known = TRAINERS[f"acgpn.{stage}"][0].defaults
    before = {n: str(weights_of(chain[n])) for n in STAGES if n in known and n != stage}
    result = trained(stage, root, packs, out / f"{stage}-{share}", gan_weight=0.0,
                     teacher_forcing=share, **before)  # fmt: skip
    return lines(result)[0][f"loss/{name}"]


@pytest.mark.parametrize(("stage", "name"), [("g2", "cross_entropy"), ("u", "share"), ("g", "l1")])
def test_teacher_forcing_changes_what_is_shown_not_what_is_wanted(
    root, packs, chain, tmp_path, stage, name
):
    true, again, predicted = (
        forced_losses(stage, share, root, packs, chain, tmp_path / where, name)
        for where, share in (("a", 1.0), ("b", 1.0), ("c", 0.0))
    )
    assert true == again and np.isfinite(predicted)
    # the first step has the same weights and the same example: the inputs alone differ
    assert predicted != true


def test_the_released_forms(root, packs, tmp_path):
    squashed = trained("g1", root, packs, tmp_path / "g1", squashed=True, gan_weight=0.0)
    # behind a sigmoid all maps lie in 0..1: the cross entropy cannot fall below this floor
    assert lines(squashed)[0]["loss/cross_entropy"] > -np.log(np.e / (np.e + 13))
    result = trained(
        "u", root, packs, tmp_path / "u", constraint="released", constraint_weight=0.1,
        gan_weight=0.0,
    )  # fmt: skip
    (row,) = lines(result)
    lattice = torch.linspace(-0.9, 0.9, 5)
    down, across = torch.meshgrid(lattice, lattice, indexing="ij")
    points = torch.stack((across, down), -1).view(1, 25, 2)
    at_rest = float(released_second_order_constraint(points).loss(1.0))
    assert at_rest == pytest.approx(0.36)
    assert row["loss/constraint"] == pytest.approx(at_rest, rel=1e-3)
    network, config = read_network(tmp_path / "u" / "acgpn.u.safetensors", "acgpn.u")
    assert (config.width, config.spline_width) == (16, 8)


@pytest.mark.parametrize("stage", [*STAGES, "together"])
def test_a_resumed_run_is_the_run_that_was_not_interrupted(root, packs, chain, check_resume, stage):
    known = TRAINERS[f"acgpn.{stage}"][0].defaults
    options = {n: str(weights_of(chain[n])) for n in STAGES if n in known}
    options |= {n: 0.5 for n in known if n.endswith("teacher_forcing")}
    options |= together_narrow() if stage == "together" else {}
    check_resume(partial(trained, stage, root, packs, **options))


def together_narrow():
    known = TRAINERS["acgpn.together"][0].defaults
    made = {f"{stage}_{name}": value for stage in STAGES for name, value in NARROW.items()}
    return {name: value for name, value in made.items() if name in known}


def test_all_four_in_one_step(root, packs, chain, tmp_path):
    start = {f"{stage}_start": str(weights_of(chain[stage])) for stage in ("g1", "u")}
    still = {f"{stage}_learning_rate": 0.0 for stage in ("g1", "u")}
    result = trained(
        "together", root, packs, tmp_path / "run", **together_narrow(), **start, **still
    )
    files = {path.stem: path for path in result.files if path.suffix == ".safetensors"}
    networks = read_networks(files)
    before, _ = read_network(weights_of(chain["g1"]), "acgpn.g1")
    for name, tensor in before.named_parameters():
        torch.testing.assert_close(dict(networks.g1.named_parameters())[name], tensor, msg=name)
    (row,) = lines(result)
    for stage in ("g1", "g2"):
        parts = row[f"loss/{stage}/adversarial"] + 10 * row[f"loss/{stage}/cross_entropy"]
        assert row[f"loss/{stage}"] == pytest.approx(parts, rel=1e-4)
    assert {f"lr/{s}{d}" for s in STAGES for d in ("", "_discriminator")} <= set(row)
    wanted = {"g1/miou", "g2/predicted/iou", "u/predicted/iou", "g/predicted/region_ssim"}
    assert wanted <= set(result.figures)


def test_all_four_in_a_row(root, packs, tmp_path):
    known = TRAINERS["acgpn"][0].defaults
    settings = {
        f"{stage}_{name}": value for stage in STAGES for name, value in {**NARROW, **FAST}.items()
    }
    settings = {name: value for name, value in settings.items() if name in known}
    request = TrainRequest(
        "acgpn", (root,), tmp_path / "run", steps=1, device="cpu", precision="fp32",
        settings={**known, **settings, "cache": packs, "g_teacher_forcing": 0.5},
    )  # fmt: skip
    result = train(request, lambda progress: None)
    assert result.status == "done" and result.steps == 4
    assert {"g1/miou", "g2/predicted/iou", "u/iou", "g/predicted/ssim"} <= set(result.figures)
    read_networks({path.stem: path for path in result.files if path.suffix == ".safetensors"})


def test_dropout_of_the_warp_is_a_setting(root, packs, tmp_path):
    made = [
        lines(trained("u", root, packs, tmp_path / f"{n}", dropout=dropout, gan_weight=0.0))[0]
        for n, dropout in enumerate((0.0, 0.0, 0.5))
    ]
    first, again, other = (row["loss/refined"] for row in made)
    assert first == again != other


def test_settings_of_the_row_reach_their_stage():
    values = {**TRAINERS["acgpn"][0].defaults, "flip": 0.25, "g2_width": 24, "u_spline_width": 32}
    g1, g2, u = (ROW.settings_of(stage, values) for stage in ("g1", "g2", "u"))
    assert (g1["width"], g2["width"], u["spline_width"], u["flip"]) == (64, 24, 32, 0.25)
    for stage in STAGES:
        assert set(ROW.settings_of(stage, values)) == set(TRAINERS[f"acgpn.{stage}"][0].defaults)


def test_training_goes_on_from_weights(root, packs, chain, tmp_path):
    start = weights_of(chain["u"])
    result = trained(
        "u", root, packs, tmp_path / "run", start=str(start), width=64, learning_rate=0.0
    )
    before, _ = read_network(start, "acgpn.u")
    after, config = read_network(weights_of(result), "acgpn.u")
    assert config.width == 16, "the network is that of the weights"
    for name, tensor in before.named_parameters():
        torch.testing.assert_close(dict(after.named_parameters())[name], tensor, msg=name)


def test_roots_of_two_layouts_are_trained_on_together(root, packs, tmp_path):
    other = small_root(VITON_HD, tmp_path / "hd", train=2, val=1, names=("{:04}", "{:04}"))
    settings = {**TRAINERS["acgpn.g2"][0].defaults, **NARROW, **FAST, "cache": packs}
    del settings["perceptual"]
    request = TrainRequest(
        "acgpn.g2", (root, other), tmp_path / "run", steps=1, settings=settings, device="cpu"
    )
    result = train(request, lambda progress: None)
    data = json.loads(read_metadata(weights_of(result))["data"])
    assert [row["images"] for row in data] == [3, 2]


def test_unfit_settings_are_refused(root, packs, chain, tmp_path):
    def refused(match, stage, error=ConfigError, **settings):
        with pytest.raises(error, match=match):
            trained(stage, root, packs, tmp_path / "run", **settings)

    refused("width = 8: at least 16", "g1", width=8)
    refused("coarse_width = 12", "g2", coarse_width=12)
    refused("needs a coarse_width", "g1", coarse_alone=True)
    refused("spline_width = 8: at least 16", "u", channels_last=True)
    refused("constraint = 'ours'", "u", constraint="ours")
    refused("width = 0: at least 16", "g1", width=0)
    refused("refine_width = 4", "u", refine_width=4)
    refused("needs gan_weight = 0", "u", warp_alone=True)
    other = str(weights_of(chain["g1"]))
    refused("missing: downs", "u", InputError, refine_width=8, refiner=other)
    refused("dropout = 1.0", "u", dropout=1.0)
    refused("neck = 'fur'", "g1", neck="fur")
    refused("schedule = 'steps'", "g1", schedule="steps")
    refused("teacher_forcing = 2", "g2", teacher_forcing=2.0)
    refused("not named: g1, u", "g", teacher_forcing=0.5, g2=str(weights_of(chain["g2"])))
    refused("neck = skin", "g2", g1=str(weights_of(chain["g1"])), neck="garment")
    refused("of acgpn.g1", "g1", InputError, start=str(weights_of(chain["g2"])))
    refused("no pairs in a split 'test'", "u", InputError, validation_split="test")
    assert not (tmp_path / "run").exists()


QUICK = {"g1": "cross_entropy", "g2": "cross_entropy", "u": "warp", "g": "l1"}


@pytest.mark.slow
@pytest.mark.parametrize("stage", list(QUICK))
def test_two_hundred_steps_learn_the_drawn_persons(root, packs, tmp_path, stage):
    options = {"log_every": 20, "validate_every": 200, "checkpoint_every": 200, "ema_decay": 0.95}
    options |= {"recolour": 0.0, "learning_rate": 1e-3, "gan_weight": 0.0}
    if stage == "u":
        options |= {"learning_rate": 2e-4, "constraint_weight": 0.005, "dropout": 0.0}
    result = trained(stage, root, packs, tmp_path / "run", steps=200, **options)
    rows = lines(result)
    assert rows[-1][f"loss/{QUICK[stage]}"] < 0.7 * rows[0][f"loss/{QUICK[stage]}"]
    if stage == "g1":
        assert result.figures["miou"] > 0.6
    if stage in ("g2", "u"):
        assert result.figures["iou"] > 0.6
