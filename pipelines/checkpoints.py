"""Learned weights: which there are, which are the best that may be used, whether they are whole.

Weights are looked up by name or by family (what can load them, for example ``parser.ours``) in
``weights/manifest.toml``, then by name in the user's folder, where ``vtonctl weights import`` puts
them, or given as a file. What the manifest knows is handed out only with the size and sha256 that
it states. Files are opened by ``pipelines.checkpoint_files``.

Imports no array library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.checkpoint_files import check_file, read_metadata, sha256_of_file
from pipelines.checkpoint_manifest import OPEN, SUFFIX, Entry, read_manifest
from pipelines.errors import ConfigError, InputError, WeightsMissing

_LIST = "vtonctl weights licences"


@dataclass(frozen=True)
class Weights:
    """Weights that may be used and are whole."""

    name: str
    """Name in the manifest, or the name of the user's file."""
    path: Path
    sha256: str
    family: str
    tier: str
    """``open``, ``research``, or empty: a file of the user's own that does not say."""
    label_set: str = ""


def weights_folder() -> Path:
    """The folder of the manifest: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "_weights"
    return installed if installed.is_dir() else here.parent / "weights"


def user_folder() -> Path:
    """The folder of weights that the user has imported; it need not be there."""
    from platformdirs import user_data_path

    return user_data_path("vtonctl", appauthor=False) / "weights"


def user_files() -> list[Path]:
    """The files of the user's folder, by name."""
    return sorted(user_folder().glob(f"*{SUFFIX}"))


def manifest() -> dict[str, Entry]:
    """All entries by name. Raises ``ListError`` for a manifest that cannot be read."""
    return read_manifest(weights_folder())


def allowed(
    entries: Iterable[Entry], families: Iterable[str], *, commercial: bool = False
) -> list[Entry]:
    """The entries of these families that are there and may be used, the best first.

    The first figure of each decides, larger is better; of equal ones the one of the earlier
    family comes first, then the earlier entry. With ``commercial`` only those of tier ``open``.
    """
    order = {family: number for number, family in enumerate(families)}
    found = [
        entry
        for entry in entries
        if entry.family in order and entry.path.is_file() and (entry.tier == OPEN or not commercial)
    ]
    return sorted(found, key=lambda e: (-e.figures[0].value, order[e.family]))


def best(family: str, *, commercial: bool = False) -> Entry | None:
    """The best weights of a family that are there and may be used; None if there are none."""
    return next(iter(allowed(manifest().values(), [family], commercial=commercial)), None)


def find(wanted: str, *, commercial: bool = False) -> Weights:
    """Verified weights for a family or an entry's name, or the user's, by name or by path.

    Raises ``WeightsMissing`` where there are none or their licence does not allow what is asked
    for, ``ConfigError`` for an unknown name, ``InputError`` for a file that cannot be used.
    """
    if wanted.endswith(SUFFIX) or "/" in wanted:
        return own_file(Path(wanted), commercial=commercial)
    entries = manifest()
    if wanted in entries:
        return verified(_permitted(entries[wanted], commercial))
    if (imported := user_folder() / f"{wanted}{SUFFIX}").is_file():
        return own_file(imported, commercial=commercial)
    if entry := best(wanted, commercial=commercial):
        return verified(entry)
    raise _missing(entries, wanted, commercial)


def own_file(path: Path, *, commercial: bool = False) -> Weights:
    """Weights of the user's own. Raises ``InputError``, ``WeightsMissing``."""
    if path.suffix != SUFFIX:
        raise InputError(
            f"{path}: wanted a {SUFFIX} file; no other form of weights is loaded",
            code="unusable_weights",
            hint=f"vtonctl train writes this form; from others: vtonctl weights import {path}",
        )
    about = read_metadata(path)
    tier = about.get("tier", "")
    if commercial and tier != OPEN:
        raise WeightsMissing(
            f"{path}: its metadata do not say that commercial use is allowed (tier = {tier!r})",
            code="weights_not_commercial",
            hint=f"Leave --commercial out, or use weights of tier open: {_LIST}",
        )
    return Weights(
        name=path.name,
        path=path.resolve(),
        sha256=sha256_of_file(path),
        family=about.get("family", ""),
        tier=tier,
        label_set=about.get("label_set", ""),
    )


def verified(entry: Entry) -> Weights:
    """The weights of an entry. Raises ``InputError`` unless its file is whole."""
    check_file(entry.path, entry.sha256, entry.bytes)
    return Weights(
        name=entry.name,
        path=entry.path,
        sha256=entry.sha256,
        family=entry.family,
        tier=entry.tier,
        label_set=entry.label_set,
    )


def _permitted(entry: Entry, commercial: bool) -> Entry:
    if not commercial or entry.tier == OPEN:
        return entry
    raise WeightsMissing(
        f"{entry.name}: its licence ({entry.licence}) does not allow commercial use",
        code="weights_not_commercial",
        hint=f"See what may be used: {_LIST}",
    )


def _missing(
    entries: Mapping[str, Entry], wanted: str, commercial: bool
) -> WeightsMissing | ConfigError:
    of_family = [entry for entry in entries.values() if entry.family == wanted]
    if not of_family and "." not in wanted:
        return ConfigError(
            f"unknown weights {wanted!r}",
            code="unknown_name",
            hint=f"Known: {', '.join(_names(entries)) or 'none'}; or give a {SUFFIX} file.",
        )
    kept = [e.name for e in of_family if e.path.is_file()]
    if commercial and kept:
        return WeightsMissing(
            f"{wanted}: no weights allow commercial use ({', '.join(kept)}: for research)",
            code="weights_not_commercial",
            hint=f"See what may be used: {_LIST}",
        )
    absent = "".join(f"; {entry.path} is not there" for entry in of_family)
    return WeightsMissing(
        f"{wanted}: no weights are installed{absent}",
        hint="See what there is: vtonctl weights list",
    )


def _names(entries: Iterable[str]) -> list[str]:
    return [*entries, *(path.stem for path in user_files())]
