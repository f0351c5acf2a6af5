"""Bringing a data-set root up to date: photos in, poses, parses, masks and agnostic maps out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import UsageError
from pipelines.registry import STAGES
from pipelines.stage import Subject
from pipelines.store_path import listed
from vtonctl.runs.collecting import no_collecting
from vtonctl.runs.dataroot import DataRoot
from vtonctl.runs.engine import run_tasks
from vtonctl.runs.estimate import estimate_s
from vtonctl.runs.guard import check_preprocess
from vtonctl.runs.parse_plan import ParsePlan, plan_parse, refuse_unused_device
from vtonctl.runs.plan import ChainPlanner, Item
from vtonctl.runs.requests import PreprocessRequest, RunOptions
from vtonctl.runs.result import ItemOutcome, ParserUsed, ProgressSink, RunResult
from vtonctl.runs.root_lists import write_root_lists
from vtonctl.runs.session import Clock, Session, noted_run, open_session
from vtonctl.runs.sources import find_items
from vtonctl.runs.stop import listening
from vtonctl.runs.tasks import ChainTask, StageSpec

_ALWAYS = frozenset({"frame", "garment-frame"})
"""Stages that bring photos in; they run whatever ``only`` says."""

Names = Mapping[Subject, Mapping[str, Path | None]]
"""Items of a run, each with the photo it is made from, if there is one."""


@dataclass(frozen=True)
class Prepared:
    """What a data-set root holds after its stages have run (or would, in a dry run)."""

    outcomes: tuple[ItemOutcome, ...]
    estimate_s: float | None
    parser: ParserUsed | None
    """None if its parses are not made here."""


def run_preprocess(
    request: PreprocessRequest, options: RunOptions, sink: ProgressSink
) -> RunResult:
    """Make what is missing or out of date in a data-set root.

    Raises ``UsageError`` for folders that contradict each other, ``InputError`` for photos that
    are not there, ``WeightsMissing`` for a parser whose weights are not, ``ConfigError`` for a
    device that is not or that nothing uses, ``RootLocked`` while another run holds the root,
    ``StorageError`` when files cannot be written.
    """
    clock = Clock()
    check_preprocess(request)
    parse = plan_parse(request, options)
    refuse_unused_device(options, parse.compute if "parse" in _runnable(request) else None)
    with (
        listening() as stop,
        open_session(request.root, "preprocess", options, sink, stop) as session,
        noted_run(session, "preprocess", request, parse.compute) as note,
    ):
        with listed():
            names = find_names(session, request)
        prepared = prepare(session, request, names, parse)
        result = RunResult(
            command="preprocess",
            root=request.root,
            out=request.root,
            outcomes=prepared.outcomes,
            seconds=clock.seconds,
            interrupted_by=stop.signum,
            dry_run=options.dry_run,
            estimate_s=prepared.estimate_s or 0.0,
            parser=prepared.parser,
        )
        note.status = result.status
    return result


def find_names(session: Session, request: PreprocessRequest) -> Names:
    """The items of a request. Raises ``InputError``, ``ListError``."""
    data = DataRoot(request.root, request.split, request.layout)
    folders = {Subject.PERSON: request.photos, Subject.GARMENT: request.garments}
    return {s: find_items(session, data, s, folder) for s, folder in folders.items()}


def prepare(
    session: Session, request: PreprocessRequest, names: Names, parse: ParsePlan
) -> Prepared:
    """Run the stages of a request for these items in an open session."""
    data = DataRoot(request.root, request.split, request.layout)
    recorder = session.recorder(data.scope)
    specs = make_specs(request, parse)
    runnable = _runnable(request)
    planner = ChainPlanner(
        data,
        recorder.rows,
        session.hashes,
        specs,
        runnable=runnable,
        retry_failed=session.options.retry_failed,
    )
    with listed(), no_collecting():
        items = _plan(session, planner, names)
        session.store_hashes()
        to_do = _announce(session, data, items, runnable)
        tasks = [] if session.options.dry_run else _claimed(session, planner, items)
    if "parse" in to_do and parse.choice.reason:
        session.sink.note(parse.choice.reason)
    estimate = estimate_s(session.ledger, data.scope, Counter(to_do), session.options.jobs)
    if not session.options.dry_run:
        run_tasks(tasks, session.options, session.stop, recorder.record)
        write_root_lists(session, data)
    return Prepared(
        outcomes=_outcomes(session, data, items, runnable),
        estimate_s=estimate,
        parser=parse.used if "parse" in runnable else None,
    )


def make_specs(request: PreprocessRequest, parse: ParsePlan) -> tuple[StageSpec, ...]:
    """All stages with the parameters of a request, in order."""
    values = {
        "size": tuple(request.size_hw),
        "model": request.pose_model,
        "variant": request.agnostic_variant,
    }
    return tuple(
        parse.spec(info, target)
        if name == "parse"
        else StageSpec(info, target, {param: values[param] for param in info.params})
        for name, (info, target) in STAGES.items()
    )


def _runnable(request: PreprocessRequest) -> frozenset[str]:
    known = {info.name for info, _ in STAGES.values()}
    if unknown := set(request.only) - known:
        raise UsageError(
            f"not a stage: {', '.join(sorted(unknown))}", hint=f"Known: {', '.join(sorted(known))}."
        )
    return frozenset(request.only) | _ALWAYS if request.only else frozenset(known)


def _plan(
    session: Session,
    planner: ChainPlanner,
    names: Names,
) -> list[Item]:
    items: list[Item] = []
    for subject, sources in names.items():
        for name, source in sources.items():
            if session.stop:
                return items
            items.append(planner.plan(name, subject, source))
    return items


def _announce(
    session: Session, data: DataRoot, items: Sequence[Item], runnable: frozenset[str]
) -> list[str]:
    """Tell what is to do, note what cannot be done; the stage of each step to do."""
    recorder = session.recorder(data.scope)
    planned = [p for item in items for p in item.planned if p.stage in runnable]
    to_do = [entry.stage for entry in planned if entry.state == "to_do"]
    current = Counter(entry.stage for entry in planned if entry.state == "current")
    counts = Counter(to_do)
    for stage in dict.fromkeys(entry.stage for entry in planned):
        session.sink.planned(stage, counts[stage], current[stage])
    recorder.block([entry for entry in planned if entry.state in ("blocked", "waiting")])
    return to_do


def _claimed(session: Session, planner: ChainPlanner, items: Sequence[Item]) -> list[ChainTask]:
    """The tasks, after their files are announced."""
    tasks = [task for item in items if (task := planner.task(item))]
    session.recorder(planner.data.scope).claim(_claims(planner.data, tasks))
    return tasks


def _claims(
    data: DataRoot, tasks: Sequence[ChainTask]
) -> Iterator[tuple[str, str, dict[str, str]]]:
    for task in tasks:
        for step in task.steps:
            files = {a.value: data.relative(a, task.item) for a in step.write}
            yield step.spec.info.name, task.item, files


def _outcomes(
    session: Session, data: DataRoot, items: Sequence[Item], runnable: frozenset[str]
) -> tuple[ItemOutcome, ...]:
    """One per stage and item; ``pending`` where the run was not to do or did not get to it."""
    ended = session.recorder(data.scope).outcomes
    return tuple(
        ended.get((p.stage, p.item)) or p.outcome()
        for item in items
        for p in item.planned
        if p.stage in runnable
    )
