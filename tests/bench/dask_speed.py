"""Compare Dask workers with the local executor on small pairs.

Run: ``python tests/bench/dask_speed.py PERSONS GARMENTS [--pairs 400] [--jobs 2] [--rounds 3]``.
The photos are taken as often as the pairs need, under other names, and prepared once at 256x192.
Each executor then dresses all pairs with ``geometric``, in turns; the start of its workers counts.
Prints the medians and their ratio, and ends with 1 unless both gave the same files.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
from itertools import cycle, islice
from pathlib import Path

EXECUTORS = ("local", "dask")


def copies(folder: Path, count: int, destination: Path) -> Path:
    """So many photos of a folder, each under a name of its own."""
    destination.mkdir()
    photos = sorted(path for path in folder.iterdir() if path.is_file())
    for number, photo in enumerate(islice(cycle(photos), count)):
        shutil.copyfile(photo, destination / f"{number:03}{photo.suffix}")
    return destination


def vtonctl(*arguments: str) -> dict[str, object]:
    """The document that a command prints."""
    command = [sys.executable, "-m", "vtonctl", *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    document: dict[str, object] = json.loads(done.stdout)
    return document


def digest(folder: Path) -> str:
    """Of all pictures of a folder."""
    pictures = sorted(folder.glob("*.png"))
    return hashlib.sha256(b"".join(picture.read_bytes() for picture in pictures)).hexdigest()


def main() -> None:
    """Prepare once, dress in turns, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("persons", type=Path)
    parser.add_argument("garments", type=Path)
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    side = math.isqrt(options.pairs)
    seconds: dict[str, list[float]] = {name: [] for name in EXECUTORS}
    digests = set()
    with tempfile.TemporaryDirectory() as name:
        base, root = Path(name), str(Path(name) / "root")
        persons = copies(options.persons, side, base / "persons")
        garments = copies(options.garments, side, base / "garments")
        small = ("--garments", str(garments), "--root", root, "--size", "256x192")
        vtonctl("preprocess", str(persons), *small)
        for turn in range(options.rounds):
            for executor in EXECUTORS:
                out = base / f"{executor}-{turn}"
                how = ("--executor", executor, "--jobs", str(options.jobs), "--out", str(out))
                document = vtonctl("tryon", root, "--all-pairs", "--system", "geometric", *how)
                seconds[executor].append(float(str(document["seconds"])))
                digests.add(digest(out))
    median = {executor: statistics.median(values) for executor, values in seconds.items()}
    for executor, value in median.items():
        print(f"{executor:6} {value:6.1f} s, {side * side / value:.1f} pairs a second")
    print(f"ratio  {median['dask'] / median['local']:.2f}, same files: {len(digests) == 1}")
    sys.exit(len(digests) != 1)


if __name__ == "__main__":
    main()
