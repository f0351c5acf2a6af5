"""Cases for ``evaluate tryon`` and ``evaluate seg``: pairs of a data set, as all systems get them.

One after the other, in this process, so that memory holds one and times can be compared.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from pipelines import registry
from pipelines.datasets.fitting import fit, fitted
from pipelines.datasets.naming import tryon_id
from pipelines.errors import ItemError, VtonError
from pipelines.evaluation.layouts import GIVEN, LayoutCase
from pipelines.evaluation.levels import level_of
from pipelines.evaluation.tryon import Dressed, TryOnCase
from pipelines.layout import Artifact
from pipelines.segmentation.neck import completed
from pipelines.stage import (
    GarmentInputs,
    LayoutPredictor,
    Outputs,
    PersonInputs,
    Stage,
    Subject,
    TryOnResult,
    TryOnSystem,
)
from pipelines.types import ParseMap, Size
from vtonctl.runs.dataroot import DataRoot
from vtonctl.runs.fingerprint import item_seed
from vtonctl.runs.given_or_own import GivenOrOwn, read_artifact
from vtonctl.runs.item_files import lacks_neck
from vtonctl.runs.peak_memory import peak_bytes, reset_peak
from vtonctl.runs.result import ItemOutcome, ProgressSink

T = TypeVar("T")
_log = logging.getLogger("vtonctl")


@dataclass(frozen=True, eq=False)
class Pair:
    """One pair, read and brought to the size it is judged at."""

    item: str
    seed: int
    person: PersonInputs
    garment: GarmentInputs
    judged_by: ParseMap
    """The data set's own parse where it has one, else that of ``person``."""


class PairInputs:
    """Reads pairs; what the data set does not have, or is not wanted of it, is made."""

    def __init__(
        self,
        data: DataRoot,
        *,
        parse: str,
        parser: Callable[[], Stage] | None,
        pose: str,
        pose_model: str,
    ) -> None:
        """``parse`` and ``pose`` are wishes of ``given_or_own``; ``parser`` makes our own."""
        self.data = data
        own_pose = partial(registry.stage, "pose", {"model": pose_model})
        own_mask = partial(registry.stage, "cloth-mask", {})
        self.pose = GivenOrOwn(data, Artifact.POSE, pose, own_pose)
        self.parse = GivenOrOwn(data, Artifact.PARSE, parse, parser)
        self.mask = GivenOrOwn(data, Artifact.CLOTH_MASK, "auto", own_mask)

    def read(self, person: str, garment: str, size: Size | None, seed: int) -> Pair:
        """A pair at ``size`` (None: the photo's own). Raises ``ItemError``."""
        image = read_artifact(self.data, Artifact.IMAGE, person)
        inputs = {Artifact.IMAGE: image}
        inputs[Artifact.POSE] = self.pose.find(person, inputs)
        stored = Size(*image.shape[:2])
        parse = _checked(self.parse.find(person, inputs), stored, person)
        published: ParseMap | None = self.parse.given(person)
        judged_by = parse if published is None else _checked(published, stored, person)
        if published is not None and self.parse.wish != "own" and lacks_neck(self.data.layout):
            parse = completed(image, parse, inputs[Artifact.POSE])
        how = fit(stored, size or stored)
        cloth = read_artifact(self.data, Artifact.CLOTH, garment)
        return Pair(
            item=tryon_id(person, garment),
            seed=item_seed(person, garment, seed),
            person=PersonInputs(
                image=fitted(image, how),
                pose=fitted(inputs[Artifact.POSE], how),
                parse=fitted(parse, how),
            ),
            garment=GarmentInputs(cloth, self.mask.find(garment, {Artifact.CLOTH: cloth})),
            judged_by=fitted(judged_by, how),
        )


