"""Data-set roots as the folder that ultralytics trains on.

::

    FOLDER/data.yaml                         written last
    FOLDER/images/train/0/ID.jpg             photos of the first root, as they are
    FOLDER/images/train/0-mirrored/ID.jpg    mirrored copies, with left and right exchanged
    FOLDER/images/val/0/ID.jpg               never mirrored
    FOLDER/labels/...                        the same names, ``pipelines.segmentation.yolo_format``

Photos are copied, never linked: ultralytics repairs damaged JPEGs in place, and inputs are never
written to.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines import labels as label_sets
from pipelines.atomic import write_atomic
from pipelines.clothing_labels import CCP59, IGNORED
from pipelines.codecs import decode, encode
from pipelines.datasets.ccp import ccp_items
from pipelines.errors import ConfigError, InputError, ItemError
from pipelines.labels import BODY8, LIP20
from pipelines.layout import CCP, LAYOUTS, Artifact, Encoding, Layout, find_layout
from pipelines.relabel import relabel
from pipelines.segmentation.ccp_labels import lip20_of_ccp
from pipelines.segmentation.neck import with_neck
from pipelines.segmentation.yolo_format import CLASS_NAMES, mirrored, polygons_of, to_text
from pipelines.types import Image, ParseMap, Pose

_MARKER = ".vtonctl-dataset.json"


@dataclass(frozen=True)
class DatasetPlan:
    """What goes into a data set; equal plans of unchanged roots give equal folders."""

    roots: tuple[Path, ...]
    layout: str = "auto"
    """Name of a layout, ``ccp``, or ``auto`` to tell each root's by its folders."""
    train: str = "train"
    val: str = "val"
    """Splits; of ``ccp``, ``val`` are the photos that are set aside."""
    photos: int = 0
    """At most this many training photos of each root, evenly spread over its list; 0 = all."""
    mirror: bool = True

    def described(self) -> dict[str, object]:
        """The plan as JSON values."""
        return {
            "roots": [str(root.resolve()) for root in self.roots],
            "layout": self.layout,
            "train": self.train,
            "val": self.val,
            "photos": self.photos,
            "mirror": self.mirror,
        }


@dataclass(frozen=True)
class DatasetSummary:
    """What was written; ``instances`` are of all splits, by class name."""

    data_yaml: Path
    train_images: int
    val_images: int
    instances: Mapping[str, int]
    skipped: tuple[str, ...] = ()
    """Why photos were left out, one sentence each."""


def write_dataset(
    folder: Path, plan: DatasetPlan, tell: Callable[[str], None] = lambda _: None
) -> DatasetSummary:
    """Write ``plan`` into ``folder``, replacing a data set that this function wrote there before.

    Photos whose files cannot be used are left out and told. Raises ``InputError`` if ``folder``
    holds anything else, for a root without labelled photos and where every photo was left out.
    """
    _make_room(folder)
    sources = [_Source.of(root, plan) for root in plan.roots]
    write_atomic(folder / _MARKER, json.dumps(plan.described()).encode())
    counts = dict.fromkeys(CLASS_NAMES, 0)
    written = {"train": 0, "val": 0}
    skipped: list[str] = []
    for split, number, source, name in _work(sources, plan):
        try:
            photo = source.photo(split, name)
        except ItemError as error:
            skipped.append(str(error))
            tell(f"left out: {error}")
            continue
        copies = photo.copies(f"{split}/{number}", mirror=plan.mirror and split == "train")
        for place, image, text in copies:
            write_file(folder / "images" / place / (name + photo.suffix), image)
            write_file(folder / "labels" / place / f"{name}.txt", text.encode())
            written[split] += 1
            for line in text.splitlines():
                counts[CLASS_NAMES[int(line.split(maxsplit=1)[0])]] += 1
    for split, count in written.items():
        if not count:
            raise InputError(
                f"no usable photo for {split}: {skipped[0] if skipped else 'the lists are empty'}",
                code="no_items",
            )
    write_atomic(folder / "data.yaml", _data_yaml().encode())
    return DatasetSummary(
        folder / "data.yaml", written["train"], written["val"], counts, tuple(skipped)
    )


