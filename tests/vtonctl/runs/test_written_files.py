"""The files that a run writes are what the published schema says of them."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from run_harness import make_trouble

from pipelines.body import Body25
from pipelines.layout import frames_path, sources_path
from pipelines.pose_json import encode_body25, encode_coco18
from pipelines.types import Keypoints, Pose
from vtonctl.runs.ledger import Row, read_ledger
from vtonctl.runs.preprocess import run_preprocess
from vtonctl.runs.requests import RunOptions
from vtonctl.runs.result_lines import ResultsFile
from vtonctl.runs.rundir import RunDir
from vtonctl.runs.tryon import SCOPE, run_tryon


def lines(path):
    """The objects of a file of lines; NaN and Infinity are no JSON."""
    text = path.read_text("utf-8").splitlines()
    return [json.loads(line, parse_constant=pytest.fail) for line in text]


def test_results_done_and_not_done(finished, fakes, sink, published):
    make_trouble(finished.prepare.photos / "p001.jpg", fakes.TROUBLE["refuse"])
    run_tryon(finished, RunOptions(jobs=2), sink)
    made = [published("ResultLine", line) for line in lines(RunDir(finished.out).results)]
    assert {line["status"] for line in made} == {"done", "blocked"}
    assert all(line["hint"] or line["message"] for line in made if line["status"] != "done")


def test_results_in_other_poses(finished, tmp_path, fakes, sink, published):
    joints = np.column_stack([np.linspace(4, 20, 25), np.linspace(4, 28, 25)]).astype(np.float32)
    pose = Pose(Keypoints(joints, np.ones(len(Body25), np.float32)))
    (tmp_path / "sit.json").write_bytes(encode_body25(pose))
    request = replace(
        finished, system="fake-posed", out=tmp_path / "posed", pose=tmp_path / "sit.json"
    )
    run_tryon(request, RunOptions(jobs=2), sink)
    made = [published("ResultLine", line) for line in lines(RunDir(request.out).results)]
    assert made and {line["pose"] for line in made} == {"sit"}


def test_figures_that_json_does_not_have_are_null(tmp_path, published):
    row = Row("tryon", "a__b", "done", record={"measures": {"stretch": math.nan, "fold": 0.5}})
    ledger = read_ledger(RunDir(tmp_path))
    ledger.record(SCOPE, [row])
    ResultsFile(RunDir(tmp_path), ledger, SCOPE).write()
    ledger.close()
    (line,) = lines(tmp_path / "results.jsonl")
    assert published("ResultLine", line)["measures"] == {"stretch": None, "fold": 0.5}


def test_the_lists_of_a_root(prepared, fakes, sink, published):
    run_preprocess(prepared, RunOptions(jobs=2), sink)
    for kind, path in (
        ("FrameLine", frames_path(prepared.root)),
        ("SourceLine", sources_path(prepared.root)),
    ):
        made = [published(kind, line) for line in lines(path)]
        assert {line["subject"] for line in made} == {"person", "garment"}


def test_poses(published):
    pose = Pose(Keypoints(np.ones((25, 2), np.float32), np.ones(25, np.float32)))
    published("PoseFile", json.loads(encode_body25(pose)))
    published("PoseFile18", json.loads(encode_coco18(pose)))
