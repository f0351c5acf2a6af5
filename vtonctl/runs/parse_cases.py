"""Cases for ``evaluate parse``: photos of a data set, their true maps, and what is predicted.

One after the other, in this process: each photo is read, parsed (or its file is read) and handed
on, so that memory holds one at a time.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipelines import codecs
from pipelines.body import scaled
from pipelines.clothing_labels import CCP59
from pipelines.datasets.ccp import ccp_items
from pipelines.errors import InputError, ItemError
from pipelines.evaluation.parse import ParseCase
from pipelines.labels import Labels
from pipelines.layout import CCP, Artifact, Layout, find_layout
from pipelines.segmentation.ccp_labels import lip20_of_ccp
from pipelines.segmentation.instances import Instances
from pipelines.segmentation.true_maps import true_instances
from pipelines.stage import Outputs, Stage
from pipelines.types import Image, ParseMap, Pose
from vtonctl.runs.item_files import label_set, read_bytes
from vtonctl.runs.result import ItemOutcome, ProgressSink

STAGE = "parse"
_PARSE = Artifact.PARSE
_log = logging.getLogger("vtonctl")


@dataclass(frozen=True)
class LabelledData:
    """A split of a data set that has true maps."""

    root: Path
    layout: Layout
    split: str

    @property
    def labels(self) -> type[Labels]:
        """The label set of its files."""
        return CCP59 if self.layout is CCP else label_set(self.layout)

    @property
    def has_poses(self) -> bool:
        """Whether there are files of poses."""
        return bool(self.layout.items(self.root, self.split, Artifact.POSE))

    def items(self) -> list[str]:
        """Sorted names of the photos with a true map. Raises ``InputError`` if there are none."""
        if self.layout is CCP:
            return ccp_items(self.root, self.split)
        photos, truths = (
            set(self.layout.items(self.root, self.split, artifact))
            for artifact in (Artifact.IMAGE, Artifact.PARSE)
        )
        if not photos & truths:
            raise InputError(
                f"{self.root}: no photos with true label maps ({self.layout.name}, {self.split}): "
                f"{len(photos)} photos, {len(truths)} maps.",
                code="no_items",
                hint="Name the --layout and the --split of the data set.",
            )
        return sorted(photos & truths)

    def read(self, artifact: Artifact, item: str) -> Any:
        """One file's value; maps in the data set's own label set. Raises ``ItemError``."""
        path = self.layout.path(self.root, self.split, artifact, item)
        return self._decoded(path, artifact, keep_labels=True)

    def read_predicted(self, folder: Path, item: str) -> ParseMap:
        """A map, in LIP20, of ``folder``: its ``item.png``, or the file of a root in this layout.

        Raises ``ItemError``.
        """
        name = item + self.layout.place(Artifact.PARSE).suffix
        flat = folder / name
        found = flat if flat.is_file() else self.layout.path(folder, self.split, _PARSE, item)
        made: ParseMap = self._decoded(found, _PARSE, keep_labels=False)
        return made

    def _decoded(self, path: Path, artifact: Artifact, *, keep_labels: bool) -> Any:
        return codecs.decode(
            read_bytes(path),
            self.layout.place(artifact).encoding,
            labels=self.labels,
            keep_labels=keep_labels,
            name=str(path),
        )


def find_labelled_layout(name: str) -> Layout:
    """The layout of a name, Clothing Co-Parsing's among them. Raises ``ListError``."""
    return CCP if name == CCP.name else find_layout(name)


@dataclass
class PoseSource:
    """Poses of the data set, our own, or the first where there is one and else the second."""

    data: LabelledData
    given: bool
    stage: Stage | None
    """Finds our own; None: never."""
    counts: dict[str, int] = field(default_factory=lambda: {"given": 0, "own": 0})

    def find(self, item: str, image: Image) -> Pose:
        """The pose of a photo. Raises ``ItemError``."""
        if self.given:
            try:
                pose: Pose = self.data.read(Artifact.POSE, item)
            except ItemError as error:
                if self.stage is None or error.code not in ("missing_input", "no_person"):
                    raise
            else:
                self.counts["given"] += 1
                return pose
        if self.stage is None:
            raise ItemError(f"{item}: no pose was asked for.", code="no_pose")
        found = self.stage([{Artifact.IMAGE: image}])[0]
        if isinstance(found, ItemError):
            raise found
        self.counts["own"] += 1
        own: Pose = found.values[Artifact.POSE]
        return own


