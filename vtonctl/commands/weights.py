"""``vtonctl weights``: learned weights, whether they are whole, and what they may be used for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.errors import ConfigError, InputError, ListError
from vtonctl.commands import setup
from vtonctl.options import OutputFlags

if TYPE_CHECKING:
    from pipelines.checkpoint_check import Problem
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


def list_weights(*, output: OutputFlags) -> int:
    """Show the weights that the package carries: licence tier, size, figures.

    The first figure decides which weights of a family are taken; files are not read.
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


def _show(part: str, output: OutputFlags, check: Callable[[Sequence[Entry]], list[Problem]]) -> int:
    from pipelines.checkpoints import manifest, weights_folder
    from vtonctl.show import weights_tables
    from vtonctl.show.weights_json import weights_document

    screen = setup.begin(output)
    entries = list(manifest().values())
    problems = check(entries)
    document = weights_document(weights_folder(), entries, problems, verified=part == "verify")
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
}
