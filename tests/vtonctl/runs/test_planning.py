"""Fingerprints, hashes, order of work: the parts of a plan by themselves."""

import gc
import hashlib
import json
import os
import random
import sqlite3
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.errors import ItemError, StorageError
from pipelines.layout import Artifact
from pipelines.registry import FRAME, PARSE, POSE
from pipelines.stage import Subject
from vtonctl.runs import ledger as ledger_module
from vtonctl.runs.collecting import no_collecting
from vtonctl.runs.filehash import (
    FileState,
    HashCache,
    exists_below,
    hash_file,
    is_unchanged,
    is_unchanged_below,
)
from vtonctl.runs.fingerprint import fingerprint, item_seed
from vtonctl.runs.ledger import Ledger, Row, open_ledger, read_ledger
from vtonctl.runs.ledger_rows import LedgerRows
from vtonctl.runs.pair_plan import TILE, in_good_order
from vtonctl.runs.pair_worker import GARMENTS_KEPT
from vtonctl.runs.recent import Recent
from vtonctl.runs.rundir import RunDir
from vtonctl.runs.schedule import Job, Schedule
from vtonctl.runs.tasks import ChainTask, Outcome, StageSpec, Step

INPUTS = {"image": "aa", "pose": "bb"}


def test_fingerprints_tell_everything_apart():
    base = fingerprint(PARSE, {"parser": "geometric"}, INPUTS)
    others = {
        fingerprint(POSE, {"parser": "geometric"}, INPUTS),
        fingerprint(replace(PARSE, version=PARSE.version + 1), {"parser": "geometric"}, INPUTS),
        fingerprint(PARSE, {"parser": "ours"}, INPUTS),
        fingerprint(PARSE, {"parser": "geometric"}, {"image": "aa", "pose": "bc"}),
        fingerprint(PARSE, {"parser": "geometric"}, {"image": "bb", "pose": "aa"}),
        fingerprint(PARSE, {"parser": "geometric"}, INPUTS, weights="cc"),
    }
    assert len(others) == 6 and base not in others


def test_fingerprints_do_not_depend_on_order_or_kind_of_sequence():
    turned = dict(reversed(INPUTS.items()))
    assert fingerprint(FRAME, {"size": (4, 3)}, INPUTS) == fingerprint(
        FRAME, {"size": [4, 3]}, turned
    )


def test_seeds_are_fixed_for_all_time():
    """A change of this value would change every result of every user."""
    assert item_seed("p", "g", 0) == 3551357647
    seeds = {item_seed(p, g, s) for p in "abc" for g in "abc" for s in range(3)}
    assert len(seeds) == 27
    for names in (["Zoë", 'a"b\\c', 12], ["p", "g", 0, "arms up ☝"]):
        digest = hashlib.sha256(json.dumps(names).encode()).hexdigest()
        assert item_seed(*names) == int(digest[:8], 16)


@pytest.mark.parametrize("was_on", [True, False])
def test_the_collector_rests_and_is_left_as_it_was(was_on):
    before = gc.isenabled()
    try:
        (gc.enable if was_on else gc.disable)()
        with pytest.raises(ItemError), no_collecting():
            assert not gc.isenabled()
            raise ItemError("bad", code="bad", hint="Look.")
        assert gc.isenabled() == was_on
    finally:
        (gc.enable if before else gc.disable)()


def test_hashes_are_remembered_until_the_file_changes(tmp_path, monkeypatch):
    path = tmp_path / "photo"
    path.write_bytes(b"one")
    os.utime(path, (1000, 1000))
    cache = HashCache()
    first = cache.state(path)
    assert cache.take_new() == {str(path): first} and not cache.take_new()
    monkeypatch.setattr("vtonctl.runs.filehash.hash_file", None)
    assert HashCache([(str(path), first)]).state(path) == first, "it is not read again"
    monkeypatch.undo()
    path.write_bytes(b"two")
    assert cache.state(path).sha256 != first.sha256
    assert not cache.take_new(), "just changed: it may change again within the clock's tick"


def test_unchanged_means_the_same_bytes(tmp_path):
    path = tmp_path / "photo"
    path.write_bytes(b"one")
    state = hash_file(path)
    assert is_unchanged(path, state) == state
    older = replace(state, mtime_ns=1)
    assert is_unchanged(path, older) == state, "another time, the same bytes"
    path.write_bytes(b"two")
    assert is_unchanged(path, older) is None
    path.unlink()
    assert is_unchanged(path, state) is None


