"""``vtonctl weights``: learned weights, whether they are whole, and what they may be used for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.checkpoint_import import NOT_STATED, PRECISIONS
from pipelines.errors import ConfigError, InputError, ListError, VtonError
from vtonctl.commands import setup
from vtonctl.options import OutputFlags

if TYPE_CHECKING:
    from pipelines.checkpoint_check import Problem
    from pipelines.checkpoint_import import Imported
    from pipelines.checkpoint_manifest import Entry
    from vtonctl.show.weights_json import WeightsDocument

LIST_EXAMPLE = """
vtonctl weights list
vtonctl weights list --json
"""
VERIFY_EXAMPLE = """
vtonctl weights verify
vtonctl weights verify parser-ours-open
"""
LICENCES_EXAMPLE = """
vtonctl weights licences
"""
IMPORT_EXAMPLE = """
vtonctl weights import seg_final.pth gmm_final.pth alias_final.pth
vtonctl weights import checkpoints/*.pth --out ./weights --licence "CC BY-NC 4.0"
"""


def list_weights(*, output: OutputFlags) -> int:
    """Show the weights that the package carries: licence tier, size, figures; and those imported.

    The first figure decides which weights of a family are taken; files are not verified.
    """
    return _show("list", output, lambda entries: [])


def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="Which. [default: all]")
    ] = None,
    *,
    output: OutputFlags,
) -> int:
    """Check weights: size and sha256, what each file says of itself, its model card.

    Exits 66 if a file is damaged or missing, 65 if file, card and manifest contradict each other.
    """

    def check(entries: Sequence[Entry]) -> list[Problem]:
        from pipelines.checkpoint_check import check_entry, check_weights
        from pipelines.checkpoints import weights_folder

        if not names:
            return check_weights(weights_folder(), entries)
        known = {entry.name: entry for entry in entries}
        if unknown := [name for name in names if name not in known]:
            raise ConfigError(
                f"unknown weights {unknown[0]!r}",
                code="unknown_name",
                hint=f"Known: {', '.join(known) or 'none'}.",
            )
        return [problem for name in names for problem in check_entry(known[name])]

    return _show("verify", output, check)


def licences(*, output: OutputFlags) -> int:
    """Show what weights were trained on, their terms, and which of them --commercial takes."""
    return _show("licences", output, lambda entries: [])


def import_weights(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Checkpoints: .pth, .pt, .ckpt.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Where to put them. [default: your folder of weights]"
        ),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            metavar="NAME",
            help=f"Numbers to store: {' or '.join(PRECISIONS)}. [default: {PRECISIONS[0]}]",
            show_default=False,
        ),
    ] = PRECISIONS[0],
    licence: Annotated[
        str,
        typer.Option("--licence", metavar="TEXT", help="Terms of the checkpoints, as you know."),
    ] = NOT_STATED,
    *,
    output: OutputFlags,
) -> int:
    """Turn checkpoints of published networks into weights that --weights takes by name.

    The network is recognised by what is in the file. A checkpoint is read in a process of its own
    that builds arrays only, so that nothing in it is run. Exits 66 if a file cannot be imported.
    """
    from pipelines.checkpoint_import import import_checkpoint
    from pipelines.checkpoints import user_folder
    from vtonctl.show import weights_tables
    from vtonctl.show.weights_json import import_document

    screen = setup.begin(output)
    folder = out or user_folder()
    made: list[Imported] = []
    failed: list[tuple[Path, VtonError]] = []
    for file in files:
        try:
            made.append(import_checkpoint(file, folder, precision=precision, licence=licence))
        except VtonError as error:
            failed.append((file, error))
    document = import_document(folder, made, failed, by_name=out is None)
    screen.result(document, lambda: weights_tables.imported(document))
    return max((error.exit_code for _, error in failed), default=0)


def _show(part: str, output: OutputFlags, check: Callable[[Sequence[Entry]], list[Problem]]) -> int:
    from pipelines.checkpoints import manifest, user_files, weights_folder
    from vtonctl.show import weights_tables
    from vtonctl.show.weights_json import weights_document

    screen = setup.begin(output)
    entries = list(manifest().values())
    problems = check(entries)
    document = weights_document(
        weights_folder(),
        entries,
        problems,
        verified=part == "verify",
        own=user_files() if part == "list" else (),
    )
    tables: dict[str, Callable[[WeightsDocument], list[weights_tables.Shown]]] = {
        "list": weights_tables.listed,
        "verify": weights_tables.verified,
        "licences": weights_tables.licences,
    }
    screen.result(document, lambda: tables[part](document))
    if any(problem.damaged for problem in problems):
        return InputError.exit_code
    return ListError.exit_code if problems else 0


PARTS = {
    "list": (list_weights, LIST_EXAMPLE),
    "verify": (verify, VERIFY_EXAMPLE),
    "licences": (licences, LICENCES_EXAMPLE),
    "import": (import_weights, IMPORT_EXAMPLE),
}
