"""``vtonctl report``: one page for the results of a run or the files of a data-set root."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipelines.errors import InputError
from pipelines.store_path import place
from vtonctl.commands import setup
from vtonctl.options import DataFlags, OutputFlags

if TYPE_CHECKING:
    from vtonctl.runs.result import ItemOutcome
    from vtonctl.show.report import DataPlace

EXAMPLE = """
vtonctl report ./results
vtonctl report ./shop --split test
"""


def run(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="Folder of results, or data-set root.")
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The page. [default: FOLDER/report.html]"),
    ] = None,
    data: DataFlags,
    output: OutputFlags,
) -> int:
    """Write report.html: one self-contained page to look at, filter and compare.

    For results it shows persons x garments, before and after; for a data-set root every photo
    with its pose, parse, masks and agnostic side by side, doubtful ones first.
    """
    screen = setup.begin(output)
    where = setup.need_folder(place(folder), "the folder")
    settings = setup.settle(where, data).settings

    from vtonctl.runs.rundir import RunDir
    from vtonctl.show import report, tables
    from vtonctl.show.jsonout import ReportDocument

    kind: Literal["tryon", "dataset"]
    if RunDir(where).results.is_file():
        kind, (path, counts) = "tryon", report.write_tryon_report(where, find_data(where), out)
    elif setup.is_root(where, settings.layout, settings.split):
        data_place = report.DataPlace(where, settings.layout, settings.split)
        kind = "dataset"
        path, counts = report.write_dataset_report(data_place, recorded(data_place), out)
    else:
        raise InputError(
            f"{folder}: neither results of a run nor a data-set root "
            f"({settings.layout}, {settings.split}).",
            code="nothing_to_report",
            hint="Give the --out folder of vtonctl tryon, or a root and its --split.",
        )
    document = ReportDocument(command="report", kind=kind, report=str(path), counts=counts)
    screen.result(document, lambda: tables.report(document))
    return 0


def find_data(out: Path) -> DataPlace | None:
    """Where the persons and garments of these results lie, as the last run knew it."""
    from vtonctl.runs.ledger import read_ledger
    from vtonctl.runs.recall import recall_request
    from vtonctl.runs.requests import TryOnRequest
    from vtonctl.runs.rundir import RunDir
    from vtonctl.show.report import DataPlace

    ledger = read_ledger(RunDir(out))
    try:
        last = ledger.last_run()
    finally:
        ledger.close()
    request = recall_request(last).request if last else None
    if not isinstance(request, TryOnRequest):
        return None
    return DataPlace(request.root, request.layout, request.split, request.native)


def recorded(place: DataPlace) -> list[ItemOutcome]:
    """What the ledger of a data-set root says of its items."""
    from vtonctl.runs.dataroot import DataRoot
    from vtonctl.runs.ledger import read_ledger
    from vtonctl.runs.result import ItemOutcome
    from vtonctl.runs.rundir import RunDir

    ledger = read_ledger(RunDir(place.root))
    try:
        scope = DataRoot(place.root, place.split, place.layout).scope
        return [
            ItemOutcome.of(row.item, row.stage, row.status, row)
            for row in ledger.each_row(scope, without="planned")
        ]
    finally:
        ledger.close()
