"""Try-on pictures of pairs, after bringing their data-set root up to date if asked to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from pipelines.errors import ConfigError
from pipelines.registry import STAGES
from pipelines.stage import Subject
from pipelines.store_path import as_store, listed
from vtonctl.runs.collecting import no_collecting
from vtonctl.runs.dataroot import MAIN_ARTIFACT, DataRoot
from vtonctl.runs.engine import run_tasks
from vtonctl.runs.estimate import estimate_s
from vtonctl.runs.guard import check_tryon
from vtonctl.runs.ledger import read_ledger
from vtonctl.runs.pair_plan import (
    STAGE,
    Entry,
    PairPlanner,
    PairTasks,
    find_pairs,
    in_good_order,
    in_poses,
)
from vtonctl.runs.parse_plan import ParsePlan, plan_parse, refuse_unused_device
from vtonctl.runs.plan import ChainPlanner, Planned
from vtonctl.runs.preprocess import Names, Prepared, find_names, make_specs, prepare
from vtonctl.runs.requests import PreprocessRequest, RunOptions, TryOnRequest
from vtonctl.runs.result import ItemOutcome, ProgressSink, RunResult
from vtonctl.runs.result_lines import ResultsFile
from vtonctl.runs.rundir import RunDir
from vtonctl.runs.session import Clock, Session, noted_run, open_session
from vtonctl.runs.sources import alive
from vtonctl.runs.stop import listening
from vtonctl.runs.system_plan import plan_system
from vtonctl.runs.target_poses import find_poses
from vtonctl.runs.tasks import PoseSource, StageSpec

SCOPE = "results"
FORMATS = ("png", "jpg", "webp")


def run_tryon(request: TryOnRequest, options: RunOptions, sink: ProgressSink) -> RunResult:
    """Dress each person of the pairs in its garment; only what changed is done.

    Raises ``UsageError`` and ``ConfigError`` for a request that cannot be, ``WeightsMissing`` for
    a parser or a system whose weights are not there, ``ListError`` for a bad pairs list,
    ``InputError`` for photos that are not there, ``RootLocked`` while another run holds the
    output folder, ``StorageError`` when files cannot be written.
    """
    clock = Clock()
    check_tryon(request)
    if request.image_format not in FORMATS:
        raise ConfigError(f"not a format: {request.image_format}", hint="Known: png, jpg, webp.")
    system = plan_system(request, options)
    parse = plan_parse(request.prepare, options) if request.prepare else None
    compute = system.compute or (parse.compute if parse else None)
    refuse_unused_device(options, compute)
    if system.choice.reason:
        sink.note(system.choice.reason)
    with (
        listening() as stop,
        open_session(request.out, STAGE, options, sink, stop) as session,
        noted_run(session, STAGE, request, compute) as note,
        _data_session(session, request) as data_session,
    ):
        # a bad list is found before anything is worked on
        poses = find_poses(request, session.hashes)
        pairs, names = _pairs(data_session, request)
        prepared = None
        if request.prepare and parse:
            prepared = prepare(data_session, request.prepare, names, parse)
        specs = make_specs(request.prepare or PreprocessRequest(request.root), parse or ParsePlan())
        planner = _planner(session, data_session, request, system.spec, specs, prepared)
        outcomes, estimate = _dress(session, planner, pairs, poses)
        total = _sum(estimate, prepared.estimate_s if prepared else 0.0)
        if options.dry_run and total is None:
            sink.note("no estimate of time: nothing of the kind has been done here yet")
        result = RunResult(
            command=STAGE,
            root=request.root,
            out=request.out,
            outcomes=(*(prepared.outcomes if prepared else ()), *outcomes),
            seconds=clock.seconds,
            interrupted_by=stop.signum,
            dry_run=options.dry_run,
            estimate_s=total or 0.0,
            parser=prepared.parser if prepared else None,
            system=system.used,
        )
        note.status = result.status
    return result


def system_spec(request: TryOnRequest, options: RunOptions | None = None) -> StageSpec:
    """The system of a request, ready to be built. Raises what ``plan_system`` raises."""
    return plan_system(request, options or RunOptions()).spec


@contextmanager
def _data_session(session: Session, request: TryOnRequest) -> Iterator[Session]:
    """The session of the data-set root: held if it is to be prepared, else only read."""
    options, sink, stop = session.options, session.sink, session.stop
    with ExitStack() as stack:
        if request.prepare:
            yield stack.enter_context(open_session(request.root, STAGE, options, sink, stop))
        else:
            ledger = read_ledger(RunDir(request.root))
            stack.callback(ledger.close)
            if as_store(request.root):
                # what the root's own runs have read need not be fetched again
                session.hashes.learn(dict(ledger.files()), new=False)
            # what is learnt about files of the root is kept in the ledger of the results
            yield Session(RunDir(request.root), ledger, session.hashes, options, sink, stop)


def _pairs(data_session: Session, request: TryOnRequest) -> tuple[Sequence[tuple[str, str]], Names]:
    """The pairs of a request, and the items that occur in them."""
    with listed():
        names = _names(data_session, request)
    pairs = find_pairs(request, list(names[Subject.PERSON]), list(names[Subject.GARMENT]))
    wanted = {
        Subject.PERSON: {person for person, _ in pairs},
        Subject.GARMENT: {garment for _, garment in pairs},
    }
    return pairs, {
        subject: {name: source for name, source in items.items() if name in wanted[subject]}
        for subject, items in names.items()
    }


def _names(data_session: Session, request: TryOnRequest) -> Names:
    if request.prepare:
        return find_names(data_session, request.prepare)
    data = DataRoot(request.root, request.split, request.layout)
    return {subject: dict.fromkeys(data.items(subject)) for subject in MAIN_ARTIFACT}


def _dress(
    session: Session,
    planner: PairPlanner,
    pairs: Sequence[tuple[str, str]],
    poses: Sequence[PoseSource],
) -> tuple[tuple[ItemOutcome, ...], float | None]:
    recorder = session.recorder(SCOPE)
    told: list[ItemOutcome] = []
    stuck: list[Planned] = []
    entries: list[Entry] = []
    with listed(), no_collecting():
        for entry, planned, has_task in planner.plan_all(in_poses(in_good_order(pairs), poses)):
            if session.stop:
                break
            told.append(planned.outcome())
            if planned.state in ("blocked", "waiting"):
                stuck.append(replace(planned, row=None))
            if has_task:
                entries.append(entry)
        session.store_hashes()
        left = sum(outcome.status == "pending" for outcome in told) - len(stuck)
        session.sink.planned(STAGE, left, sum(outcome.status == "current" for outcome in told))
        recorder.block(stuck)
    estimate = estimate_s(session.ledger, SCOPE, {STAGE: left}, session.options.jobs)
    if not session.options.dry_run:
        tasks = PairTasks(planner, entries, poses)
        files = ResultsFile(session.rundir, session.ledger, SCOPE)
        with no_collecting():
            recorder.claim(tasks.files())
        run_tasks(tasks, session.options, session.stop, files.refreshing(recorder.record))
        files.write()
    return tuple(recorder.outcomes.get((o.stage, o.item), o) for o in told), estimate


def _planner(
    session: Session,
    data_session: Session,
    request: TryOnRequest,
    spec: StageSpec,
    specs: Sequence[StageSpec],
    prepared: Prepared | None,
) -> PairPlanner:
    data = DataRoot(request.root, request.split, request.layout)
    sources = data_session.ledger.sources(data.scope, Subject.PERSON.value)
    chains = ChainPlanner(
        data,
        data_session.recorder(data.scope).rows,
        data_session.hashes,
        specs,
        runnable=frozenset(),
        trust_params=request.prepare is None,
    )
    return PairPlanner(
        request=request,
        spec=spec,
        seed=session.options.seed,
        retry_failed=session.options.retry_failed,
        rows=session.recorder(SCOPE).rows,
        chains=chains,
        sources=alive(sources),
        pending=_pending(prepared) if session.options.dry_run else frozenset(),
    )


def _pending(prepared: Prepared | None) -> frozenset[tuple[Subject, str]]:
    """Items that a real run would prepare first."""
    subjects = {info.name: info.subject for info, _ in STAGES.values()}
    outcomes = prepared.outcomes if prepared else ()
    return frozenset((subjects[o.stage], o.item) for o in outcomes if o.status == "pending")


def _sum(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second
