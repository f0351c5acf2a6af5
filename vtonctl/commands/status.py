"""``vtonctl status``: what is done, out of date, failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Annotated

import typer

from pipelines.store_path import place
from vtonctl.commands import setup
from vtonctl.options import OutputFlags

EXAMPLE = """
vtonctl status ./results
vtonctl status ./shop --json
"""


def run(
    root: Annotated[
        str, typer.Argument(metavar="ROOT", help="Folder of results, or data-set root.")
    ],
    *,
    output: OutputFlags,
) -> int:
    """Say what is done, out of date, failed or left out; changes nothing."""
    screen = setup.begin(output)
    folder = setup.need_folder(place(root), "the folder")

    from vtonctl.runs.status import read_status
    from vtonctl.show import tables
    from vtonctl.show.jsonout import LastRun, Running, StatusDocument, failures

    status = read_status(folder)
    last = status.last_run
    stages = {s.stage: {k: n for k, n in asdict(s).items() if k != "stage"} for s in status.stages}
    document = StatusDocument(
        command="status",
        root=str(folder),
        counts=_summed(stages.values()),
        stages=stages,
        failures=failures(status.failures),
        last_run=LastRun(
            command=last.command, started=last.started, ended=last.ended, status=last.status
        )
        if last
        else None,
        running=Running(**asdict(status.holder)) if status.holder else None,
        running_pid=status.holder.pid if status.holder else None,
    )
    screen.result(document, lambda: tables.status(document))
    return 0


def _summed(stages: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for counts in stages:
        for kind, number in counts.items():
            total[kind] = total.get(kind, 0) + number
    return total
