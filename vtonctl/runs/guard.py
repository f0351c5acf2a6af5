"""Refusing folders that would be read and written at once."""

from __future__ import annotations

from pathlib import Path

from pipelines.errors import UsageError
from pipelines.store_path import as_store
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
    if _real(out.root) == _real(request.root):
        raise _refusal(request.root, out.root)
    for folder in DataRoot(request.root, request.split, request.layout).folders():
        _refuse(folder, out.root, out.root, below=folder)
    if request.pose is not None and _real(out.root) == _real(request.pose):
        raise _refusal(request.pose, out.root)
    if request.prepare:
        check_preprocess(request.prepare)
        for photos in filter(None, (request.prepare.photos, request.prepare.garments)):
            _refuse(photos, out.root, out.root, below=photos)
            for folder in (out.state, out.stages):
                _refuse(photos, folder, photos, below=folder)


def _refuse(read: Path, written: Path, inner: Path, *, below: Path) -> None:
    if _is_within(inner, below):
        raise _refusal(read, written)


def _is_within(inner: Path, outer: Path) -> bool:
    inner, outer = _real(inner), _real(outer)
    return bool(as_store(inner)) == bool(as_store(outer)) and inner.is_relative_to(outer)


def _real(path: Path) -> Path:
    """Without links; also for ``file://`` the local path."""
    remote = as_store(path)
    return (Path(remote.key) if remote and remote.protocol == "file" else path).resolve()


def _refusal(read: Path, written: Path) -> UsageError:
    return UsageError(
        f"{written} would be written while {read} is read.",
        code="same_folder",
        hint="Give another folder for the results; inputs are never written.",
    )
