"""The last request of a root once more, including what failed or killed its worker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipelines.errors import InputError
from vtonctl.runs.ledger import read_ledger
from vtonctl.runs.preprocess import run_preprocess
from vtonctl.runs.recall import recall_request
from vtonctl.runs.requests import PreprocessRequest, RunOptions
from vtonctl.runs.result import ProgressSink, RunResult
from vtonctl.runs.rundir import RunDir
from vtonctl.runs.tryon import run_tryon


def run_retry(root: Path, options: RunOptions, sink: ProgressSink) -> RunResult:
    """Run the request that ``root`` was last made by, with the same seed.

    Device and precision are those of that run, too, unless ``options`` name others. Raises
    ``InputError`` if there is none, and whatever the run itself raises.
    """
    ledger = read_ledger(RunDir(root))
    try:
        last = ledger.last_run()
    finally:
        ledger.close()
    if last is None:
        raise InputError(
            f"{root}: no run has worked in it.",
            code="no_run",
            hint="Give the folder of results or the data-set root of an earlier run.",
        )
    asked = recall_request(last)
    options = replace(options, seed=asked.seed, retry_failed=True)
    if asked.compute and options.device == "auto":
        options = replace(options, device=asked.compute.device)
    if asked.compute and options.precision == "auto":
        options = replace(options, precision=asked.compute.precision)
    if isinstance(asked.request, PreprocessRequest):
        return run_preprocess(asked.request, options, sink)
    return run_tryon(asked.request, options, sink)
