"""The documents that ``--json`` prints: one model for each kind.

``schema_version`` changes when a field is removed or changes its meaning; fields may be added.
The JSON Schema of all documents is published as ``docs/json-schema.json``, together with that of
the files that ``vtonctl.show.files_json`` describes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any, Literal

from pipelines.errors import VtonError
from pipelines.flags import Flag
from vtonctl.runs.result import ItemOutcome, RunResult
from vtonctl.show.document import Document as Document
from vtonctl.show.document import Part as Part
from vtonctl.show.evaluate_json import EvaluateParseDocument as EvaluateParseDocument
from vtonctl.show.evaluate_tryon_json import EvaluateSegDocument as EvaluateSegDocument
from vtonctl.show.evaluate_tryon_json import EvaluateTryonDocument as EvaluateTryonDocument
from vtonctl.show.files_json import FILES
from vtonctl.show.weights_json import ImportDocument as ImportDocument
from vtonctl.show.weights_json import WeightsDocument as WeightsDocument


class ErrorDetail(Part):
    """What went wrong and what to do."""

    code: str
    message: str
    hint: str


class ErrorDocument(Document):
    """A command that ended with an error."""

    status: Literal["error"] = "error"
    exit_code: int
    error: ErrorDetail


class FlagWords(Part):
    """A doubt: its stable code and a sentence."""

    code: str
    sentence: str


class Failure(Part):
    """An item that was not made, and why."""

    item: str
    stage: str
    status: str
    code: str
    message: str
    hint: str


class Flagged(Part):
    """A result that a person should look at."""

    item: str
    stage: str
    score: float
    flags: tuple[FlagWords, ...]


class RunParser(Part):
    """The parser that parses were made with; all but the name is empty if it has no weights."""

    name: str
    weights: str
    sha256: str
    tier: str
    device: str
    precision: str


class RunSystemWeights(Part):
    """One file of weights of a try-on system."""

    family: str
    name: str
    sha256: str
    tier: str


class RunSystem(Part):
    """The try-on system that dressed people; all but the name is empty if it has no weights."""

    name: str
    weights: tuple[RunSystemWeights, ...]
    device: str
    precision: str


class RunDocument(Document):
    """What ``preprocess``, ``tryon``, ``retry`` and ``demo`` did, or with ``--dry-run`` would."""

    status: Literal["success", "partial", "error"]
    exit_code: int
    dry_run: bool
    root: str
    out: str
    seconds: float
    estimate_s: float
    counts: dict[str, int]
    stages: dict[str, dict[str, int]]
    failures: tuple[Failure, ...]
    flagged: tuple[Flagged, ...]
    parser: RunParser | None
    system: RunSystem | None
    report: str | None


class LastRun(Part):
    """The last run that worked in a folder; times are ISO 8601 in UTC."""

    command: str
    started: str
    ended: str
    status: str


class Running(Part):
    """The run that works in a folder now; ``since`` is ISO 8601 in UTC."""

    pid: int
    command: str
    since: str


class StatusDocument(Document):
    """The state of a folder as its last run left it; ``counts`` are those of all stages."""

    root: str
    counts: dict[str, int]
    stages: dict[str, dict[str, int]]
    failures: tuple[Failure, ...]
    last_run: LastRun | None
    running: Running | None
    running_pid: int | None


class Finding(Part):
    """One thing that is wrong or worth knowing."""

    file: str
    code: str
    message: str
    hint: str
    severity: Literal["error", "warning"]


class CheckDocument(Document):
    """What is wrong with a data set."""

    root: str
    layout: str
    split: str
    ok: bool
    counts: dict[str, int]
    findings: tuple[Finding, ...]


class ConvertDocument(Document):
    """What was converted."""

    source: str
    destination: str
    layout: str
    written: dict[str, int]
    pairs: int
    failures: tuple[Failure, ...]


class PairsDocument(Document):
    """A pairs list."""

    root: str
    kind: str
    seed: int
    out: str | None
    pairs: tuple[tuple[str, ...], ...]


class ReportDocument(Document):
    """A report page."""

    kind: Literal["tryon", "dataset"]
    report: str
    counts: dict[str, int]


class Check(Part):
    """One finding of ``doctor`` and its cure."""

    name: str
    state: Literal["ok", "note", "problem"]
    found: str
    fix: str


class DoctorDocument(Document):
    """The state of the installation."""

    ok: bool
    checks: tuple[Check, ...]


class Setting(Part):
    """A setting and where its value came from."""

    value: Any
    origin: str


class SettingsDocument(Document):
    """All settings."""

    settings: dict[str, Setting]


class Trainer(Part):
    """A stage that can be trained."""

    name: str
    summary: str
    inputs: tuple[str, ...]
    defaults: dict[str, Any]
    needs_extra: str


class TrainersDocument(Document):
    """What can be trained."""

    trainers: tuple[Trainer, ...]


class Training(Part):
    """One training run; figures that are no finite numbers are null."""

    status: Literal["done", "interrupted"]
    stage: str
    out: str
    settings: dict[str, Any]
    seed: int
    steps: int
    seconds: float
    figures: dict[str, float | None]
    rows: tuple[dict[str, Any], ...]
    files: tuple[str, ...]


class TrainDocument(Document):
    """What ``train`` made; ``resume`` is the command that goes on with an interrupted run."""

    exit_code: int
    training: Training
    resume: str | None


class Variant(Part):
    """A run of an ablation and the values that set it apart."""

    name: str
    values: dict[str, Any]
    training: Training


class AblationDocument(Document):
    """The runs of ``train --ablate`` and where their comparison lies."""

    exit_code: int
    out: str
    table: str
    variants: tuple[Variant, ...]


DOCUMENTS: tuple[type[Document], ...] = (
    AblationDocument,
    CheckDocument,
    ConvertDocument,
    DoctorDocument,
    ErrorDocument,
    EvaluateParseDocument,
    EvaluateSegDocument,
    EvaluateTryonDocument,
    ImportDocument,
    PairsDocument,
    ReportDocument,
    RunDocument,
    SettingsDocument,
    StatusDocument,
    TrainDocument,
    TrainersDocument,
    WeightsDocument,
)


def schema() -> dict[str, Any]:
    """The JSON Schema of all documents: any one of them; and of the files, among its ``$defs``."""
    from pydantic.json_schema import models_json_schema

    kinds: list[tuple[type[Part], Literal["serialization", "validation"]]] = [
        *((document, "serialization") for document in DOCUMENTS),
        *((file, "validation") for file in FILES),
    ]
    _, definitions = models_json_schema(kinds)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Documents printed by vtonctl --json",
        "description": "$defs describes the files of vtonctl and its log, too.",
        "anyOf": [{"$ref": f"#/$defs/{d.__name__}"} for d in DOCUMENTS],
        **definitions,
    }


def run_document(
    result: RunResult, command: str, exit_code: int, report: str | None = None
) -> RunDocument:
    """The document of a run."""
    return RunDocument(
        command=command,
        status=_status(result),
        exit_code=exit_code,
        dry_run=result.dry_run,
        root=str(result.root),
        out=str(result.out),
        seconds=round(result.seconds, 3),
        estimate_s=round(result.estimate_s, 1),
        counts=dict(sorted(Counter(o.status for o in result.outcomes).items())),
        stages=stage_counts(result.outcomes),
        failures=failures(result.failures),
        flagged=tuple(
            Flagged(item=o.item, stage=o.stage, score=round(o.score, 4), flags=flag_words(o.flags))
            for o in sorted(result.outcomes, key=lambda o: (o.score, o.item, o.stage))
            if o.flags
        ),
        parser=RunParser(**asdict(result.parser)) if result.parser else None,
        system=RunSystem(**asdict(result.system)) if result.system else None,
        report=report,
    )


def error_document(command: str, error: VtonError) -> ErrorDocument:
    """The document of a command that ended with an error."""
    detail = ErrorDetail(code=error.code, message=error.message, hint=error.hint)
    return ErrorDocument(command=command, exit_code=int(error.exit_code), error=detail)


def _status(result: RunResult) -> Literal["success", "partial", "error"]:
    known: tuple[Literal["success", "partial", "error"], ...] = ("success", "partial", "error")
    return next(status for status in known if status == result.status)


def stage_counts(outcomes: tuple[ItemOutcome, ...]) -> dict[str, dict[str, int]]:
    """Stage -> status -> number of items, stages in the order of their first outcome."""
    stages: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        stages.setdefault(outcome.stage, Counter())[outcome.status] += 1
    return {stage: dict(sorted(counts.items())) for stage, counts in stages.items()}


def failures(outcomes: tuple[ItemOutcome, ...]) -> tuple[Failure, ...]:
    """Failed outcomes as they are shown."""
    return tuple(
        Failure(
            item=o.item, stage=o.stage, status=o.status, code=o.code, message=o.message, hint=o.hint
        )
        for o in outcomes
    )


def flag_words(codes: tuple[str, ...]) -> tuple[FlagWords, ...]:
    """Flag codes with their sentences; an unknown code speaks for itself."""
    return tuple(FlagWords(code=code, sentence=sentence(code)) for code in codes)


def sentence(code: str) -> str:
    """A flag code in words."""
    try:
        return Flag(code).sentence
    except ValueError:
        return code.replace("_", " ")
