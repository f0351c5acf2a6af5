"""The trainers of CP-VTON and CP-VTON+ on a small drawn root: from files to usable weights."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from trainer_runs import lines, run_trainer, weights_of
from tryon_roots import garment, person, small_root

from pipelines.checkpoint_files import read_metadata
from pipelines.errors import ConfigError, InputError, WeightsMissing
from pipelines.layout import CP_VTON, VITON_HD
from pipelines.networks.losses import grid_regularisation
from pipelines.registry import TRAINERS, train
from pipelines.segmentation.parser_network import ParserConfig, build_parser
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.cp_vton.train_data import examples, recipe
from pipelines.systems.cp_vton.train_settings import PLUS_ROW, ROW
from pipelines.systems.cp_vton.tryon import CPVTONPlusTryOn, CPVTONTryOn
from pipelines.systems.cp_vton.weights import read_network, read_networks
from pipelines.training.export import WeightsMetadata, write_weights
from pipelines.training.pair_data import unpacked
from pipelines.training.request import TrainRequest
from pipelines.training.tryon_data import find_root, load_pack

NARROW = {"width": 16, "perceptual": "none"}
FAST = {"batch_size": 1, "log_every": 1, "ema_decay": 0.5, "checkpoint_every": 2}
SYSTEMS = ("cp-vton", "cp-vton-plus")
NECKS = {"cp-vton": "background", "cp-vton-plus": "body"}
WARP_FIGURES = {"iou", "l1", "ssim", "inner_ssim"}
PICTURE_FIGURES = {"ssim", "region_ssim", "region_l1"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return small_root(CP_VTON, tmp_path_factory.mktemp("drawn") / "viton", train=3, val=1)


@pytest.fixture(scope="module")
def packs(tmp_path_factory):
    return str(tmp_path_factory.mktemp("packs"))


def trained(name, root, packs, out, **settings):
    usual = {**NARROW, **FAST}
    return run_trainer(name, root, packs, out, usual=usual, **settings)


@pytest.fixture(scope="module")
def gmms(root, packs, tmp_path_factory):
    """Results of one step of the warp, by system."""
    return {
        name: trained(f"{name}.gmm", root, packs, tmp_path_factory.mktemp(name) / "run")
        for name in SYSTEMS
    }


@pytest.fixture(scope="module")
def toms(root, packs, gmms, tmp_path_factory):
    """Results of one step of the picture, by system."""
    return {
        name: trained(
            f"{name}.tom", root, packs, tmp_path_factory.mktemp(name) / "run",
            gmm=str(weights_of(gmms[name])),
        )
        for name in SYSTEMS
    }  # fmt: skip


def first_line(result):
    return lines(result)[0]


def losses(row):
    return {name.partition("/")[2]: value for name, value in row.items() if "loss/" in name}


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_warp(gmms, name):
    result = gmms[name]
    assert set(result.figures) == WARP_FIGURES and 0 < result.figures["iou"] < 1
    assert [row["figure"] for row in result.rows] == list(result.figures)
    about = read_metadata(weights_of(result))
    assert (about["family"], about["tier"]) == (f"{name}.gmm", "research")
    assert json.loads(about["config"]) == {
        "width": 16, "align_corners": True, "neck": NECKS[name],
    }  # fmt: skip
    row = losses(first_line(result))
    if name == "cp-vton":
        assert set(row) == {"gmm", "l1"} and row["gmm"] == row["l1"]
    else:
        assert set(row) == {"gmm", "l1", "grid"} and row["grid"] > 0
        assert row["gmm"] == pytest.approx(row["l1"] + 40 * row["grid"], rel=1e-5)
    assert first_line(result)["lr/gmm"] == 1e-4


def test_settings_of_the_warp(root, packs, tmp_path):
    plain, again, light, mask = (
        losses(first_line(trained("cp-vton.gmm", root, packs, tmp_path / f"{n}", **options)))
        for n, options in enumerate(({}, {}, {"garment_light": 0.5}, {"mask_weight": 3.0}))
    )
    assert plain == again
    # the first step has the same weights and the same example: what is shown alone differs
    assert light.keys() == plain.keys() and light["l1"] != plain["l1"]
    assert mask["l1"] == plain["l1"] and 0 < mask["mask"] < 1
    assert mask["gmm"] == pytest.approx(mask["l1"] + 3 * mask["mask"], rel=1e-5)
    plus = TRAINERS["cp-vton-plus.gmm"][0].defaults
    assert "garment_light" not in plus, "it sees masks"
    assert (plus["grid_weight"], plus["mask_weight"]) == (40.0, 0.0)


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_picture(toms, name):
    figures = toms[name].figures
    assert set(figures) == PICTURE_FIGURES
    # the photo is put back outside the region, so most of the picture is right
    assert figures["ssim"] > figures["region_ssim"]
    row = losses(first_line(toms[name]))
    assert set(row) == {"tom", "l1", "mask"}
    assert row["tom"] == pytest.approx(row["l1"] + row["mask"], rel=1e-5)
    told = json.loads(read_metadata(weights_of(toms[name]))["run"])["settings"]
    assert "gmm" not in told and told["l1_weight"] == 1.0


STILL = {"limit": 1, "learning_rate": 0.0, "ema_decay": 0.0, "flip": 0.0, "recolour": 0.0}
STILL |= {"garment_rotation_deg": 0.0, "garment_scale": 0.0, "garment_shift": 0.0}


def only_example(root, packs, config):
    """The one example that a training with ``STILL`` sees."""
    pack = load_pack(find_root(root), "train", recipe(), cache=Path(packs), limit=1)
    return examples(unpacked(pack.tensors()), config)


def apart(made, wanted):
    return float((made - wanted).detach().abs().mean())


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_the_warp_is_to_be(root, packs, tmp_path, name):
    result = trained(f"{name}.gmm", root, packs, tmp_path / "run", **STILL)
    network, config = read_network(weights_of(result), f"{name}.gmm")
    given = only_example(root, packs, config)
    # in training a batch is normalised by itself
    seen = given.garment.mask if name == "cp-vton-plus" else given.garment.image
    _, grid = network.train()(given.person.matching, seen)
    warp = network.warped(given.garment.image, given.garment.mask, grid)
    row = losses(first_line(result))
    # weights are stored in half precision
    assert row["l1"] == pytest.approx(apart(warp.garment, given.worn.image), rel=0.02)
    assert row["l1"] != pytest.approx(apart(warp.garment, given.image), rel=0.1)
    if name == "cp-vton-plus":
        assert row["grid"] == pytest.approx(float(grid_regularisation(grid)), rel=0.05)


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_the_picture_is_to_be(root, packs, gmms, tmp_path, name):
    files = {f"{name}.gmm": weights_of(gmms[name])}
    gmm = str(files[f"{name}.gmm"])
    result = trained(f"{name}.tom", root, packs, tmp_path / "run", gmm=gmm, **STILL)
    files[f"{name}.tom"] = weights_of(result)
    networks = read_networks(files, list(files))
    given = only_example(root, packs, networks.config)
    seen = given.garment.mask if name == "cp-vton-plus" else given.garment.image
    _, grid = networks.gmm(given.person.matching, seen)
    warp = networks.gmm.warped(given.garment.image, given.garment.mask, grid)
    made = networks.tom(given.person.tryon, warp.garment, warp.mask)
    row = losses(first_line(result))
    assert row["l1"] == pytest.approx(apart(made.picture, given.image), rel=0.02)
    bent, worn = apart(made.share, warp.mask), apart(made.share, given.worn.mask)
    wanted, other = (worn, bent) if name == "cp-vton-plus" else (bent, worn)
    assert row["mask"] == pytest.approx(wanted, rel=0.02)
    assert abs(row["mask"] - wanted) < 0.2 * abs(row["mask"] - other)


def test_settings_of_the_picture(root, packs, gmms, tmp_path):
    config = ParserConfig((16,) * 5, (2, 1, 1, 1), fine_channels=4)
    torch.manual_seed(0)
    metadata = WeightsMetadata("parser.ours", config.to_json(), tier="open", label_set="LIP20")
    parser = write_weights(tmp_path / "parser.safetensors", build_parser(config), metadata)
    notes = []
    result = trained(
        "cp-vton.tom", root, packs, tmp_path / "run", gmm=str(weights_of(gmms["cp-vton"])),
        perceptual="parser", perceptual_weights=str(parser), perceptual_weight=4.0,
        l1_weight=3.0, mask_weight=0.5, ssim_weight=2.0, schedule="linear", neck="background",
        report=lambda progress: notes.append(progress.note),
    )  # fmt: skip
    assert "perceptual loss: parser" in notes
    row = losses(first_line(result))
    assert set(row) == {"tom", "l1", "mask", "ssim", "perceptual"}
    assert 0 < row["ssim"] < 2 and row["perceptual"] > 0
    total = 3 * row["l1"] + 0.5 * row["mask"] + 2 * row["ssim"] + 4 * row["perceptual"]
    assert row["tom"] == pytest.approx(total, rel=1e-5)
    told = json.loads(read_metadata(weights_of(result))["run"])["settings"]
    assert "perceptual_weights" not in told and told["perceptual_weight"] == 4.0


@pytest.mark.parametrize(
    ("name", "system"), [("cp-vton", CPVTONTryOn), ("cp-vton-plus", CPVTONPlusTryOn)]
)
def test_the_two_files_dress_a_person(gmms, toms, name, system):
    files = {f"{name}.gmm": weights_of(gmms[name]), f"{name}.tom": weights_of(toms[name])}
    assert read_networks(files, system.families).config.neck == NECKS[name]
    dresser = system(weights=files)
    photo, parse, pose = person(2)
    someone = dresser.prepare_person(PersonInputs(photo, pose, parse))
    made = dresser.dress(someone, dresser.prepare_garment(GarmentInputs(*garment(3))), seed=0)
    assert made.image.shape == photo.shape and (made.edited > 0).any()


@pytest.mark.parametrize(
    ("schedule", "wanted"), [("constant", [1, 1, 1, 1]), ("linear", [1, 1, 1, 0.5])]
)
def test_the_learning_rate(root, packs, tmp_path, schedule, wanted):
    result = trained("cp-vton.gmm", root, packs, tmp_path / "run", steps=4, schedule=schedule)
    rates = [row["lr/gmm"] for row in lines(result)]
    assert rates == pytest.approx([1e-4 * factor for factor in wanted])


@pytest.mark.parametrize("stage", ["cp-vton.gmm", "cp-vton-plus.tom"])
def test_a_resumed_run_is_the_run_that_was_not_interrupted(root, packs, gmms, check_resume, stage):
    if stage.endswith("tom"):
        options = {"gmm": str(weights_of(gmms["cp-vton-plus"]))}
    else:
        options = {"garment_light": 0.3}
    check_resume(partial(trained, stage, root, packs, **options))


@pytest.mark.parametrize(("name", "row"), [("cp-vton", ROW), ("cp-vton-plus", PLUS_ROW)])
def test_both_in_a_row(root, packs, tmp_path, name, row):
    known = TRAINERS[name][0].defaults
    settings = {
        f"{stage}_{key}": value
        for stage in row.stages
        for key, value in {**NARROW, **FAST}.items()
        if f"{stage}_{key}" in known
    }
    result = trained(name, root, packs, tmp_path / "run", neck="kept", **settings)
    assert result.status == "done" and result.steps == 2
    assert set(result.figures) == {f"gmm/{n}" for n in WARP_FIGURES} | {
        f"tom/{n}" for n in PICTURE_FIGURES
    }
    files = {path.stem: path for path in result.files if path.suffix == ".safetensors"}
    networks = read_networks(files, (f"{name}.gmm", f"{name}.tom"))
    assert networks.config.neck == "kept" and networks.config.plus == (row is PLUS_ROW)


@pytest.mark.parametrize("row", [ROW, PLUS_ROW], ids=SYSTEMS)
def test_settings_of_the_row_reach_their_stage(row):
    values = {**TRAINERS[row.system][0].defaults, "flip": 0.25, "gmm_width": 24}
    gmm, tom = (row.settings_of(stage, values) for stage in ("gmm", "tom"))
    assert (gmm["width"], tom["width"]) == (24, 64) and gmm["flip"] == tom["flip"] == 0.25
    assert gmm["neck"] == tom["neck"] == NECKS[row.system]
    for stage, found in (("gmm", gmm), ("tom", tom)):
        assert set(found) == set(TRAINERS[f"{row.system}.{stage}"][0].defaults)


@pytest.mark.parametrize("stage", ["gmm", "tom"])
def test_training_goes_on_from_weights(root, packs, gmms, toms, tmp_path, stage):
    family = f"cp-vton-plus.{stage}"
    start = weights_of((gmms if stage == "gmm" else toms)["cp-vton-plus"])
    options = {"gmm": str(weights_of(gmms["cp-vton-plus"]))} if stage == "tom" else {}
    result = trained(
        family, root, packs, tmp_path / "run", start=str(start), width=64, learning_rate=0.0,
        **options,
    )  # fmt: skip
    before, _ = read_network(start, family)
    after, config = read_network(weights_of(result), family)
    assert config.width == 16, "the network is that of the weights"
    for name, tensor in before.named_parameters():
        torch.testing.assert_close(dict(after.named_parameters())[name], tensor, msg=name)


def test_a_smooth_grid_is_learnt(root, packs, tmp_path):
    """With hardly any other loss the grid becomes more even than it was."""
    options = {"steps": 12, "grid_weight": 1e4, "learning_rate": 1e-3}
    path = weights_of(trained("cp-vton-plus.gmm", root, packs, tmp_path / "run", **options))
    rows = [json.loads(x) for x in (path.parent / "metrics.jsonl").read_text().splitlines()]
    found = [row["loss/grid"] for row in rows if row["kind"] == "train"]
    assert found[-1] < 0.7 * found[0]


def test_roots_of_two_layouts_are_trained_on_together(root, packs, tmp_path):
    other = small_root(VITON_HD, tmp_path / "hd", train=2, val=1, names=("{:04}", "{:04}"))
    settings = {**TRAINERS["cp-vton-plus.gmm"][0].defaults, **FAST, "width": 16, "cache": packs}
    request = TrainRequest(
        "cp-vton-plus.gmm", (root, other), tmp_path / "run", steps=1, settings=settings,
        device="cpu",
    )  # fmt: skip
    result = train(request, lambda progress: None)
    data = json.loads(read_metadata(weights_of(result))["data"])
    assert [row["images"] for row in data] == [3, 2]


def test_both_systems_share_their_examples(root, tmp_path):
    notes = []
    for name in SYSTEMS:
        trained(f"{name}.gmm", root, str(tmp_path / "packs"), tmp_path / name,
                report=lambda progress: notes.append(progress.note or ""))  # fmt: skip
    assert len(list((tmp_path / "packs").iterdir())) == 2
    assert sum("examples of an earlier run" in note for note in notes) == 2


def test_unfit_settings_are_refused(root, packs, gmms, tmp_path, shelf):
    warp, plus_warp = (str(weights_of(gmms[name])) for name in SYSTEMS)

    def refused(match, stage, error=ConfigError, **settings):
        with pytest.raises(error, match=match):
            trained(stage, root, packs, tmp_path / "run", **settings)

    refused("width = 8: at least 16", "cp-vton.gmm", width=8)
    refused("width = 8: at least 16", "cp-vton-plus.tom", width=8, gmm=plus_warp)
    refused("neck = 'fur'", "cp-vton.gmm", neck="fur")
    refused("schedule = 'steps'", "cp-vton-plus.gmm", schedule="steps")
    refused("neck = background; this with kept", "cp-vton.tom", gmm=warp, neck="kept")
    refused("no weights of cp-vton.gmm", "cp-vton.tom", InputError, gmm=plus_warp)
    refused("no weights of cp-vton.tom", "cp-vton.tom", InputError, start=warp, gmm=warp)
    refused("perceptual = 'eyes'", "cp-vton.tom", gmm=warp, perceptual="eyes")
    refused("no weights are installed", "cp-vton.tom", WeightsMissing)
    refused("no pairs in a split 'test'", "cp-vton.gmm", InputError, validation_split="test")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["cp-vton.gmm", "cp-vton-plus.gmm", "cp-vton.tom"])
def test_two_hundred_steps_learn_the_drawn_persons(root, packs, gmms, tmp_path, stage):
    options = {"log_every": 20, "validate_every": 200, "checkpoint_every": 200, "ema_decay": 0.95}
    options |= {"recolour": 0.0, "learning_rate": 1e-3 if "tom" in stage else 2e-4}
    if "tom" in stage:
        # the warp has hardly learnt: to take what it bends is not to learn the person
        options |= {"gmm": str(weights_of(gmms["cp-vton"])), "mask_weight": 0.0}
    result = trained(stage, root, packs, tmp_path / "run", steps=200, **options)
    path = next(path for path in result.files if path.name == "metrics.jsonl")
    rows = [json.loads(x) for x in path.read_text().splitlines()]
    found = [row["loss/l1"] for row in rows if row["kind"] == "train"]
    assert found[-1] < 0.8 * found[0]
    if "gmm" in stage:
        assert result.figures["iou"] > 0.6
