"""What commands do before their work: logging, settings, run options, recognising a root."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import InputError, UsageError
from pipelines.layout import Artifact, find_layout
from pipelines.store_access import CREDENTIALS
from pipelines.store_path import StorePath, as_store, place, refuse_address
from vtonctl.executors.names import read_resources
from vtonctl.options import OutputFlags
from vtonctl.runs.requests import RunOptions
from vtonctl.runs.result import RunResult
from vtonctl.show import logs
from vtonctl.show.screen import Screen

if TYPE_CHECKING:
    from vtonctl.settings import Resolved, Settings
    from vtonctl.show.jsonout import RunDocument

_log = logging.getLogger("vtonctl")


def begin(output: OutputFlags, metrics_file: Path | None = None) -> Screen:
    """Set up logging and return where results go.

    Raises ``ConfigError`` for an unknown format of the log, ``StorageError`` where log or metrics
    cannot be written.
    """
    logs.configure(output.verbose, output.quiet, output.log_file, output.log_format)
    if metrics_file is not None:
        from vtonctl.show.metrics import check_place

        check_place(metrics_file)
    return Screen(json=output.json, quiet=output.quiet, metrics_file=metrics_file)


def settle(root: Path | None, *groups: Any, **flags: Any) -> Resolved:
    """Resolve the settings from a root's file, the environment and the given flags.

    ``groups`` are option groups whose fields are settings; ``flags`` are single settings.
    """
    from vtonctl.settings import Settings, resolve

    given = {f.name: getattr(g, f.name) for g in groups for f in fields(g)} | flags
    return resolve(root, {k: v for k, v in given.items() if k in Settings.model_fields})


def run_options(
    settings: Settings, *, retry_failed: bool = False, dry_run: bool = False
) -> RunOptions:
    """Options of a run."""
    return RunOptions(
        jobs=settings.jobs,
        executor=settings.executor,
        dask_resources=read_resources(settings.dask_resources),
        device=settings.device,
        precision=settings.precision,
        seed=settings.seed,
        item_timeout_s=settings.item_timeout,
        retry_failed=retry_failed,
        dry_run=dry_run,
    )


def show_settings(screen: Screen, command: str, resolved: Resolved) -> int:
    """Print every setting and where it came from."""
    from vtonctl.show import tables
    from vtonctl.show.jsonout import Setting, SettingsDocument

    values = resolved.settings.model_dump()
    rows = {n: Setting(value=v, origin=resolved.origins[n]) for n, v in values.items()}
    document = SettingsDocument(command=command, settings=rows)
    screen.result(document, lambda: tables.settings(document))
    return 0


def show_run(
    screen: Screen,
    command: str,
    result: RunResult,
    *,
    report: Path | None = None,
    fail_on_flag: bool = False,
) -> int:
    """Print what a run did, write its metrics if they are wanted, and return its exit code."""
    from vtonctl.show import tables
    from vtonctl.show.jsonout import run_document

    code = int(result.exit_code(fail_on_flag=fail_on_flag))
    document = run_document(result, command, code, str(report) if report else None)
    log_run(document)
    screen.result(document, lambda: tables.run(document, quiet=screen.quiet))
    if screen.metrics_file is not None and not result.dry_run:
        from vtonctl.show.metrics import Ended, tell

        tell(screen.metrics_file, Ended(command, code, result.seconds, result))
    return code


def log_run(document: RunDocument) -> None:
    """Note in the log how a run ended."""
    more = {
        "event": "ended",
        "command": document.command,
        "status": document.status,
        "exit_code": document.exit_code,
        "seconds": document.seconds,
        "counts": document.counts,
    }
    counts = ", ".join(f"{number} {status}" for status, number in document.counts.items())
    _log.info("%s ended: %s", document.command, counts or "nothing to do", extra=more)


def place_or_none(text: str | None) -> Path | None:
    """The folder or address that was given, if any. Raises ``UsageError``."""
    return place(text) if text is not None else None


def is_root(folder: Path, layout: str, split: str) -> bool:
    """Whether a folder is a data-set root: it has the layout's folder of persons or garments."""
    known = find_layout(layout)
    return any(
        known.existing_folder(folder, split, artifact).is_dir()
        for artifact in (Artifact.IMAGE, Artifact.CLOTH)
    )


def need_folder(folder: Path, what: str) -> Path:
    """Return the folder. Raises ``InputError`` if there is none."""
    refuse_address(folder)
    if remote := as_store(folder):
        _need_bucket(remote, what)
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "does not exist"
        raise InputError(
            f"{folder}: {what} {found}; wanted a folder",
            code="no_such_folder",
            hint="Check the spelling of the path.",
        )
    return folder


def _need_bucket(folder: StorePath, what: str) -> None:
    try:
        there = folder.has_bucket()
    except OSError as error:
        raise InputError(
            f"{folder}: {what} cannot be looked at: {error.strerror or error}.",
            code="denied",
            hint=CREDENTIALS,
        ) from error
    if not there:
        raise InputError(
            f"{folder}: {what} is in no bucket that is there",
            code="no_bucket",
            hint="Check the spelling of the address and the store's configuration.",
        )


def split_list(text: str | None, known: Sequence[str], option: str) -> tuple[str, ...]:
    """Parse ``a,b``. Raises ``UsageError`` for an unknown name."""
    names = tuple(n.strip() for n in (text or "").split(",") if n.strip())
    for name in names:
        if name not in known:
            raise UsageError(f"{option}: unknown name {name!r}", hint=f"Known: {', '.join(known)}.")
    return names
