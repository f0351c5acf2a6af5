"""The weights that lie in ``weights/`` are what manifest and cards say, and travel in the wheel."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pipelines import labels
from pipelines.checkpoint_check import check_weights
from pipelines.checkpoint_manifest import read_manifest
from pipelines.checkpoints import weights_folder
from pipelines.preprocess.parsing import PARSERS
from pipelines.registry import SYSTEMS

REPO = Path(__file__).resolve().parents[1]


def test_everything_in_the_folder_agrees():
    folder = weights_folder()
    problems = check_weights(folder, list(read_manifest(folder).values()))
    assert not [f"{p.path.name}: {p.message}" for p in problems]


def test_families_and_label_sets_are_known():
    families = {info.family for info in PARSERS.values()}
    families |= {family for info, _ in SYSTEMS.values() for family in info.weights}
    for entry in read_manifest(weights_folder()).values():
        assert entry.family in families, entry.name
        # warps and pictures have no labels
        if entry.label_set:
            assert issubclass(getattr(labels, entry.label_set), labels.Labels), entry.name
        else:
            assert not entry.family.startswith("parser."), entry.name


def test_every_bundled_system_is_whole():
    families = {entry.family for entry in read_manifest(weights_folder()).values()}
    for name, (info, _) in SYSTEMS.items():
        there = families & set(info.weights)
        assert there in (set(), set(info.weights)), name
    assert "viton-hd.alias" in families


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from the checkout without a network."""
    pytest.importorskip("hatchling")
    out = tmp_path_factory.mktemp("wheel")
    code = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(out)], cwd=REPO, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


def test_the_wheel_carries_the_weights(wheel):
    with zipfile.ZipFile(wheel) as archive:
        carried = {
            Path(n).name: n for n in archive.namelist() if n.startswith("pipelines/_weights/")
        }
        assert {p.name for p in (REPO / "weights").iterdir() if p.is_file()} <= set(carried)
        for entry in read_manifest(REPO / "weights").values():
            assert archive.read(carried[entry.path.name]) == entry.path.read_bytes()


def test_an_installed_package_finds_its_own_weights(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = "from pipelines.checkpoints import *; manifest(); print(weights_folder())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()) == tmp_path / "pipelines" / "_weights"
