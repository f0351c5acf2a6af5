"""``vtonctl check``: what is wrong with a data set, file by file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from pipelines.errors import ListError
from pipelines.layout import Artifact, find_layout
from vtonctl.commands import setup
from vtonctl.options import DataFlags, OutputFlags

EXAMPLE = """
vtonctl check ./shop
vtonctl check ./cp-data --layout cp-vton --split train --json
"""


def run(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="Data-set root.")],
    *,
    data: DataFlags,
    output: OutputFlags,
) -> int:
    """Say what is wrong with a data set: names, modes, sizes, ids, joints, pairs, spelling.

    Exit 0 if published readers of the layout take it, 65 if not.
    """
    screen = setup.begin(output)
    settings = setup.settle(root, data).settings

    from pipelines.datasets.check import check_dataset
    from vtonctl.show import tables
    from vtonctl.show.jsonout import CheckDocument, Finding

    found = check_dataset(root, settings.layout, settings.split)
    layout = find_layout(settings.layout)
    findings = tuple(
        Finding(
            file=os.fsencode(os.path.relpath(f.path, root)).decode("utf-8", "backslashreplace"),
            code=f.code,
            message=f.message,
            hint=f.hint,
            severity=f.severity.value,
        )
        for f in found
    )
    document = CheckDocument(
        command="check",
        root=str(root),
        layout=settings.layout,
        split=settings.split,
        ok=not any(f.severity == "error" for f in findings),
        counts={
            "persons": len(layout.items(root, settings.split, Artifact.IMAGE)),
            "garments": len(layout.items(root, settings.split, Artifact.CLOTH)),
        },
        findings=findings,
    )
    screen.result(document, lambda: tables.check(document))
    return 0 if document.ok else ListError.exit_code