def is_written(folder: Path, plan: DatasetPlan) -> bool:
    """Whether ``folder`` holds the whole of this plan, so that a run can be resumed on it."""
    marker = folder / _MARKER
    if not (marker.is_file() and (folder / "data.yaml").is_file()):
        return False
    found: object = json.loads(marker.read_text("utf-8"))
    return found == plan.described()


def find_root_layout(root: Path, split: str) -> Layout:
    """The layout with most of its folders below ``root``. Raises ``InputError`` if none fits."""
    if (root / "photos").is_dir() and (root / "labels").is_dir():
        return CCP
    scores = {
        layout.name: sum(layout.folder(root, split, a).is_dir() for a in layout.places)
        for layout in LAYOUTS.values()
        if layout.existing_folder(root, split, Artifact.IMAGE).is_dir()
        and layout.existing_folder(root, split, Artifact.PARSE).is_dir()
    }
    best = [name for name, score in scores.items() if score == max(scores.values())]
    if len(best) != 1:
        found = f"it could be {' or '.join(best)}" if best else "no layout has its folders there"
        raise InputError(
            f"{root}: the layout of split {split!r} cannot be told: {found}.",
            code="bad_layout",
            hint=f"Name it: --set layout={(best or ['viton-hd'])[-1]} (all: docs/layout.md), or "
            "the split: --set train=SPLIT --set val=SPLIT.",
        )
    return find_layout(best[0])


