"""``vtonctl train parser.ours`` on small drawn roots, from files to files."""

import json

import numpy as np
import pytest
import torch
from parse_roots import placed, small_root

from pipelines.checkpoint_files import read_metadata
from pipelines.errors import ConfigError, InputError
from pipelines.layout import CCP, CP_VTON, Artifact
from pipelines.segmentation.parser_network import read_parser
from pipelines.training.parse_settings import PARSER_OURS
from pipelines.training.parse_trainer import train
from pipelines.training.request import TrainRequest

SMALL = {"widths": (16,) * 5, "own_pose": False, "batch_size": 2, "log_every": 1}


def trained(out, *roots, steps: int = 1, notes=None, **settings):
    values = {**PARSER_OURS.defaults, **SMALL, **settings}
    request = TrainRequest(
        "parser.ours", roots, out, steps=steps, settings=values, device="cpu", precision="fp32"
    )
    report = (lambda p: notes.append(p.note)) if notes is not None else (lambda p: None)
    return train(request, report)


def weights_of(result):
    (path,) = [file for file in result.files if file.suffix == ".safetensors"]
    return path


@pytest.fixture
def viton(tmp_path):
    return small_root(CP_VTON, tmp_path / "drawn-viton", train=3, val=1)


@pytest.fixture
def ccp(tmp_path):
    return small_root(CCP, tmp_path / "drawn-ccp", train=11, val=0)


def test_two_roots_make_one_parser_that_says_what_it_has_seen(viton, ccp, tmp_path):
    result = trained(tmp_path / "run", viton, ccp, licence="for research only")
    assert result.status == "done" and result.steps == 1
    assert {"miou", "cp-vton/miou", "ccp/miou", "ccp/iou/upper"} <= set(result.figures)
    assert {row["set"] for row in result.rows} == {"cp-vton", "ccp"}
    about = read_metadata(weights_of(result))
    assert (about["family"], about["tier"], about["label_set"]) == (
        "parser.ours", "research", "LIP20",
    )  # fmt: skip
    assert json.loads(about["data"]) == [
        {"name": "drawn-viton", "licence": "for research only", "images": 3},
        {"name": "Clothing Co-Parsing", "licence": "Apache-2.0", "images": 9},
    ]
    network, config, _ = read_parser(weights_of(result))
    assert config.widths == (16,) * 5
    with torch.no_grad():
        logits = network.eval()(torch.zeros(1, 3, 32, 32), torch.zeros(1, 35, 8, 8))
    assert torch.isfinite(logits).all()


def test_weights_name_no_place_on_the_machine(viton, tmp_path):
    result = trained(tmp_path / "run", viton, cache=str(tmp_path / "kept"))
    path = weights_of(result)
    assert str(tmp_path).encode() not in path.read_bytes()
    told = json.loads(read_metadata(path)["run"])
    assert told["step"] == 1 and told["seed"] == 0 and told["settings"]["learning_rate"] == 2e-3
    assert list((tmp_path / "kept").glob("cp-vton-*.npz"))


def test_open_data_alone_makes_open_weights(ccp, viton, tmp_path):
    first = trained(tmp_path / "run", ccp)
    assert read_metadata(weights_of(first))["tier"] == "open"
    # what has once been learnt from other data is not open again
    second = trained(tmp_path / "second", viton, start=str(weights_of(first)))
    third = trained(tmp_path / "third", ccp, start=str(weights_of(second)), widths=(24,) * 5)
    about = read_metadata(weights_of(third))
    assert about["tier"] == "research"
    names = [row["name"] for row in json.loads(about["data"])]
    assert sorted(names) == ["Clothing Co-Parsing", "drawn-viton"]
    # the network is that of the weights that were given
    assert json.loads(about["config"])["widths"] == [16] * 5


def test_two_roots_of_one_layout_are_judged_apart(viton, tmp_path):
    other = small_root(CP_VTON, tmp_path / "other", train=2, val=2)
    figures = trained(tmp_path / "run", viton, other).figures
    assert {"cp-vton/miou", "cp-vton-2/miou"} <= set(figures)
    both = (figures["cp-vton/miou"] + figures["cp-vton-2/miou"]) / 2
    assert figures["miou"] == pytest.approx(both)


def test_settings_reach_the_examples(viton, tmp_path):
    notes = []
    CP_VTON.path(viton, "train", Artifact.PARSE, "0001_0").write_bytes(b"")
    result = trained(tmp_path / "run", viton, limit=2, notes=notes)
    assert json.loads(read_metadata(weights_of(result))["data"])[0]["images"] == 1
    assert [note for note in notes if note.startswith("0001_0: left out.")]
    assert list((tmp_path / "run" / "data").glob("cp-vton-train-*.npz"))


def test_a_root_without_photos_to_judge_on_is_refused(tmp_path):
    root = small_root(CP_VTON, tmp_path / "set", train=2, val=0)
    with pytest.raises(InputError, match="no split 'val' to judge the parser by") as raised:
        trained(tmp_path / "run", root)
    assert raised.value.code == "no_items"


def test_a_root_without_labels_is_refused_before_anything_is_made(tmp_path):
    path = placed(CP_VTON, tmp_path / "set", "train", Artifact.IMAGE, "a")
    path.write_bytes(b"photo")
    with pytest.raises(InputError, match="no photos with label maps"):
        trained(tmp_path / "run", tmp_path / "set")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "widths", [(16, 16), (16, 16, 16, 16, -8), (17, 16, 16, 16, 16), (8,) * 5, ("a",) * 5]
)
def test_networks_that_cannot_be_built_are_bad_settings(viton, tmp_path, widths):
    with pytest.raises(ConfigError, match="widths = ") as raised:
        trained(tmp_path / "run", viton, widths=widths)
    assert raised.value.exit_code == 64
    assert not (tmp_path / "run").exists()


def test_figures_are_numbers(viton, tmp_path):
    figures = trained(tmp_path / "run", viton).figures
    assert figures and all(np.isfinite(value) and 0 <= value <= 1 for value in figures.values())