@dataclass
class PairRun:
    """What is to be judged; iterate over ``tryon`` or ``layouts`` once."""

    inputs: PairInputs
    pairs: Sequence[tuple[str, str]]
    systems: Mapping[str, TryOnSystem]
    size: Size | None
    seed: int
    sink: ProgressSink
    left_out: list[tuple[str, ItemError]] = field(default_factory=list)
    """Pairs whose files cannot be used; they enter no figure."""

    def tryon(self) -> Iterator[TryOnCase]:
        """Read each pair and have every system dress it."""
        agnostic = registry.stage("agnostic", {})
        for pair in self._read():
            dressed = {name: _dress(system, pair) for name, system in self.systems.items()}
            self._tell(pair, [made.error for made in dressed.values() if made.error])
            yield TryOnCase(
                item=pair.item,
                photo=pair.person.image,
                garment=pair.garment.image,
                parse=pair.judged_by,
                dressed=dressed,
                level=level_of(pair.person.pose, pair.judged_by),
                agnostic_mask=_agnostic(agnostic, pair, Artifact.AGNOSTIC_MASK),
            )

    def layouts(self) -> Iterator[LayoutCase]:
        """Read each pair and have every system predict its layout."""
        agnostic = registry.stage("agnostic", {})
        for pair in self._read():
            predicted: dict[str, ParseMap | ItemError] = {
                name: _guarded(pair.item, partial(_predict, system, pair))
                for name, system in self.systems.items()
            }
            self._tell(pair, [made for made in predicted.values() if isinstance(made, ItemError)])
            given: ParseMap | None = _agnostic(agnostic, pair, Artifact.PARSE_AGNOSTIC)
            nothing = ItemError(f"{pair.item}: it cannot be made.", code="uncertain_pose")
            yield LayoutCase(pair.item, pair.judged_by, {GIVEN: given or nothing, **predicted})

    def _read(self) -> Iterator[Pair]:
        self.sink.planned(Subject.PAIR.value, len(self.pairs), 0)
        for person, garment in self.pairs:
            try:
                pair = self.inputs.read(person, garment, self.size, self.seed)
            except ItemError as error:
                item = tryon_id(person, garment)
                self.left_out.append((item, error))
                self.sink.finished(_outcome(item, error))
                continue
            yield pair

    def _tell(self, pair: Pair, errors: Sequence[ItemError]) -> None:
        self.sink.finished(_outcome(pair.item, errors[0] if errors else None))


def _dress(system: TryOnSystem, pair: Pair) -> Dressed:
    reset_peak()
    times, processor = list[float](), time.process_time()

    def work() -> TryOnResult:
        times.append(time.perf_counter())
        person = system.prepare_person(pair.person)
        garment = system.prepare_garment(pair.garment)
        times.append(time.perf_counter())
        made = system.dress(person, garment, seed=pair.seed)
        times.append(time.perf_counter())
        return made

    made = _guarded(pair.item, work)
    if isinstance(made, ItemError):
        return Dressed(None, peak_bytes=peak_bytes(), error=made)
    started, prepared, ended = times
    return Dressed(
        result=made,
        prepare_s=prepared - started,
        dress_s=ended - prepared,
        processor_s=time.process_time() - processor,
        peak_bytes=peak_bytes(),
    )


def _predict(system: TryOnSystem, pair: Pair) -> ParseMap:
    if not isinstance(system, LayoutPredictor):
        raise TypeError(f"{type(system).__name__} predicts no layout")
    person = system.prepare_person(pair.person)
    return system.predict_layout(person, system.prepare_garment(pair.garment))


def _guarded(item: str, work: Callable[[], T]) -> T | ItemError:
    """What ``work`` makes, or why not; a fault of the program fails one pair."""
    try:
        return work()
    except ItemError as error:
        return error
    except VtonError:
        raise
    except Exception as fault:  # noqa: BLE001 - one pair must not end the run
        _log.error("%s: %s", item, fault, exc_info=fault)
        return ItemError(f"{type(fault).__name__}: {fault}", code="unexpected")


def _agnostic(stage: Stage, pair: Pair, artifact: Artifact) -> Any:
    person = pair.person
    values = {
        Artifact.IMAGE: person.image, Artifact.POSE: person.pose, Artifact.PARSE: person.parse,
    }  # fmt: skip
    found = stage([values])[0]
    return found.values[artifact] if isinstance(found, Outputs) else None


def _checked(parse: ParseMap, size: Size, item: str) -> ParseMap:
    if parse.ids.shape != size:
        found = Size(*parse.ids.shape)
        raise ItemError(
            f"{item}: the parse is {found}, the photo {size}.",
            code="bad_parse_file",
            hint="Make the parse again from this photo.",
        )
    return parse


def _outcome(item: str, error: ItemError | None) -> ItemOutcome:
    stage = Subject.PAIR.value
    if error is None:
        return ItemOutcome(item, stage, "done")
    return ItemOutcome(
        item, stage, "failed", code=error.code, message=error.message, hint=error.hint
    )
