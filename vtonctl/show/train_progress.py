"""Progress of a training run on stderr: a bar on a terminal, else a line at most every 30 s."""

from __future__ import annotations

import io
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from pipelines.training.request import Progress, ReportProgress
from vtonctl.show import logs
from vtonctl.show.progress import INTERVAL_S
from vtonctl.show.words import duration, visible

SHOWN = 3
"""Losses and figures that one line shows of each."""
_log = logging.getLogger("vtonctl")


@contextmanager
def training_progress(*, quiet: bool) -> Iterator[ReportProgress]:
    """Hear of a training run; notes are told at once, unless ``quiet``."""
    if quiet:
        yield _log_note
    elif logs.shows_json():
        yield LoggedTraining(io.StringIO())
    elif sys.stderr.isatty():
        with _bar() as report:
            yield report
    else:
        yield PlainTraining(sys.stderr)


def _log_note(progress: Progress) -> None:
    if progress.note:
        _log.info(progress.note)


class PlainTraining:
    """Lines on a stream that is not a terminal."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._last = clock()

    def __call__(self, progress: Progress) -> None:
        """Print the note, if there is one, or a line if the last one is old enough."""
        _log_note(progress)
        now = self._clock()
        if progress.note:
            self._print(progress.note)
        elif now - self._last >= INTERVAL_S:
            self._last = now
            self._print(sentence(progress))

    def _print(self, words: str) -> None:
        try:
            self._stream.write(f"vtonctl: {visible(words)}\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._last = float("inf")  # the reader is gone; the run is not


class LoggedTraining(PlainTraining):
    """The same lines as records of the log, for ``--log-format json``; notes are there already."""

    def __call__(self, progress: Progress) -> None:
        """Log the note, or a line if the last one is old enough."""
        if progress.note:
            _log_note(progress)
        else:
            super().__call__(progress)

    def _print(self, words: str) -> None:
        _log.info("%s", words, extra={"event": "progress"})


def sentence(progress: Progress) -> str:
    """Where a run is, in one line."""
    total = f"/{progress.total_steps}" if progress.total_steps is not None else ""
    parts = [f"step {progress.step}{total} ({progress.fraction:.0%}), epoch {progress.epoch + 1}"]
    for values in (progress.losses, progress.metrics):
        short = [f"{name} {value:.4g}" for name, value in values.items()][:SHOWN]
        parts += [", ".join(short)] if short else []
    if progress.images_per_s:
        parts.append(f"{progress.images_per_s:.3g} images/s")
    if 0 < progress.fraction < 1:
        left_s = progress.seconds * (1 / progress.fraction - 1)
        parts.append(f"about {duration(left_s)} left")
    return "; ".join(parts)


@contextmanager
def _bar() -> Iterator[ReportProgress]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}", markup=False))
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("getting ready", total=1.0)

        def report(progress: Progress) -> None:
            _log_note(progress)
            if progress.note:
                bars.console.print(visible(progress.note), markup=False, highlight=False)
            if progress.losses or progress.metrics:
                done = progress.fraction
                bars.update(bar, completed=done, description=visible(sentence(progress)))

        yield report
