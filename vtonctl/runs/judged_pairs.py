"""What ``evaluate tryon`` and ``evaluate seg`` judge: systems, and pairs of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipelines.datasets.naming import require_distinct, tryon_id
from pipelines.datasets.pairs import make_pairs, read_pairs
from pipelines.errors import InputError
from pipelines.layout import Artifact
from pipelines.registry import STAGES
from pipelines.stage import Stage, Subject, TryOnSystem
from pipelines.system_choice import AUTO, find_system
from pipelines.types import Size
from vtonctl.runs.dataroot import DataRoot
from vtonctl.runs.given_or_own import check_wish, lacks_some
from vtonctl.runs.parse_cases import evenly
from vtonctl.runs.parse_plan import ParsePlan, plan_parse, refuse_unused_device
from vtonctl.runs.requests import RunOptions, TryOnRequest
from vtonctl.runs.result import ProgressSink
from vtonctl.runs.system_plan import SystemPlan, plan_system
from vtonctl.runs.tryon_cases import PairInputs, PairRun
from vtonctl.runs.worker import build


@dataclass(frozen=True)
class EvaluateTryOnRequest:
    """What to judge, and how."""

    root: Path
    layout: str
    split: str
    systems: tuple[str, ...] = ("auto",)
    weights: tuple[str, ...] = ()
    """Weights of the systems that take any; for families without one the best are taken."""
    size_hw: tuple[int, int] | None = None
    """Height and width to work and judge at; None: each photo's own."""
    pairs: Path | None = None
    """Pairs list; None: each person in the own garment, by the published naming rules."""
    unpaired: bool = False
    """Each person in another's garment: there is no truth."""
    parse: str = "auto"
    """``given`` by the data set, our ``own``, or ``auto``: given where there is one."""
    pose: str = "auto"
    parser: str = "auto"
    parser_weights: str = ""
    commercial: bool = False
    pose_model: str = "full"
    limit: int = 0
    sheet: int = 0
    """Pairs to keep for contact sheets: the worst ones, or unpaired the first ones."""


@dataclass(frozen=True)
class JudgedPairs:
    """What is settled before the first pair."""

    run: PairRun
    pairs_in_all: int
    systems: Mapping[str, SystemPlan]
    plan: ParsePlan | None
    """Of our own parses; None where none is needed."""


def prepare_pairs(
    request: EvaluateTryOnRequest, options: RunOptions, sink: ProgressSink
) -> JudgedPairs:
    """Settle pairs, systems and where poses and parses come from. Raises ``VtonError``."""
    check_wish("--parse", request.parse)
    check_wish("--pose", request.pose)
    data = DataRoot(request.root, request.split, request.layout)
    everything = _find_pairs(request, data, options.seed)
    chosen = [everything[item] for item in evenly(list(everything), request.limit)]
    persons = {person for person, _ in chosen}
    lacking = lacks_some(data, Artifact.PARSE, request.parse, persons)
    plan = plan_parse(request, options) if lacking else None
    systems = _plan_systems(request, options)
    computing = [system.compute for system in systems.values()]
    refuse_unused_device(options, *computing, plan.compute if plan else None)
    for system in systems.values():
        if system.choice.reason:
            sink.note(system.choice.reason)
    inputs = PairInputs(
        data,
        parse=request.parse,
        parser=partial(_parser, plan) if plan else None,
        pose=request.pose,
        pose_model=request.pose_model,
    )
    size = Size(*request.size_hw) if request.size_hw else None
    built: dict[str, TryOnSystem] = {name: build(p.spec) for name, p in systems.items()}
    run = PairRun(inputs, chosen, built, size, options.seed, sink)
    return JudgedPairs(run, len(everything), systems, plan)


def refuse_nothing(root: Path, run: PairRun) -> None:
    """Raise ``InputError`` if not one pair could be used."""
    if len(run.left_out) == len(run.pairs):
        reason = run.left_out[0][1]
        raise InputError(
            f"{root}: not one pair can be judged. {reason.message}",
            code="no_items",
            hint=reason.hint or "See what is wrong with: vtonctl check ROOT",
        )


def _find_pairs(
    request: EvaluateTryOnRequest, data: DataRoot, seed: int
) -> dict[str, tuple[str, str]]:
    persons, garments = (data.items(s) for s in (Subject.PERSON, Subject.GARMENT))
    if not persons or not garments:
        raise InputError(
            f"{request.root}: {len(persons)} persons and {len(garments)} garments "
            f"({request.layout}, {request.split}); wanted some of both.",
            code="no_items",
            hint="Name the --layout and the --split of the data set.",
        )
    if request.pairs is None:
        kind = "unpaired" if request.unpaired else "paired"
        found = make_pairs(persons, garments, kind, seed=seed)
    else:
        found = read_pairs(
            request.pairs,
            persons=persons,
            garments=garments,
            split=request.split,
            nested=data.layout.nested,
        )
    pairs = list(dict.fromkeys((str(p.person), str(p.garment)) for p in found))
    require_distinct(pairs)
    return {tryon_id(*pair): pair for pair in pairs}


def _parser(plan: ParsePlan) -> Stage:
    made: Stage = build(plan.spec(*STAGES["parse"]))
    return made


def _plan_systems(request: EvaluateTryOnRequest, options: RunOptions) -> dict[str, SystemPlan]:
    """The systems by name; of several, those without weights are not asked to take any."""
    plans = {}
    for wanted in request.systems:
        alone = len(request.systems) == 1 or wanted == AUTO
        takes = alone or bool(find_system(wanted).weights)
        wish = TryOnRequest(
            root=request.root,
            out=request.root,
            system=wanted,
            weights=request.weights if takes else (),
            commercial=request.commercial,
        )
        plan = plan_system(wish, options)
        plans[plan.choice.name] = plan
    return plans
