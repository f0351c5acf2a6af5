"""What a run did, for Prometheus: a file that node_exporter's textfile collector reads.

The file describes the last run of one command; its counters go on from what the file said before.
``docs/operations.md`` lists the metrics.
"""

from __future__ import annotations

import logging
import math
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipelines.atomic import write_atomic
from pipelines.errors import StorageError
from vtonctl.runs.result import ExitCode, RunResult

STATUSES = ("done", "current", "failed", "blocked", "poison", "pending")
"""Of items, as in ``vtonctl.runs.result.ItemOutcome``; each stage shows all of them."""
COMPLETE = (ExitCode.OK, ExitCode.SOME_FAILED, ExitCode.SOME_FLAGGED)
"""Exit codes of runs that came to their end."""

Labels = Mapping[str, str]

_MAX_BYTES = 1 << 20
_SAMPLE = re.compile(r"(vtonctl_[a-z_]+\{[^\n]*\}) ([0-9.eE+]+)")
_LARGEST = 2.0**53
_log = logging.getLogger("vtonctl")


@dataclass(frozen=True)
class _Family:
    """A metric: its name with the unit, its type and what it tells."""

    name: str
    kind: str
    words: str

    def sample(self, labels: Labels) -> str:
        inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
        return f"{self.name}{{{inside}}}"


_RUNS = _Family("vtonctl_runs_total", "counter", "Runs by exit code.")
_ITEMS = _Family("vtonctl_items_total", "counter", "Items of all runs by stage and outcome.")
_LAST_ITEMS = _Family("vtonctl_last_run_items", "gauge", "Items of the last run.")
_LAST_CODE = _Family("vtonctl_last_run_exit_code", "gauge", "Exit code of the last run.")
_LAST_SECONDS = _Family("vtonctl_last_run_duration_seconds", "gauge", "Time the last run took.")
_LAST_END = _Family(
    "vtonctl_last_run_timestamp_seconds", "gauge", "When the last run ended, in Unix time."
)
_LAST_COMPLETE = _Family(
    "vtonctl_last_complete_run_timestamp_seconds",
    "gauge",
    "When a run last came to its end, with or without failed items, in Unix time.",
)
_LAST_SUCCESS = _Family(
    "vtonctl_last_success_timestamp_seconds",
    "gauge",
    "When a run last ended with exit code 0, in Unix time.",
)


@dataclass(frozen=True)
class Ended:
    """How a command ended; ``result`` is None if an error ended it before or within its run."""

    command: str
    exit_code: int
    seconds: float
    result: RunResult | None = None


def check_place(path: Path) -> None:
    """Refuse, before any work, a place that cannot be written. Raises ``StorageError``."""
    folder = path.parent
    if path.is_dir():
        reason = "is a folder"
    elif not folder.is_dir():
        reason = f"there is no folder {folder}"
    elif not os.access(folder, os.W_OK | os.X_OK):
        reason = f"no files can be made in {folder}"
    else:
        return
    raise StorageError(
        f"{path}: metrics cannot be written: {reason}.",
        hint="Give --metrics-file a file in a folder that is there and can be written.",
    )


def tell(path: Path, ended: Ended) -> None:
    """``write_metrics``; a failure is logged, for it does not change how the run ended."""
    try:
        write_metrics(path, ended)
    except StorageError as error:
        _log.error("%s", error)


def write_metrics(path: Path, ended: Ended, clock: Callable[[], float] = time.time) -> None:
    """Replace the file in one step. Raises ``StorageError``."""
    name = path.stem.encode("utf-8", "replace").decode()
    text = render(name, ended, _counters(path), clock())
    write_atomic(path, text.encode())


def render(name: str, ended: Ended, before: Mapping[str, float], now: float) -> str:
    """The text of a file; ``name`` is the label that tells it from others, ``before`` its samples.

    Times are seconds, ``now`` in Unix time.
    """
    labels = {"name": name, "command": ended.command}
    counts = _counts(ended.result, labels)
    run = _RUNS.sample({**labels, "exit_code": str(ended.exit_code)})
    lines = [
        *_lines(_RUNS, _added(before, {run: 1}, _RUNS.sample(labels)[:-1])),
        *_lines(_ITEMS, _added(before, counts, _ITEMS.sample(labels)[:-1])),
        *_lines(_LAST_ITEMS, {k.replace(_ITEMS.name, _LAST_ITEMS.name, 1): n
                              for k, n in counts.items()}),
        *_lines(_LAST_CODE, {_LAST_CODE.sample(labels): ended.exit_code}),
        *_lines(_LAST_SECONDS, {_LAST_SECONDS.sample(labels): round(ended.seconds, 3)}),
        *_lines(_LAST_END, {_LAST_END.sample(labels): round(now, 3)}),
    ]  # fmt: skip
    for family, holds in (
        (_LAST_COMPLETE, ended.exit_code in COMPLETE),
        (_LAST_SUCCESS, ended.exit_code == ExitCode.OK),
    ):
        sample = family.sample(labels)
        known = {sample: round(now, 3)} if holds else _added(before, {}, sample)
        lines += _lines(family, known)
    return "".join(line + "\n" for line in lines)


def _counts(result: RunResult | None, labels: Labels) -> dict[str, float]:
    """Sample of ``_ITEMS`` -> number, all outcomes of each stage."""
    if result is None:
        return {}
    found = Counter((o.stage, o.status) for o in result.outcomes)
    stages = dict.fromkeys(stage for stage, _ in found)
    return {
        _ITEMS.sample({**labels, "stage": stage, "outcome": status}): found[stage, status]
        for stage in stages
        for status in STATUSES
    }


def _added(before: Mapping[str, float], more: Mapping[str, float], start: str) -> dict[str, float]:
    """Samples of before that begin with ``start``, and more of them."""
    kept = {sample: value for sample, value in before.items() if sample.startswith(start)}
    return {sample: kept.get(sample, 0) + more.get(sample, 0) for sample in {**kept, **more}}


def _lines(family: _Family, samples: Mapping[str, float]) -> Iterable[str]:
    if samples:
        yield f"# HELP {family.name} {family.words}"
        yield f"# TYPE {family.name} {family.kind}"
    for sample, value in samples.items():
        yield f"{sample} {int(value) if value == int(value) else value}"


def _counters(path: Path) -> dict[str, float]:
    """The samples of a file that was written before; {} if there is none or it is no such file."""
    found: dict[str, float] = {}
    with suppress(OSError):
        if path.is_file() and path.stat().st_size <= _MAX_BYTES:
            for line in path.read_bytes().decode("utf-8", "replace").split("\n"):
                if match := _SAMPLE.fullmatch(line):
                    with suppress(ValueError):
                        found[match[1]] = float(match[2])
    return {k: v for k, v in found.items() if math.isfinite(v) and v <= _LARGEST}


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
