"""``vtonctl convert``: a data set in another layout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.errors import ItemError
from vtonctl.commands import setup
from vtonctl.options import DataFlags, OutputFlags

EXAMPLE = """
vtonctl convert ./shop ./shop-cp --to cp-vton
vtonctl convert ./cp-data ./hd-data --layout cp-vton --to viton-hd --split train
"""


def run(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="Data-set root to read.")],
    destination: Annotated[
        Path, typer.Argument(metavar="DESTINATION", help="Data-set root to write.")
    ],
    *,
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="Layout to write.")],
    to_split: Annotated[
        str | None,
        typer.Option("--to-split", metavar="NAME", help="Split to write. [default: the same]"),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--size", metavar="HxW", help="Size to write. [default: the layout's]"),
    ] = None,
    data: DataFlags,
    output: OutputFlags,
) -> int:
    """Write a data set in another layout: folders, label ids, joint order, size."""
    screen = setup.begin(output)
    settings = setup.settle(root, data, size=size).settings

    from pipelines.datasets.convert import convert_dataset
    from vtonctl.show import tables
    from vtonctl.show.jsonout import ConvertDocument, Failure

    made = convert_dataset(
        root,
        settings.layout,
        settings.split,
        destination,
        to,
        to_split=to_split,
        size_hw=settings.size if size else None,
    )
    failed = tuple(
        Failure(
            item=f.item,
            stage="convert",
            status="failed",
            code=f.error.code,
            message=f.error.message,
            hint=f.error.hint,
        )
        for f in made.failures
    )
    document = ConvertDocument(
        command="convert",
        source=str(root),
        destination=str(destination),
        layout=to,
        written={artifact.value: number for artifact, number in made.written.items() if number},
        pairs=made.pairs,
        failures=failed,
    )
    screen.result(document, lambda: tables.convert(document))
    return ItemError.exit_code if failed else 0
