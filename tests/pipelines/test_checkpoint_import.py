"""Foreign checkpoints: what they hold is kept, whole, and nothing else in them has an effect."""

import json
import os
import subprocess
import sys

import pytest
import torch
from golden_vectors import published_shapes
from golden_weights import golden_state

from pipelines import checkpoints
from pipelines.checkpoint_files import load_safetensors, read_metadata
from pipelines.checkpoint_import import import_checkpoint
from pipelines.checkpoint_legacy import convert, read_state
from pipelines.errors import ConfigError, InputError
from pipelines.systems.acgpn.networks import ClothesWarping
from pipelines.systems.acgpn.weights import read_network
from pipelines.systems.cp_vton.weights import read_networks


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A checkpoint with the names and shapes of ``gmm_final.pth``; its tensors."""
    path = tmp_path_factory.mktemp("published") / "gmm_final.pth"
    state = golden_state(published_shapes("vitonhd_gmm"))
    torch.save(state, path)
    return path, state


def changed(tmp_path, published, change, name="changed.pth"):
    """The same with a change."""
    state = dict(published[1])
    result = change(state)
    torch.save(state if result is None else result, tmp_path / name)
    return tmp_path / name


def refusal(path, tmp_path):
    """The error of an import, in this process."""
    with pytest.raises(InputError) as refused:
        convert(path, tmp_path / "made.safetensors", {}, half=True)
    assert str(path) in refused.value.message and refused.value.hint
    assert not (tmp_path / "made.safetensors").exists()
    return refused.value


def test_a_published_checkpoint_comes_back(published, tmp_path, monkeypatch):
    source, state = published
    before = source.read_bytes()
    made = import_checkpoint(source, tmp_path / "mine", licence="CC BY-NC 4.0")
    assert (made.name, made.family, made.precision) == ("gmm_final", "viton-hd.gmm", "fp16")
    assert source.read_bytes() == before
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["gmm_final.safetensors"]
    kept, about = load_safetensors(made.path)
    for name, tensor in kept.items():
        torch.testing.assert_close(tensor.to(state[name]), state[name], atol=1e-3, rtol=1e-3)
        is_parameter = name.endswith(("weight", "bias"))
        assert tensor.dtype == (torch.float16 if is_parameter else state[name].dtype)
    assert about["tier"] == "research" and about["licence"] == "CC BY-NC 4.0"
    assert about["source_file"] == "gmm_final.pth" and len(about["source_sha256"]) == 64
    assert json.loads(about["config"])["width"] == 64

    assert checkpoints.find(str(made.path)).family == "viton-hd.gmm"
    monkeypatch.setattr(checkpoints, "user_folder", lambda: tmp_path / "mine")
    found = checkpoints.find("gmm_final")
    assert (found.path, found.tier, found.sha256) == (made.path, "research", made.sha256)


def test_acgpns_warp_comes_back_with_a_spline_of_its_own(tmp_path):
    state = golden_state(published_shapes("acgpn_U"))
    torch.save(state, tmp_path / "latest_net_U.pth")
    made = import_checkpoint(tmp_path / "latest_net_U.pth", tmp_path / "mine")
    assert (made.name, made.family) == ("latest_net_U", "acgpn.u")
    network, config = read_network(made.path, "acgpn.u")
    assert (config.width, config.neck) == (64, "garment")
    weight = network.state_dict()["stn.loc_net.cnn.model.0.weight"]
    wanted = state["stn.loc_net.cnn.model.0.weight"]
    torch.testing.assert_close(weight, wanted, atol=1e-3, rtol=1e-3)
    # the file's constants are zeros, and half precision would not do
    torch.testing.assert_close(
        network.stn.tps.inverse_kernel, ClothesWarping().stn.tps.inverse_kernel
    )


@pytest.mark.parametrize(("network", "neck"), [("cpvton", "background"), ("cpvtonplus", "body")])
def test_cp_vtons_networks_come_back_with_their_generations_inputs(network, neck, tmp_path):
    folder, system = tmp_path / "mine", {"cpvton": "cp-vton", "cpvtonplus": "cp-vton-plus"}[network]
    files, states = {}, {}
    for part in ("gmm", "tom"):
        state = golden_state(published_shapes(f"{network}_{part}"))
        torch.save(state, tmp_path / f"{part}_final.pth")
        made = import_checkpoint(tmp_path / f"{part}_final.pth", folder)
        assert (made.name, made.family) == (f"{part}_final", f"{system}.{part}")
        files[made.family], states[part] = made.path, state
    networks = read_networks(files, list(files))
    assert (networks.config.width, networks.config.neck) == (64, neck)
    assert networks.gmm.align_corners and networks.gmm.plus == networks.tom.plus == (neck == "body")
    for part, network in (("gmm", networks.gmm), ("tom", networks.tom)):
        for name, tensor in network.state_dict().items():
            torch.testing.assert_close(tensor, states[part][name], atol=1e-3, rtol=1e-3)


def test_full_precision_loses_nothing(published, tmp_path):
    convert(published[0], tmp_path / "made.safetensors", {}, half=False)
    kept, _ = load_safetensors(tmp_path / "made.safetensors")
    assert set(kept) == set(published[1])
    assert all(torch.equal(tensor, published[1][name]) for name, tensor in kept.items())


def test_wrapped_tensors_of_several_gpus_are_found(published, tmp_path):
    def wrap(state):
        return {"epoch": 3, "state_dict": {f"module.{n}": t for n, t in state.items()}}

    assert set(read_state(changed(tmp_path, published, wrap))) == set(published[1])


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.reliability("R18")
def test_code_in_a_checkpoint_is_not_run(published, tmp_path):
    sprung = tmp_path / "sprung"

    def trap(state):
        state["regression.linear.bias"] = Trap(sprung)

    path = changed(tmp_path, published, trap)
    with pytest.raises(InputError) as refused:
        import_checkpoint(path, tmp_path / "mine")
    assert refused.value.code == "unsafe_checkpoint" and "posix.mkdir" in refused.value.message
    assert not sprung.exists() and not list((tmp_path / "mine").iterdir())
    # the trap is a real one
    torch.load(path, weights_only=False)
    assert sprung.exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
@pytest.mark.reliability("R18")
def test_truncated_checkpoints_are_refused(published, tmp_path, share):
    path = tmp_path / "cut.pth"
    content = published[0].read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert refusal(path, tmp_path).code == "damaged_weights"


@pytest.mark.reliability("R18")
def test_files_that_are_no_checkpoints_are_refused(tmp_path):
    path = tmp_path / "notes.pth"
    path.write_text("# conv1.0.weight\n")
    assert refusal(path, tmp_path).code == "damaged_weights"
    assert refusal(tmp_path / "gone.pth", tmp_path).code == "damaged_weights"
    torch.save([torch.zeros(3)], path)
    assert "found list" in refusal(path, tmp_path).message


def rename(state):
    state["regression.linear.weights"] = state.pop("regression.linear.weight")


def narrow(state):
    state["regression.linear.weight"] = torch.zeros(50, 192)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (rename, "missing: regression.linear.weight"),
        (narrow, r"regression.linear.weight [50, 192] instead of [50, 768]"),
        (lambda state: {"fc.weight": torch.zeros(2, 2)}, "1 tensors of no network that is known"),
    ],
)
def test_other_networks_are_refused(published, tmp_path, change, words):
    told = refusal(changed(tmp_path, published, change), tmp_path)
    assert told.code == "wrong_weights" and words in told.message
    assert "VITON-HD" in told.message + told.hint


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (torch.full((50,), torch.nan), "no finite numbers"),
        (torch.zeros(1).expand(50), "less than its shape"),
        (torch.zeros(50).to_sparse(), "no plain array"),
        (torch.zeros(50, dtype=torch.complex64), "no plain array"),
        ("zeros", "found 'regression.linear.bias': str"),
    ],
)
def test_tensors_that_are_no_weights_are_refused(published, tmp_path, value, words):
    def change(state):
        state["regression.linear.bias"] = value

    told = refusal(changed(tmp_path, published, change), tmp_path)
    assert told.code == "damaged_weights" and words in told.message


def test_networks_of_later_versions_are_called_by_their_names(tmp_path):
    shapes = published_shapes("acgpn_D1")
    torch.save(
        {n: torch.zeros(1).half().expand(s).clone() for n, s in shapes.items()},
        tmp_path / "latest_net_D1.pth",
    )
    told = refusal(tmp_path / "latest_net_D1.pth", tmp_path)
    assert told.code == "later_version" and "ACGPN's discriminator D1" in told.message


def test_a_checkpoint_that_takes_too_long_is_given_up(published, tmp_path):
    with pytest.raises(InputError, match=r"takes more than 0.01 s"):
        import_checkpoint(published[0], tmp_path, time_limit_s=0.01)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is kept on Linux")
@pytest.mark.reliability("R18")
def test_the_reading_process_cannot_take_all_memory():
    code = "from pipelines.checkpoint_legacy import _limit; _limit(64 << 20, 600); "
    for size, wanted in ((16, "made"), (256, "MemoryError")):
        made = subprocess.run(
            [sys.executable, "-c", code + f"bytearray({size} << 20); print('made')"],
            capture_output=True,
            text=True,
        )
        assert wanted in made.stdout + made.stderr


def test_other_weights_of_the_same_name_stay(published, tmp_path, shelf):
    (tmp_path / "gmm_final.safetensors").write_bytes(
        shelf.add("other", about={"source_sha256": "0" * 64}).read_bytes()
    )
    with pytest.raises(ConfigError, match="other weights of this name"):
        import_checkpoint(published[0], tmp_path)
    shelf.add("gmm_final")
    with pytest.raises(ConfigError, match="carries weights named gmm_final"):
        import_checkpoint(published[0], tmp_path / "elsewhere")
    assert read_metadata(tmp_path / "gmm_final.safetensors")["source_sha256"] == "0" * 64


def test_safetensors_need_no_import(tmp_path, shelf):
    with pytest.raises(InputError, match="in .safetensors format already") as refused:
        import_checkpoint(shelf.add("mine"), tmp_path)
    assert refused.value.exit_code == 66
