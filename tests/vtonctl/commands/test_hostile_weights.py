"""Files that are offered as weights and mean harm: nothing in them runs; the exit code is 66."""

import json
import os
import pickle
import resource
import struct
import subprocess
import sys
import zipfile

import pytest
import torch

from pipelines import checkpoint_import
from vtonctl import app

BOMB_BYTES = 1_200_000_000


class Trap:
    """Unpickled, it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def trap(path, sprung):
    torch.save({"layer.weight": Trap(sprung)}, path)


def old_trap(path, sprung):
    torch.save({"a": Trap(sprung)}, path, _use_new_zipfile_serialization=False)


def bare_trap(path, sprung):
    path.write_bytes(pickle.dumps(Trap(sprung)))


def bomb(path, sprung):
    """A checkpoint as torch writes it, but compressed: few bytes claim to be many."""
    torch.save({"a": torch.zeros(4)}, path.with_suffix(".small"))
    with zipfile.ZipFile(path.with_suffix(".small")) as source:
        entries = {entry.filename: source.read(entry) for entry in source.infolist()}
    # the tensor of four numbers becomes one of many
    values = struct.pack("<I", BOMB_BYTES // 4)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for name, content in entries.items():
            if name.endswith("data.pkl"):
                content = content.replace(b"K\x04", b"J" + values)
            with made.open(name, "w", force_zip64=True) as file:
                if name.endswith("data/0"):
                    for _ in range(BOMB_BYTES // 1_000_000):
                        file.write(bytes(1_000_000))
                else:
                    file.write(content)


def claim(path, sprung):
    path.write_bytes(struct.pack("<Q", 2**62) + b"{}")


def overlap(path, sprung):
    tensors = {
        "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]},
    }
    text = json.dumps(tensors).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(12))


def deep(path, sprung):
    path.write_bytes(struct.pack("<Q", 1_000_000) + b'{"a":' + b"[" * 999_995)


def endless(path, sprung):
    """Nobody ever writes into it."""
    os.mkfifo(path)


def laughs(path, sprung):
    """Each list holds the one before twice: 2**60 elements to whoever walks through."""
    nested = [0]
    for _ in range(60):
        nested = [nested, nested]
    torch.save({"state_dict": nested, "a": nested}, path)


HARM = [trap, old_trap, bare_trap, bomb, claim, overlap, deep, endless, laughs]


@pytest.fixture
def hostile(tmp_path, request):
    """The path of a hostile file with a suffix, and what appears if code in it runs."""

    def make(harm, suffix):
        sprung = tmp_path / "sprung"
        path = tmp_path / f"evil{suffix}"
        harm(path, sprung)
        return path, sprung

    return make


@pytest.mark.parametrize("harm", HARM)
def test_nothing_is_imported(hostile, tmp_path, capsys, harm):
    path, sprung = hostile(harm, ".pth")
    out = tmp_path / "mine"
    assert app.run(["weights", "import", str(path), "--out", str(out), "--json"]) == 66
    (failure,) = json.loads(capsys.readouterr().out)["failures"]
    assert str(path) in failure["message"] and failure["hint"]
    assert not sprung.exists()
    assert not out.exists() or not list(out.iterdir())


@pytest.mark.parametrize("harm", HARM)
def test_nothing_is_loaded(hostile, root, capsys, harm):
    """As the weights of a system and of a parser, in whose place they are given."""
    path, sprung = hostile(harm, ".safetensors")
    for command in (
        ["tryon", root, "--all-pairs", "--system", "viton-hd", "--weights", path],
        ["preprocess", root, "--parser", "ours", "--parser-weights", path],
    ):
        assert app.run(list(map(str, command))) == 66
        assert str(path) in capsys.readouterr().err
    assert not sprung.exists()


def test_the_traps_are_real(tmp_path):
    for number, harm in enumerate((trap, old_trap)):
        path, sprung = tmp_path / f"{number}.pth", tmp_path / f"sprung-{number}"
        harm(path, sprung)
        torch.load(path, weights_only=False)
        assert sprung.is_dir()


def test_the_environment_cannot_switch_the_protection_off(hostile, tmp_path, monkeypatch):
    """PyTorch has a variable for it."""
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    path, sprung = hostile(trap, ".pth")
    assert app.run(["weights", "import", str(path), "--out", str(tmp_path / "mine")]) == 66
    assert not sprung.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_bomb_costs_less_memory_than_it_claims(hostile):
    """In a process that is limited as the one that imports is; under 1 GB in all."""
    path, _ = hostile(bomb, ".pth")
    assert path.stat().st_size < 10_000_000
    with zipfile.ZipFile(path) as archive:
        assert sum(entry.file_size for entry in archive.infolist()) > BOMB_BYTES
    code = """
        import sys
        from pathlib import Path
        from pipelines import checkpoint_legacy as legacy
        source = Path(sys.argv[1])
        if sys.argv[2] == "unchecked":
            legacy._refuse_compressed = lambda path: None
        legacy._limit(legacy._COPIES * source.stat().st_size + legacy._SPARE_BYTES, 600)
        try:
            legacy.read_state(source)
        except legacy.InputError as error:
            print(error.code)
        print(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024)
    """
    for how in ("checked", "unchecked"):
        done = subprocess.run(
            [sys.executable, "-c", "if True:" + code, path, how], capture_output=True, text=True
        )
        told, peak = done.stdout.split()
        assert told == "damaged_weights" and int(peak) < 1_000_000_000, done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="the limits are kept on Linux")
def test_the_importing_process_has_limits_of_memory_and_time(monkeypatch, tmp_path):
    """Asked of the process itself, in the place of its work."""
    program = (
        "import json, sys; sys.path.append(sys.argv[1])\n"
        "import resource; from pipelines import checkpoint_legacy as legacy\n"
        "def convert(*_, **__):\n"
        "    kinds = (resource.RLIMIT_AS, resource.RLIMIT_CPU)\n"
        "    raise legacy.InputError(json.dumps([resource.getrlimit(k)[0] for k in kinds]))\n"
        "legacy.convert = convert; legacy.main()"
    )
    monkeypatch.setattr(checkpoint_import, "_PROGRAM", program)
    (tmp_path / "a.pth").write_bytes(bytes(1000))
    with pytest.raises(checkpoint_import.InputError) as told:
        checkpoint_import.import_checkpoint(tmp_path / "a.pth", tmp_path / "mine", time_limit_s=77)
    memory, seconds = json.loads(told.value.message)
    assert 0 < memory < 2**45 and memory != resource.RLIM_INFINITY
    assert seconds == 78
