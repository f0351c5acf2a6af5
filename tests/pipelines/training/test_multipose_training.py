"""The multi-pose trainers on small drawn roots: from files to weights that inference reads."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from trainer_runs import lines, run_trainer, weights_of
from tryon_roots import garment, person, posed_root, small_root

from pipelines.body import shifted
from pipelines.checkpoint_files import read_metadata
from pipelines.errors import ConfigError, InputError
from pipelines.layout import CP_VTON
from pipelines.registry import TRAINERS, train
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.multipose.networks import SHS, TOG
from pipelines.systems.multipose.train_settings import ROW
from pipelines.systems.multipose.tryon import MultiPoseTryOn
from pipelines.systems.multipose.weights import read_network, read_networks
from pipelines.training.request import TrainRequest

NARROW = {
    "width": 16, "downs": 1, "blocks": 1, "discriminator_width": 16, "perceptual": "none",
}  # fmt: skip
FAST = {"batch_size": 1, "log_every": 1, "ema_decay": 0.5, "checkpoint_every": 2}
STAGES = ("shs", "gwc", "tog")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return small_root(CP_VTON, tmp_path_factory.mktemp("drawn") / "viton", train=3, val=1)


@pytest.fixture(scope="module")
def packs(tmp_path_factory):
    return str(tmp_path_factory.mktemp("packs"))


def before(stage, chain):
    known = TRAINERS[f"multipose.{stage}"][0].defaults
    return {n: str(weights_of(chain[n])) for n in STAGES if n in known and n in chain}


def trained(stage, root, packs, out, **settings):
    usual = {**NARROW, **FAST}
    return run_trainer(f"multipose.{stage}", root, packs, out, usual=usual, **settings)


@pytest.fixture(scope="module")
def chain(root, packs, tmp_path_factory):
    """Results of one step of each stage, by stage; each is judged with those before it."""
    made = {}
    for stage in STAGES:
        out = tmp_path_factory.mktemp(stage) / "run"
        made[stage] = trained(stage, root, packs, out, **before(stage, made))
    return made


def test_the_segmentation(chain):
    result = chain["shs"]
    parts = ("background", "hair", "upper", "pants", "neck", "face", "left arm", "right arm")
    assert set(result.figures) == {
        "miou", *(f"{kind}/{part}" for kind in ("accuracy", "iou") for part in parts)
    }  # fmt: skip
    assert [row["label"] for row in result.rows] == list(parts)
    for row in result.rows:
        assert row["iou"] == result.figures[f"iou/{row['label']}"]
        assert row["accuracy"] == result.figures[f"accuracy/{row['label']}"]
        assert row["iou"] <= row["accuracy"] <= 1
    about = read_metadata(weights_of(result))
    assert (about["family"], about["tier"], about["label_set"]) == (
        "multipose.shs", "research", "LIP20",
    )  # fmt: skip
    config = json.loads(about["config"])
    assert (config["width"], config["downs"], config["blocks"]) == (16, 1, 1)
    assert config["conditions"]["bottom"] == "mask"
    (row,) = lines(result)
    # 20 labels are equally likely before anything is learnt
    assert row["loss/bce"] == pytest.approx(-np.log(1 / 20) - 19 * np.log(19 / 20), abs=0.4)
    total = row["loss/adversarial"] + 10 * row["loss/bce"]
    assert row["loss/shs"] == pytest.approx(total, rel=1e-4)
    assert 0.2 < row["loss/shs_discriminator"] < 2


@pytest.mark.parametrize(("stage", "kind"), [("shs", SHS), ("tog", TOG)])
def test_the_first_part_of_a_run_may_be_at_half_the_size(
    root, packs, tmp_path, monkeypatch, stage, kind
):
    sizes, forward = [], kind.forward

    def watched(network, *seen):
        if network.training:
            sizes.append({tuple(maps.shape[2:]) for maps in seen})
        return forward(network, *seen)

    monkeypatch.setattr(kind, "forward", watched)
    result = trained(stage, root, packs, tmp_path / "run", steps=4, small_share=0.5, gan_weight=0)
    assert sizes == [{(128, 96)}] * 2 + [{(256, 192)}] * 2
    assert all(np.isfinite(row[f"loss/{stage}"]) for row in lines(result))


def test_the_warp(chain):
    names = {"iou", "l1", "ssim", "inner_ssim", "regularisation"}
    figures = chain["gwc"].figures
    assert set(figures) == names | {f"predicted/{name}" for name in names}
    assert 0 < figures["iou"] < 1
    (row,) = lines(chain["gwc"])
    total = row["loss/l1"] + 40 * row["loss/regularisation"]
    assert row["loss/gwc"] == pytest.approx(total, rel=1e-4)
    assert row["loss/regularisation"] > 0
    assert not [name for name in row if "discriminator" in name]


def test_the_picture(chain):
    names = {"ssim", "l1", "person_ssim", "person_l1"}
    figures = chain["tog"].figures
    assert set(figures) == names | {f"predicted/{name}" for name in names}
    (row,) = lines(chain["tog"])
    total = 10 * row["loss/l1"] + row["loss/adversarial"]
    assert row["loss/tog"] == pytest.approx(total, rel=1e-4)


def test_the_three_files_dress_a_person_in_a_pose(chain):
    files = {f"multipose.{stage}": weights_of(chain[stage]) for stage in STAGES}
    assert read_networks(files).conditions.bottom == "mask"
    told = json.loads(read_metadata(files["multipose.tog"])["run"])["settings"]
    assert not {"shs", "gwc", "cache"} & set(told) and told["l1_weight"] == 10.0
    system = MultiPoseTryOn(weights=files)
    photo, parse, pose = person(2)
    someone = system.prepare_person(PersonInputs(photo, pose, parse))
    target = system.prepare_pose(someone, shifted(pose, 3, 0))
    made = system.dress_posed(
        someone, system.prepare_garment(GarmentInputs(*garment(3))), target, seed=0
    )
    assert made.image.shape == photo.shape and (made.edited > 0).any()


@pytest.mark.parametrize("stage", ["shs", "tog"])
def test_without_a_discriminator(root, packs, tmp_path, stage):
    extra = {"tog": {"ssim_weight": 2.0, "l1_weight": 3.0, "share_weight": 0.5}}.get(stage, {})
    result = trained(stage, root, packs, tmp_path / "run", gan_weight=0.0, **extra)
    (row,) = lines(result)
    assert not [name for name in row if "discriminator" in name or "adversarial" in name]
    if stage == "shs":
        assert row["loss/shs"] == pytest.approx(10 * row["loss/bce"], rel=1e-4)
    else:
        assert 0 < row["loss/ssim"] < 2 and 0 < row["loss/share"] < 1
        total = 3 * row["loss/l1"] + 2 * row["loss/ssim"] + 0.5 * row["loss/share"]
        assert row["loss/tog"] == pytest.approx(total, rel=1e-4)
        assert set(result.figures) == {"ssim", "l1", "person_ssim", "person_l1"}


def test_the_perceptual_loss(root, packs, tmp_path, small_vgg):
    result = trained(
        "tog", root, packs, tmp_path / "run", gan_weight=0.0, perceptual="vgg",
        perceptual_weight=0.25,
    )  # fmt: skip
    (row,) = lines(result)
    assert row["loss/perceptual"] > 0
    total = 10 * row["loss/l1"] + 0.25 * row["loss/perceptual"]
    assert row["loss/tog"] == pytest.approx(total, rel=1e-4)


@pytest.fixture
def small_vgg(monkeypatch):
    """In place of VGG19 the mean of each square of 8 pixels."""
    monkeypatch.setattr(
        "pipelines.training.tryon_setup.find_perceptual", lambda kind, weights, tell: Squares()
    )


class Squares:
    def __init__(self):
        self.loss = torch.nn.AvgPool2d(8)

    def __call__(self, made, real, joints):
        assert joints.shape == (len(made), 25, 3)
        return (self.loss(made) - self.loss(real)).square().mean()


def test_the_mask_of_a_warp_may_count(root, packs, tmp_path):
    (row,) = lines(trained("gwc", root, packs, tmp_path / "run", mask_weight=3.0, l1_weight=0.5))
    parts = 0.5 * row["loss/l1"] + 40 * row["loss/regularisation"] + 3 * row["loss/mask"]
    assert row["loss/gwc"] == pytest.approx(parts, rel=1e-4) and row["loss/mask"] > 0


def test_labels_weigh_the_same_in_the_first_epochs(root, packs, tmp_path):
    """Three examples, one in a step: an epoch has three steps."""
    options = {"steps": 4, "gan_weight": 0.0, "learning_rate": 0.0}
    equal, plain = (
        [
            row["loss/bce"]
            for row in lines(
                trained("shs", root, packs, tmp_path / f"{n}", equalised_epochs=n, **options)
            )
        ]
        for n in (1, 0)
    )
    assert equal[3] == plain[3], "from the second epoch on"
    assert all(one != other for one, other in zip(equal[:3], plain[:3], strict=True))


@pytest.mark.parametrize(("bottom", "channels"), [("none", 24), ("colour", 29)])
def test_bottom_parts_are_a_setting(root, packs, tmp_path, bottom, channels):
    result = trained("shs", root, packs, tmp_path / "run", bottom=bottom)
    network, config = read_network(weights_of(result), "multipose.shs")
    assert config.conditions.bottom == bottom
    assert next(network.parameters()).shape[1] == channels


def first_loss(stage, share, root, packs, chain, out, name, **settings):
    options = {"teacher_forcing": share, **before(stage, chain), **settings}
    if stage == "tog":
        options["gan_weight"] = 0.0
    return lines(trained(stage, root, packs, out, **options))[0][f"loss/{name}"]


@pytest.mark.parametrize("stage", ["gwc", "tog"])
def test_teacher_forcing_changes_what_is_shown_not_what_is_wanted(
    root, packs, chain, tmp_path, stage
):
    true, again, predicted = (
        first_loss(stage, share, root, packs, chain, tmp_path / where, "l1")
        for where, share in (("a", 1.0), ("b", 1.0), ("c", 0.0))
    )
    assert true == again and np.isfinite(predicted)
    # the first step has the same weights and the same example: the inputs alone differ
    assert predicted != true


def test_garments_are_bent_wherever_the_warp_is_named(root, packs, chain, tmp_path):
    own = first_loss("tog", 1.0, root, packs, chain, tmp_path / "own", "l1", gwc="")
    bent = first_loss("tog", 1.0, root, packs, chain, tmp_path / "bent", "l1")
    assert own != bent


@pytest.mark.parametrize("stage", STAGES)
def test_a_resumed_run_is_the_run_that_was_not_interrupted(root, packs, chain, check_resume, stage):
    options = {"own_pose": 0.5, **before(stage, chain)}
    if stage == "shs":
        options["equalised_epochs"] = 1
    else:
        options["teacher_forcing"] = 0.5
    check_resume(partial(trained, stage, root, packs, **options))


def test_all_three_in_a_row(root, packs, tmp_path):
    known = TRAINERS["multipose"][0].defaults
    settings = {
        f"{stage}_{name}": value for stage in STAGES for name, value in {**NARROW, **FAST}.items()
    }
    settings = {name: value for name, value in settings.items() if name in known}
    request = TrainRequest(
        "multipose", (root,), tmp_path / "run", steps=1, device="cpu", precision="fp32",
        settings={**known, **settings, "cache": packs, "tog_teacher_forcing": 0.5},
    )  # fmt: skip
    result = train(request, lambda progress: None)
    assert result.status == "done" and result.steps == 3
    wanted = {"shs/miou", "gwc/predicted/iou", "tog/person_ssim", "tog/predicted/person_ssim"}
    assert wanted <= set(result.figures)
    read_networks({path.stem: path for path in result.files if path.suffix == ".safetensors"})


def test_settings_of_the_row_reach_their_stage():
    values = {**TRAINERS["multipose"][0].defaults, "flip": 0.25, "gwc_width": 24, "tog_downs": 3}
    shs, gwc, tog = (ROW.settings_of(stage, values) for stage in STAGES)
    assert (shs["width"], gwc["width"], tog["downs"], gwc["flip"]) == (32, 24, 3, 0.25)
    for stage in STAGES:
        defaults = TRAINERS[f"multipose.{stage}"][0].defaults
        assert set(ROW.settings_of(stage, values)) == set(defaults)


def test_training_goes_on_from_weights_and_their_inputs(root, packs, chain, tmp_path):
    start = weights_of(chain["shs"])
    result = trained(
        "shs", root, packs, tmp_path / "run", start=str(start), width=64, bottom="colour",
        learning_rate=0.0,
    )  # fmt: skip
    earlier, _ = read_network(start, "multipose.shs")
    after, config = read_network(weights_of(result), "multipose.shs")
    assert (config.width, config.conditions.bottom) == (16, "mask")
    for name, tensor in earlier.named_parameters():
        torch.testing.assert_close(dict(after.named_parameters())[name], tensor, msg=name)


def test_photos_in_two_poses_and_single_ones_are_trained_on_together(root, packs, tmp_path):
    two = posed_root(tmp_path / "mpv")
    settings = {**TRAINERS["multipose.gwc"][0].defaults, "width": 16, **FAST, "cache": packs}
    request = TrainRequest(
        "multipose.gwc", (root, two), tmp_path / "run", steps=1, device="cpu",
        settings={**settings, "sources": 2},
    )  # fmt: skip
    result = train(request, lambda progress: None)
    about = read_metadata(weights_of(result))
    # photos, of which single ones have two sources each
    assert [row["images"] for row in json.loads(about["data"])] == [3, 4]
    assert json.loads(about["run"])["task"]["examples"] == 3 * 2 + 4
    with pytest.raises(InputError, match="no pairs in a split 'val'") as raised:
        trained("gwc", two, packs, tmp_path / "alone")
    assert "test, for MPV" in raised.value.hint
    alone = trained("gwc", two, packs, tmp_path / "alone", validation_split="test")
    assert alone.status == "done"


def test_unfit_settings_are_refused(root, packs, chain, tmp_path):
    def refused(match, stage, error=ConfigError, **settings):
        with pytest.raises(error, match=match):
            trained(stage, root, packs, tmp_path / "run", **settings)

    shs = str(weights_of(chain["shs"]))
    refused("width = 8: at least 16", "gwc", width=8)
    refused("downs = 7: wanted 1 to 6", "shs", downs=7)
    refused("blocks = 0", "shs", blocks=0)
    refused("bottom = 'shoes'", "shs", bottom="shoes")
    refused("schedule = 'steps'", "tog", schedule="steps")
    refused("sources = 0", "gwc", sources=0)
    refused("own_pose = 1.5", "gwc", own_pose=1.5)
    refused("teacher_forcing = 2", "gwc", teacher_forcing=2.0)
    refused("not named: shs", "gwc", teacher_forcing=0.5)
    refused("not named: gwc", "tog", teacher_forcing=0.5, shs=shs)
    refused("bottom='mask'", "tog", shs=shs, bottom="none")
    refused("of multipose.gwc", "gwc", InputError, start=shs)
    refused("no pairs in a split 'test'", "gwc", InputError, validation_split="test")
    assert not (tmp_path / "run").exists()


QUICK = {"shs": "bce", "tog": "l1"}
SLOW = {"validate_every": 200, "checkpoint_every": 200, "ema_decay": 0.95, "recolour": 0.0}


@pytest.mark.slow
@pytest.mark.parametrize("stage", list(QUICK))
def test_two_hundred_steps_learn_the_drawn_persons(root, packs, tmp_path, stage):
    options = {**SLOW, "log_every": 20, "learning_rate": 1e-3, "gan_weight": 0.0}
    result = trained(stage, root, packs, tmp_path / "run", steps=200, **options)
    rows = lines(result)
    assert rows[-1][f"loss/{QUICK[stage]}"] < 0.7 * rows[0][f"loss/{QUICK[stage]}"]


@pytest.mark.slow
def test_two_hundred_steps_bend_garments_to_the_drawn_persons(root, packs, tmp_path):
    """Drawn garments have sleeves and persons wear none, which the L1 alone hardly tells."""
    options = {**SLOW, "mask_weight": 1.0, "regularisation_weight": 1.0}
    first = trained("gwc", root, packs, tmp_path / "first", **options)
    result = trained("gwc", root, packs, tmp_path / "run", steps=200, **options)
    assert result.figures["iou"] > first.figures["iou"] + 0.1
