"""Progress on stderr: bars with an ETA on a terminal, else one plain line at most every 30 s."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from vtonctl.runs.result import ItemOutcome, ProgressSink
from vtonctl.show.words import duration

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

INTERVAL_S = 30.0
ENDED = ("done", "failed", "blocked", "poison")
_log = logging.getLogger("vtonctl")


class NotesOnly:
    """Says nothing but what the log says (``--quiet``)."""

    def planned(self, stage: str, to_do: int, current: int) -> None:
        """Nothing to say."""

    def finished(self, outcome: ItemOutcome) -> None:
        """Log the outcome."""
        _log_outcome(outcome)

    def note(self, text: str) -> None:
        """Log the note."""
        _log.info(text)


class PlainProgress(NotesOnly):
    """One line on a stream that is not a terminal, at most every ``INTERVAL_S`` seconds."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._started = self._last = clock()
        self._to_do: dict[str, int] = {}
        self._ended: dict[str, int] = {}
        self._failed = 0

    def planned(self, stage: str, to_do: int, current: int) -> None:
        """Count the work of a stage."""
        self._to_do[stage] = self._to_do.get(stage, 0) + to_do

    def finished(self, outcome: ItemOutcome) -> None:
        """Count, and print a line if the last one is old enough."""
        super().finished(outcome)
        if outcome.status in ENDED:
            self._ended[outcome.stage] = self._ended.get(outcome.stage, 0) + 1
            self._failed += outcome.status != "done"
        now = self._clock()
        if now - self._last >= INTERVAL_S:
            self._last = now
            self._print(now - self._started)

    def _print(self, elapsed_s: float) -> None:
        try:
            self._stream.write(f"vtonctl: {self._words(elapsed_s)}\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._last = float("inf")  # the reader is gone; the run is not

    def _words(self, elapsed_s: float) -> str:
        ended, to_do = sum(self._ended.values()), sum(self._to_do.values())
        stages = ", ".join(f"{s} {n}/{of}" for s, (n, of) in self._counts().items())
        left_s = elapsed_s / ended * max(to_do - ended, 0) if ended else 0.0
        return f"{stages}; {self._failed} failed; about {duration(left_s)} left"

    def _counts(self) -> dict[str, tuple[int, int]]:
        """How many items of each stage have ended, and of how many."""
        return {s: (self._ended.get(s, 0), n) for s, n in self._to_do.items() if n}


class LoggedProgress(PlainProgress):
    """The same line as a record of the log, for ``--log-format json``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(io.StringIO(), clock)

    def _print(self, elapsed_s: float) -> None:
        progress = {s: {"ended": n, "planned": of} for s, (n, of) in self._counts().items()}
        more = {"event": "progress", "progress": progress, "seconds": round(elapsed_s, 3)}
        _log.info("%s", self._words(elapsed_s), extra=more)


class BarProgress(NotesOnly):
    """One bar per stage with count, failures and time left."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}
        self._failed: dict[str, int] = {}

    def planned(self, stage: str, to_do: int, current: int) -> None:
        """Open or enlarge the stage's bar."""
        if stage not in self._bars:
            self._bars[stage] = self._progress.add_task(stage, total=0, failed="")
        bar = self._progress.tasks[self._bars[stage]]
        self._progress.update(bar.id, total=(bar.total or 0) + to_do)

    def finished(self, outcome: ItemOutcome) -> None:
        """Move the stage's bar."""
        super().finished(outcome)
        if outcome.status not in ENDED or outcome.stage not in self._bars:
            return
        failed = self._failed.get(outcome.stage, 0) + (outcome.status != "done")
        self._failed[outcome.stage] = failed
        words = f"{failed} failed" if failed else ""
        self._progress.update(self._bars[outcome.stage], advance=1, failed=words)

    def note(self, text: str) -> None:
        """Print the note above the bars."""
        super().note(text)
        self._progress.console.print(text, markup=False, highlight=False)


@contextmanager
def terminal_progress() -> Iterator[ProgressSink]:
    """Bars that vanish when the work is done; the summary remains."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:<14}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("[red]{task.fields[failed]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield BarProgress(progress)


def _log_outcome(outcome: ItemOutcome) -> None:
    failed = outcome.status in ("failed", "poison")
    more = {
        "event": "item",
        "stage": outcome.stage,
        "item": outcome.item,
        "status": outcome.status,
        "seconds": round(outcome.seconds, 3),
        **({"code": outcome.code, "hint": outcome.hint} if outcome.code else {}),
    }
    words = outcome.message if failed else outcome.status
    level = logging.INFO if failed else logging.DEBUG
    _log.log(level, "%s %s: %s", outcome.stage, outcome.item, words, extra=more)
