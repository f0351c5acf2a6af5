"""Examples for training a try-on system: persons in their own garments, held as few large arrays.

What a system needs of an example it derives itself (``Derive``): this module finds the pairs,
reads the files, and keeps what was derived in one file, so that another run, or a machine with
nothing but the training's own packages, need not do it again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines import labels
from pipelines.codecs import decode
from pipelines.datasets.pairs import Pair, both_directions, make_pairs, read_pairs
from pipelines.errors import InputError, ItemError, ListError
from pipelines.labels import Labels
from pipelines.layout import LAYOUTS, Artifact, Layout, SplitStyle
from pipelines.segmentation.neck import with_neck
from pipelines.stage import GarmentInputs, PersonInputs

VERSION = 1
"""Raised when equal files would give other examples."""

OF_PERSON = (Artifact.IMAGE, Artifact.PARSE, Artifact.POSE)
OF_GARMENT = (Artifact.CLOTH, Artifact.CLOTH_MASK)

ASPECT_TOLERANCE = 0.02
"""Photos whose sides are in another proportion would be squashed."""

Derive = Callable[[PersonInputs, GarmentInputs], Mapping[str, NDArray[Any]]]
"""Arrays of one example; names, shapes and types are the same for all. Raises ``ItemError``."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class TryOnRoot:
    """A data-set root to learn from."""

    path: Path
    layout: Layout

    def pairs(self, split: str) -> list[Pair]:
        """Persons of a split with the garments they wear, sorted; empty if there are none.

        By the published rules of naming; where no name follows these, by the pairs list. Where
        the layout has a list of persons in two poses (mpv), these, each way round.
        """
        if self.layout.split_style is SplitStyle.LIST:
            return self._triples(split)
        persons = self.layout.items(self.path, split, Artifact.IMAGE)
        garments = self.layout.items(self.path, split, Artifact.CLOTH)
        try:
            return make_pairs(persons, garments, "paired")
        except ListError:
            listed = self.layout.pairs_path(self.path, split)
            if not listed.is_file():
                return []
            return sorted(read_pairs(listed, persons=persons, garments=garments))

    def _triples(self, split: str) -> list[Pair]:
        listed = self.layout.pairs_path(self.path, split)
        if not listed.is_file():
            return []
        persons = self.layout.items(self.path, split, Artifact.IMAGE)
        garments = self.layout.items(self.path, split, Artifact.CLOTH)
        try:
            found = read_pairs(
                listed, persons=persons, garments=garments, split=split, nested=self.layout.nested
            )
        except ListError as error:
            if error.code == "no_pairs":
                return []
            raise
        return sorted(both_directions(found))


@dataclass(frozen=True, eq=False)
class Example:
    """The files of one pair: a person and the garment, and the person in another pose."""

    name: str
    person: PersonInputs
    garment: GarmentInputs
    posed: PersonInputs | None = None
    """None where the data set shows one pose alone."""


class RowMaker(Protocol):
    """How a system makes its arrays of an example."""

    @property
    def key(self) -> Mapping[str, Any]:
        """What they depend on, JSON values."""

    @property
    def at_most(self) -> int:
        """Rows of one example, at most."""

    def rows(self, example: Example) -> Iterator[Mapping[str, NDArray[Any]]]:
        """Arrays of each row; names, shapes and types are the same for all. Raises ``ItemError``.

        Where it raises, no row of the example has been given yet.
        """


@dataclass(frozen=True)
class Recipe:
    """How a system derives its arrays; ``key`` (JSON values) says what they depend on."""

    derive: Derive
    key: Mapping[str, Any]
    at_most: int = 1

    def rows(self, example: Example) -> Iterator[Mapping[str, NDArray[Any]]]:
        """One row."""
        yield self.derive(example.person, example.garment)


@dataclass(frozen=True, eq=False)
class TryOnPack:
    """Examples by name: ``arrays`` of each kind lie behind one another, the first axis counts."""

    names: tuple[str, ...]
    arrays: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.names)

    def tensors(self) -> dict[str, Tensor]:
        """The arrays as tensors on the CPU, which share their memory."""
        return {name: torch.from_numpy(array) for name, array in self.arrays.items()}


