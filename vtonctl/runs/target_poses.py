"""The poses that persons are to take: which there are, and whether each can be used."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePath

from pipelines.datasets.naming import is_picture_name, item_id
from pipelines.errors import InputError, ItemError, ListError, UsageError
from pipelines.pose_json import decode_pose
from pipelines.registry import STAGES
from vtonctl.runs.filehash import HashCache
from vtonctl.runs.item_files import read_bytes
from vtonctl.runs.requests import TryOnRequest
from vtonctl.runs.tasks import PoseSource, StageSpec

INPUT = "target-pose"
"""Name of a pose among the hashes of a result's inputs."""

_KEYPOINTS = "_keypoints"
"""What OpenPose and the data-set layouts put behind the name of the photo."""
_MAX_LENGTH = 48
"""Longest name of a pose: with a person and a garment it fits into a file name."""
_WANTED = "Give OpenPose's JSON (BODY_25 or COCO-18), or a photo: --pose-from PHOTO"


def find_poses(request: TryOnRequest, hashes: HashCache) -> tuple[PoseSource, ...]:
    """The poses of a request, sorted by name; none if it asks for none.

    One of several files that cannot be used has a ``problem``; a single one is an error. Raises
    ``UsageError``, ``InputError``, ``ListError`` (``name_clash``).
    """
    if request.pose is not None and request.pose_from is not None:
        raise UsageError("either --pose or --pose-from, not both")
    if request.pose_from is not None:
        return (_from_photo(request.pose_from, request.pose_model, hashes),)
    if request.pose is None:
        return ()
    files = _files(request.pose)
    found = [_from_file(path, hashes) for path in files]
    if not request.pose.is_dir() and found[0].problem:
        raise InputError(found[0].problem, code="bad_pose_file")
    _require_distinct(found)
    return tuple(sorted(found, key=lambda source: source.name))


def pose_name(path: Path) -> str:
    """The name of a pose in the names of results, of the file it comes from."""
    stem = path.name
    if path.suffix.lower() == ".json":
        stem = f"{path.stem.removesuffix(_KEYPOINTS) or path.stem}.jpg"
    name = str(item_id(PurePath(stem)))
    if len(name) <= _MAX_LENGTH:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:10]
    return f"{name[: _MAX_LENGTH - 11].rstrip('_-')}-{digest}"


def _files(path: Path) -> list[Path]:
    if path.is_file():
        if is_picture_name(path.name):
            raise UsageError(
                f"{path} is a photo, not a pose file", hint=f"Type: --pose-from {path}"
            )
        return [path]
    if not path.is_dir():
        raise InputError(f"{path}: there is no such pose file.", code="no_pose", hint=_WANTED)
    files = sorted(
        file for file in path.iterdir() if file.suffix.lower() == ".json" and file.is_file()
    )
    if not files:
        raise InputError(f"{path}: there is no pose file (*.json) in it.", code="no_pose",
                         hint=_WANTED)  # fmt: skip
    return files


def _from_file(path: Path, hashes: HashCache) -> PoseSource:
    try:
        sha256 = hashes.state(path).sha256
        decode_pose(read_bytes(path), str(path))
    except OSError as error:
        return PoseSource(pose_name(path), path, problem=f"{path}: {error.strerror or error}")
    except ItemError as error:
        return PoseSource(pose_name(path), path, problem=str(error))
    return PoseSource(pose_name(path), path, sha256)


def _from_photo(path: Path, model: str, hashes: HashCache) -> PoseSource:
    if not path.is_file():
        raise InputError(
            f"{path}: there is no such photo.",
            code="no_pose",
            hint="Give the photo of one person whose pose is to be taken.",
        )
    info, target = STAGES["pose"]
    finder = StageSpec(info, target, {"model": model})
    try:
        return PoseSource(pose_name(path), path, hashes.state(path).sha256, finder)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}", code="no_pose") from None


def _require_distinct(found: Sequence[PoseSource]) -> None:
    first: dict[str, PoseSource] = {}
    for source in found:
        earlier = first.setdefault(source.name.casefold(), source)
        if earlier is not source:
            raise ListError(
                f"{earlier.path} and {source.path} would both be called {source.name!r}.",
                code="name_clash",
                hint="Rename one of them.",
            )


def needed(source: PoseSource) -> dict[str, object]:
    """What a result depends on besides the file's content: how a pose is found in a photo."""
    if source.finder is None:
        return {}
    return {"pose_from": {**source.finder.params, "version": source.finder.info.version}}
