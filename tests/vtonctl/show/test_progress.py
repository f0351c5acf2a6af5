"""What is told while a run goes on."""

import io

import pytest

from vtonctl.runs.result import ItemOutcome
from vtonctl.show.progress import INTERVAL_S, PlainProgress
from vtonctl.show.screen import Screen
from vtonctl.show.words import duration, visible


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def run(items, seconds_each, stream):
    clock = Clock()
    sink = PlainProgress(stream, clock)
    sink.planned("pose", items, 0)
    printed = []
    for number in range(items):
        clock.now += seconds_each
        status = "failed" if number % 10 == 0 else "done"
        before = len(stream.getvalue())
        sink.finished(ItemOutcome(str(number), "pose", status))
        if len(stream.getvalue()) > before:
            printed.append(clock.now)
    return printed


@pytest.mark.reliability("R26")
def test_without_a_terminal_at_most_one_line_in_30_seconds():
    stream = io.StringIO()
    printed = run(1000, 0.5, stream)
    assert INTERVAL_S == 30
    assert len(stream.getvalue().splitlines()) == len(printed) == 500 // 30
    gaps = [b - a for a, b in zip([1000.0, *printed], printed, strict=False)]
    assert min(gaps) >= 30


@pytest.mark.reliability("R26")
def test_a_short_run_prints_nothing():
    stream = io.StringIO()
    assert run(50, 0.5, stream) == []


def test_a_line_tells_counts_failures_and_the_time_left():
    stream = io.StringIO()
    run(100, 1.0, stream)
    first = stream.getvalue().splitlines()[0]
    assert first == "vtonctl: pose 30/100; 3 failed; about 1 min 10 s left"


def test_a_reader_that_goes_away_does_not_stop_the_run():
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    run(100, 1.0, Gone())


@pytest.mark.reliability("R26")
def test_without_a_terminal_the_screen_takes_plain_lines(capsys):
    with Screen().progress() as sink:
        assert isinstance(sink, PlainProgress)
    with Screen(quiet=True).progress() as sink:
        assert not isinstance(sink, PlainProgress)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (7800, "2 h 10 min")],
)
def test_durations_in_words(seconds, words):
    assert duration(seconds) == words


def test_control_characters_are_made_visible():
    assert visible("a\x1b[31m\nb") == "a\\x1b[31m\\nb"
    assert visible("Größe 👗") == "Größe 👗"
