"""What the parser ``yolo`` refuses, and what it says then."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from pipelines.errors import ConfigError, ExtraMissing, InputError, WeightsMissing
from pipelines.registry import TRAINERS, train
from pipelines.segmentation.yolo_parser import load_parser
from pipelines.segmentation.yolo_settings import FIXED_SETTINGS, MODEL_SETTINGS, PARSER_YOLO
from pipelines.training.request import TrainRequest
from pipelines.training.settings import settle


@pytest.fixture
def request_for(cp_vton_root, tmp_path):
    def make(**settings):
        return TrainRequest(
            "parser.yolo",
            (cp_vton_root,),
            tmp_path / "run",
            epochs=1,
            settings={**PARSER_YOLO.defaults, **settings},
            device="cpu",
        )

    return make


def ignore(_):
    pass


def test_without_the_extra_both_name_it(monkeypatch, request_for, tmp_path):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ultralytics" else real(name)
    )
    for name in [n for n in sys.modules if n.partition(".")[0] == "ultralytics"]:
        monkeypatch.delitem(sys.modules, name)
    for attempt in (
        lambda: train(request_for(), ignore),
        lambda: load_parser(weights=tmp_path / "a.safetensors", device="cpu", precision="fp32"),
    ):
        with pytest.raises(ExtraMissing) as caught:
            attempt()
        assert "pip install 'vtonctl[yolo]'" in str(caught.value)
        assert "AGPL-3.0" in str(caught.value)
        assert caught.value.exit_code == 69
    assert not (tmp_path / "run").exists()


def test_the_list_tells_extra_and_licence():
    info, _ = TRAINERS["parser.yolo"]
    assert info.needs_extra == "yolo"
    assert "AGPL-3.0" in info.summary


@pytest.mark.parametrize("name", sorted(FIXED_SETTINGS))
def test_flips_cannot_be_switched_on(name):
    with pytest.raises(ConfigError, match=name):
        settle(PARSER_YOLO, None, [f"{name}=0.5"])


def test_missing_weights_name_the_command_that_makes_them(tmp_path):
    pytest.importorskip("ultralytics")
    for weights in (None, tmp_path / "absent.safetensors"):
        with pytest.raises(WeightsMissing) as caught:
            load_parser(weights=weights, device="cpu", precision="fp32")
        assert "vtonctl train parser.yolo ROOT --out DIR" in str(caught.value)
        assert caught.value.exit_code == 69


def test_weights_of_another_family_and_pickles_are_refused(tmp_path):
    pytest.importorskip("ultralytics")
    path = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(2, np.float32)}, path, {"family": "parser.ours", "config": "{}"})
    with pytest.raises(InputError, match="parser.ours"):
        load_parser(weights=path, device="cpu", precision="fp32")
    names = json.dumps({"names": ["cat"], "network": {"backbone": []}, "imgsz": 64})
    save_file({"a": np.zeros(2, np.float32)}, path, {"family": "parser.yolo", "config": names})
    with pytest.raises(InputError, match="no weights of parser.yolo"):
        load_parser(weights=path, device="cpu", precision="fp32")
    (tmp_path / "yolov8n-seg.pt").write_bytes(b"PK\x03\x04 a pickle in a zip")
    with pytest.raises(InputError, match="safetensors"):
        load_parser(weights=tmp_path / "yolov8n-seg.pt", device="cpu", precision="fp32")


@pytest.mark.parametrize(
    "change",
    [
        {"activation": "__import__('os').mkdir('SPRUNG')"},
        {"head": [[-1, 1, "torch_safe_load", ["SPRUNG"]]]},
        {"backbone": [[-1, 1, "nn.Module.apply", []]]},
    ],
)
def test_a_description_that_runs_code_is_refused_before_it_is_built(tmp_path, change):
    """Some releases of ultralytics evaluate descriptions; none is given this one."""
    from pipelines.segmentation.yolo_format import CLASS_NAMES
    from pipelines.segmentation.yolo_network import read_config

    network = {"backbone": [[-1, 1, "Conv", [8, 3, 2]]], "head": [[-1, 1, "Segment", [8, 4, 8]]]}
    about = {"family": "parser.yolo"}

    def read(described):
        config = {"names": list(CLASS_NAMES), "imgsz": 64, "network": described}
        metadata = {**about, "config": json.dumps(config)}
        return read_config(tmp_path / "evil.safetensors", metadata, "parser.yolo", CLASS_NAMES)

    assert read(network)["network"] == network
    with pytest.raises(InputError, match="which is no layer; nothing was run") as caught:
        read({**network, **change})
    assert (caught.value.code, caught.value.exit_code) == ("unsafe_weights", 66)


def test_every_network_of_ultralytics_can_be_described():
    package = importlib.util.find_spec("ultralytics")
    if package is None:
        pytest.skip("the extra yolo is absent")
    import yaml

    from pipelines.segmentation.yolo_network import LAYERS

    models = Path(package.origin).parent / "cfg" / "models"
    files = [p for p in models.glob("*/yolo[v0-9]*-seg*.yaml") if "yoloe" not in p.name]
    assert len(files) >= 3
    for file in files:
        described = yaml.safe_load(file.read_text("utf-8"))
        assert {row[2] for row in described["backbone"] + described["head"]} <= LAYERS, file.name
        assert "activation" not in described


def test_the_defaults_are_those_of_ultralytics():
    pytest.importorskip("ultralytics")
    from pipelines.segmentation import yolo

    yolo.start()
    from ultralytics.cfg import DEFAULT_CFG_DICT

    own = {"model", "freeze"}
    theirs = {name: DEFAULT_CFG_DICT[name] for name in MODEL_SETTINGS if name not in own}
    assert theirs == {name: value for name, value in MODEL_SETTINGS.items() if name not in own}
    assert set(FIXED_SETTINGS) <= set(DEFAULT_CFG_DICT)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"model": "yolov8n-seg.pt"}, WeightsMissing, "Nothing is downloaded"),
        ({"model": "yolov8n-segment.yaml"}, ConfigError, "yolov8n-seg.yaml"),
        ({"model": "https://example.com/a.yaml"}, ConfigError, "no network of ultralytics"),
        ({"optimizer": "Newton", "model": "yolov8n-seg.yaml"}, ConfigError, "Newton"),
    ],
)
def test_networks_that_are_not_there_are_refused(request_for, settings, error, words):
    pytest.importorskip("ultralytics")
    with pytest.raises(error) as caught:
        train(request_for(**settings), ignore)
    assert words in str(caught.value)


@pytest.mark.parametrize("size", "nsmlx")
def test_every_size_of_network_is_known(size):
    pytest.importorskip("ultralytics")
    from pipelines.segmentation import yolo

    yolo.start()
    name = f"yolov8{size}-seg.yaml"
    assert yolo.network_name(name) == name
    assert yolo.network_name(f"yolo11{size}-seg.yaml")
