"""Results of commands in words, for people: tables and sentences (rich)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from vtonctl.show.jsonout import (
    CheckDocument,
    ConvertDocument,
    DoctorDocument,
    Failure,
    PairsDocument,
    ReportDocument,
    RunDocument,
    SettingsDocument,
    StatusDocument,
)
from vtonctl.show.words import duration, visible

MAX_ROWS = 20
"""Rows of failures that are shown; the JSON document and the report have all."""
MAX_FINDINGS = 200
_STATES = {"ok": "green", "note": "yellow", "problem": "bold red"}


def run(document: RunDocument, *, quiet: bool = False) -> list[RenderableType]:
    """What a run did; with ``quiet`` only what failed."""
    parts: list[RenderableType] = []
    if not quiet:
        parts += [counts_table("stage", document.stages), _sentence(document)]
        parts += _parser(document) + _system(document)
    parts += _failures(document.failures)
    if not quiet:
        parts += _flagged(document)
        if document.report:
            parts.append(Text.assemble("report: ", (document.report, "bold")))
    return parts


def status(document: StatusDocument) -> list[RenderableType]:
    """The state of a folder, stage by stage."""
    parts: list[RenderableType] = []
    if document.last_run is None:
        parts.append(Text(f"{document.root}: nothing has been run here yet"))
    else:
        shown = {
            stage: {name: number for name, number in counts.items() if number}
            for stage, counts in document.stages.items()
        }
        last = document.last_run
        ended = last.status or ("still running" if document.running_pid else "was interrupted")
        parts += [
            counts_table("stage", shown),
            *_failures(document.failures),
            Text(f"last run: {last.command}, {last.started}, {ended}"),
        ]
    if document.running_pid:
        parts.append(Text(f"process {document.running_pid} works in it now", "yellow"))
    return parts


def report(document: ReportDocument) -> list[RenderableType]:
    """Where a report is."""
    counts = document.counts
    words = f"{counts['good']} fine, {counts['flagged']} worth a look, {counts['failed']} failed"
    return [Text(words), Text.assemble("report: ", (document.report, "bold"))]


def check(document: CheckDocument) -> list[RenderableType]:
    """What is wrong with a data set, file by file, and how often each fault occurs."""
    where = f"{document.root} ({document.layout}, {document.split})"
    counted = ", ".join(f"{n} {name}" for name, n in document.counts.items())
    if not document.findings:
        return [Text(f"{where}: nothing wrong; {counted}", "green")]
    table = _table("file", "", "code", "what is wrong")
    for finding in document.findings[:MAX_FINDINGS]:
        table.add_row(
            Text(visible(finding.file)),
            Text(finding.severity, "red" if finding.severity == "error" else "yellow"),
            finding.code,
            Text(visible(f"{finding.message} {finding.hint}".strip())),
        )
    kinds = Counter((f.severity, f.code) for f in document.findings)
    total = ", ".join(f"{n} x {code}" for (_, code), n in sorted(kinds.items()))
    more = _more(len(document.findings) - MAX_FINDINGS)
    return [table, *more, Text(f"{where}: {total}; {counted}")]


def doctor(document: DoctorDocument) -> list[RenderableType]:
    """The state of the installation, each finding with its cure."""
    table = _table("what", "state", "found", "what to do")
    for row in document.checks:
        table.add_row(row.name, Text(row.state, _STATES[row.state]), Text(row.found), Text(row.fix))
    words = "all well" if document.ok else "something needs attention"
    return [table, Text(words, "green" if document.ok else "bold red")]


def pairs(document: PairsDocument) -> list[RenderableType]:
    """The list itself, or where it was written."""
    if document.out:
        return [Text(f"{len(document.pairs)} {document.kind} pairs: {document.out}")]
    return [Text("\n".join(" ".join(f"{name}.jpg" for name in row) for row in document.pairs))]


def convert(document: ConvertDocument) -> list[RenderableType]:
    """How many files of each kind were written, and what was left out."""
    written = ", ".join(f"{number} {name}" for name, number in document.written.items())
    words = f"{document.destination} ({document.layout}): {written}; {document.pairs} pairs"
    return [Text(words), *_failures(document.failures)]


def settings(document: SettingsDocument) -> list[RenderableType]:
    """Every setting and where it came from."""
    table = _table("setting", "value", "from")
    for name, setting in document.settings.items():
        value = setting.value
        words = "x".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
        table.add_row(name, Text(words), Text(setting.origin))
    return [table]


def counts_table(heading: str, rows: Mapping[str, Mapping[str, int]]) -> Table:
    """One row for each name, one column for each status that occurs."""
    order = ("pending", "missing", "done", "current", "stale", "failed", "blocked", "poison")
    seen = {status for counts in rows.values() for status in counts}
    columns = [s for s in order if s in seen] + sorted(seen - set(order))
    table = _table(heading, *columns)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, counts in rows.items():
        table.add_row(name, *(str(counts.get(c, "")) for c in columns))
    return table


def _sentence(document: RunDocument) -> Text:
    made, current = document.counts.get("done", 0), document.counts.get("current", 0)
    if document.dry_run:
        planned = document.counts.get("pending", 0)
        takes = f" (about {duration(document.estimate_s)})" if document.estimate_s else ""
        return Text(f"to do: {planned}{takes}, up to date: {current}")
    took = duration(document.seconds)
    if document.exit_code > 128:
        words = f"interrupted after {took}: {made} made; the same command again goes on from there"
        return Text(words, "yellow")
    if not made and not document.failures:
        return Text(f"nothing to do: {current} up to date ({took})", "green")
    wrong = Counter(f.status == "blocked" for f in document.failures)
    words = f"{made} made, {current} up to date, {wrong[False]} failed"
    words += f", {wrong[True]} blocked by those" if wrong[True] else ""
    return Text(f"{words}, in {took}", "yellow" if document.failures else "green")


def _parser(document: RunDocument) -> list[RenderableType]:
    """Which parser and weights the parses are made with, where any are."""
    parser = document.parser
    if parser is None or not document.stages.get("parse"):
        return []
    facts = (parser.weights, f"{parser.tier} licence tier" if parser.tier else "")
    more = ", ".join(filter(None, (*facts, parser.device, parser.precision)))
    return [Text(f"parser: {parser.name}{f' ({more})' if more else ''}")]


def _system(document: RunDocument) -> list[RenderableType]:
    """Which try-on system and weights people are dressed with."""
    system = document.system
    if system is None:
        return []
    names = ", ".join(one.name for one in system.weights)
    tiers = ", ".join(sorted({one.tier for one in system.weights} - {""}))
    facts = (names, f"{tiers} licence tier" if tiers else "", system.device, system.precision)
    more = ", ".join(filter(None, facts))
    return [Text(f"system: {system.name}{f' ({more})' if more else ''}")]


def _failures(failed: Sequence[Failure]) -> list[RenderableType]:
    if not failed:
        return []
    # what is blocked has its reason in another row; alone, it is all there is to show
    causes = [row for row in failed if row.status != "blocked"] or failed
    table = _table("not made", "stage", "why")
    for row in causes[:MAX_ROWS]:
        why = f"{row.message} {row.hint}".strip()
        table.add_row(Text(visible(row.item)), row.stage, Text(visible(why)))
    return [Text(), table, *_more(len(causes) - MAX_ROWS), Text()]


def _flagged(document: RunDocument) -> list[RenderableType]:
    if not document.flagged:
        return []
    kinds = Counter(flag.sentence for row in document.flagged for flag in row.flags)
    words = ", ".join(f"{n} x {sentence}" for sentence, n in kinds.most_common())
    return [Text(f"worth a look: {len(document.flagged)} ({words})")]


def _more(number: int) -> list[RenderableType]:
    return [Text(f"... and {number} more (--json lists all)")] if number > 0 else []


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