def write_file(path: Path, data: bytes) -> None:
    """Write a file of the run folder; tens of thousands of them cannot be synced one by one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@dataclass(frozen=True)
class _Photo:
    data: bytes
    suffix: str
    encoding: Encoding
    parse: ParseMap

    def copies(self, place: str, *, mirror: bool) -> Iterator[tuple[str, bytes, str]]:
        """Place, file and labels: the photo and, if asked for, its mirror image."""
        polygons = polygons_of(self.parse.ids)
        yield place, self.data, to_text(polygons)
        if mirror:
            image: Image = decode(self.data, self.encoding)
            flipped = encode(np.ascontiguousarray(image[:, ::-1]), self.encoding)
            yield f"{place}-mirrored", flipped, to_text(mirrored(polygons))


@dataclass(frozen=True)
class _Source:
    """One root, whose photos are named by split and item."""

    root: Path
    layout: Layout
    names: Mapping[str, str]
    """Name in the root of the splits ``train`` and ``val``."""

    @classmethod
    def of(cls, root: Path, plan: DatasetPlan) -> _Source:
        if plan.layout == "auto":
            layout = find_root_layout(root, plan.train)
        else:
            layout = CCP if plan.layout == CCP.name else find_layout(plan.layout)
        return cls(root, layout, {"train": plan.train, "val": plan.val})

    def items(self, split: str, limit: int) -> list[str]:
        if self.layout is CCP:
            items = ccp_items(self.root, self.names[split])
        else:
            there = [
                set(self.layout.items(self.root, self.names[split], artifact))
                for artifact in (Artifact.IMAGE, Artifact.PARSE)
            ]
            items = sorted(there[0] & there[1])
        if not items:
            raise InputError(
                f"{self.root}: no photos with label maps in the split {self.names[split]!r} of "
                f"the layout {self.layout.name}.",
                code="no_items",
                hint=f"Name the split: --set {split}=SPLIT.",
            )
        if not 0 < limit < len(items):
            return items
        return [items[round(i)] for i in np.linspace(0, len(items) - 1, limit)]

    def photo(self, split: str, name: str) -> _Photo:
        place = self.layout.place(Artifact.IMAGE)
        data = self._read(split, name, Artifact.IMAGE)
        image: Image = decode(data, place.encoding, name=f"{self.root}: {name}{place.suffix}")
        encoding = self.layout.place(Artifact.PARSE).encoding
        own = _label_set(self.layout)
        parse: ParseMap = decode(
            self._read(split, name, Artifact.PARSE),
            encoding,
            labels=own,
            keep_labels=True,
            name=str(self._path(split, name, Artifact.PARSE)),
        )
        if image.shape[:2] != parse.ids.shape:
            raise ItemError(
                f"{name}: the photo is {image.shape[0]}x{image.shape[1]}, its label map "
                f"{parse.ids.shape[0]}x{parse.ids.shape[1]}.",
                code="size_mismatch",
            )
        parts = self._body_parts(split, name, image, parse)
        return _Photo(data, place.suffix, place.encoding, parts)

    def _body_parts(self, split: str, name: str, image: Image, parse: ParseMap) -> ParseMap:
        """The map in BODY8; a pose tells skin apart, and finds the neck that maps lack."""
        path = self._path(split, name, Artifact.POSE)
        if self.layout is CCP:
            parse = lip20_of_ccp(parse, self._pose(split, name))
        elif "NECK" in parse.labels.__members__ or not path.is_file():
            return relabel(parse, BODY8)
        else:
            parse = with_neck(image, relabel(parse, LIP20), self._pose(split, name))
        # a polygon cannot leave pixels out; where the label is not sure there is no part
        ids = np.where(parse.ids == IGNORED, LIP20.BACKGROUND, parse.ids).astype(np.uint8)
        return relabel(ParseMap(ids, LIP20), BODY8)

    def _pose(self, split: str, name: str) -> Pose:
        encoding = self.layout.place(Artifact.POSE).encoding
        path = self._path(split, name, Artifact.POSE)
        pose: Pose = decode(self._read(split, name, Artifact.POSE), encoding, name=str(path))
        return pose

    def _path(self, split: str, name: str, artifact: Artifact) -> Path:
        named = "all" if self.layout is CCP else self.names[split]
        return self.layout.path(self.root, named, artifact, name)

    def _read(self, split: str, name: str, artifact: Artifact) -> bytes:
        path = self._path(split, name, artifact)
        try:
            return path.read_bytes()
        except OSError as error:
            raise ItemError(f"{path}: {error.strerror}.", code="missing_input") from None


def _label_set(layout: Layout) -> type[label_sets.Labels]:
    if layout is CCP:
        return CCP59
    found: type[label_sets.Labels] = getattr(label_sets, layout.label_set)
    return found


def _work(sources: Sequence[_Source], plan: DatasetPlan) -> Iterator[tuple[str, int, _Source, str]]:
    for split in ("train", "val"):
        for number, source in enumerate(sources):
            for name in source.items(split, plan.photos if split == "train" else 0):
                yield split, number, source, name


def _make_room(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / _MARKER).is_file():
            raise InputError(
                f"{folder}: holds files that are no data set of this tool.",
                code="exists",
                hint="Choose another folder with --out.",
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def _data_yaml() -> str:
    names = "".join(f"  {index}: {name}\n" for index, name in enumerate(CLASS_NAMES))
    return f"train: images/train\nval: images/val\nnames:\n{names}"


def checked_plan(roots: tuple[Path, ...], settings: Mapping[str, object]) -> DatasetPlan:
    """The plan in a trainer's settings. Raises ``ConfigError`` for a number below 0."""
    plan = DatasetPlan(
        roots,
        layout=str(settings["layout"]),
        train=str(settings["train"]),
        val=str(settings["val"]),
        photos=int(str(settings["photos"])),
        mirror=bool(settings["mirror"]),
    )
    if plan.photos < 0:
        raise ConfigError(f"photos={plan.photos}", hint="Wanted: 0 (all) or more.")
    return plan
