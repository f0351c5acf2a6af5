"""The ``vtonctl`` command: the Typer app, and the one place where exceptions become exit codes.

Importing this module imports no array library; each command imports what it needs when it runs.
"""

from __future__ import annotations

import errno
import functools
import inspect
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pipelines.errors import StorageError, UsageError, VtonError
from pipelines.store_path import refuse_address
from vtonctl.options import expand
from vtonctl.runs.result import ExitCode
from vtonctl.show import logs
from vtonctl.show.screen import close_quietly, write_error, write_json

# Typer carries its own copy of click in newer releases; its public BadParameter leads to the root.
_ClickException: Any = typer.BadParameter.__mro__[2]

COMMANDS = (
    "preprocess",
    "tryon",
    "train",
    "evaluate",
    "weights",
    "report",
    "check",
    "convert",
    "pairs",
    "status",
    "retry",
    "doctor",
    "demo",
)
_log = logging.getLogger("vtonctl")


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"vtonctl {version('vtonctl')}\n")
        raise typer.Exit


class _InOrder(TyperGroup):
    """Typer puts groups after commands; here they stand where they are listed."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)


def build() -> typer.Typer:
    """Make the app with all commands."""
    app = typer.Typer(
        name="vtonctl",
        cls=_InOrder,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )

    @app.callback()
    def vtonctl(
        _show_version: Annotated[
            bool,
            typer.Option("--version", is_eager=True, callback=_version, help="Show the version."),
        ] = False,
    ) -> None:
        """Dress people in photos: two folders in, try-on pictures and a report out.

        \b
        Example:
          vtonctl tryon --persons ./people --garments ./tops --out ./results
        """

    for name in COMMANDS:
        command = import_module(f"vtonctl.commands.{name}")
        if hasattr(command, "PARTS"):
            app.add_typer(_group(name, command), name=name)
        else:
            app.command(name)(_guarded(name, expand(command.run), command.EXAMPLE))
    return app


def _group(name: str, command: Any) -> typer.Typer:
    """A command of commands: ``PARTS`` holds function and example of each by name."""
    words = str(command.__doc__).strip().splitlines()[0].partition(": ")[2]
    examples = "".join(example.strip("\n") + "\n" for _, example in command.PARTS.values())
    group = typer.Typer(
        no_args_is_help=True,
        help=_with_example(words[:1].upper() + words[1:], examples),
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )

    @group.callback()
    def parts() -> None:
        """Keep a group of one command a group."""

    for part, (function, example) in command.PARTS.items():
        group.command(part)(_guarded(name, expand(function), example))
    return group


def _guarded(name: str, function: Callable[..., int], example: str) -> Callable[..., int]:
    """Give a command its example, and turn its exceptions into exit codes."""

    @functools.wraps(function)
    def guarded(**given: Any) -> int:
        started = time.monotonic()
        try:
            for value in given.values():
                if isinstance(value, Path):
                    refuse_address(value)
            return function(**given)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last resort
            code = _explain(error, name, bool(given["json"]))
            _note_metrics(given, name, code, time.monotonic() - started)
            return code

    guarded.__doc__ = _with_example(inspect.cleandoc(function.__doc__ or ""), example)
    return guarded


def _note_metrics(given: Mapping[str, Any], command: str, code: int, seconds: float) -> None:
    """Write the metrics of a command that an error ended, if they are wanted.

    One that comes to its end does so itself, with what it counted.
    """
    path = given.get("metrics_file")
    if path is not None and not given.get("dry_run"):
        from vtonctl.show.metrics import Ended, tell

        tell(path, Ended(command, code, seconds))


def _with_example(words: str, example: str) -> str:
    lines = "\n".join(f"  {line}" for line in example.strip().splitlines())
    return f"{words}\n\n\b\nExample:\n{lines}\n"


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        code = build()(args=list(arguments), prog_name="vtonctl", standalone_mode=False)
        return int(code or 0)
    except _ClickException as error:
        if not error.format_message():  # the help page has been shown instead
            return int(getattr(error, "exit_code", ExitCode.USAGE))
        context = getattr(error, "ctx", None)
        hint = f"See: {context.command_path if context else 'vtonctl'} --help"
        name = next((a for a in arguments if a in COMMANDS), "vtonctl")
        wrong = UsageError(str(error.format_message()), hint=hint)
        return _explain(wrong, name, "--json" in arguments)


def main() -> None:
    """Console script."""
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        close_quietly(sys.stdout)
    sys.exit(code)


def _explain(error: BaseException, command: str, as_json: bool) -> int:
    """Tell what went wrong and what to do next, and return the exit code."""
    unexpected = False
    match error:
        case BrokenPipeError():
            close_quietly(sys.stdout)
            return ExitCode.OK
        case KeyboardInterrupt():
            told = VtonError("Interrupted.", code="interrupted")
            told.exit_code = ExitCode.INTERRUPTED
        case VtonError():
            told = error
        case OSError():
            told = _storage_error(error)
        case _:
            unexpected = True
            told = VtonError(
                f"Unexpected {type(error).__name__}: {error}",
                code="unexpected",
                hint="" if logs.wants_traceback() else "Run again with -vv for the details.",
            )
    level = logging.ERROR if unexpected and logs.wants_traceback() else logging.DEBUG
    _log.log(level, "%s: %s", type(error).__name__, error, exc_info=error)
    if as_json:
        from vtonctl.show.jsonout import error_document

        write_json(error_document(command, told))
    if logs.shows_json():
        about = {"event": "error", "command": command, "code": told.code, "hint": told.hint}
        _log.error("%s", told.message, extra={**about, "exit_code": int(told.exit_code)})
    else:
        write_error(told.message, told.hint)
    return int(told.exit_code)


def _storage_error(error: OSError) -> StorageError:
    where = f"{error.filename}: " if error.filename else ""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    hint = (
        "Free some space and run the same command again; finished work is kept."
        if full
        else "Check the path and its permissions."
    )
    return StorageError(f"{where}{error.strerror or error}.", hint=hint)
