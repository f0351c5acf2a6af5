"""Weights are chosen once, enter the fingerprint, and are loaded once by each worker."""

import json
import os
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from run_harness import count, make_photos

from pipelines import registry
from pipelines.device import Compute
from pipelines.errors import ConfigError, InputError, WeightsMissing
from vtonctl.executors.local import usable_cores
from vtonctl.runs.dataroot import DataRoot
from vtonctl.runs.ledger import read_ledger
from vtonctl.runs.preprocess import run_preprocess
from vtonctl.runs.requests import PreprocessRequest, RunOptions, TryOnRequest
from vtonctl.runs.retry import run_retry
from vtonctl.runs.rundir import RunDir
from vtonctl.runs.status import read_status
from vtonctl.runs.tryon import run_tryon

OPTIONS = RunOptions(jobs=1, device="cpu", precision="fp32")
PERSONS = 3


def array(value):
    return {"layer.weight": np.full((1, 2), value, np.float16)}


@pytest.fixture
def toy(fakes, shelf, monkeypatch):
    """The real parse stage among fake ones, and a parser of toy weights."""
    import toy_parser

    from pipelines.preprocess import parsing

    before = {name: info for name, info in parsing.PARSERS.items() if name != "toy"}
    known = {"toy": toy_parser.INFO, "geometric": replace(before["geometric"], figure=0.0)}
    parsing.PARSERS.clear()
    parsing.PARSERS.update(known)
    monkeypatch.setitem(
        registry.STAGES, "parse", (registry.STAGES["parse"][0], toy_parser.STAGE_TARGET)
    )
    yield shelf
    # their order is a preference: entries that are put back one by one would be out of it
    parsing.PARSERS.clear()
    parsing.PARSERS.update(before)


@pytest.fixture
def request_(toy, tmp_path):
    """Three persons and a garment, to be prepared with the best parser there is."""
    return PreprocessRequest(
        root=tmp_path / "root",
        photos=make_photos(tmp_path / "photos", PERSONS),
        garments=make_photos(tmp_path / "tops", 1, "g", first=500),
        size_hw=(32, 24),
    )


def done(result):
    return Counter(o.stage for o in result.outcomes if o.status == "done")


def test_new_weights_run_parse_and_what_follows(toy, request_, sink):
    first = toy.add("toy-1", value=0.5, tensors=array(1))
    result = run_preprocess(request_, OPTIONS, sink)
    assert done(result)["parse"] == done(result)["pose"] == PERSONS
    used = result.parser
    assert (used.name, used.weights, used.tier, used.device) == ("toy", "toy-1", "open", "cpu")
    assert used.sha256 == toy.tables["toy-1"]["sha256"]
    assert count(run_preprocess(request_, OPTIONS, sink)).keys() == {"current"}

    os.utime(first, (1, 1))  # another time, the same bytes
    named = replace(request_, parser="toy", parser_weights=str(first))
    for asked in (named, replace(request_, parser="toy"), request_):
        assert count(run_preprocess(asked, OPTIONS, sink)).keys() == {"current"}

    toy.add("toy-2", value=0.6, tensors=array(4))
    stale = {s.stage: s.stale for s in read_status(request_.root).stages}
    assert stale["parse"] == PERSONS and stale["pose"] == 0
    result = run_preprocess(request_, OPTIONS, sink)
    assert done(result) == {"parse": PERSONS, "agnostic": PERSONS}
    assert result.parser.weights == "toy-2"

    ledger = read_ledger(RunDir(request_.root))
    data = DataRoot(request_.root, request_.split, request_.layout)
    rows = [row for row in ledger.rows(data.scope).values() if row.stage == "parse"]
    ledger.close()
    assert len(rows) == PERSONS
    assert {row.weights for row in rows} == {toy.tables["toy-2"]["sha256"]}
    assert {row.record["weights"] for row in rows} == {"toy-2"}


def test_results_name_the_parser_of_a_root_prepared_before(toy, request_, sink, tmp_path):
    """Also when other weights have become the best since: the root is as it was prepared."""
    toy.add("toy-1", value=0.5, tensors=array(1))
    run_preprocess(request_, OPTIONS, sink)
    toy.add("toy-2", value=0.6, tensors=array(4))
    out = tmp_path / "out"
    tryon = TryOnRequest(root=request_.root, out=out, all_pairs=True, system="fake")
    result = run_tryon(tryon, OPTIONS, sink)
    assert count(result) == {"done": PERSONS}
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert [line["parser"] for line in lines] == [
        {"parser": "toy", "weights": "toy-1", "device": "cpu", "precision": "fp32"}
    ] * PERSONS


