"""Published PyTorch checkpoints (``.pth``) turned into weights that this project loads.

A ``.pth`` file is a pickle and may hold anything, so it is read in a process of its own, by
torch's reader that builds tensors only, with limits on memory and time. What comes back is a
safetensors file. Imports no array library; ``pipelines.checkpoint_legacy`` is the other process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.checkpoint_files import read_metadata, sha256_of_file
from pipelines.checkpoint_manifest import SUFFIX
from pipelines.checkpoints import manifest
from pipelines.errors import ConfigError, InputError, StorageError

PRECISIONS = ("fp16", "fp32")
NOT_STATED = "not stated"
TIME_LIMIT_S = 900.0
MAX_BYTES = 4 << 30
"""The largest published checkpoint has a tenth of this."""
_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); from pipelines.checkpoint_legacy import main; main()"
)
_LAST_WORDS = 300


@dataclass(frozen=True)
class Imported:
    """Weights that were made of a checkpoint."""

    source: Path
    name: str
    """By which ``pipelines.checkpoints.find`` knows them if they lie in its folder."""
    path: Path
    family: str
    words: str
    """What a person calls the network."""
    precision: str
    sha256: str
    bytes: int
    licence: str


def import_checkpoint(
    source: Path,
    folder: Path,
    *,
    precision: str = "fp16",
    licence: str = NOT_STATED,
    time_limit_s: float = TIME_LIMIT_S,
) -> Imported:
    """Write ``folder/NAME.safetensors`` for the checkpoint ``NAME.pth``; the source stays.

    Weights are stored in half precision (``fp32``: as they are, for equality with the published
    code to the last digit). Tier is ``research``; ``licence`` is what the user knows about the
    terms. Doing it again changes nothing. Raises ``InputError`` for a file that is damaged, holds
    more than tensors, is of no known network or of one that no system of this version uses;
    ``ConfigError`` where other weights have the name; ``StorageError`` if nothing can be written.
    """
    if precision not in PRECISIONS:
        raise ConfigError(
            f"unknown precision {precision!r}",
            code="bad_precision",
            hint=f"Known: {', '.join(PRECISIONS)}.",
        )
    about = {
        "source_file": source.name,
        "source_sha256": _checked(source),
        "licence": licence.strip() or NOT_STATED,
    }
    target = folder / f"{source.stem}{SUFFIX}"
    _refuse_other(target, about["source_sha256"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".vton-import-", dir=folder) as inside:
            made = Path(inside) / target.name
            told = _converted(source, made, precision, about, time_limit_s)
            made.replace(target)
    except OSError as error:
        raise StorageError(
            f"{folder}: {error.strerror or error}",
            hint="Choose another folder: --out DIR",
        ) from None
    return Imported(
        source=source,
        name=target.stem,
        path=target,
        family=told["family"],
        words=told["words"],
        precision=precision,
        sha256=sha256_of_file(target),
        bytes=target.stat().st_size,
        licence=about["licence"],
    )


def _checked(source: Path) -> str:
    """The sha256 of a source that may be read at all."""
    if source.suffix == SUFFIX:
        raise InputError(
            f"{source}: is in {SUFFIX} format already",
            code="nothing_to_import",
            hint=f"Use it as it is, where weights are asked for: --weights {source}",
        )
    if source.is_file() and source.stat().st_size > MAX_BYTES:
        raise InputError(
            f"{source}: {source.stat().st_size / 2**30:.1f} GiB; wanted at most "
            f"{MAX_BYTES / 2**30:.0f} GiB, which no published network exceeds",
            code="too_large",
            hint="Give the checkpoint of one network.",
        )
    return sha256_of_file(source)


def _refuse_other(target: Path, source_sha256: str) -> None:
    if target.stem in manifest():
        raise ConfigError(
            f"the package carries weights named {target.stem}",
            code="exists",
            hint="Give your file another name; the weights will have the same.",
        )
    if not target.exists():
        return
    if read_metadata(target).get("source_sha256") != source_sha256:
        raise ConfigError(
            f"{target}: there are other weights of this name",
            code="exists",
            hint="Remove them, give your file another name, or choose a folder: --out DIR",
        )


def _converted(
    source: Path, made: Path, precision: str, about: dict[str, str], time_limit_s: float
) -> dict[str, Any]:
    """What the other process tells: ``family`` and ``words``."""
    order = {
        "source": str(source.absolute()),
        "target": str(made.absolute()),
        "half": precision == "fp16",
        "about": about,
        "time_limit_s": time_limit_s,
    }
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, fixed text
            [sys.executable, "-c", _PROGRAM, str(Path(__file__).resolve().parents[1])],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            timeout=time_limit_s,
            cwd=made.parent,
            # what lies in the current folder must not stand in for this package
            env={**os.environ, "PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        raise _unreadable(source, f"reading it takes more than {time_limit_s:g} s") from None
    try:
        answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        last = done.stderr.strip()[-_LAST_WORDS:] or f"exit {done.returncode}"
        raise _unreadable(source, f"reading it ended the process: {last}") from None
    if "code" in answer:
        raise InputError(answer["message"], code=answer["code"], hint=answer["hint"])
    return answer


def _unreadable(source: Path, reason: str) -> InputError:
    return InputError(
        f"{source}: cannot be imported: {reason}",
        code="damaged_weights",
        hint="Get the file again from where it was published, and compare its size.",
    )
