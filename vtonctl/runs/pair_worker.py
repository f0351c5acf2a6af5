"""Inside a worker process: one person in one garment.

A prepared person and prepared garments are kept for the next pairs; tasks come ordered so that
this memory is hit (``vtonctl.runs.pair_plan``).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from pipelines import codecs
from pipelines.errors import ItemError, VtonError
from pipelines.layout import Artifact, Encoding, find_layout
from pipelines.pose_json import decode_pose
from pipelines.stage import (
    GarmentInputs,
    Outputs,
    PersonInputs,
    PosedTryOnSystem,
    Stage,
    TryOnResult,
    TryOnSystem,
)
from pipelines.stage_pictures import stage_picture
from pipelines.store_path import fetched
from vtonctl.runs.filehash import FileState, sha256_of
from vtonctl.runs.item_files import (
    failure,
    label_set,
    lacks_neck,
    read_bytes,
    unreadable,
    write_file,
)
from vtonctl.runs.recent import Recent
from vtonctl.runs.rundir import RunDir
from vtonctl.runs.target_poses import INPUT
from vtonctl.runs.tasks import NativeSource, Outcome, PairTask, PoseSource

if TYPE_CHECKING:
    from pipelines.native import NativeFit
    from pipelines.types import Pose

GARMENTS_KEPT = 24
"""Prepared garments in memory; pairs are planned in tiles of this many garments."""
_PERSONS_KEPT = 1
_POSES_KEPT = 24
"""Poses as they were read or found; placed on a person only the last one is kept."""

_GARMENT_INPUTS = frozenset({Artifact.CLOTH.value, Artifact.CLOTH_MASK.value})
_ENCODINGS = {"png": Encoding.RGB_PNG, "jpg": Encoding.RGB_JPEG, "webp": Encoding.RGB_WEBP}
_persons = Recent(_PERSONS_KEPT)
_garments = Recent(GARMENTS_KEPT)
_poses = Recent(_POSES_KEPT)
_placed = Recent(1)


@dataclass(frozen=True, eq=False)
class _Person:
    prepared: Any
    native: NativeFit | None


def run_pair(task: PairTask, system: TryOnSystem, find_pose: Stage | None = None) -> Outcome:
    """Dress, write and describe. Raises ``StorageError``; an item's failure is an outcome.

    ``find_pose`` is the pose stage, where the wanted pose is to be found in a photo.
    """
    started, stage = time.perf_counter(), "tryon"
    try:
        if task.pose and not task.spec.info.poses:
            from pipelines.rendering.reposing import (
                Reposing,  # needs OpenCV, as what it reposes for
            )

            system = Reposing(system)
        person, garment = _prepared(task, system)
        result = _dress(task, system, find_pose, person.prepared, garment)
        image, edited = result.image, result.edited
        if person.native:
            image, edited = person.native.paste(image, edited), edited
        outputs = _write(task, image, result)
    except Exception as error:  # noqa: BLE001 - one pair must not end the run
        if isinstance(error, VtonError) and not isinstance(error, ItemError):
            raise
        failed = failure(task.item, stage, error, task.fingerprint, task.inputs, started)
        return replace(failed, record={**task.names, **failed.record})
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
            **task.names,
            **_target_pose(result),
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


def _dress(
    task: PairTask, system: TryOnSystem, find_pose: Stage | None, person: Any, garment: Any
) -> TryOnResult:
    source = task.pose
    if source is None:
        return system.dress(person, garment, seed=task.seed, save_stages=task.save_stages)
    posed = cast(PosedTryOnSystem, system)

    def place() -> Any:
        pose = _poses.get(source.key, partial(_read_pose, source, find_pose))
        return posed.prepare_pose(person, pose)

    placed = _placed.get((_person_key(task), source.key), place)
    return posed.dress_posed(person, garment, placed, seed=task.seed, save_stages=task.save_stages)


def _target_pose(result: TryOnResult) -> dict[str, Any]:
    """Where the joints are in a picture of ``size``; None for one that is not seen."""
    if result.pose is None:
        return {}
    joints = [
        [round(float(x), 1), round(float(y), 1)] if score > 0 else None
        for (x, y), score in zip(result.pose.xy, result.pose.score, strict=True)
    ]
    return {"target_pose": {"size": list(result.image.shape[:2]), "joints": joints}}


def _person_key(task: PairTask) -> tuple[Any, ...]:
    others = {*_GARMENT_INPUTS, INPUT}
    hashes = tuple((n, value) for n, value in sorted(task.inputs.items()) if n not in others)
    return (_place(task), task.person, hashes, task.native, task.pose is None)


def _place(task: PairTask) -> tuple[Any, ...]:
    return (task.root, task.split, task.layout, task.spec.target, repr(task.spec.params))


def _prepared(task: PairTask, system: TryOnSystem) -> tuple[_Person, Any]:
    hashes = tuple(item for item in sorted(task.inputs.items()) if item[0] in _GARMENT_INPUTS)
    garment_key = (_place(task), task.garment, hashes)
    return (
        _persons.get(_person_key(task), partial(_prepare_person, task, system)),
        _garments.get(garment_key, partial(_prepare_garment, task, system)),
    )


def _prepare_person(task: PairTask, system: TryOnSystem) -> _Person:
    image, pose, parse = (
        _read(task, task.person, artifact)
        for artifact in (Artifact.IMAGE, Artifact.POSE, Artifact.PARSE)
    )
    if lacks_neck(find_layout(task.layout)) and image.shape[:2] == parse.ids.shape:
        from pipelines.segmentation.neck import completed  # needs OpenCV, which other runs may not

        parse = completed(image, parse, pose)
    person = PersonInputs(image, pose, parse)
    native = None
    if task.native:
        from pipelines.native import fit_native  # so does this

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


def _read_pose(source: PoseSource, find_pose: Stage | None) -> Pose:
    """The pose of a file or of a photo. Raises ``ItemError`` that names it."""
    data = read_bytes(source.path)
    if sha256_of(data) != source.sha256:
        raise _changed(str(source.path))
    if find_pose is None:
        return decode_pose(data, str(source.path))
    found = find_pose([{Artifact.IMAGE: codecs.read_photo(source.path)}])[0]
    if not isinstance(found, Outputs):
        message = f"{source.path} (the pose to take): {found.message}"
        raise ItemError(message, code=found.code, hint=found.hint)
    made: Pose = found.values[Artifact.POSE]
    return made


def _read_photo(native: NativeSource) -> Any:
    try:
        path = fetched(native.path)
    except OSError as error:
        raise unreadable(native.path, error) from error
    if sha256_of(read_bytes(path)) != native.sha256:
        raise _changed(str(path))
    return codecs.read_photo(path)


def _changed(path: str) -> ItemError:
    return ItemError(
        f"{path}: changed while the run was under way.",
        code="changed",
        hint="Run the same command again.",
    )


def _write(task: PairTask, image: Any, result: TryOnResult) -> dict[str, tuple[str, FileState]]:
    out = RunDir(task.out)
    data = codecs.encode(image, _ENCODINGS[task.image_format], quality=task.quality)
    files = {"result": (out.result(task.item, task.image_format), data)}
    if task.save_stages:
        for name, value in result.stages.items():
            picture = codecs.encode(stage_picture(value), Encoding.RGB_PNG)
            files[f"stage:{name}"] = (out.stage_picture(name, task.item), picture)
    return {
        name: (path.relative_to(task.out).as_posix(), write_file(path, data, sha256_of(data)))
        for name, (path, data) in files.items()
    }
