"""Runs over fake stages: fast, and as badly behaved as a test wants."""

import shutil
import sys
from pathlib import Path

import pytest

# workers import the fake stages by name
sys.path.insert(0, str(Path(__file__).resolve().parent))
# drawn weights of a system
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "pipelines/systems/viton_hd"))
# roots of drawn persons
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "pipelines/training"))

import fake_stages
import run_harness

from pipelines import registry
from vtonctl.runs.requests import PreprocessRequest, RunOptions, TryOnRequest
from vtonctl.runs.tryon import run_tryon

PERSONS, GARMENTS = 4, 2


@pytest.fixture
def sink():
    return run_harness.Sink()


@pytest.fixture
def fakes(monkeypatch):
    """The fake stages in the registry of this process."""
    for name, entry in fake_stages.fake_stages().items():
        monkeypatch.setitem(registry.STAGES, name, entry)
    monkeypatch.setitem(registry.SYSTEMS, "fake-posed", fake_stages.fake_posed_system())
    monkeypatch.setitem(registry.SYSTEMS, "fake", fake_stages.fake_system())
    return fake_stages


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """A finished try-on run of four persons in two garments."""
    base = run_harness.make_wardrobe(tmp_path_factory.mktemp("finished"), PERSONS, GARMENTS)
    code, _, error = run_harness.finish(run_harness.start(base))
    assert code == 0, error
    return base


@pytest.fixture
def finished(finished_run, tmp_path, fakes):
    """The request of a finished run, in a copy of its folders."""
    shutil.copytree(finished_run, tmp_path, dirs_exist_ok=True)
    data = tmp_path / "out" / ".vtonctl" / "data"
    prepare = PreprocessRequest(
        root=data,
        photos=tmp_path / "persons",
        garments=tmp_path / "garments",
        size_hw=(32, 24),
    )
    request = TryOnRequest(root=data, out=tmp_path / "out", prepare=prepare, all_pairs=True)
    # nothing is done again in the new place, but it is now the place of the photos
    sink = run_harness.Sink()
    assert set(run_harness.count(run_tryon(request, RunOptions(), sink))) == {"current"}
    return request


@pytest.fixture
def prepared(finished):
    """The request that prepared a data-set root of four persons and two garments."""
    return finished.prepare
