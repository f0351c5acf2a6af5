"""Try-on with a system that has weights: which are used, and that results follow them."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from run_harness import Sink
from viton_hd_files import write_files

from pipelines import codecs
from pipelines.checkpoint_files import sha256_of_file
from pipelines.errors import ConfigError, WeightsMissing
from pipelines.labels import LIP20
from pipelines.layout import Artifact, find_layout
from pipelines.systems.viton_hd.config import (
    ALIAS,
    FAMILIES,
    GMM,
    SEG,
)
from pipelines.types import Keypoints, ParseMap, Pose
from vtonctl.runs.requests import RunOptions, TryOnRequest
from vtonctl.runs.system_plan import plan_system
from vtonctl.runs.tryon import run_tryon

OPTIONS = RunOptions(jobs=1, device="cpu", precision="fp32")


@pytest.fixture
def files(tmp_path):
    return write_files(tmp_path / "own")


@pytest.fixture
def root(tmp_path):
    """A data-set root with one person and one garment, coarsely drawn."""
    photo, ids = np.full((256, 192, 3), 230, np.uint8), np.zeros((256, 192), np.uint8)
    for label, colour, corners in (
        (LIP20.UPPER, (20, 160, 60), (60, 80, 130, 170)),
        (LIP20.FACE, (210, 170, 150), (80, 25, 112, 70)),
        (LIP20.PANTS, (30, 30, 80), (66, 171, 126, 255)),
    ):
        cv2.rectangle(photo, corners[:2], corners[2:], colour, -1)
        cv2.rectangle(ids, corners[:2], corners[2:], int(label), -1)
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for joint, place in {
        1: (96, 78),
        2: (66, 84),
        5: (126, 84),
        9: (76, 168),
        12: (116, 168),
    }.items():
        xy[joint], score[joint] = place, 0.9
    garment, mask = np.full((256, 192, 3), 255, np.uint8), np.zeros((256, 192), bool)
    garment[40:220, 40:150], mask[40:220, 40:150] = (180, 40, 40), True
    layout = find_layout("viton-hd")
    values = {
        ("ann", Artifact.IMAGE): photo,
        ("ann", Artifact.POSE): Pose(Keypoints(xy, score)),
        ("ann", Artifact.PARSE): ParseMap(ids, LIP20),
        ("tee", Artifact.CLOTH): garment,
        ("tee", Artifact.CLOTH_MASK): mask,
    }
    for (item, artifact), value in values.items():
        path = layout.path(tmp_path / "shop", "test", artifact, item)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(codecs.encode(value, layout.place(artifact).encoding, labels=LIP20))
    return tmp_path / "shop"


@pytest.fixture
def request_(root, files, tmp_path):
    return TryOnRequest(
        root=root,
        out=tmp_path / "out",
        all_pairs=True,
        system="viton-hd",
        weights=tuple(map(str, files.values())),
    )


def test_hashes_of_all_weights_are_in_the_fingerprint(request_, files):
    plan = plan_system(request_, OPTIONS)
    spec = plan.spec
    hashes = [sha256_of_file(files[family]) for family in FAMILIES]
    assert spec.weights == ",".join(hashes)
    assert spec.params == {"device": "cpu", "precision": "fp32"}
    assert spec.runtime["weights"] == files and list(spec.runtime["weights"]) == list(FAMILIES)
    used = plan.used
    assert [(w.family, w.sha256, w.tier) for w in used.weights] == [
        (family, sha256, "research") for family, sha256 in zip(FAMILIES, hashes, strict=True)
    ]
    geometric = plan_system(replace(request_, system="geometric", weights=()), OPTIONS)
    assert (geometric.spec.weights, geometric.spec.runtime, geometric.compute) == ("", {}, None)


def test_results_follow_the_weights(request_, tmp_path):
    result = run_tryon(request_, OPTIONS, Sink())
    assert [o.status for o in result.outcomes] == ["done"], result.outcomes
    assert result.system.name == "viton-hd" and len(result.system.weights) == 3
    line = json.loads((request_.out / "results.jsonl").read_text())
    assert line["system"] == "tryon-viton-hd"
    assert line["weights"] == ",".join(w.sha256 for w in result.system.weights)
    picture = codecs.read_photo(request_.out / "ann__tee.png")
    assert picture.shape == (256, 192, 3)
    again = run_tryon(request_, OPTIONS, Sink())
    assert [o.status for o in again.outcomes] == ["current"]

    other = write_files(tmp_path / "other", seed=1)
    for family in (SEG, GMM, ALIAS):
        mixed = tuple(
            str(other[f] if f == family else path)
            for f, path in zip(FAMILIES, request_.weights, strict=True)
        )
        dry = replace(OPTIONS, dry_run=True)
        planned = run_tryon(replace(request_, weights=mixed), dry, Sink())
        assert [o.status for o in planned.outcomes] == ["pending"]


def test_what_must_not_be_used_is_not(request_, shelf):
    with pytest.raises(WeightsMissing) as error:
        run_tryon(replace(request_, commercial=True), OPTIONS, Sink())
    assert error.value.exit_code == 69
    with pytest.raises(WeightsMissing):
        run_tryon(replace(request_, weights=()), OPTIONS, Sink())
    with pytest.raises(ConfigError):
        run_tryon(replace(request_, system="geometric"), OPTIONS, Sink())


def test_auto_says_why_it_is_not_the_better_system(request_, shelf):
    sink = Sink()
    asked = replace(request_, system="auto", weights=())
    result = run_tryon(asked, replace(OPTIONS, dry_run=True), sink)
    assert result.system.name == "geometric"
    assert any("--system geometric is used" in note for note in sink.notes)
