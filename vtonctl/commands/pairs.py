"""``vtonctl pairs``: lists of who wears what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.errors import UsageError
from pipelines.layout import Artifact, find_layout
from vtonctl.commands import setup
from vtonctl.options import DataFlags, OutputFlags

EXAMPLE = """
vtonctl pairs ./shop --unpaired --seed 1 --out ./shop/test_pairs.txt
vtonctl pairs ./shop --all --json
"""


def run(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="Data-set root.")],
    *,
    paired: Annotated[
        bool, typer.Option("--paired", help="Everyone in the garment of the same name.")
    ] = False,
    unpaired: Annotated[
        bool, typer.Option("--unpaired", help="Everyone in one other garment. [default]")
    ] = False,
    all_pairs: Annotated[bool, typer.Option("--all", help="Everyone in every garment.")] = False,
    triples: Annotated[
        bool, typer.Option("--triples", help="With another pose of the person (mpv).")
    ] = False,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Other pairs. [default: 0]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write here. [default: stdout]")
    ] = None,
    data: DataFlags,
    output: OutputFlags,
) -> int:
    """Make a list of pairs of persons and garments, the same for the same seed."""
    screen = setup.begin(output)
    chosen = [name for name, on in _kinds(paired, unpaired, all_pairs).items() if on]
    if len(chosen) > 1:
        raise UsageError("only one of --paired, --unpaired and --all.")
    kind = chosen[0] if chosen else "unpaired"
    setup.need_folder(root, "the data-set root")
    settings = setup.settle(root, data, seed=seed).settings
    layout = find_layout(settings.layout)
    persons = layout.items(root, settings.split, Artifact.IMAGE)
    garments = layout.items(root, settings.split, Artifact.CLOTH)

    from pipelines.datasets import pairs
    from vtonctl.show.jsonout import PairsDocument

    make = pairs.make_triples if triples else pairs.make_pairs
    made = make(persons, garments, kind, seed=settings.seed)
    if out is not None:
        pairs.write_pairs(out, made, split=settings.split)
    document = PairsDocument(
        command="pairs",
        root=str(root),
        kind=kind,
        seed=settings.seed,
        out=str(out) if out else None,
        pairs=tuple((p.person, p.garment, *([p.pose] if p.pose else [])) for p in made),
    )

    from vtonctl.show import tables

    screen.result(document, lambda: tables.pairs(document))
    return 0


def _kinds(paired: bool, unpaired: bool, all_pairs: bool) -> dict[str, bool]:
    return {"paired": paired, "unpaired": unpaired, "all": all_pairs}
