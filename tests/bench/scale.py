"""Time what the program does around the pictures, at a thousand to a million pairs.

    python tests/bench/scale.py [--pairs 1000 10000 100000 1000000] [--repeat 3] [--folder DIR]

Persons, garments and results are files of a few bytes: nothing is drawn or looked at, so what is
left is the cost of planning, of the ledger and of the report. Every step runs in a process of its
own through the functions that the commands call. Prints a table for each of these: median seconds
by the clock and of the processor, microseconds of the processor for each pair and that relative to
the smallest number, peak memory. Where other work runs, only the processor's time says much.

    plan     a first run, up to its first task: plan, announce, write the list of results
    record   noting what workers did, one transaction a pair (as many as fit into two seconds)
    rerun    the same command once more with nothing to do
    status   what ``vtonctl status`` reads
    report   all pages of the report

A million pairs take 10 GB of disk below DIR (default: a temporary folder).
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from pipelines.layout import VITON_HD, Artifact
from vtonctl.runs import tryon
from vtonctl.runs.engine import Record
from vtonctl.runs.filehash import FileState, sha256_of
from vtonctl.runs.ledger import Row, open_ledger
from vtonctl.runs.requests import RunOptions, TryOnRequest
from vtonctl.runs.rundir import RunDir
from vtonctl.runs.status import read_status
from vtonctl.runs.stop import Stop
from vtonctl.runs.tasks import Outcome, PairTask
from vtonctl.show.progress import NotesOnly
from vtonctl.show.report import DataPlace, write_tryon_report

STEPS = ("plan", "record", "rerun", "status", "report")
GRIDS = {1_000: (40, 25), 10_000: (100, 100), 100_000: (400, 250), 1_000_000: (1000, 1000)}
GARMENT = (Artifact.CLOTH, Artifact.CLOTH_MASK)
PICTURE = b"no picture"
RECORD_S = 2.0
CHUNK = 5_000


def make_root(root: Path, persons: int, garments: int) -> None:
    """Every file of every item, each a few bytes of its own."""
    for artifact in VITON_HD.places:
        count, letter = (garments, "g") if artifact in GARMENT else (persons, "p")
        for number in range(count):
            path = VITON_HD.path(root, "test", artifact, f"{letter}{number:06}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(f"{artifact.value} {number}".encode())


def request_of(folder: Path) -> TryOnRequest:
    return TryOnRequest(folder / "root", folder / "out", all_pairs=True, system="geometric")


def run(folder: Path) -> Any:
    return tryon.run_tryon(request_of(folder), RunOptions(), NotesOnly())


def outcome_of(task: PairTask, state: FileState) -> Outcome:
    """What a worker tells of a pair, as long as it really is."""
    record = {
        **task.names,
        "system": task.spec.info.name,
        "weights": task.spec.weights,
        "parser": dict(task.parser),
        "seed": task.seed,
        "edited_fraction": 0.2134,
        "size": [1024, 768],
        "measures": {"warp_energy": 0.1234, "garment_scale": 0.9876, "covered": 0.8765},
        "stages": [],
    }
    return Outcome(
        item=task.item,
        stage=tryon.STAGE,
        status="done",
        fingerprint=task.fingerprint,
        inputs=dict(task.inputs),
        outputs={"result": (f"{task.item}.png", state)},
        flags=("strong_warp",) if task.seed % 10 == 0 else (),
        score=0.5 + task.seed % 500 / 1000,
        seconds=0.4,
        record=record,
    )


def plan(folder: Path) -> dict[str, float]:
    """A first run whose workers never start."""
    shutil.rmtree(folder / "out", ignore_errors=True)

    def no_work(tasks: Sequence[Any], *_: Any) -> None:
        assert len(tasks) == expected(folder), "not everything is to do"

    tryon.run_tasks = no_work
    return timed(lambda: run(folder))


def record(folder: Path) -> dict[str, float]:
    """Note some pairs one by one, then the others in bulk, which is not timed."""
    found: dict[str, float] = {}

    def do_them(tasks: Sequence[PairTask], _: RunOptions, stop: Stop, note: Record) -> None:
        started, used, count = time.perf_counter(), time.process_time(), 0
        while count < len(tasks) and time.perf_counter() - started < RECORD_S:
            task = tasks[count]
            note(task, [outcome_of(task, picture(folder, task.item))])
            count += 1
        seconds, cpu_s = time.perf_counter() - started, time.process_time() - used
        found.update(seconds=seconds, cpu_s=cpu_s, count=count, mb=peak_mb())
        fill(folder, tasks, count)

    tryon.run_tasks = do_them
    run(folder)
    return found


def fill(folder: Path, tasks: Sequence[PairTask], first: int) -> None:
    ledger = open_ledger(RunDir(folder / "out"), print)
    for start in range(first, len(tasks), CHUNK):
        rows = []
        for number in range(start, min(start + CHUNK, len(tasks))):
            task = tasks[number]
            made = outcome_of(task, picture(folder, task.item))
            known = {f.name: getattr(made, f.name) for f in fields(Row) if hasattr(made, f.name)}
            rows.append(Row(**known, params=dict(task.spec.params)))
        ledger.record(tryon.SCOPE, rows)
    ledger.close()


def picture(folder: Path, item: str) -> FileState:
    path = folder / "out" / f"{item}.png"
    path.write_bytes(PICTURE)
    return FileState(sha256_of(PICTURE), len(PICTURE), path.stat().st_mtime_ns)


def rerun(folder: Path) -> dict[str, float]:
    """Nothing is to do, and that is checked."""

    def once() -> None:
        result = run(folder)
        assert result.count("current") == expected(folder) == len(result.outcomes)

    return timed(once)


def status(folder: Path) -> dict[str, float]:
    def once() -> None:
        (stage,) = read_status(folder / "out").stages
        assert stage.done == expected(folder)

    return timed(once)


def report(folder: Path) -> dict[str, float]:
    def once() -> None:
        _, counts = write_tryon_report(folder / "out", DataPlace(folder / "root"))
        assert sum(counts.values()) == expected(folder)

    return timed(once)


def timed(call: Callable[[], Any]) -> dict[str, float]:
    started, used = time.perf_counter(), time.process_time()
    call()
    seconds, cpu_s = time.perf_counter() - started, time.process_time() - used
    return {"seconds": seconds, "cpu_s": cpu_s, "mb": peak_mb()}


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def expected(folder: Path) -> int:
    items = (len(list((folder / "root" / "test" / name).iterdir())) for name in ("image", "cloth"))
    persons, garments = items
    return persons * garments


def in_a_process(step: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(pairs: int, folder: Path, repeat: int, steps: Sequence[str]) -> dict[str, dict]:
    make_root(folder / "root", *GRIDS[pairs])
    if "record" not in steps and set(steps) - {"plan"}:
        in_a_process("record", folder)
    times = repeat if pairs < 1_000_000 else 1
    found: dict[str, list[dict[str, float]]] = {step: [] for step in steps}
    for _ in range(times):
        for step in steps:
            found[step].append(in_a_process(step, folder))
    return {
        step: {
            "seconds": statistics.median(one["seconds"] for one in each),
            "cpu_s": statistics.median(one["cpu_s"] for one in each),
            "us": 1e6 * statistics.median(one["cpu_s"] / one.get("count", pairs) for one in each),
            "mb": max(one["mb"] for one in each),
        }
        for step, each in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="+", choices=GRIDS, default=list(GRIDS))
    parser.add_argument("--repeat", type=int, default=3, help="at a million pairs: once")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        print(json.dumps(globals()[asked.step](asked.folder)))
        return
    steps = sorted(asked.steps, key=STEPS.index)
    first: dict[str, float] = {}
    heads = ("pairs", "step", "seconds", "processor s", "us a pair", "of first", "peak MB")
    print("| " + " | ".join(heads) + " |")
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    for pairs in asked.pairs:
        folder = Path(tempfile.mkdtemp(prefix="scale-", dir=asked.folder))
        try:
            for step, row in measure(pairs, folder, asked.repeat, steps).items():
                ratio = row["us"] / first.setdefault(step, row["us"])
                print(
                    f"| {pairs:,} | {step} | {row['seconds']:.2f} | {row['cpu_s']:.2f} "
                    f"| {row['us']:.0f} | {ratio:.2f} | {row['mb']:.0f} |",
                    flush=True,
                )
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