@dataclass
class ParseCases:
    """What is to be judged; iterate over it once."""

    data: LabelledData
    items: list[str]
    poses: PoseSource
    sink: ProgressSink
    stage: Stage | None = None
    """The parsing stage; None: maps are read from ``predicted``."""
    predicted: tuple[LabelledData, Path] | None = None
    """Layout and folder of files to read."""
    divide_ccp: bool = False
    """Whether skin and shoes of true CCP maps are divided by the pose into LIP labels."""
    detector: Any = None
    """Has ``instances(image) -> Instances``, whose labels are ``instance_labels``."""
    instance_labels: type[Labels] | None = None
    left_out: list[tuple[str, ItemError]] = field(default_factory=list)
    """Photos without a truth that can be used, which enter no figure."""

    def __iter__(self) -> Iterator[ParseCase]:
        """Read, predict and tell of one photo after the other."""
        self.sink.planned(STAGE, len(self.items), 0)
        for item in self.items:
            try:
                case = self._case(item)
                error = case.error
            except ItemError as unusable:
                case, error = None, unusable
                self.left_out.append((item, unusable))
            self.sink.finished(_outcome(item, error, case))
            if case is not None:
                yield case

    def _case(self, item: str) -> ParseCase:
        """One case. Raises ``ItemError`` where there is no truth to judge it by."""
        truth: ParseMap = self.data.read(Artifact.PARSE, item)
        image, pose, error = None, None, None
        try:
            image = self.data.read(Artifact.IMAGE, item)
            pose = self._pose(item, image)
        except ItemError as found:
            error = found
        if pose is not None and image is not None:
            height, width = truth.ids.shape
            pose_there = scaled(pose, width / image.shape[1], height / image.shape[0])
        else:
            pose_there = None
        if self.divide_ccp and truth.labels is CCP59:
            if pose_there is None:
                raise error or ItemError(f"{item}: no pose to divide the truth by.", code="no_pose")
            truth = lip20_of_ccp(truth, pose_there)
        case = ParseCase(item, truth, None, image, pose_there, error=error)
        if error is not None or image is None:
            return case
        try:
            return self._predicted(case, image, pose)
        except ItemError as found:
            return replace(case, error=found)
        except Exception as fault:  # noqa: BLE001 - a fault of the program fails one photo
            _log.error("%s: %s", item, fault, exc_info=fault)
            told = ItemError(f"{type(fault).__name__}: {fault}", code="unexpected")
            return replace(case, error=told)

    def _pose(self, item: str, image: Image) -> Pose | None:
        """The pose; files need none, so there its lack is no failure."""
        try:
            return self.poses.find(item, image)
        except ItemError:
            if self.stage is None:
                return None
            raise

    def _predicted(self, case: ParseCase, image: Image, pose: Pose | None) -> ParseCase:
        if self.predicted is not None:
            data, folder = self.predicted
            return replace(case, predicted=data.read_predicted(folder, case.item))
        if self.stage is None:
            raise ValueError("neither a parsing stage nor a folder of maps")
        wall, processor = time.perf_counter(), time.process_time()
        found = self.stage([{Artifact.IMAGE: image, Artifact.POSE: pose}])[0]
        wall_s, processor_s = time.perf_counter() - wall, time.process_time() - processor
        if not isinstance(found, Outputs):
            raise found
        return replace(
            case,
            predicted=found.values[Artifact.PARSE],
            score=found.score,
            flags=found.flags,
            wall_s=wall_s,
            processor_s=processor_s,
            instances=self._instances(case, image),
        )

    def _instances(self, case: ParseCase, image: Image) -> tuple[Instances, Instances] | None:
        if self.detector is None or self.instance_labels is None:
            return None
        if image.shape[:2] != case.truth.ids.shape:
            raise ItemError(
                f"{case.item}: photo {image.shape[:2]} and truth {case.truth.ids.shape} differ in "
                "size; instances cannot be compared.",
                code="size_mismatch",
            )
        known = true_instances(case.truth, case.pose, self.instance_labels)
        return self.detector.instances(image), known


def evenly(items: list[str], limit: int) -> list[str]:
    """At most ``limit`` of the items, evenly spread; 0 = all."""
    if not 0 < limit < len(items):
        return items
    return [items[number * len(items) // limit] for number in range(limit)]


def _outcome(item: str, error: ItemError | None, case: ParseCase | None) -> ItemOutcome:
    if error is None:
        seconds = case.wall_s if case is not None and not math.isnan(case.wall_s) else 0.0
        return ItemOutcome(item, STAGE, "done", seconds=seconds)
    return ItemOutcome(
        item, STAGE, "failed", code=error.code, message=error.message, hint=error.hint
    )
