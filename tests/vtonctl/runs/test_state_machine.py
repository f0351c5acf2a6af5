"""Photos come, change and go, runs are killed, repeated and met by others: a model keeps account.

The model is a dictionary: which photo each picture was made from. What a run does must be what the
model says, and after any history the pictures must be those of a run from scratch.
"""

import json
import os
import shutil
import signal
import sqlite3
import tempfile
from pathlib import Path

import fake_stages
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from PIL import Image
from run_harness import Sink, make_photo, products, tree

from pipelines import registry
from pipelines.errors import RootLocked
from vtonctl.executors.base import Ended
from vtonctl.runs.lock import hold
from vtonctl.runs.preprocess import PreprocessRequest
from vtonctl.runs.requests import RunOptions, TryOnRequest
from vtonctl.runs.rundir import RunDir
from vtonctl.runs.status import read_status
from vtonctl.runs.tryon import run_tryon

PERSONS, GARMENTS = ("ann", "bea", "cia"), ("tee", "polo")
KILLED = 9
BAD = -1


class InThisProcess:
    """An executor that runs each call at once, here: death is what the tests deal out."""

    def __init__(self):
        self.ended = None

    def free(self):
        return [] if self.ended else [0]

    def worker(self, slot):
        return 0

    def submit(self, slot, call, *args, timeout_s=0.0):
        self.ended = Ended(slot, value=call(*args))

    def wait(self, timeout_s):
        ended, self.ended = self.ended, None
        return ended

    def withdraw(self):
        pass

    def close(self, *, at_once):
        pass


def die_at(number):
    """End this process, without any clean-up, at the so-manieth sync or renaming of a file."""
    left = iter(range(number))

    def deadly(call):
        def called(*args):
            if next(left, None) is None:
                os._exit(KILLED)
            return call(*args)

        return called

    os.replace, os.fsync = deadly(os.replace), deadly(os.fsync)


