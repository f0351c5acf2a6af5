"""Memory of the run and of its worker after many items."""

import os
from pathlib import Path

import pytest
from run_harness import Sink, count, make_photos

from vtonctl.runs.preprocess import run_preprocess
from vtonctl.runs.requests import PreprocessRequest, RunOptions

MB = 1 << 20


def resident(pid):
    """Bytes of real memory of a living process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def children(pid):
    return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Watching(Sink):
    """Looks at the memory of this process and of its workers with every so many items."""

    def __init__(self, every):
        super().__init__()
        self.every, self.parent, self.worker = every, [], []

    def finished(self, outcome):
        if outcome.stage != "agnostic":
            return
        self.outcomes.append(outcome.item)
        if len(self.outcomes) % self.every == 0:
            self.parent.append(resident(os.getpid()))
            self.worker.append(max(map(resident, children(os.getpid())), default=0))


@pytest.mark.reliability("R8")
@pytest.mark.parametrize("items", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_the_items(tmp_path, fakes, figure, items):
    """A list would: of an array a photo (9 kB as it is framed here) and of all that is told."""
    photos = make_photos(tmp_path / "photos", items)
    request = PreprocessRequest(root=tmp_path / "root", photos=photos, size_hw=(256, 192))
    watching = Watching(items // 10)
    result = run_preprocess(request, RunOptions(jobs=1), watching)
    assert count(result, "agnostic") == {"done": items}
    parent, worker = watching.parent, watching.worker
    # the first tenths are warm-up: libraries are loaded, caches filled
    assert parent[-1] - parent[1] < 50 * MB * max(items / 2000, 0.4)
    assert worker[-1] < 1.1 * worker[1] + 4 * MB
    grown = (parent[-1] - parent[1]) / MB
    figure(f"{items} items: the run grew by {grown:.1f} MB, a worker from {worker[1] / MB:.0f} MB "
           f"to {worker[-1] / MB:.0f} MB")  # fmt: skip