def test_a_file_below_a_folder_is_as_it_was_or_not(tmp_path):
    path = tmp_path / "deep" / "a.png"
    path.parent.mkdir()
    path.write_bytes(b"pixels")
    name, state = "deep/a.png", hash_file(path)
    assert exists_below(tmp_path, name) and not exists_below(tmp_path, "deep/b.png")
    assert is_unchanged_below(tmp_path, name, state)
    assert is_unchanged_below(tmp_path, name, replace(state, mtime_ns=1)), "the same bytes"
    assert not is_unchanged_below(tmp_path, name, replace(state, mtime_ns=1, sha256="0" * 64))
    assert not is_unchanged_below(tmp_path, name, replace(state, size=7))
    path.unlink()
    assert not exists_below(tmp_path, name)
    assert not is_unchanged_below(tmp_path, name, state)
    assert not is_unchanged_below(tmp_path / "none", name, state)


def misses(order, kept, which):
    """How often something has to be prepared by one worker that remembers the last ``kept``."""
    recent, count = Recent(kept), Counter()
    for entry in order:
        recent.get(entry[which], lambda: count.update("x"))
    return count["x"]


@pytest.mark.parametrize(("persons", "garments"), [(20, 20), (5, 100), (100, 5), (2, 60)])
def test_pairs_are_ordered_so_that_little_is_prepared_twice(persons, garments):
    pairs = [(f"p{p}", f"g{g}") for p in range(persons) for g in range(garments)]
    random.Random(0).shuffle(pairs)
    order = in_good_order(pairs)
    assert sorted((p, g) for _, p, g in order) == sorted(pairs)
    assert misses(order, GARMENTS_KEPT, 2) == garments
    assert misses(order, 1, 1) == persons * -(-garments // TILE)
    assert TILE <= GARMENTS_KEPT


def chain(name, *stages, **more):
    steps = tuple(Step(StageSpec(s, "m:c"), s.outputs) for s in stages)
    return ChainTask(name, Subject.PERSON, Path(), "test", "viton-hd", steps, **more)


class Grouped:
    def __init__(self, name, group):
        self.name, self.group = name, group


def test_a_worker_keeps_its_group_and_helps_when_it_is_free():
    tasks = [Grouped(f"{g}{n}", g) for g in ("a", "b", "c") for n in range(3)]
    schedule = Schedule(tasks)
    taken = {0: [], 1: []}
    for slot in (0, 1, 0, 1, 0, 1, 0, 1, 1):
        taken[slot].append(schedule.next(slot).task.name)
    assert taken == {0: ["a0", "a1", "a2", "c0"], 1: ["b0", "b1", "b2", "c1", "c2"]}
    assert schedule.next(0) is None and schedule.next(1) is None


def test_what_was_put_back_has_its_worker_for_itself():
    schedule = Schedule([chain("a", FRAME), chain("b", FRAME), chain("c", FRAME)])
    first, second = schedule.next(0), schedule.next(0)
    schedule.put_back(first.again())
    assert schedule.next(0, [second]) is None, "it waits until its worker has nothing else"
    suspect = schedule.next(0)
    assert (suspect.task.item, suspect.attempt) == ("a", 2)
    assert schedule.next(0, [suspect]) is None, "nothing waits behind it"
    assert schedule and schedule.next(1, [second]).task.item == "c"
    assert not schedule


def test_a_chain_is_tried_again_step_by_step():
    again = Job(chain("a", FRAME, POSE, PARSE)).again()
    assert (again.attempt, len(again.task.steps), len(again.after)) == (2, 1, 2)
    state = FileState("hash of image", 1, 1)
    framed = Outcome("a", "frame", "done", outputs={"image": ("a.jpg", state)})
    rest = again.rest([framed])
    assert rest.task.steps[0].spec.info is POSE
    assert rest.task.known == {Artifact.IMAGE: "hash of image"}
    failed = rest.rest([Outcome("a", "pose", "poison", message="died")])
    assert failed.task.lost == dict.fromkeys(POSE.outputs, "pose: died")
    assert failed.rest([]) is None


def open_in(folder):
    rundir = RunDir(folder)
    rundir.state.mkdir(exist_ok=True)
    return open_ledger(rundir, print)


@pytest.fixture
def ledger(tmp_path):
    made = open_in(tmp_path)
    yield made
    made.close()


def test_rows_come_back_as_they_were(tmp_path, ledger: Ledger):
    row = Row(
        stage="pose",
        item="a",
        status="done",
        fingerprint="f",
        inputs={"image": "h"},
        outputs={"pose": ("test/a.json", FileState("s", 3, 4)), "pose-image": ("b", None)},
        params={"model": "full"},
        message="a name that is no Unicode: \udcff",
        flags=["side_view"],
        record={"frame": [1, 2]},
        seconds=2.5,
    )
    ledger.record("x", [row])
    assert ledger.rows("x") == {("pose", "a"): row}
    assert ledger.rows("y") == {}
    assert read_ledger(RunDir(tmp_path)).rows("x") == {("pose", "a"): row}
    assert ledger.seconds("x", "pose") == [2.5]


def test_paths_need_not_be_unicode(ledger):
    path = Path("/photos/\udcff.jpg")
    ledger.set_sources("x", "person", {"a": path})
    ledger.remember({str(path): FileState("s", 1, 2)})
    assert ledger.sources("x", "person") == {"a": path}
    assert ledger.files() == [(str(path), FileState("s", 1, 2))]


def test_the_journal_stays_small(tmp_path):
    ledger = open_in(tmp_path)
    ledger.record("x", [Row("pose", "a", "done", seconds=number) for number in range(1300)])
    ledger.close()
    assert len(RunDir(tmp_path).journal.read_text().splitlines()) == 1
    again = open_in(tmp_path)
    assert again.rows("x")["pose", "a"].seconds == 1299
    again.close()


def test_a_newer_ledger_is_left_alone(tmp_path):
    open_in(tmp_path).close()
    with sqlite3.connect(RunDir(tmp_path).ledger) as database:
        database.execute("PRAGMA user_version = 999")
    with pytest.raises(StorageError, match="newer"):
        open_in(tmp_path)


def test_rows_of_an_earlier_version_are_kept(tmp_path, monkeypatch):
    """Read without touching the file, and taken over by the next run."""
    rows = [Row("pose", f"p{number:04}", "done", flags=[], seconds=number) for number in range(30)]
    with monkeypatch.context() as patch:
        patch.setattr(ledger_module, "MIGRATIONS", ledger_module.MIGRATIONS[:4])
        old = open_in(tmp_path)
        old.record("x", rows)
        old.set_sources("x", "person", {"p0001": Path("/photos/1.jpg")})
        old.close()
    before = RunDir(tmp_path).ledger.read_bytes()
    wanted = {("pose", row.item): row for row in rows}
    for opened in (lambda: read_ledger(RunDir(tmp_path)), lambda: open_in(tmp_path)):
        assert RunDir(tmp_path).ledger.read_bytes() == before
        ledger = opened()
        assert ledger.rows("x") == wanted
        assert ledger.sources("x", "person") == {"p0001": Path("/photos/1.jpg")}
        ledger.close()
    assert read_ledger(RunDir(tmp_path)).rows("x") == wanted


def test_what_a_reader_writes_is_seen_by_it_alone(tmp_path, ledger: Ledger):
    row = Row("pose", "a", "done")
    ledger.record("x", [row, replace(row, item="b")])
    reader = read_ledger(RunDir(tmp_path))
    reader.record("x", [replace(row, status="blocked"), replace(row, item="c")])
    statuses = {item: found.status for (_, item), found in reader.rows("x").items()}
    assert statuses == {"a": "blocked", "b": "done", "c": "done"}
    assert set(ledger.rows("x")) == {("pose", "a"), ("pose", "b")}
    ledger.record("x", [replace(row, item="b", status="failed")])
    assert LedgerRows(reader, "x")["pose", "b"].status == "failed", "rows are read when asked for"


def test_rows_are_the_same_one_by_one_ahead_and_together(ledger: Ledger, monkeypatch):
    monkeypatch.setattr(ledger_module, "_ROWS_AT_ONCE", 7)
    made = [
        Row(stage, f"i{n:02}", "done", flags=[]) for n in range(20) for stage in ("parse", "pose")
    ]
    ledger.record("x", made)
    ledger.record("y", [Row("pose", "other", "done")])
    wanted = {(row.stage, row.item): row for row in made}
    rows = LedgerRows(ledger, "x")
    assert dict(rows) == wanted and len(rows) == 40
    assert list(rows) == sorted(wanted)
    rows.read_ahead(["pose", "none"], ["i03", "i99"])
    assert rows.get(("pose", "i03")) == wanted["pose", "i03"]
    assert rows.get(("pose", "i99")) is None is rows.get(("none", "i03"))
    assert rows["parse", "i03"] == wanted["parse", "i03"], "what was not read ahead is there, too"
    changed = replace(wanted["pose", "i03"], status="failed")
    rows.record([changed])
    assert rows["pose", "i03"] == changed, "what was read ahead is forgotten"


def test_failures_of_preparing_are_remembered():
    calls = []

    def fail():
        calls.append(1)
        raise ItemError("no garment")

    recent = Recent(2)
    for _ in range(3):
        with pytest.raises(ItemError):
            recent.get("g", fail)
    assert len(calls) == 1
