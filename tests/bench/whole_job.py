"""Time and memory of the whole job: all persons of a folder in all garments of another.

Run: ``python tests/bench/whole_job.py PERSONS GARMENTS [--jobs 2] [OPTION ...]``; other options go
to ``vtonctl tryon``. Prints pairs per second and the largest memory of the run and its workers
together (proportional set size, shared pages counted once), from Linux's ``/proc``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LOOK_EVERY_S = 0.5


def descendants(pid: int) -> list[int]:
    """This process and all processes started below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text("ascii").split()
        except OSError:
            continue
        for child in children:
            found += descendants(int(child))
    return found


def memory_kb(pid: int) -> int:
    """Proportional set size of a process in kB; 0 once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def run(persons: Path, garments: Path, out: Path, more: list[str]) -> tuple[dict[str, object], int]:
    """The run's JSON document and the peak memory in kB."""
    command = [sys.executable, "-m", "vtonctl", "tryon", "--json", *more]
    command += ["--persons", str(persons), "--garments", str(garments), "--out", str(out)]
    peak = 0
    # a file, because nobody reads a pipe while the run goes on
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            peak = max(peak, sum(map(memory_kb, descendants(process.pid))))
            time.sleep(LOOK_EVERY_S)
        said.seek(0)
        document: dict[str, object] = json.load(said)
    return document, peak


def main() -> None:
    """Run once into a temporary folder and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("persons", type=Path)
    parser.add_argument("garments", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    options, more = parser.parse_known_args()
    more += ["--jobs", str(options.jobs)]
    with tempfile.TemporaryDirectory() as folder:
        document, peak = run(options.persons, options.garments, Path(folder) / "out", more)
    made = document["stages"]["tryon"]["done"]
    seconds = document["seconds"]
    print(f"pairs made      {made}, failures {len(document['failures'])}")
    print(f"time            {seconds:.0f} s, {made / seconds:.2f} pairs a second")
    print(f"peak memory     {peak / 1024:.0f} MB, run and workers together")


if __name__ == "__main__":
    main()
