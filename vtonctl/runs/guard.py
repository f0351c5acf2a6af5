"""Refusing folders that would be read and written at once."""

from __future__ import annotations

from pathlib import Path

from pipelines.errors import UsageError
from vtonctl.runs.dataroot import DataRoot
from vtonctl.runs.requests import PreprocessRequest, TryOnRequest
from vtonctl.runs.rundir import RunDir


def check_preprocess(request: PreprocessRequest) -> None:
    """Photos must not be searched where files are written. Raises ``UsageError``."""
    data = DataRoot(request.root, request.split, request.layout)
    for photos in filter(None, (request.photos, request.garments)):
        _refuse(photos, request.root, request.root, below=photos)
        for folder in (*data.folders(), RunDir(request.root).state):
            _refuse(photos, folder, photos, below=folder)


def check_tryon(request: TryOnRequest) -> None:
    """Results must not land among the inputs. Raises ``UsageError``."""
    out = RunDir(request.out)
    if out.root.resolve() == request.root.resolve():
        raise _refusal(request.root, out.root)
    for folder in DataRoot(request.root, request.split, request.layout).folders():
        _refuse(folder, out.root, out.root, below=folder)
    if request.pose is not None and out.root.resolve() == request.pose.resolve():
        raise _refusal(request.pose, out.root)
    if request.prepare:
        check_preprocess(request.prepare)
        for photos in filter(None, (request.prepare.photos, request.prepare.garments)):
            _refuse(photos, out.root, out.root, below=photos)
            for folder in (out.state, out.stages):
                _refuse(photos, folder, photos, below=folder)


def _refuse(read: Path, written: Path, inner: Path, *, below: Path) -> None:
    if inner.resolve().is_relative_to(below.resolve()):
        raise _refusal(read, written)


def _refusal(read: Path, written: Path) -> UsageError:
    return UsageError(
        f"{written} would be written while {read} is read.",
        code="same_folder",
        hint="Give another folder for the results; inputs are never written.",
    )