def find_root(path: Path, layout: str = "auto", *, two_poses: bool = False) -> TryOnRoot:
    """The root with its layout. Raises ``InputError`` where no layout has what training needs.

    A layout of persons in two poses (mpv) is found for ``two_poses`` alone: its list tells who
    takes whose pose, and nobody's own garment and pose.
    """
    known = {
        name: one
        for name, one in LAYOUTS.items()
        if two_poses or one.split_style is not SplitStyle.LIST
    }
    wanted = known.values() if layout == "auto" else [known[layout]] if layout in known else []
    usable = [candidate for candidate in wanted if not _missing(path, candidate)]
    if usable:
        # the one of which most folders are there, in its own spelling
        return TryOnRoot(path, max(usable, key=lambda one: _folders(path, one)))
    nearest = min(wanted, key=lambda one: len(_missing(path, one)), default=None)
    lacks = f": {', '.join(_missing(path, nearest))} is not there" if nearest else ""
    raise InputError(
        f"{path}: no try-on data for training (layout {layout}{lacks}).",
        code="no_items",
        hint="A split 'train' needs photo, parse, pose, garment and garment mask; make what is "
        f"missing with: vtonctl preprocess ROOT. Layouts: {', '.join(known)}.",
    )


def _missing(path: Path, layout: Layout) -> list[str]:
    """Folders of the training split that hold nothing."""
    return [
        str(layout.folder(path, "train", artifact).relative_to(path))
        for artifact in (*OF_PERSON, *OF_GARMENT)
        if not layout.items(path, "train", artifact)
    ]


def _folders(path: Path, layout: Layout) -> int:
    return sum(layout.folder(path, "train", artifact).is_dir() for artifact in layout.places)


def load_pack(
    root: TryOnRoot,
    split: str,
    recipe: RowMaker,
    *,
    cache: Path,
    limit: int = 0,
    tell: Tell = lambda _: None,
) -> TryOnPack | None:
    """The examples of a split, from ``cache`` where an earlier call has left them.

    Examples with a damaged or missing file are left out and told. ``limit`` > 0 takes so many,
    evenly. None where the split has no pairs. Raises ``InputError`` if none of them can be used.
    """
    pairs = root.pairs(split)
    if limit and len(pairs) > limit:
        pairs = [pairs[k * len(pairs) // limit] for k in range(limit)]
    if not pairs:
        return None
    kept = cache / f"{root.layout.name}-{split}-{_digest(root, split, pairs, recipe)}.npz"
    if kept.is_file():
        tell(f"{kept.name}: examples of an earlier run")
        with np.load(kept) as stored:
            names = tuple(str(name) for name in stored["names"])
            return TryOnPack(names, {key: stored[key] for key in stored.files if key != "names"})
    made = _Stack(len(pairs) * recipe.at_most)
    for number, pair in enumerate(pairs):
        if number % 500 == 0:
            tell(f"{root.path} {split}: {number} of {len(pairs)} examples made")
        try:
            for row in recipe.rows(_inputs(root, split, pair)):
                made.add(pair.person, row)
        except ItemError as error:
            tell(f"{pair.person}: left out. {error.message}")
    if not made.names:
        raise InputError(
            f"{root.path}: not one of {len(pairs)} examples of {split!r} can be used.",
            code="no_items",
            hint="See what is wrong with: vtonctl check ROOT",
        )
    pack = made.pack()
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = kept.with_suffix(f".{os.getpid()}.npz")
    np.savez(unfinished, names=np.array(pack.names), **pack.arrays)
    unfinished.replace(kept)
    return pack


@dataclass
class _Stack:
    """Arrays that are filled example by example: a data set must not be in memory twice."""

    room: int
    names: list[str] = field(default_factory=list)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)

    def add(self, name: str, values: Mapping[str, NDArray[Any]]) -> None:
        for key, value in values.items():
            if key not in self.arrays:
                self.arrays[key] = np.empty((self.room, *value.shape), value.dtype)
            self.arrays[key][len(self.names)] = value
        self.names.append(name)

    def pack(self) -> TryOnPack:
        count = len(self.names)
        return TryOnPack(tuple(self.names), {key: a[:count] for key, a in self.arrays.items()})


def joined(packs: Sequence[TryOnPack]) -> TryOnPack:
    """Several packs of one recipe as one."""
    if len(packs) == 1:
        return packs[0]
    names = tuple(name for pack in packs for name in pack.names)
    keys = packs[0].arrays
    return TryOnPack(names, {key: np.concatenate([p.arrays[key] for p in packs]) for key in keys})


def _digest(root: TryOnRoot, split: str, pairs: Sequence[Pair], recipe: RowMaker) -> str:
    """Of what the examples depend on; the same wherever the root lies."""
    names = [(pair.person, pair.garment, *([pair.pose] if pair.pose else ())) for pair in pairs]
    sizes = [file.stat().st_size if file.is_file() else -1 for file in _files(root, split, pairs)]
    key = [VERSION, root.layout.name, split, dict(recipe.key), names, sizes]
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:12]


