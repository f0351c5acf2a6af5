"""Three hosts, of which one loses its network in the middle of a run.

The hosts are network namespaces, each with an address of its own on a bridge in a fourth one; they
share the disk, as machines do that mount one file server.
"""

import json
import os
import shutil
import subprocess
import time
from collections import Counter

import pytest

pytest.importorskip("distributed")

from dask_harness import OthersDask
from run_harness import finish, make_wardrobe, products, start

SIDE = 20
"""Persons, and garments: 400 pairs."""
NOTED_S = 120
CUT_AFTER = 120
LOST_S = "15s"
"""After which Dask takes a host that does not answer for lost; 30 s is its default."""
TIMES = {
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": LOST_S,
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": LOST_S,
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("ip") is None,
        reason="network namespaces need root and iproute2",
    ),
]


def ip(*words, check=True):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    assert done.returncode == 0 or not check, done.stderr
    return done.returncode


class Network:
    """Hosts 0 to 2 with the addresses 10.213.7.1 to .3."""

    def __init__(self):
        self.names = [f"vton-{os.getpid()}-{number}" for number in range(3)]
        self.switch = f"vton-{os.getpid()}-s"

    def build(self):
        ip("netns", "add", self.switch)
        ip("-n", self.switch, "link", "add", "bridge", "type", "bridge")
        ip("-n", self.switch, "link", "set", "bridge", "up")
        for number, name in enumerate(self.names):
            ip("netns", "add", name)
            ip("link", "add", "net", "netns", name, "type", "veth",
               "peer", "name", f"port{number}", "netns", self.switch)  # fmt: skip
            ip("-n", self.switch, "link", "set", f"port{number}", "master", "bridge", "up")
            ip("-n", name, "addr", "add", f"{self.address(number)}/24", "dev", "net")
            ip("-n", name, "link", "set", "net", "up")
            ip("-n", name, "link", "set", "lo", "up")

    def address(self, number):
        return f"10.213.7.{number + 1}"

    def on(self, number):
        """What a command begins with that runs on a host."""
        return ("ip", "netns", "exec", self.names[number])

    def cut(self, number):
        ip("-n", self.switch, "link", "set", f"port{number}", "down")

    def remove(self):
        for name in (*self.names, self.switch):
            ip("netns", "del", name, check=False)


@pytest.fixture
def network():
    hosts = Network()
    try:
        try:
            hosts.build()
        except AssertionError as error:
            pytest.skip(f"no network namespaces here: {error}")
        yield hosts
    finally:
        hosts.remove()


@pytest.fixture
def cluster(network, tmp_path):
    """The scheduler on host 0, a worker on each of the others."""
    made = OthersDask(
        tmp_path / "dask",
        host=network.address(0),
        prefix=network.on(0),
        FAKE_STAGE_S="0.1",
        **TIMES,
    )
    for number in (1, 2):
        made.add_worker("--nthreads", "1", host=network.address(number), prefix=network.on(number))
    yield made
    made.close()


def noted(base):
    """Lines of the journal, one for each time that something was done."""
    path = base / "out" / ".vtonctl" / "journal.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    rows = [json.loads(row) for _, row in map(json.loads, filter(None, lines))]
    return Counter(r["item"] for r in rows if r["stage"] == "tryon" and r["status"] == "done")


@pytest.mark.reliability("R6")
def test_a_host_that_is_cut_off_costs_no_item(network, cluster, tmp_path, figure):
    base = make_wardrobe(tmp_path / "cut", SIDE, SIDE)
    process = start(base, "--executor", cluster.executor, "--jobs", "0", prefix=network.on(0),
                    env=TIMES)  # fmt: skip
    deadline = time.monotonic() + NOTED_S
    while len(noted(base)) < CUT_AFTER:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, "the run stands still"
        time.sleep(0.1)
    network.cut(2)
    before, cut_at = len(noted(base)), time.monotonic()
    assert before < SIDE * SIDE
    code, told, error = finish(process, timeout=300)
    assert code == 0, error
    seconds = time.monotonic() - cut_at
    assert "Traceback" not in error
    lines = (base / "out" / "results.jsonl").read_text().splitlines()
    items = Counter(json.loads(line)["item"] for line in lines)
    assert len(items) == SIDE * SIDE and set(items.values()) == {1}
    assert set(noted(base).values()) == {1}, "an item was recorded twice"
    alone = make_wardrobe(tmp_path / "alone", SIDE, SIDE)
    assert finish(start(alone), timeout=300)[0] == 0
    assert products(base / "out") == products(alone / "out")
    figure(f"3 network namespaces, one of 2 workers cut off at {before} of {SIDE * SIDE} pairs: "
           f"all done {seconds:.0f} s later, none recorded twice, files as from one host"
    )  # fmt: skip