class Runs(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.base = Path(tempfile.mkdtemp(prefix="machine-"))
        self.patch = pytest.MonkeyPatch()
        for name, entry in fake_stages.fake_stages().items():
            self.patch.setitem(registry.STAGES, name, entry)
        self.patch.setitem(registry.SYSTEMS, "fake", fake_stages.fake_system())
        self.patch.setattr("vtonctl.runs.engine.make_executor", lambda *_: InThisProcess())
        self.photos, self.made_from, self.number = {}, {}, 0
        self.put("ann")
        self.put("tee")

    def teardown(self):
        if not hasattr(self, "base"):
            return
        try:
            self.run()
            self.compare_with_a_run_from_scratch()
        finally:
            self.patch.undo()
            shutil.rmtree(self.base)

    # ---- what happens to photos

    @rule(name=st.sampled_from(PERSONS + GARMENTS))
    def put(self, name):
        """Add a photo, or another one in its place."""
        self.number += 1
        self.photos[name] = self.number
        self.path(name).parent.mkdir(exist_ok=True)
        make_photo(self.path(name), self.number)

    @rule(name=st.sampled_from(PERSONS))
    def spoil(self, name):
        if name in self.photos:
            self.photos[name] = BAD
            self.path(name).write_text("no photo")

    @rule(name=st.sampled_from(PERSONS + GARMENTS))
    def delete(self, name):
        others = set(self.photos) & set(PERSONS if name in PERSONS else GARMENTS) - {name}
        if name in self.photos and others:
            del self.photos[name]
            self.path(name).unlink()

    @precondition(lambda self: self.made_from)
    @rule(data=st.data(), cut=st.booleans())
    def damage(self, data, cut):
        """A picture is lost or cut off."""
        pair = data.draw(st.sampled_from(sorted(self.made_from)))
        path = self.base / "out" / f"{pair}.png"
        if cut:
            path.write_bytes(path.read_bytes()[:-9])
        else:
            path.unlink()
        del self.made_from[pair]

    # ---- what happens to runs

    @rule()
    def run(self):
        to_do, bad = self.to_do(), self.bad()
        result = run_tryon(self.request(self.base / "out"), RunOptions(), Sink())
        told = {o.item: o.status for o in result.outcomes if o.stage == "tryon"}
        assert {item for item, status in told.items() if status == "done"} == to_do
        assert {item for item, status in told.items() if status == "blocked"} == bad
        assert set(told) == set(self.pairs())
        self.note(to_do)
        assert not list(self.base.rglob(".vton-*.tmp"))
        lines = (self.base / "out" / "results.jsonl").read_text().splitlines()
        told = {line["item"]: line["status"] for line in map(json.loads, lines)}
        assert {item for item in self.pairs() if told[item] == "done"} == set(self.pairs()) - bad

    @rule(at=st.integers(0, 120))
    def kill(self, at):
        to_do, before = self.to_do(), self.rows()
        child = os.fork()
        if child == 0:
            try:
                die_at(at)
                run_tryon(self.request(self.base / "out"), RunOptions(), Sink())
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) in (0, KILLED)
        after = self.rows()
        noted = {item for item, row in after.items() if row != before.get(item)}
        self.note({item for item in to_do & noted if json.loads(after[item])["status"] == "done"})
        # what was made from an earlier photo may be gone, and is not asked for again
        out = self.base / "out"
        for item in set(self.made_from) - set(self.pairs()) - {p.stem for p in out.glob("*.png")}:
            del self.made_from[item]
        for path in out.glob("*.png"):
            if path.stem in self.made_from:
                Image.open(path).load()

    @rule()
    def meet_another(self):
        """A second run leaves everything as it is, and a killed holder holds nothing."""
        ready, tell = os.pipe()
        child = os.fork()
        if child == 0:
            with hold(RunDir(self.base / "out"), "the other"):
                os.write(tell, b"x")
                signal.pause()
            os._exit(0)
        os.read(ready, 1)
        before = tree(self.base, without=("holder.json",))
        with pytest.raises(RootLocked, match=str(child)):
            run_tryon(self.request(self.base / "out"), RunOptions(), Sink())
        assert tree(self.base, without=("holder.json",)) == before
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(tell)

    @precondition(lambda self: (self.base / "out" / "results.jsonl").exists())
    @rule()
    def ask_for_the_state(self):
        before = tree(self.base)
        stages = {s.stage: s for s in read_status(self.base / "out").stages}
        assert tree(self.base) == before
        assert stages["tryon"].done == len(set(self.pairs()) - self.to_do() - self.bad())

    # ---- the model

    def pairs(self):
        people, clothes = (sorted(set(self.photos) & set(n)) for n in (PERSONS, GARMENTS))
        return {f"{p}__{g}": (self.photos[p], self.photos[g]) for p in people for g in clothes}

    def bad(self):
        return {item for item, photos in self.pairs().items() if BAD in photos}

    def to_do(self):
        wanted = self.pairs()
        return {i for i in wanted if self.made_from.get(i) != wanted[i]} - self.bad()

    def note(self, done):
        self.made_from.update({item: self.pairs()[item] for item in done})
        for item in self.bad():
            self.made_from.pop(item, None)

    # ---- the files

    def path(self, name):
        kind = "persons" if name in PERSONS else "garments"
        return self.base / kind / f"{name}.jpg"

    def request(self, out):
        data = out / "data"
        prepare = PreprocessRequest(
            root=data,
            photos=self.base / "persons",
            garments=self.base / "garments",
            size_hw=(32, 24),
        )
        return TryOnRequest(data, out, prepare=prepare, all_pairs=True, system="fake")

    def rows(self):
        """Of pairs, read past the program."""
        path = self.base / "out" / ".vtonctl" / "ledger.sqlite"
        if not path.exists():
            return {}
        with tempfile.TemporaryDirectory() as folder:
            for file in path.parent.glob("ledger.sqlite*"):
                shutil.copy(file, folder)
            database = sqlite3.connect(Path(folder) / path.name)
            try:
                return dict(database.execute("SELECT item, body FROM rows"))
            except sqlite3.OperationalError:
                return {}  # killed before there was a table
            finally:
                database.close()

    def compare_with_a_run_from_scratch(self):
        run_tryon(self.request(self.base / "fresh"), RunOptions(), Sink())
        fresh, here = products(self.base / "fresh"), products(self.base / "out")
        wanted = {f"{item}.png" for item in set(self.pairs()) - self.bad()}
        assert {name for name in fresh if name.endswith(".png") and "/" not in name} == wanted
        assert {name: here.get(name) for name in wanted} == {name: fresh[name] for name in wanted}


CALM = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)


def test_any_history_is_what_the_model_says():
    run_state_machine_as_test(
        Runs, settings=settings(CALM, max_examples=12, stateful_step_count=20)
    )


@pytest.mark.slow
def test_long_histories_are_what_the_model_says():
    long = settings(CALM, derandomize=False, max_examples=150, stateful_step_count=40)
    run_state_machine_as_test(Runs, settings=long)