def _files(root: TryOnRoot, split: str, pairs: Sequence[Pair]) -> Iterator[Path]:
    for artifacts, items in (
        (OF_PERSON, [pair.person for pair in pairs]),
        (OF_GARMENT, [pair.garment for pair in pairs]),
    ):
        for artifact in artifacts:
            yield from (root.layout.path(root.path, split, artifact, item) for item in items)


def _inputs(root: TryOnRoot, split: str, pair: Pair) -> Example:
    cloth, mask = (_decoded(root, split, a, pair.garment) for a in OF_GARMENT)
    _check_sizes(pair.garment, cloth, mask, "garment mask")
    person = _person(root, split, pair.person)
    posed = _person(root, split, pair.pose) if pair.pose else None
    return Example(pair.person, person, GarmentInputs(cloth, mask), posed)


def _person(root: TryOnRoot, split: str, item: str) -> PersonInputs:
    image, parse, pose = (_decoded(root, split, a, item) for a in OF_PERSON)
    _check_sizes(item, image, parse.ids, "labels")
    if "NECK" not in _label_set(root.layout).__members__:
        parse = with_neck(image, parse, pose)
    return PersonInputs(image, pose, parse)


def _check_sizes(item: str, photo: NDArray[Any], other: NDArray[Any], what: str) -> None:
    if photo.shape[:2] != other.shape[:2]:
        raise ItemError(
            f"{item}: photo {photo.shape[:2]} and {what} {other.shape[:2]} differ in size",
            code="size_mismatch",
            hint="Make the latter again.",
        )


def _decoded(root: TryOnRoot, split: str, artifact: Artifact, item: str) -> Any:
    path = root.layout.path(root.path, split, artifact, item)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ItemError(
            f"{path}: {error.strerror}.", code="unreadable", hint="Make it again."
        ) from None
    encoding = root.layout.place(artifact).encoding
    return decode(data, encoding, labels=_label_set(root.layout), name=str(path))


def _label_set(layout: Layout) -> type[Labels]:
    found: type[Labels] = getattr(labels, layout.label_set)
    return found


def check_aspect(name: str, found: Sequence[int], wanted: Sequence[int]) -> None:
    """Raise ``ItemError`` unless height and width are in about the wanted proportion."""
    squash = found[0] * wanted[1] / (found[1] * wanted[0])
    if abs(squash - 1) > ASPECT_TOLERANCE:
        raise ItemError(
            f"{name} is {found[0]}x{found[1]}; its sides should be as {wanted[0]} to {wanted[1]}.",
            code="size_mismatch",
            hint="Frame the photos with: vtonctl preprocess PHOTOS",
        )


def cache_folder(wanted: str, out: Path) -> Path:
    """Where packs are kept: the folder asked for, else inside the run's own."""
    return Path(wanted) if wanted else out / "data"
