"""Where words go: results on stdout, progress and errors on stderr, or one JSON document.

A reader that goes away (``| head -1``) ends the output, never the run.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from vtonctl.runs.result import ProgressSink
from vtonctl.show import logs
from vtonctl.show.progress import LoggedProgress, NotesOnly, PlainProgress, terminal_progress
from vtonctl.show.words import visible

if TYPE_CHECKING:
    from rich.console import RenderableType

    from vtonctl.show.jsonout import Document

PLAIN_WIDTH = 100
"""Columns of tables that go to a file or pipe."""


@dataclass(frozen=True)
class Screen:
    """What the user asked to see."""

    json: bool = False
    quiet: bool = False
    metrics_file: Path | None = None
    """Where a run tells Prometheus what it did."""

    @contextmanager
    def progress(self) -> Iterator[ProgressSink]:
        """Hear of progress: bars on a terminal, else one plain line at most every 30 s."""
        if self.quiet:
            yield NotesOnly()
        elif logs.shows_json():
            yield LoggedProgress()
        elif sys.stderr.isatty():
            with terminal_progress() as sink:
                yield sink
        else:
            yield PlainProgress(sys.stderr)

    def result(self, document: Document, words: Callable[[], list[RenderableType]]) -> None:
        """Print the result of a command, as JSON or in words."""
        if self.json:
            write_json(document)
        else:
            write_words(*words())


def write_json(document: Document) -> None:
    """Print exactly one JSON document on stdout."""
    _write(sys.stdout, document.to_json() + "\n")


def write_words(*parts: RenderableType) -> None:
    """Print tables and sentences on stdout; colours only on a terminal."""
    if parts:
        _write(sys.stdout, _render(parts, sys.stdout))


def write_error(message: str, hint: str = "") -> None:
    """Print an error on stderr: what went wrong, and the next step."""
    from rich.text import Text

    lines = [Text.assemble(("vtonctl: ", "bold red"), visible(message))]
    if hint:
        lines.append(Text.assemble(("  next: ", "bold"), visible(hint)))
    _write(sys.stderr, _render(tuple(lines), sys.stderr, wrap=False))


def _render(parts: tuple[Any, ...], stream: TextIO, *, wrap: bool = True) -> str:
    from rich.console import Console

    buffer = io.StringIO()
    terminal = stream.isatty()
    console = Console(
        file=buffer,
        force_terminal=terminal,
        no_color=None if terminal else True,
        width=None if terminal else PLAIN_WIDTH,
        soft_wrap=not wrap,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for part in parts:
        console.print(part)
    return buffer.getvalue()


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        close_quietly(stream)


def close_quietly(stream: TextIO) -> None:
    """Point a stream whose reader is gone to nowhere, so that nothing complains at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
