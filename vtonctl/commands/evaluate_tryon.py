"""``vtonctl evaluate tryon`` and ``vtonctl evaluate seg``: how good try-on systems are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.errors import UsageError
from pipelines.preprocess.parsing import PARSERS
from pipelines.registry import SYSTEMS
from pipelines.system_choice import usable_systems
from vtonctl import options
from vtonctl.commands import setup
from vtonctl.options import DataFlags, OutputFlags

if TYPE_CHECKING:
    from vtonctl.runs.judged_pairs import EvaluateTryOnRequest
    from vtonctl.settings import Settings

TRYON_EXAMPLE = """
vtonctl evaluate tryon ./viton --layout cp-vton --split val
vtonctl evaluate tryon ./viton --layout cp-vton --split val --systems geometric,viton-hd \\
  --out ./figures --sheet 24
vtonctl evaluate tryon ./viton --layout cp-vton --split val --unpaired --out ./looks --limit 60
"""
SEG_EXAMPLE = """
vtonctl evaluate seg ./viton --layout cp-vton --split val --system viton-hd
"""
WORST, LOOKS = 12, 60
_WISHES = "given (by the data set), own, or auto: given where there is one. [default: auto]"

Root = Annotated[
    Path, typer.Argument(metavar="ROOT", help="Data-set root with persons and garments.")
]


@dataclass(frozen=True)
class JudgedFlags:
    """What is judged, by which pairs, and what systems are given."""

    systems: Annotated[
        str | None,
        typer.Option(
            "--system",
            "--systems",
            metavar="NAME,...",
            help=f"One table for all that are named: auto, {', '.join(SYSTEMS)}; all: those whose "
            "weights are there. [default: auto]",
        ),
    ] = None
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights",
            metavar="FILE|NAME",
            help="Weights of the system; may be given for each of its families.",
        ),
    ] = None
    size: Annotated[
        str | None,
        typer.Option(
            "--size", metavar="HxW", help="Size to work and judge at. [default: the photos' own]"
        ),
    ] = None
    pairs: Annotated[
        Path | None,
        typer.Option(
            "--pairs", metavar="FILE", help="Pairs list. [default: by the published naming rules]"
        ),
    ] = None
    parse: Annotated[
        str,
        typer.Option(
            "--parse",
            metavar="SOURCE",
            show_default=False,
            help=f"Label maps for the systems: {_WISHES}",
        ),
    ] = "auto"
    pose: Annotated[
        str, typer.Option("--pose", metavar="SOURCE", show_default=False, help=f"Poses: {_WISHES}")
    ] = "auto"
    parser: Annotated[
        str | None,
        typer.Option(
            "--parser",
            metavar="NAME",
            help=f"Who makes our own label maps: auto, {', '.join(PARSERS)}. [default: auto]",
        ),
    ] = None
    parser_weights: options.ParserWeights = None
    commercial: options.Commercial = None
    pose_model: options.PoseModel = None
    limit: Annotated[
        int,
        typer.Option(
            "--limit",
            metavar="N",
            min=0,
            show_default=False,
            help="Judge N pairs, evenly spread over the list. [default: all]",
        ),
    ] = 0
    device: options.Device = None
    precision: options.Precision = None
    seed: options.Seed = None


def tryon(
    root: Root,
    *,
    unpaired: Annotated[
        bool,
        typer.Option("--unpaired", help="Each person in another's garment, to be looked at."),
    ] = False,
    sheet: Annotated[
        int | None,
        typer.Option(
            "--sheet",
            metavar="N",
            min=0,
            help="Pairs on contact sheets in --out, the worst by region SSIM first. "
            f"[default: {WORST}; unpaired {LOOKS}, in the order of the list]",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Write tryon.md, tryon.json, pairs.csv and sheet-N.png."
        ),
    ] = None,
    judged: JudgedFlags,
    data: DataFlags,
    output: OutputFlags,
) -> int:
    """Judge try-on systems by persons in the garments they wear, where the photo is the truth.

    Prints the protocol and, for each system: SSIM, SSIM inside the region that a top can change,
    PSNR, MS-SSIM, the time per pair and the memory; LPIPS, FID and KID where the weights of their
    networks are there. Beside them stands the floor: that region in the mean colour of the garment.
    Other tables tell whether the worn garment could have leaked into the picture, and how far face,
    hair, lower clothes and hands are no longer the photo's.
    """
    screen = setup.begin(output)
    setup.need_folder(root, "the data-set root")
    if out is None and (unpaired or sheet):
        raise UsageError(
            f"{'--unpaired' if unpaired else '--sheet'}: no --out for the contact sheets",
            hint="Add --out DIR.",
        )
    settings = _settle(root, judged, data)

    from vtonctl.runs.evaluate_tryon import evaluate_tryon
    from vtonctl.show import evaluate_tryon_tables as tables
    from vtonctl.show.evaluate_tryon_json import tryon_document

    shown = (LOOKS if unpaired else WORST) if sheet is None else sheet
    request = _request(root, judged, settings, unpaired=unpaired, sheet=shown if out else 0)
    with screen.progress() as sink:
        report = evaluate_tryon(request, setup.run_options(settings), sink)
    sheets = {f"sheet-{n}.png": png for n, png in enumerate(report.sheets_png(), start=1)}
    names = ("tryon.md", "tryon.json", "pairs.csv", *sheets)
    document = tryon_document(report, tuple(str(out / name) for name in names) if out else ())
    if out is not None:
        page, table = tables.tryon_markdown(document), tables.pairs_csv(document)
        told = document.to_json() + "\n"
        texts = dict(zip(names, (page.encode(), told.encode(), table.encode()), strict=False))
        _write(out, {**texts, **sheets})
    screen.result(document, lambda: tables.tryon_words(document, quiet=screen.quiet))
    return report.exit_code


def seg(
    root: Root,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write seg.md and seg.json."),
    ] = None,
    judged: JudgedFlags,
    data: DataFlags,
    output: OutputFlags,
) -> int:
    """Judge the layouts that try-on systems predict, by the label map of the photo.

    The person is predicted in the garment they wear. Prints the protocol and the IoU of upper
    clothes, arms, lower clothes, hair and face, and their mean, beside what the clothing-agnostic
    label map gives without a prediction.
    """
    screen = setup.begin(output)
    setup.need_folder(root, "the data-set root")
    settings = _settle(root, judged, data)

    from vtonctl.runs.evaluate_seg import evaluate_seg
    from vtonctl.show import evaluate_tryon_tables as tables
    from vtonctl.show.evaluate_tryon_json import seg_document

    with screen.progress() as sink:
        request = _request(root, judged, settings, layouts=True)
        report = evaluate_seg(request, setup.run_options(settings), sink)
    names = ("seg.md", "seg.json")
    document = seg_document(report, tuple(str(out / name) for name in names) if out else ())
    if out is not None:
        told = document.to_json() + "\n"
        page = tables.seg_markdown(document)
        _write(out, dict(zip(names, (page.encode(), told.encode()), strict=True)))
    screen.result(document, lambda: tables.seg_words(document, quiet=screen.quiet))
    return report.exit_code


def _settle(root: Path, judged: JudgedFlags, data: DataFlags) -> Settings:
    return setup.settle(root, judged, data).settings


def _request(
    root: Path,
    judged: JudgedFlags,
    settings: Settings,
    *,
    unpaired: bool = False,
    sheet: int = 0,
    layouts: bool = False,
) -> EvaluateTryOnRequest:
    from vtonctl.runs.judged_pairs import EvaluateTryOnRequest

    names = setup.split_list(judged.systems, ("auto", "all", *SYSTEMS), "--system")
    if "all" in names:
        if len(names) > 1 or settings.weights:
            raise UsageError(
                "--system all: takes neither other names nor --weights",
                hint="Name the systems, with --weights for those that take any.",
            )
        names = usable_systems(commercial=settings.commercial, layouts=layouts)
    return EvaluateTryOnRequest(
        root=root,
        layout=settings.layout,
        split=settings.split,
        systems=names or (settings.system,),
        weights=settings.weights,
        size_hw=settings.size if judged.size else None,
        pairs=judged.pairs,
        unpaired=unpaired,
        parse=judged.parse,
        pose=judged.pose,
        parser=settings.parser,
        parser_weights=settings.parser_weights,
        commercial=settings.commercial,
        pose_model=settings.pose_model,
        limit=judged.limit,
        sheet=sheet,
    )


def _write(out: Path, files: dict[str, bytes]) -> None:
    from pipelines.atomic import write_atomic

    for name, content in files.items():
        write_atomic(out / name, content)