def test_precision_counts_and_is_recalled(toy, request_, sink, tmp_path):
    toy.add("toy-1")
    request_ = replace(request_, garments=None)
    run_preprocess(request_, OPTIONS, sink)
    half = replace(OPTIONS, precision="bf16")
    result = run_preprocess(request_, half, sink)
    assert done(result) == {"parse": PERSONS}, "the same parses came out"
    assert result.parser.precision == "bf16"
    assert not any(s.stale for s in read_status(request_.root).stages)
    retried = run_retry(request_.root, RunOptions(jobs=1), sink)
    assert count(retried).keys() == {"current"}


def test_each_worker_loads_once_and_keeps_to_its_threads(
    toy, request_, sink, monkeypatch, tmp_path
):
    log = tmp_path / "log"
    monkeypatch.setenv("TOY_PARSER_LOG", str(log))
    monkeypatch.setenv("OMP_NUM_THREADS", "7")  # what the user set is not what a worker gets
    toy.add("toy-1")
    request_ = replace(request_, photos=make_photos(tmp_path / "more", 6), garments=None)
    run_preprocess(request_, replace(OPTIONS, jobs=2), sink)
    lines = [line.split() for line in log.read_text().splitlines()]
    loads = Counter(pid for pid, what, *_ in lines if what == "load")
    assert set(loads.values()) == {1} and 1 <= len(loads) <= 2
    threads = {int(words[0]) for _, what, *words in lines if what == "threads"}
    assert threads == {max(1, usable_cores() // 2)}


def test_without_weights_it_says_what_it_does(toy, request_, sink):
    dry = replace(OPTIONS, dry_run=True)
    result = run_preprocess(request_, dry, sink)
    assert result.parser.name == "geometric" and result.parser.weights == ""
    assert [note for note in sink.notes if "--parser geometric is used" in note]
    sink.notes.clear()
    run_preprocess(replace(request_, parser="geometric"), dry, sink)
    run_preprocess(replace(request_, only=("pose",)), dry, sink)
    assert not [note for note in sink.notes if "geometric" in note]


def test_what_cannot_be_is_refused_before_anything_is_written(toy, request_, sink, monkeypatch):
    with pytest.raises(WeightsMissing):
        run_preprocess(replace(request_, parser="toy"), OPTIONS, sink)
    path = toy.add("toy-1", tier="research")
    with pytest.raises(WeightsMissing, match="commercial"):
        run_preprocess(replace(request_, parser="toy", commercial=True), OPTIONS, sink)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="toy-1"):
        run_preprocess(request_, OPTIONS, sink)
    assert not request_.root.exists()


def test_a_gpu_that_nothing_would_use(toy, request_, sink, monkeypatch):
    monkeypatch.setattr("pipelines.device.plan", lambda device, precision: Compute(device, "fp32"))
    on_gpu = replace(OPTIONS, device="cuda:1", dry_run=True)
    with pytest.raises(ConfigError, match="nothing in this run uses a GPU"):
        run_preprocess(request_, on_gpu, sink)
    toy.add("toy-1")
    assert run_preprocess(request_, on_gpu, sink).parser.device == "cuda:1"
    with pytest.raises(ConfigError, match="nothing in this run uses a GPU"):
        run_preprocess(replace(request_, only=("pose",)), on_gpu, sink)


def test_the_number_of_a_gpu_changes_nothing(toy, request_, sink, monkeypatch):
    from pipelines.preprocess.parser_choice import choose_parser
    from pipelines.registry import PARSE
    from vtonctl.runs.fingerprint import fingerprint
    from vtonctl.runs.parse_plan import ParsePlan

    toy.add("toy-1")
    marks = {}
    for device in ("cpu", "cuda", "cuda:1"):
        spec = ParsePlan(choose_parser("toy"), Compute(device, "fp32")).spec(PARSE, "m:c")
        assert spec.keywords["device"] == device
        marks[device] = fingerprint(PARSE, spec.params, {}, spec.weights)
    assert marks["cuda"] == marks["cuda:1"] != marks["cpu"]


def test_a_parser_without_weights_has_the_fingerprint_it_always_had(toy):
    from pipelines.registry import PARSE
    from vtonctl.runs.parse_plan import ParsePlan

    spec = ParsePlan().spec(PARSE, "m:c")
    assert (spec.params, spec.weights, spec.runtime) == ({"parser": "geometric"}, "", {})
