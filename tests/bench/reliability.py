"""Run the tests of reliability and write what they measured to ``docs/reliability.md``.

    python tests/bench/reliability.py [--slow] [PYTEST ARGUMENTS...]

Tests say by ``@pytest.mark.reliability("R5")`` which line they are of, and report figures through
the fixture ``figure``. With ``--slow`` the long ones run, too. Ends with 1, and leaves the page
alone, if a test fails or a line has none.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

REPO = Path(__file__).resolve().parents[2]
PAGE = REPO / "docs" / "reliability.md"
LINES = {
    "R1": "Killed with `kill -9` at any moment and started again: no result is lost or unreadable, "
    "none that was noted is made again, and all are those of a run that nobody disturbed.",
    "R2": "A file appears under its name when it is whole and on disk: a failure at opening, "
    "writing, syncing, closing or renaming leaves the old file or none, and no temporary file "
    "outlives the next start.",
    "R3": "Done means that a row says so and that inputs, parameters, weights and the bytes of the "
    "output are those of the row: what is cut off, lost or outdated is made again, all else is "
    "not.",
    "R4": "A full disk ends the run with exit code 74 and the path; nothing truncated is left, "
    "and with space again the same command completes the work.",
    "R5": "Of several runs started on one folder one works; the others end at once with exit code "
    "75 and name the process that holds it. A killed holder holds nothing.",
    "R6": "An item that kills its worker is tried twice, named and left out from then on; all "
    "others are made.",
    "R7": "An item that hangs is ended at its time limit; all others are made.",
    "R8": "Memory of the run does not grow with the number of items it has done.",
    "R9": "No file offered as a photo ends the program: it is read, or refused with a reason.",
    "R10": "Formats are told by content, not by name; documents and drawings are refused.",
    "R11": "Pictures that would unfold to huge sizes are refused before they are decoded.",
    "R12": "All eight EXIF orientations of a photo give one result; no metadata reaches an output.",
    "R13": "Gray, palette, transparent, 16-bit, CMYK, animated pictures and those with a colour "
    "profile become 8-bit sRGB on a stated ground.",
    "R14": "Hostile file names become harmless, distinct ones, and are only words in the report.",
    "R15": "Photos of like names and all pairs get files of their own; a clash is found before any "
    "work.",
    "R16": "A line of a list that leads out of the data is refused with its number, and nothing "
    "is read or written there.",
    "R17": "A link planted where a result belongs is never followed.",
    "R18": "Weights that carry code, wrong headers or too much are refused; nothing of them runs.",
    "R19": "A download (weights that a training run is told to use) is there whole with the right "
    "hash or not at all; any other run opens no connection to anywhere.",
    "R20": "Results do not depend on the number of workers, nor on interruptions, byte for byte.",
    "R21": "SIGTERM and SIGINT: work in flight ends within seconds, the state is consistent, the "
    "exit code says which, no process is left; a reader of the output may go away.",
    "R22": "Every exit code of [cli.md](cli.md) occurs where it should.",
    "R23": "Every document of `--json` is valid by its published model.",
    "R24": "A damaged or lost ledger is noticed, kept aside and rebuilt; nothing is made again.",
    "R25": "Inputs are never written; reading and writing one and the same folder is refused.",
    "R26": "Without a terminal there is at most one line of progress in 30 s.",
}
HEAD = """# Reliability

What this program promises about interruptions, bad input and shared use, the number of tests that
hold it to each promise, and what they measured. Made by `make reliability` from the tests marked
`reliability`{extent}. Times are by the clock, of a machine that may have been busy; limits that
tests enforce are wider than what is usual.

Beyond single promises, a state machine plays random histories (photos added, changed, spoilt and
removed; pictures lost; runs killed at any sync or renaming, repeated, met by a second run) against
a model that is a dictionary: `tests/vtonctl/runs/test_state_machine.py`.

| | must hold | tests | measured |
| --- | --- | ---: | --- |
"""


@dataclass
class Found:
    """What the tests of one line told."""

    passed: int = 0
    skipped: int = 0
    figures: list[str] = field(default_factory=list)


def run_tests(report: Path, arguments: Iterable[str], *, slow: bool) -> int:
    marked = "reliability" if slow else "reliability and not slow"
    command = [sys.executable, "-m", "pytest", "-m", marked, f"--junitxml={report}", *arguments]
    return subprocess.run([*command, "-o", "junit_family=xunit1"], cwd=REPO).returncode


def read(report: Path) -> dict[str, Found]:
    found = {line: Found() for line in LINES}
    for case in ElementTree.parse(report).iter("testcase"):
        told = [(p.get("name"), p.get("value") or "") for p in case.iter("property")]
        skipped = case.find("skipped") is not None
        for line in (value for name, value in told if name == "reliability"):
            found[line].passed += not skipped
            found[line].skipped += skipped
            figures = (value for name, value in told if name == f"figure {line}")
            found[line].figures += [f for f in figures if f not in found[line].figures]
    return found


def page(found: dict[str, Found], *, slow: bool) -> str:
    extent = ", the long ones included" if slow else "; the long ones run with `make campaigns`"
    rows = [
        f"| {line} | {words} | {found[line].passed} | {'; '.join(found[line].figures) or 'holds'} |"
        for line, words in LINES.items()
    ]
    return HEAD.format(extent=extent) + "\n".join(rows) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slow", action="store_true")
    asked, arguments = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        code = run_tests(report, arguments, slow=asked.slow)
        found = read(report) if report.exists() else {}
    without = [line for line in LINES if line not in found or not found[line].passed]
    if code or without:
        print(f"{PAGE} is left alone: pytest ended with {code}; no test: {', '.join(without)}")
        sys.exit(1)
    PAGE.write_text(page(found, slow=asked.slow), "utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
