"""What the tests of runs share: photos, sinks, and runs as programs of their own."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

HERE = Path(__file__).resolve().parent
REPO = HERE.parents[2]

_NO_DASK = pytest.mark.skipif(find_spec("distributed") is None, reason="the extra dask is absent")
ON_EACH_EXECUTOR = pytest.mark.parametrize(
    "executor", ["local", pytest.param("dask", marks=_NO_DASK)]
)
"""What must hold wherever tasks run."""
ON_EACH_EXECUTOR_SLOWLY = pytest.mark.parametrize(
    "executor", ["local", pytest.param("dask", marks=[_NO_DASK, pytest.mark.slow])]
)
"""The same, where it takes long with Dask."""


@dataclass
class Sink:
    """Remembers what it hears."""

    plans: dict = field(default_factory=dict)
    outcomes: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def planned(self, stage, to_do, current):
        self.plans[stage] = (to_do, current)

    def finished(self, outcome):
        self.outcomes.append(outcome)

    def note(self, text):
        self.notes.append(text)

    def done(self, *stages):
        return sorted(o.item for o in self.outcomes if o.status == "done" and o.stage in stages)


def make_photos(folder, count, prefix="p", first=0):
    """Photos of noise, different for each name."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        make_photo(folder / f"{prefix}{number:03}.jpg", number)
    return folder


def make_wardrobe(base, persons, garments):
    """The folders that ``fake_run.py`` reads, with so many photos each; the folder around them."""
    make_photos(base / "persons", persons)
    make_photos(base / "garments", garments, "g", first=500)
    return base


def make_photo(path, seed):
    noise = np.random.default_rng(seed).integers(90, 160, (64, 48, 3)).astype(np.uint8)
    Image.fromarray(noise).save(path)


def make_trouble(path, colour):
    """A photo of one colour, which asks a fake stage for trouble."""
    Image.new("RGB", (48, 64), colour).save(path, quality=95)


def tree(folder, *, without=()):
    """Relative name -> sha256 of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part in without for part in path.parts)
    }


def products(out):
    """Relative name -> sha256 of the pictures and the data that a try-on run leaves."""
    data = out / ".vtonctl" / "data"
    made = {name: value for name, value in tree(out).items() if not name.startswith(".vtonctl")}
    made |= {f"data/{name}": value for name, value in tree(data).items() if "/" in name}
    return {n: v for n, v in made.items() if ".vtonctl" not in n and not n.endswith(".jsonl")}


def count(result, stage=None):
    return Counter(o.status for o in result.outcomes if stage in (None, o.stage))


def start(base, *args, env=None, prefix=(), **popen):
    """A run in a process group of its own; see ``fake_run.py``."""
    path = os.pathsep.join((str(HERE), str(REPO)))
    return subprocess.Popen(
        [*prefix, sys.executable, str(HERE / "fake_run.py"), str(base), *args],
        env={**os.environ, "PYTHONPATH": path, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **popen,
    )


def finish(process, timeout=60):
    """Exit code, last JSON line and stderr of a run."""
    out, err = process.communicate(timeout=timeout)
    lines = [line for line in out.splitlines() if line.startswith("{")]
    return process.returncode, json.loads(lines[-1]) if lines else {}, err
