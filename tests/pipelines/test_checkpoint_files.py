"""Reading safetensors: whole files only, and networks that fit exactly."""

import json
import struct
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from pipelines.checkpoint_files import (
    check_file,
    load_into,
    load_safetensors,
    read_metadata,
    read_network,
)
from pipelines.errors import InputError


class Network(torch.nn.Module):
    def __init__(self, width=3):
        super().__init__()
        self.first = torch.nn.Linear(2, width)
        self.norm = torch.nn.BatchNorm1d(width)


@pytest.fixture
def stored(tmp_path):
    """A network in half precision, with what it says of itself."""
    torch.manual_seed(0)
    network = Network()
    state = {n: t.half() if t.ndim > 1 else t for n, t in network.state_dict().items()}
    path = tmp_path / "net.safetensors"
    save_file(state, path, {"family": "parser.toy", "config": json.dumps({"width": 3})})
    return path, network


def test_weights_come_back(stored):
    path, network = stored
    state, about = load_safetensors(path)
    assert about == read_metadata(path)
    again = Network(**json.loads(about["config"]))
    load_into(again, state, path)
    assert again.first.weight.dtype == torch.float32
    torch.testing.assert_close(again.first.weight, network.first.weight, atol=1e-3, rtol=1e-3)
    assert torch.equal(again.first.bias, network.first.bias)


def test_other_networks_are_told_apart(stored):
    path, _ = stored
    state, _ = load_safetensors(path)
    with pytest.raises(InputError, match=r"first.weight \[3, 2\] instead of \[5, 2\]") as refused:
        load_into(Network(5), state, path)
    assert refused.value.code == "wrong_weights" and str(path) in refused.value.message
    state["second.weight"] = state.pop("first.weight")
    with pytest.raises(InputError) as refused:
        load_into(Network(), state, path)
    assert "missing: first.weight" in refused.value.message
    assert "not of this network: second.weight" in refused.value.message


def test_long_lists_are_cut(stored):
    path, _ = stored
    with pytest.raises(InputError, match="and 3 more"):
        load_into(Network(), {}, path)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.99])
@pytest.mark.reliability("R18")
def test_a_truncated_file(stored, share):
    path, _ = stored
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match="not a whole file of weights") as refused:
        load_safetensors(path)
    assert refused.value.exit_code == 66 and str(path) in refused.value.message
    with pytest.raises(InputError, match="not a whole file of weights"):
        read_metadata(path)


@pytest.mark.reliability("R18")
def test_hostile_headers(tmp_path):
    path = tmp_path / "bad.safetensors"
    overlapping = {
        "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]},
    }
    text = json.dumps(overlapping).encode()
    for header in (struct.pack("<Q", 2**62), struct.pack("<Q", len(text)) + text + bytes(12)):
        path.write_bytes(header)
        with pytest.raises(InputError, match="not a whole file"):
            load_safetensors(path)


@pytest.mark.reliability("R18")
def test_a_pickle_in_disguise_runs_nothing(tmp_path):
    path = tmp_path / "evil.safetensors"

    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "ran"), "w")

    torch.save(Evil(), path)
    with pytest.raises(InputError):
        load_safetensors(path)
    assert not (tmp_path / "ran").exists()


def test_no_file_at_all(tmp_path):
    for path, words in ((tmp_path / "gone.safetensors", "does not exist"), (tmp_path, "a folder")):
        with pytest.raises(InputError, match=words):
            load_safetensors(path)
    with pytest.raises(InputError, match="does not exist"):
        check_file(tmp_path / "gone.safetensors", "0" * 64)


def write_header(path, text, length=None):
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text)


def test_a_header_of_a_million_tensors_is_not_read(tmp_path):
    """safetensors itself would take a minute and 1.3 GB for one of 90 MB."""
    row = b'"%07d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    path = tmp_path / "many.safetensors"
    write_header(path, b"{" + b",".join(row % n for n in range(200_000)) + b"}")
    code = (
        "import sys; from pathlib import Path; from pipelines.checkpoint_files import *\n"
        "try: read_metadata(Path(sys.argv[1]))\n"
        "except InputError as error: print(error.code, error.message)\n"
        "told = Path('/proc/self/status').read_text().split('VmHWM:')[1]\n"
        "print(int(told.split()[0]) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    words, peak_mib = done.stdout.splitlines()
    assert words.startswith("damaged_weights") and "its header claims" in words
    assert int(peak_mib) < 200


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"width": 16_000}, "of another shape"),
        ({"width": 10**9}, "is more than 16384"),
        ({"width": [[10**30]]}, "is more than 16384"),
        ({"width": -3}, "no weights of parser.toy"),
        ([], "no weights of parser.toy"),
    ],
)
def test_a_config_that_asks_for_more_than_the_file_holds(tmp_path, config, words):
    """The network of width 16,000 would take 512 GB; nothing of it is made."""
    state = {n: t.clone() for n, t in Wide(width=3).state_dict().items()}
    path = tmp_path / "wide.safetensors"
    save_file(state, path, {"family": "parser.toy", "config": json.dumps(config)})
    with pytest.raises(InputError) as refused:
        read_network(path, "parser.toy", lambda values: values["width"], Wide)
    assert words in refused.value.message and refused.value.code == "wrong_weights"


class Wide(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = torch.nn.Linear(width, 500 * width)


def test_a_network_is_read_as_it_was_stored(tmp_path):
    torch.manual_seed(1)
    state = Wide(width=3).state_dict()
    save_file(state, tmp_path / "w.safetensors", {"family": "parser.toy", "config": '{"width": 3}'})
    network, width, _ = read_network(
        tmp_path / "w.safetensors", "parser.toy", lambda values: values["width"], Wide
    )
    assert width == 3 and torch.equal(network.first.weight, state["first.weight"])
