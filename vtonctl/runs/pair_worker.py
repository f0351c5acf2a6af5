"""Inside a worker process: one person in one garment.

A prepared person and prepared garments are kept for the next pairs; tasks come ordered so that
this memory is hit (``vtonctl.runs.pair_plan``).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pipelines import codecs
from pipelines.errors import ItemError, VtonError
from pipelines.layout import Artifact, Encoding, find_layout
from pipelines.stage import GarmentInputs, PersonInputs, TryOnResult, TryOnSystem
from pipelines.stage_pictures import stage_picture
from vtonctl.runs.filehash import FileState, sha256_of
from vtonctl.runs.item_files import failure, label_set, read_bytes, write_file
from vtonctl.runs.recent import Recent
from vtonctl.runs.rundir import RunDir
from vtonctl.runs.tasks import NativeSource, Outcome, PairTask

if TYPE_CHECKING:
    from pipelines.native import NativeFit

GARMENTS_KEPT = 24
"""Prepared garments in memory; pairs are planned in tiles of this many garments."""
_PERSONS_KEPT = 1

_GARMENT_INPUTS = frozenset({Artifact.CLOTH.value, Artifact.CLOTH_MASK.value})
_ENCODINGS = {"png": Encoding.RGB_PNG, "jpg": Encoding.RGB_JPEG, "webp": Encoding.RGB_WEBP}
_persons = Recent(_PERSONS_KEPT)
_garments = Recent(GARMENTS_KEPT)


@dataclass(frozen=True, eq=False)
class _Person:
    prepared: Any
    native: NativeFit | None


def run_pair(task: PairTask, system: TryOnSystem) -> Outcome:
    """Dress, write and describe. Raises ``StorageError``; an item's failure is an outcome."""
    started, stage = time.perf_counter(), "tryon"
    try:
        person, garment = _prepared(task, system)
        result = system.dress(
            person.prepared, garment, seed=task.seed, save_stages=task.save_stages
        )
        image, edited = result.image, result.edited
        if person.native:
            image, edited = person.native.paste(image, edited), edited
        outputs = _write(task, image, result)
    except Exception as error:  # noqa: BLE001 - one pair must not end the run
        if isinstance(error, VtonError) and not isinstance(error, ItemError):
            raise
        return failure(task.item, stage, error, task.fingerprint, task.inputs, started)
    return Outcome(
        item=task.item,
        stage=stage,
        status="done",
        fingerprint=task.fingerprint,
        inputs=task.inputs,
        outputs=outputs,
        flags=tuple(dict.fromkeys((*task.flags, *(flag.value for flag in result.flags)))),
        score=float(result.score),
        seconds=time.perf_counter() - started,
        record={
            "person": task.person,
            "garment": task.garment,
            "system": task.spec.info.name,
            "weights": task.spec.weights,
            "parser": dict(task.parser),
            "seed": task.seed,
            "measures": {name: float(value) for name, value in result.measures.items()},
            "edited_fraction": float((edited > 0).mean()),
            "size": list(image.shape[:2]),
            "stages": task.save_stages,
        },
    )


def _prepared(task: PairTask, system: TryOnSystem) -> tuple[_Person, Any]:
    where = (task.root, task.split, task.layout, task.spec.target, repr(task.spec.params))
    hashes = tuple(sorted(task.inputs.items()))
    person = [value for value in hashes if value[0] not in _GARMENT_INPUTS]
    garment = [value for value in hashes if value[0] in _GARMENT_INPUTS]
    person_key = (where, task.person, tuple(person), task.native)
    garment_key = (where, task.garment, tuple(garment))
    return (
        _persons.get(person_key, partial(_prepare_person, task, system)),
        _garments.get(garment_key, partial(_prepare_garment, task, system)),
    )


def _prepare_person(task: PairTask, system: TryOnSystem) -> _Person:
    person = PersonInputs(
        image=_read(task, task.person, Artifact.IMAGE),
        pose=_read(task, task.person, Artifact.POSE),
        parse=_read(task, task.person, Artifact.PARSE),
    )
    native = None
    if task.native:
        from pipelines.native import fit_native  # needs OpenCV, which other runs may not

        native = fit_native(_read_photo(task.native), task.native.frame, person)
        person = native.person
    return _Person(system.prepare_person(person), native)


def _prepare_garment(task: PairTask, system: TryOnSystem) -> Any:
    return system.prepare_garment(
        GarmentInputs(
            image=_read(task, task.garment, Artifact.CLOTH),
            mask=_read(task, task.garment, Artifact.CLOTH_MASK),
        )
    )


def _read(task: PairTask, item: str, artifact: Artifact) -> Any:
    layout = find_layout(task.layout)
    path = layout.path(task.root, task.split, artifact, item)
    data = read_bytes(path)
    if sha256_of(data) != task.inputs[artifact.value]:
        raise _changed(str(path))
    encoding = layout.place(artifact).encoding
    return codecs.decode(data, encoding, labels=label_set(layout), name=str(path))


def _read_photo(native: NativeSource) -> Any:
    if sha256_of(read_bytes(native.path)) != native.sha256:
        raise _changed(str(native.path))
    return codecs.read_photo(native.path)


def _changed(path: str) -> ItemError:
    return ItemError(
        f"{path}: changed while the run was under way.",
        code="changed",
        hint="Run the same command again.",
    )


def _write(task: PairTask, image: Any, result: TryOnResult) -> dict[str, tuple[str, FileState]]:
    out = RunDir(task.out)
    data = codecs.encode(image, _ENCODINGS[task.image_format], quality=task.quality)
    files = {"result": (out.result(task.item, f".{task.image_format}"), data)}
    if task.save_stages:
        for name, value in result.stages.items():
            picture = codecs.encode(stage_picture(value), Encoding.RGB_PNG)
            files[f"stage:{name}"] = (out.stage_picture(name, task.item), picture)
    return {
        name: (path.relative_to(task.out).as_posix(), write_file(path, data, sha256_of(data)))
        for name, (path, data) in files.items()
    }
