"""Stand-ins for the runtime that record what they are asked, and a small data-set root."""

import sys
import types

import numpy as np
import pytest
from PIL import Image

from vtonctl.runs.result import ItemOutcome, RunResult


class Asked:
    """The last request and options that a stand-in received."""

    request = None
    options = None


@pytest.fixture
def asked(monkeypatch):
    """Replaces ``run_preprocess`` and ``run_tryon``."""
    told = Asked()

    def stand_in(command):
        def run(request, options, sink):
            told.request, told.options = request, options
            out = request.out if command == "tryon" else request.root
            sink.planned("pose", 2, 1)
            outcomes = (
                ItemOutcome("ann", "pose", "current", flags=("side_view",), score=0.5),
                ItemOutcome("bea", "pose", "failed", code="no_person", message="nobody.", hint="?"),
            )
            for outcome in outcomes:
                sink.finished(outcome)
            return RunResult(command, request.root, out, outcomes, 1.25)

        return run

    for command in ("preprocess", "tryon"):
        module = types.ModuleType(f"vtonctl.runs.{command}")
        setattr(module, f"run_{command}", stand_in(command))
        monkeypatch.setitem(sys.modules, f"vtonctl.runs.{command}", module)
    return told


@pytest.fixture
def root(tmp_path):
    """A data-set root with two persons and three garments, photos only."""
    made = tmp_path / "shop"
    for folder, names in (("image", ("ann", "bea")), ("cloth", ("ann", "tee", "polo"))):
        for name in names:
            path = made / "test" / folder / f"{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((1024, 768, 3), 200, np.uint8)).save(path)
    return made
