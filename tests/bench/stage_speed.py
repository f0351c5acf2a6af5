"""Time the person stages on a folder of photos, one core.

    python tests/bench/stage_speed.py FOLDER [--count 100] [--only frame,pose] [--flags]

Prints for each stage the median and 95th percentile of the processor time of a photo, photos a
second of processor time (on N cores: about N times as many), and the failures by code. Processor
time, not the clock: other work on the machine does not change it much. The first photo, which
loads the models, is left out.
"""

import argparse
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from pipelines import registry
from pipelines.codecs import read_photo
from pipelines.errors import ItemError
from pipelines.layout import Artifact
from pipelines.stage import Subject

PERSON_STAGES = [n for n, (i, _) in registry.STAGES.items() if i.subject is Subject.PERSON]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--only", default=",".join(PERSON_STAGES))
    parser.add_argument("--flags", action="store_true", help="name the flagged photos")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    names = arguments.only.split(",")
    stages = {name: registry.stage(name, {}) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in ("read", *names)}
    problems: dict[str, Counter[str]] = {name: Counter() for name in ("read", *names)}
    photos = sorted(p for p in arguments.folder.iterdir() if p.is_file())
    for photo in photos[:: max(1, len(photos) // arguments.count)]:
        values = {}
        for name in ("read", *names):
            start = time.process_time()
            try:
                if name == "read":
                    values[Artifact.SOURCE] = read_photo(photo)
                else:
                    result = stages[name]([values])[0]
                    if isinstance(result, ItemError):
                        raise result
                    values.update(result.values)
                    problems[name].update(f"flag {flag.value}" for flag in result.flags)
                    if arguments.flags and result.flags:
                        print(photo.name, name, *(flag.value for flag in result.flags))
            except ItemError as error:
                problems[name][error.code] += 1
                print(f"{photo.name}: {name}: {error}")
                break
            seconds[name].append(time.process_time() - start)
    total = 0.0
    for name, values_s in seconds.items():
        times = np.array(values_s[1:])
        total += float(times.mean())
        middle, slow = np.percentile(times, [50, 95]) * 1000
        print(
            f"{name:9} {len(values_s):4} photos  median {middle:6.1f} ms  95 % {slow:6.1f} ms  "
            f"{1 / times.mean():6.1f} photos/s  {dict(problems[name])}"
        )
    print(f"together {1 / total:.2f} photos a second of one core")


if __name__ == "__main__":
    main()
