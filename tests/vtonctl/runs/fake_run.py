"""``fake_run.py BASE [--jobs N] ...``: a try-on run over fake stages, as a program of its own.

Reads ``BASE/persons`` and ``BASE/garments``, writes ``BASE/out``; prints one JSON line.
"""

import argparse
import json
import sys
from collections import Counter

import fake_stages

from pipelines.errors import VtonError
from pipelines.store_path import place
from vtonctl.runs.requests import PreprocessRequest, RunOptions, TryOnRequest
from vtonctl.runs.tryon import run_tryon


class Sink:
    def planned(self, stage, to_do, current):
        pass

    def finished(self, outcome):
        pass

    def note(self, text):
        print(text, file=sys.stderr)


def make_request(base, size=(32, 24), **more):
    data = base / "out" / ".vtonctl" / "data"
    prepare = PreprocessRequest(
        root=data, photos=base / "persons", garments=base / "garments", size_hw=size
    )
    return TryOnRequest(root=data, out=base / "out", prepare=prepare, all_pairs=True, **more)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("base", type=place)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--executor", default="local")
    parser.add_argument("--timeout", type=float, default=0.0)
    parser.add_argument("--retry-failed", action="store_true")
    parser.add_argument("--size", type=int, nargs=2, default=(32, 24))
    given = parser.parse_args()
    fake_stages.register()
    options = RunOptions(
        jobs=given.jobs,
        executor=given.executor,
        item_timeout_s=given.timeout,
        retry_failed=given.retry_failed,
    )
    print("started", flush=True)
    try:
        result = run_tryon(make_request(given.base, tuple(given.size)), options, Sink())
    except VtonError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return error.exit_code
    done = sorted(f"{o.stage}/{o.item}" for o in result.outcomes if o.status == "done")
    counts = Counter(o.status for o in result.outcomes)
    print(json.dumps({"done": done, "counts": counts, "seconds": result.seconds}))
    return result.exit_code()


if __name__ == "__main__":
    sys.exit(main())
