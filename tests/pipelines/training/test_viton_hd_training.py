"""VITON-HD's trainers on a small drawn root: from files to weights that inference reads."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from trainer_runs import lines_in, run_trainer, weights_of
from tryon_roots import small_root

from pipelines.checkpoint_files import read_metadata
from pipelines.errors import ConfigError, InputError, WeightsMissing
from pipelines.layout import CP_VTON
from pipelines.registry import TRAINERS, train
from pipelines.systems.viton_hd.train_settings import settings_of_stage
from pipelines.systems.viton_hd.weights import read_network, read_networks
from pipelines.training.request import TrainRequest

NARROW = {"width": 16, "discriminator_width": 16, "hidden": 16, "feature_channels": 16}
FAST = {"batch_size": 1, "log_every": 1, "ema_decay": 0.5, "checkpoint_every": 2}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return small_root(CP_VTON, tmp_path_factory.mktemp("drawn") / "viton", train=3, val=1)


@pytest.fixture(scope="module")
def packs(tmp_path_factory):
    return str(tmp_path_factory.mktemp("packs"))


def trained(stage, root, packs, out, *, notes=None, report=None, **settings):
    def tell(progress):
        if notes is not None and progress.note:
            notes.append(progress.note)

    usual = {**NARROW, **FAST}
    return run_trainer(stage, root, packs, out, usual=usual, report=report or tell, **settings)


@pytest.fixture(scope="module")
def gmm(root, packs, tmp_path_factory):
    """Weights of one step, and their result."""
    return trained("viton-hd.gmm", root, packs, tmp_path_factory.mktemp("gmm") / "run")


@pytest.fixture(scope="module")
def seg(root, packs, tmp_path_factory):
    return trained("viton-hd.seg", root, packs, tmp_path_factory.mktemp("seg") / "run")


def test_the_layout_network(seg):
    assert {"miou", "iou/upper", "iou/arms", "iou/lower", "iou/hair", "iou/face"} == set(
        seg.figures
    )
    path = weights_of(seg)
    about = read_metadata(path)
    assert (about["family"], about["tier"], about["label_set"]) == (
        "viton-hd.seg", "research", "VITONHD13",
    )  # fmt: skip
    network, config = read_network(path, "viton-hd.seg")
    assert config.width == 16 and config.conditions.agnostic == "v3.2"
    assert config.conditions.size_hw == (256, 192) and config.conditions.pose_points == "body"
    (row,) = lines_in(path.parent, "train")
    assert {"loss/discriminator", "loss/seg", "loss/adversarial", "loss/cross_entropy"} <= set(row)
    # 13 labels are equally likely before anything is learnt
    assert row["loss/cross_entropy"] == pytest.approx(np.log(13), abs=0.3)
    assert [r["label"] for r in seg.rows] == ["upper", "arms", "lower", "hair", "face"]


def test_a_coarse_network_is_trained_alone_and_then_with_the_other(root, packs, seg, tmp_path):
    before, _ = read_network(weights_of(seg), "viton-hd.seg")
    options = {"gan_weight": 0.0, "ema_decay": 0.0}
    alone = trained(
        "viton-hd.seg", root, packs, tmp_path / "alone", start=str(weights_of(seg)),
        coarse_width=16, coarse_alone=True, **options,
    )  # fmt: skip
    network, config = read_network(weights_of(alone), "viton-hd.seg")
    assert (config.width, config.coarse_width) == (16, 16)
    assert any(bool(head.weight.any()) for head in network.coarse.heads), "it has learnt"
    kept = network.state_dict()
    assert all(torch.equal(tensor, kept[name]) for name, tensor in before.state_dict().items())
    both = trained(
        "viton-hd.seg", root, packs, tmp_path / "both", start=str(weights_of(alone)), **options
    )
    after, config = read_network(weights_of(both), "viton-hd.seg")
    assert config.coarse_width == 16
    changed = after.state_dict()
    assert not torch.equal(changed["coarse.heads.0.weight"], kept["coarse.heads.0.weight"])
    assert not all(torch.equal(changed[name], kept[name]) for name in before.state_dict())


def test_the_matching_network(gmm):
    assert {"iou", "l1", "ssim", "inner_ssim", "constraint"} == set(gmm.figures)
    assert 0 <= gmm.figures["iou"] <= 1 and gmm.figures["constraint"] >= 0
    network, config = read_network(weights_of(gmm), "viton-hd.gmm")
    assert config.width == 16 and network.grid.size == (256, 192)
    (row,) = lines_in(weights_of(gmm).parent, "train")
    total = row["loss/l1"] + row["loss/mask"] + 0.04 * row["loss/constraint"]
    assert row["loss/gmm"] == pytest.approx(total, rel=1e-4)


def test_the_warp_learns_from_predicted_layouts(root, packs, gmm, seg, tmp_path):
    options = {"start": str(weights_of(gmm)), "seg": str(weights_of(seg))}
    losses = {}
    for share in (0.0, 1.0):
        result = trained(
            "viton-hd.gmm", root, packs, tmp_path / str(share), predicted_share=share, **options
        )
        assert {"iou", "predicted/iou", "predicted/inner_ssim"} <= set(result.figures)
        losses[share] = lines_in(tmp_path / str(share), "train")[0]["loss/gmm"]
    assert losses[0.0] != losses[1.0], "another layout bends the garment otherwise"


def test_a_refiner_is_trained_on_top_of_a_spline(root, packs, gmm, tmp_path):
    result = trained(
        "viton-hd.gmm", root, packs, tmp_path / "run", start=str(weights_of(gmm)),
        refine_width=16, bending_weight=3.0, refine_weight=2.0,
    )  # fmt: skip
    network, config = read_network(weights_of(result), "viton-hd.gmm")
    assert (config.width, config.refine_width) == (16, 16)
    assert {"iou", "spline/iou"} <= set(result.figures)
    (row,) = lines_in(tmp_path / "run", "train")
    spline = row["loss/l1"] + row["loss/mask"] + 0.04 * row["loss/constraint"]
    refined = row["loss/refined_l1"] + row["loss/refined_coarse"] + row["loss/refined_mask"]
    assert row["loss/gmm"] == pytest.approx(
        spline + 2 * (refined + 3 * row["loss/bending"] + 0.5 * row["loss/refined_ssim"]), rel=1e-4
    )
    assert any(bool(head.weight.any()) for head in network.refiner.heads), "it has learnt"
    # the picture's trainer takes the corrected warp, and trains both on
    joint = trained(
        "viton-hd.alias", root, packs, tmp_path / "joint", perceptual="none", gan_weight=0.0,
        gmm=str(weights_of(result)), gmm_learning_rate=1e-3,
    )  # fmt: skip
    files = {path.stem: path for path in joint.files if path.suffix == ".safetensors"}
    after, _ = read_network(files["viton-hd.gmm"], "viton-hd.gmm")
    assert not torch.equal(after.refiner.heads[0].weight, network.refiner.heads[0].weight)


def test_the_image_generator_and_the_three_files_together(root, packs, gmm, seg, tmp_path):
    notes = []
    result = trained(
        "viton-hd.alias", root, packs, tmp_path / "run", notes=notes, perceptual="none",
        gmm=str(weights_of(gmm)), seg=str(weights_of(seg)), predicted_share=1.0,
    )  # fmt: skip
    wanted = {"ssim", "region_ssim", "region_l1"}
    assert set(result.figures) == wanted | {f"predicted/{name}" for name in wanted}
    # the photo is kept outside the region, so most of the picture is right
    assert result.figures["ssim"] > result.figures["region_ssim"]
    (row,) = lines_in(tmp_path / "run", "train")
    total = row["loss/l1"] + row["loss/adversarial"] + 10 * row["loss/features"]
    assert row["loss/alias"] == pytest.approx(total, rel=1e-4)
    path = weights_of(result)
    networks = read_networks(
        {
            "viton-hd.seg": weights_of(seg),
            "viton-hd.gmm": weights_of(gmm),
            "viton-hd.alias": path,
        }
    )
    assert networks.conditions.size_hw == (256, 192)
    told = json.loads(read_metadata(path)["run"])
    assert "gmm" not in told["settings"] and told["settings"]["l1_weight"] == 1.0
    assert str(tmp_path).encode() not in path.read_bytes()


def test_the_difference_to_the_garment_and_its_likeness(root, packs, gmm, tmp_path):
    result = trained(
        "viton-hd.alias", root, packs, tmp_path / "run", perceptual="none", gan_weight=0.0,
        gmm=str(weights_of(gmm)), adds_garment=True, ssim_weight=2.0, l1_weight=3.0,
    )  # fmt: skip
    (row,) = lines_in(tmp_path / "run", "train")
    assert 0 < row["loss/ssim"] < 2
    total = 3 * row["loss/l1"] + 2 * row["loss/ssim"]
    assert row["loss/alias"] == pytest.approx(total, rel=1e-4)
    network, config = read_network(weights_of(result), "viton-hd.alias")
    assert config.adds_garment and network.adds_garment


def test_a_light_is_trained_alone_and_then_with_the_picture(root, packs, gmm, tmp_path):
    options = {"perceptual": "none", "gan_weight": 0.0, "ema_decay": 0.0}
    options |= {"gmm": str(weights_of(gmm)), "adds_garment": True, "l1_weight": 3.0}
    first = trained("viton-hd.alias", root, packs, tmp_path / "first", **options)
    before, _ = read_network(weights_of(first), "viton-hd.alias")
    alone = trained(
        "viton-hd.alias", root, packs, tmp_path / "alone", start=str(weights_of(first)),
        light_width=16, light_alone=True, **options,
    )  # fmt: skip
    network, config = read_network(weights_of(alone), "viton-hd.alias")
    assert config.light_width == 16
    assert any(bool(head.weight.any()) for head in network.light.heads), "it has learnt"
    kept = network.state_dict()
    assert all(torch.equal(tensor, kept[name]) for name, tensor in before.state_dict().items())
    (row,) = lines_in(tmp_path / "alone", "train")
    assert 0 < row["loss/alias"] == pytest.approx(3 * row["loss/l1"], rel=1e-4)
    both = trained(
        "viton-hd.alias", root, packs, tmp_path / "both", start=str(weights_of(alone)), **options
    )
    after, _ = read_network(weights_of(both), "viton-hd.alias")
    assert not torch.equal(after.light.heads[0].weight, network.light.heads[0].weight)
    assert not torch.equal(after.conv_img.weight, network.conv_img.weight)


@pytest.mark.parametrize("stage", ["viton-hd.seg", "viton-hd.gmm", "viton-hd.alias"])
def test_a_resumed_run_is_the_run_that_was_not_interrupted(root, packs, gmm, check_resume, stage):
    options = {}
    if stage == "viton-hd.alias":
        options = {"gmm": str(weights_of(gmm)), "perceptual": "none"}
    check_resume(partial(trained, stage, root, packs, **options))


def test_all_three_in_a_row(root, packs, tmp_path):
    settings = {
        f"{stage}_{name}": value
        for stage in ("seg", "gmm", "alias")
        for name, value in {**NARROW, **FAST}.items()
    }
    known = TRAINERS["viton-hd"][0].defaults
    settings = {name: value for name, value in settings.items() if name in known}
    result = trained("viton-hd", root, packs, tmp_path / "run", alias_perceptual="none", **settings)
    assert result.status == "done" and result.steps == 3
    assert {"seg/miou", "gmm/iou", "alias/region_ssim"} <= set(result.figures)
    files = {path.stem: path for path in result.files if path.suffix == ".safetensors"}
    read_networks(files)
    assert "alias/predicted/region_ssim" in result.figures


def test_the_warp_is_trained_on_with_the_picture(root, packs, gmm, tmp_path):
    result = trained(
        "viton-hd.alias", root, packs, tmp_path / "run", steps=2, perceptual="none",
        gmm=str(weights_of(gmm)), gmm_learning_rate=1e-3, gan_weight=0.0,
    )  # fmt: skip
    files = {path.stem: path for path in result.files if path.suffix == ".safetensors"}
    assert set(files) == {"viton-hd.alias", "viton-hd.gmm"}
    before, wanted = read_network(weights_of(gmm), "viton-hd.gmm")
    after, config = read_network(files["viton-hd.gmm"], "viton-hd.gmm")
    assert config == wanted
    moved = [
        not torch.equal(a, b) for a, b in zip(before.parameters(), after.parameters(), strict=True)
    ]
    assert sum(moved) > len(moved) / 2
    for name, tensor in before.named_buffers():
        # statistics stay as they were
        assert torch.equal(dict(after.named_buffers())[name], tensor), name
    assert {"loss/warp", "loss/l1"} <= set(lines_in(tmp_path / "run", "train")[0])


def test_settings_of_the_row_reach_their_stage():
    values = {**TRAINERS["viton-hd"][0].defaults, "flip": 0.25, "seg_width": 24, "gmm_width": 32}
    seg, gmm = (settings_of_stage(stage, values) for stage in ("seg", "gmm"))
    assert (seg["width"], gmm["width"], seg["flip"], gmm["flip"]) == (24, 32, 0.25, 0.25)
    assert set(seg) == set(TRAINERS["viton-hd.seg"][0].defaults)
    alias = settings_of_stage("alias", {**values, "alias_batch_size": 3})
    assert alias["batch_size"] == 3 and alias["width"] == 64


def test_minutes_are_shared_out(root, packs, tmp_path, monkeypatch):
    from pipelines.systems.viton_hd import train_all
    from pipelines.training.request import TrainResult

    asked = []

    def note(request, report):
        asked.append((request.stage, request.minutes, request.settings.get("gmm", "")))
        return TrainResult("done", {}, (), 0.0)

    monkeypatch.setattr(train_all, "_TRAINERS", dict.fromkeys(("seg", "gmm", "alias"), note))
    values = {**TRAINERS["viton-hd"][0].defaults, "seg_share": 1.0, "gmm_share": 1.0}
    request = TrainRequest("viton-hd", (root,), tmp_path, minutes=50, settings=values)
    train(request, lambda progress: None)
    assert [round(minutes, 3) for _, minutes, _ in asked] == [20, 20, 10]
    assert asked[2][0] == "viton-hd.alias" and asked[2][2].endswith("gmm/viton-hd.gmm.safetensors")


def test_training_goes_on_from_weights(root, packs, gmm, tmp_path):
    start = str(weights_of(gmm))
    result = trained(
        "viton-hd.gmm", root, packs, tmp_path / "run", start=start, width=64, learning_rate=0.0
    )
    before, _ = read_network(weights_of(gmm), "viton-hd.gmm")
    after, config = read_network(weights_of(result), "viton-hd.gmm")
    assert config.width == 16, "the network is that of the weights"
    for name, tensor in before.named_parameters():
        torch.testing.assert_close(dict(after.named_parameters())[name], tensor, msg=name)


def test_unfit_settings_are_refused(root, packs, gmm, tmp_path, shelf):
    def refused(match, stage="viton-hd.alias", error=ConfigError, **settings):
        with pytest.raises(error, match=match):
            trained(stage, root, packs, tmp_path / "run", **settings)

    refused("width = 8: at least 16", "viton-hd.seg", width=8)
    refused("wanted a multiple of 8", "viton-hd.gmm", refine_width=20)
    refused("wanted a multiple of 8", "viton-hd.seg", coarse_width=20)
    refused("needs a coarse_width", "viton-hd.seg", coarse_alone=True)
    refused("needs adds_garment", light_width=8)
    refused("needs a light_width", light_alone=True)
    refused("multiples of 128", size=(256, 192), upsampling="most", gmm=str(weights_of(gmm)))
    refused("upsampling = 'none'", upsampling="none")
    refused("known: viton-hd, v3.2", "viton-hd.gmm", agnostic="v9")
    refused("predicted_share = 0.5 needs", predicted_share=0.5, gmm=str(weights_of(gmm)))
    refused("predicted_share = 0.5 needs", "viton-hd.gmm", predicted_share=0.5)
    refused("agnostic = v3.2", agnostic="viton-hd", gmm=str(weights_of(gmm)))
    refused("no weights are installed", error=WeightsMissing)
    refused("no pairs in a split 'test'", "viton-hd.gmm", InputError, validation_split="test")
    refused("of viton-hd.seg", "viton-hd.seg", InputError, start=str(weights_of(gmm)))
    assert not (tmp_path / "run").exists()


QUICK = {
    "viton-hd.seg": {"learning_rate": 2e-3},
    "viton-hd.gmm": {},
    "viton-hd.alias": {"learning_rate": 1e-3, "perceptual": "none"},
}


@pytest.mark.slow
@pytest.mark.parametrize("stage", list(QUICK))
def test_two_hundred_steps_learn_the_drawn_persons(root, packs, gmm, tmp_path, stage):
    options = {"log_every": 20, "validate_every": 200, "checkpoint_every": 200, "ema_decay": 0.95}
    options |= {"recolour": 0.0, **QUICK[stage]}
    if stage == "viton-hd.alias":
        options["gmm"] = str(weights_of(gmm))
    result = trained(stage, root, packs, tmp_path / "run", steps=200, **options)
    rows = lines_in(tmp_path / "run", "train")
    name = {"viton-hd.seg": "loss/cross_entropy", "viton-hd.gmm": "loss/gmm"}.get(stage, "loss/l1")
    assert rows[-1][name] < 0.7 * rows[0][name]
    if stage == "viton-hd.seg":
        assert result.figures["iou/upper"] > 0.6
    if stage == "viton-hd.gmm":
        assert result.figures["iou"] > 0.6
