"""``vtonctl evaluate``: how good a part of the pipeline is, by a protocol that is printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.errors import UsageError
from pipelines.preprocess.parsing import PARSERS
from vtonctl import options
from vtonctl.commands import setup
from vtonctl.commands.evaluate_tryon import SEG_EXAMPLE, TRYON_EXAMPLE, seg, tryon
from vtonctl.options import DataFlags, OutputFlags

if TYPE_CHECKING:
    from vtonctl.runs.evaluate_parse import ParseReport
    from vtonctl.show.evaluate_json import EvaluateParseDocument

PARSE_EXAMPLE = """
vtonctl evaluate parse ./viton --layout cp-vton --split val
vtonctl evaluate parse ./ccp --layout ccp --split val --parser ours --out ./figures
vtonctl evaluate parse ./viton --layout cp-vton --split val --predicted ./shop \\
  --predicted-layout viton-hd
"""
WORST = 12


def parse(
    root: Annotated[
        Path, typer.Argument(metavar="ROOT", help="Data-set root with true label maps.")
    ],
    *,
    parser: Annotated[
        str | None,
        typer.Option(
            "--parser",
            metavar="NAME",
            help=f"The parser to judge: auto, {', '.join(PARSERS)}. [default: auto, the best]",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            "--parser-weights",
            metavar="FILE|NAME",
            help="Its weights: a .safetensors file, or a name of: vtonctl weights list.",
        ),
    ] = None,
    commercial: options.Commercial = None,
    predicted: Annotated[
        Path | None,
        typer.Option(
            "--predicted",
            metavar="DIR",
            help="Judge label maps instead: a folder of ITEM.png, or a data-set root.",
        ),
    ] = None,
    predicted_layout: Annotated[
        str | None,
        typer.Option(
            "--predicted-layout",
            metavar="NAME",
            help="Whose folders and label ids --predicted has. [default: that of --layout]",
        ),
    ] = None,
    pose: Annotated[
        str,
        typer.Option(
            "--pose",
            metavar="SOURCE",
            show_default=False,
            help="given (by the data set), own, or auto: given where there is one. [default: auto]",
        ),
    ] = "auto",
    pose_model: options.PoseModel = None,
    groups: Annotated[
        str | None,
        typer.Option(
            "--groups",
            metavar="NAME",
            help="What is judged together: viton7, ccp6, lip20 or none. "
            "[default: viton7; ccp6 for the layout ccp]",
        ),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance",
            metavar="PX",
            min=0,
            show_default=False,
            help="How far an outline may be off. [default: 2]",
        ),
    ] = 2.0,
    ap: Annotated[
        bool,
        typer.Option("--ap", help="Average precision, too (yolo, maskrcnn; needs vtonctl[eval])."),
    ] = False,
    limit: Annotated[
        int,
        typer.Option(
            "--limit",
            metavar="N",
            min=0,
            show_default=False,
            help="Judge N photos, evenly spread over the list. [default: all]",
        ),
    ] = 0,
    worst: Annotated[
        int | None,
        typer.Option(
            "--worst", metavar="N", min=1, help=f"Photos on the sheet. [default: {WORST}]"
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", metavar="FILE.png", help="The worst photos, with both maps."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Write parse.md, parse.json, photos.csv and worst.png."
        ),
    ] = None,
    device: options.Device = None,
    precision: options.Precision = None,
    data: DataFlags,
    output: OutputFlags,
) -> int:
    """Judge a parser, or existing label maps, by true maps.

    Prints the protocol and, for each label, accuracy (hit pixels / true pixels), IoU and boundary
    F, the means, the time per photo, and how often left and right are exchanged. The layout ccp
    has the splits train, val (80 photos that nothing here is trained on) and all.
    """
    screen = setup.begin(output)
    setup.need_folder(root, "the data-set root")
    if worst is not None and sheet is None and out is None:
        raise UsageError("--worst: no --sheet and no --out to show them", hint="Add one of them.")
    if predicted is not None and (parser or weights):
        raise UsageError("--predicted judges files, --parser runs one", hint="Give one of them.")
    settings = setup.settle(
        root,
        data,
        parser=parser,
        parser_weights=weights,
        commercial=commercial,
        pose_model=pose_model,
        device=device,
        precision=precision,
    ).settings

    from vtonctl.runs.evaluate_parse import EvaluateParseRequest, evaluate_parse
    from vtonctl.show import evaluate_tables
    from vtonctl.show.evaluate_json import parse_document

    request = EvaluateParseRequest(
        root=root,
        layout=settings.layout,
        split=settings.split,
        groups=groups or "",
        parser=settings.parser,
        parser_weights=settings.parser_weights,
        commercial=settings.commercial,
        predicted=predicted,
        predicted_layout=predicted_layout or "",
        pose=pose,
        pose_model=settings.pose_model,
        limit=limit,
        worst=(worst or WORST) if sheet or out else 0,
        tolerance_px=tolerance,
        average_precision=ap,
    )
    with screen.progress() as sink:
        report = evaluate_parse(request, setup.run_options(settings), sink)
    document = parse_document(report, report.exit_code, _paths(sheet, out))
    _write(report, document, sheet, out)
    screen.result(document, lambda: evaluate_tables.words(document, quiet=screen.quiet))
    return report.exit_code


PARTS = {
    "parse": (parse, PARSE_EXAMPLE),
    "tryon": (tryon, TRYON_EXAMPLE),
    "seg": (seg, SEG_EXAMPLE),
}
"""What can be judged: function and example by name."""


def _paths(sheet: Path | None, out: Path | None) -> tuple[str, ...]:
    written = [out / name for name in ("parse.md", "parse.json", "photos.csv")] if out else []
    picture = sheet or (out / "worst.png" if out else None)
    return tuple(map(str, [*written, *([picture] if picture else [])]))


def _write(
    report: ParseReport, document: EvaluateParseDocument, sheet: Path | None, out: Path | None
) -> None:
    from pipelines.atomic import write_atomic
    from vtonctl.show import evaluate_tables

    if out is not None:
        write_atomic(out / "parse.md", evaluate_tables.markdown(document).encode())
        write_atomic(out / "parse.json", (document.to_json() + "\n").encode())
        write_atomic(out / "photos.csv", evaluate_tables.photos_csv(document).encode())
    picture = sheet or (out / "worst.png" if out else None)
    if picture is not None:
        write_atomic(picture, report.sheet_png())
