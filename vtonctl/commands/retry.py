"""``vtonctl retry``: the last command of a folder again, with what failed."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.store_path import place
from vtonctl import options
from vtonctl.commands import setup
from vtonctl.options import OutputFlags, RunFlags

EXAMPLE = """
vtonctl retry ./results
vtonctl retry ./shop --item-timeout 120
"""


def run(
    root: Annotated[
        str, typer.Argument(metavar="ROOT", help="Folder of results, or data-set root.")
    ],
    *,
    dry_run: options.DryRun = False,
    metrics_file: options.MetricsFile = None,
    run: RunFlags,
    output: OutputFlags,
) -> int:
    """Do the last run of a folder again, including what failed or was left out."""
    screen = setup.begin(output, metrics_file)
    folder = setup.need_folder(place(root), "the folder")
    run_options = setup.run_options(setup.settle(folder, run).settings, dry_run=dry_run)

    from vtonctl.commands.report import find_data
    from vtonctl.runs.retry import run_retry
    from vtonctl.runs.rundir import RunDir
    from vtonctl.show.report import write_tryon_report

    with screen.progress() as sink:
        result = run_retry(folder, run_options, sink)
    page = None
    if not (result.dry_run or result.interrupted_by) and RunDir(result.out).results.is_file():
        page, _ = write_tryon_report(result.out, find_data(result.out))
    return setup.show_run(screen, "retry", result, report=page)
