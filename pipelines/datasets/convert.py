"""Writing a data set in another layout: other folders, label ids, joint order and size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipelines import codecs
from pipelines.datasets.check import layout_labels
from pipelines.datasets.fitting import fit, fitted, fitted_frame
from pipelines.datasets.item_names import renamed
from pipelines.datasets.pairs import Pair, scan_pairs, write_pairs
from pipelines.datasets.records import (
    Frames,
    read_frames,
    read_sources,
    write_frames,
    write_sources,
)
from pipelines.errors import InputError, ItemError, UsageError
from pipelines.labels import LIP20
from pipelines.layout import (
    GARMENT_ARTIFACTS,
    Artifact,
    Encoding,
    Layout,
    SplitStyle,
    find_layout,
    frames_path,
    sources_path,
)
from pipelines.types import ItemId, ParseMap, Size

_POSES = (Encoding.POSE_BODY25_JSON, Encoding.POSE_COCO18_JSON)


@dataclass(frozen=True)
class ItemFailure:
    """An item that was left out, and why."""

    item: str
    error: ItemError


@dataclass(frozen=True)
class Conversion:
    """What a conversion did: files written or already right, and items left out."""

    written: dict[Artifact, int]
    pairs: int
    failures: tuple[ItemFailure, ...]


@dataclass(frozen=True)
class _Job:
    root: Path
    source: Layout
    split: str
    dest: Path
    target: Layout
    target_split: str
    size: Size


def convert_dataset(
    root: Path,
    layout: Layout | str,
    split: str,
    dest: Path,
    to_layout: Layout | str,
    *,
    to_split: str | None = None,
    size_hw: tuple[int, int] | None = None,
) -> Conversion:
    """Write every item of a split below ``dest`` in another layout.

    Label ids are merged (``pipelines.labels.MERGES``), joints put into the other order, pictures
    and joints scaled evenly to ``size_hw`` (default: the size of ``to_layout``) and padded where
    the shapes differ; files that need no change are copied byte for byte. The pairs list,
    ``frames.jsonl`` and ``sources.jsonl`` go along. An item with a file that cannot be read, or
    one that would replace a different file in ``dest``, is left out whole and reported; the
    others are not affected. Raises ``UsageError`` (``same_folder``) where one folder lies in the
    other, ``InputError`` where there is nothing to convert, ``StorageError``.
    """
    source = find_layout(layout) if isinstance(layout, str) else layout
    target = find_layout(to_layout) if isinstance(to_layout, str) else to_layout
    _refuse_overlap(root, dest)
    size = Size(*(size_hw or target.size_hw))
    job = _Job(root, source, split, dest, target, to_split or split, size)
    written = dict.fromkeys(target.places, 0)
    failures: list[ItemFailure] = []
    names: dict[Artifact, dict[str, ItemId]] = {}
    for subject in (Artifact.IMAGE, Artifact.CLOTH):
        names[subject] = {}
        wanted = renamed(_items(job, subject), subject, source, target)
        for item, new_name in wanted.items():
            try:
                files = _converted(job, subject, item, new_name)
                _refuse_other_content(files)
            except ItemError as error:
                failures.append(ItemFailure(item, error))
                continue
            for artifact, path, data in files:
                codecs.write_atomic(path, data)
                written[artifact] += 1
            names[subject][item] = new_name
    if not failures and not any(written.values()):
        raise InputError(
            f"{root}: no items of the layout {source.name} in the split {split!r}.",
            code="no_items",
            hint=f"vtonctl check {root} says what is there.",
        )
    for folder in target.empty_folders:
        target.named_folder(dest, job.target_split, folder).mkdir(parents=True, exist_ok=True)
    pairs = _convert_pairs(job, names[Artifact.IMAGE], names[Artifact.CLOTH])
    _convert_records(job, names[Artifact.IMAGE], names[Artifact.CLOTH])
    return Conversion({a: n for a, n in written.items() if n}, pairs, tuple(failures))


def _items(job: _Job, subject: Artifact) -> list[str]:
    """The items of the split; where folders do not tell splits apart, those in its list."""
    items = job.source.items(job.root, job.split, subject)
    if job.source.split_style is not SplitStyle.LIST:
        return items
    listed: set[str] = set()
    for row in _rows(job):
        listed.update((row.garment,) if subject is Artifact.CLOTH else (row.person, row.pose))
    return [item for item in items if item in listed] if listed else items


def _rows(job: _Job) -> list[Pair]:
    """The rows of the pairs list that name items as they should; [] without a list."""
    path = job.source.pairs_path(job.root, job.split)
    if not path.is_file():
        return []
    rows = scan_pairs(
        path,
        split=job.split if job.source.split_style is SplitStyle.LIST else None,
        nested=job.source.nested,
    )
    return [row for row in rows if isinstance(row, Pair)]


def _converted(
    job: _Job, subject: Artifact, item: str, new_name: ItemId
) -> list[tuple[Artifact, Path, bytes]]:
    """Every file of an item in the target layout. Raises ``ItemError``."""
    photo = _read(job, subject, item)
    if photo is None:
        raise ItemError(f"{item}: the {subject.value} is missing.", code="missing_input")
    size = Size(*photo[1].shape[:2])
    files = []
    for artifact in job.target.places:
        if (artifact in GARMENT_ARTIFACTS) != (subject is Artifact.CLOTH):
            continue
        read = photo if artifact is subject else _read(job, artifact, item, size)
        if read is None:
            continue
        path = job.target.path(job.dest, job.target_split, artifact, new_name)
        files.append((artifact, path, _encoded(job, artifact, read, size)))
    return files


def _read(
    job: _Job, artifact: Artifact, item: str, size: Size | None = None
) -> tuple[bytes, Any] | None:
    """Bytes and value of an artifact; the value alone (bytes empty) where it is derived."""
    if artifact not in job.source.places:
        if artifact is Artifact.BODY_MASK:
            parse = _read(job, Artifact.PARSE, item, size)
            return None if parse is None else (b"", parse[1].ids > 0)
        return None
    path = job.source.path(job.root, job.split, artifact, item)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ItemError(f"{path}: cannot be read: {error.strerror}.", code="unreadable") from error
    place = job.source.place(artifact)
    labels = layout_labels(job.source)
    value = codecs.decode(data, place.encoding, labels=labels, keep_labels=True, name=str(path))
    pixels = value.ids if isinstance(value, ParseMap) else value
    if size is not None and place.encoding not in _POSES and pixels.shape[:2] != size:
        raise ItemError(
            f"{path}: {Size(*pixels.shape[:2])}, while the photo is {size}.",
            code="size_mismatch",
            hint="Make it again from the photo as it is now.",
        )
    return data, value


def _encoded(job: _Job, artifact: Artifact, read: tuple[bytes, Any], size: Size) -> bytes:
    data, value = read
    how = fit(size, job.size)
    encoding, labels = job.target.place(artifact).encoding, layout_labels(job.target)
    old = job.source.places.get(artifact)
    same = old is not None and old.encoding is encoding
    same_labels = not isinstance(value, ParseMap) or value.labels is labels
    if data and same and same_labels and how.is_identity and encoding not in _POSES:
        if not codecs.has_metadata(data):
            return data
    if isinstance(value, ParseMap) and value.labels is not labels:
        value = codecs.relabel(codecs.relabel(value, LIP20), labels)
    return codecs.encode(fitted(value, how), encoding, labels=labels)


def _refuse_other_content(files: list[tuple[Artifact, Path, bytes]]) -> None:
    for _, path, data in files:
        try:
            other = path.read_bytes() != data
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ItemError(f"{path}: cannot be read: {error.strerror}.", code="exists") from error
        if other:
            raise ItemError(
                f"{path}: exists already with other content.",
                code="exists",
                hint="Remove it or convert into another folder.",
            )


def _refuse_overlap(root: Path, dest: Path) -> None:
    here, there = root.resolve(), dest.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise UsageError(
            f"{dest}: source and destination overlap ({root}).",
            code="same_folder",
            hint="Convert into a folder of its own.",
        )


def _convert_pairs(job: _Job, persons: dict[str, ItemId], garments: dict[str, ItemId]) -> int:
    pairs = dict.fromkeys(
        _renamed_pair(row, job, persons, garments)
        for row in _rows(job)
        if {row.person, row.pose or row.person} <= persons.keys() and row.garment in garments
    )
    if pairs:
        name = job.target.pairs_names[0].format(split=job.target_split)
        suffix = job.target.place(Artifact.IMAGE).suffix
        write_pairs(job.dest / name, pairs, suffix=suffix, split=job.target_split)
    return len(pairs)


def _renamed_pair(
    row: Pair, job: _Job, persons: dict[str, ItemId], garments: dict[str, ItemId]
) -> Pair:
    person = persons[row.person]
    pose = persons[row.pose] if row.pose else person
    four_columns = job.target.split_style is SplitStyle.LIST
    return Pair(person, garments[row.garment], pose if four_columns else ItemId(""))


def _convert_records(job: _Job, persons: dict[str, ItemId], garments: dict[str, ItemId]) -> None:
    """The records of the converted items, with their new names and frames."""
    names = {"person": persons, "garment": garments}
    frames = read_frames(frames_path(job.root))
    new_frames: Frames = {
        (subject, names[subject][item]): fitted_frame(frame, fit(frame.size, job.size))
        for (subject, item), frame in frames.items()
        if item in names.get(subject, {})
    }
    if new_frames:
        path = frames_path(job.dest)
        write_frames(path, {**read_frames(path), **new_frames})
    sources = [
        replace(source, item=names[source.subject][source.item])
        for source in read_sources(sources_path(job.root))
        if source.item in names.get(source.subject, {})
    ]
    if sources:
        path = sources_path(job.dest)
        kept = {(s.subject, s.item): s for s in (*read_sources(path), *sources)}
        write_sources(path, kept.values())
