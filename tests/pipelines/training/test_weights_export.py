"""Weights that are written can be read back by the project's own reader, and by safetensors."""

import json

import pytest
import safetensors.torch
import torch
import toy_task
from torch import nn

from pipelines.checkpoint_files import load_into, load_safetensors
from pipelines.checkpoint_manifest import TrainingData
from pipelines.training.export import WeightsMetadata, write_weights

METADATA = WeightsMetadata(
    family="parser.toy",
    config={"widths": [6, 2]},
    figures={"miou": 0.5},
    data=(TrainingData("noise", "CC0-1.0", 70),),
    tier="open",
    label_set="LIP20",
    run={
        "seed": 3,
        "roots": ["/home/somebody/photos"],
        "settings": {"cache": "/tmp/kept", "layout": "auto", "widths": [6, 2]},
    },
)


@pytest.fixture
def net():
    torch.manual_seed(5)
    made = toy_task.network().to(memory_format=torch.channels_last)
    made[1].running_var.fill_(1e6)  # beyond half precision
    return made


def test_a_network_in_half_precision(tmp_path, net):
    path = write_weights(tmp_path / "net.safetensors", net, METADATA)
    state, _ = load_safetensors(path)
    copy = toy_task.network()
    load_into(copy, state, path)
    for name, wanted in net.state_dict().items():
        found = copy.state_dict()[name]
        halved = wanted.half().float() if name in dict(net.named_parameters()) else wanted
        assert torch.equal(found, halved), name
    stored = safetensors.torch.load_file(path)
    assert stored["0.weight"].dtype == torch.float16
    assert stored["1.running_var"].dtype == torch.float32
    assert stored["1.num_batches_tracked"].dtype == torch.int64


def test_what_it_says_of_itself(tmp_path, net):
    path = write_weights(tmp_path / "net.safetensors", net, METADATA)
    with safetensors.safe_open(path, "pt") as file:
        found = file.metadata()
    assert (found["family"], found["tier"], found["label_set"]) == ("parser.toy", "open", "LIP20")
    assert json.loads(found["config"]) == {"widths": [6, 2]}
    assert json.loads(found["figures"]) == {"miou": 0.5}
    assert json.loads(found["data"]) == [{"name": "noise", "licence": "CC0-1.0", "images": 70}]
    assert found["code_version"][0].isdigit()
    # where the data lay on somebody's disk is nobody's business
    assert json.loads(found["run"]) == {
        "seed": 3,
        "settings": {"layout": "auto", "widths": [6, 2]},
    }


def test_the_same_weights_are_the_same_bytes(tmp_path, net):
    one = write_weights(tmp_path / "one.safetensors", net, METADATA)
    two = write_weights(tmp_path / "two.safetensors", net, METADATA)
    assert one.read_bytes() == two.read_bytes()


def test_a_value_beyond_half_precision_keeps_its_type(tmp_path):
    layer = nn.Linear(2, 1)
    layer.weight.data.fill_(1e5)
    path = write_weights(tmp_path / "net.safetensors", layer, {"family": "x"})
    found = safetensors.torch.load_file(path)
    assert found["weight"].dtype == torch.float32 and found["bias"].dtype == torch.float16
    assert float(found["weight"].max()) == 1e5


def test_several_networks_share_a_file_under_their_names(tmp_path):
    nets = {"warp": nn.Linear(1, 1), "fuse": nn.Linear(2, 1)}
    path = write_weights(tmp_path / "net.safetensors", nets, {"family": "x", "config": {"a": 1}})
    state, metadata = load_safetensors(path)
    assert set(state) == {"warp.weight", "warp.bias", "fuse.weight", "fuse.bias"}
    assert json.loads(metadata["config"]) == {"a": 1}


def test_tied_weights_are_written(tmp_path):
    first = nn.Linear(2, 2)
    tied = nn.Sequential(first, first)
    path = write_weights(tmp_path / "net.safetensors", tied, {"family": "x"})
    assert torch.equal(*(safetensors.torch.load_file(path)[f"{k}.weight"] for k in (0, 1)))


def test_a_tier_that_there_is_not():
    with pytest.raises(ValueError, match="tier"):
        WeightsMetadata("x", {}, tier="free")
