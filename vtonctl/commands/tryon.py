"""``vtonctl tryon``: persons wear garments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.errors import UsageError
from pipelines.registry import SYSTEMS
from pipelines.system_choice import AUTO, choose_system
from vtonctl import options
from vtonctl.commands import setup
from vtonctl.commands.preprocess import make_request
from vtonctl.options import DataFlags, OutputFlags, PrepareFlags, RunFlags
from vtonctl.runs.requests import TryOnRequest

if TYPE_CHECKING:
    from vtonctl.settings import Settings

EXAMPLE = """
vtonctl tryon --persons ./people --garments ./tops --out ./results
vtonctl tryon ./shop --all-pairs
vtonctl tryon ./shop --all-pairs --pose ./poses
"""


def run(
    root: Annotated[
        str | None, typer.Argument(metavar="ROOT", help="Data-set root with persons and garments.")
    ] = None,
    *,
    persons: Annotated[
        str | None, typer.Option("--persons", metavar="DIR", help="Folder of person photos.")
    ] = None,
    garments: Annotated[
        str | None, typer.Option("--garments", metavar="DIR", help="Folder of garment photos.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="DIR", help="Results. [default: ROOT/results/SYSTEM]"),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option("--pairs", metavar="FILE", help="Pairs list. [default: ROOT/SPLIT_pairs.txt]"),
    ] = None,
    all_pairs: Annotated[
        bool, typer.Option("--all-pairs", help="All persons with all garments.")
    ] = False,
    system: Annotated[
        str | None,
        typer.Option(
            "--system", metavar="NAME", help=f"auto, {', '.join(SYSTEMS)}. [default: auto]"
        ),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights",
            metavar="FILE|NAME",
            help="Weights of the system; may be given for each of its families.",
        ),
    ] = None,
    pose: Annotated[
        Path | None,
        typer.Option(
            "--pose",
            metavar="FILE|DIR",
            help="Pose to take (OpenPose JSON: BODY_25 or COCO-18), or a folder of them.",
        ),
    ] = None,
    pose_from: Annotated[
        Path | None,
        typer.Option("--pose-from", metavar="PHOTO", help="Photo whose pose is to be taken."),
    ] = None,
    native: Annotated[
        bool, typer.Option("--native", help="Put results back into the original photos.")
    ] = False,
    format: Annotated[  # noqa: A002 - the name of the option
        str | None,
        typer.Option("--format", metavar="NAME", help="png, jpg or webp. [default: png]"),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option("--quality", metavar="1..100", help="Of jpg and webp. [default: 95]"),
    ] = None,
    save_stages: Annotated[
        bool, typer.Option("--save-stages", help="Keep each stage's picture.")
    ] = False,
    no_report: Annotated[
        bool, typer.Option("--no-report", help="Write no report.html beside the results.")
    ] = False,
    fail_on_flag: Annotated[
        bool, typer.Option("--fail-on-flag", help="Exit 4 if a result is flagged as poor.")
    ] = False,
    seed: options.Seed = None,
    retry_failed: options.RetryFailed = False,
    dry_run: options.DryRun = False,
    metrics_file: options.MetricsFile = None,
    show_settings: options.ShowSettings = False,
    data: DataFlags,
    prepare: PrepareFlags,
    run: RunFlags,
    output: OutputFlags,
) -> int:
    """Make try-on pictures: each person of a list wears a garment.

    From two folders it does the whole job: prepares what is missing, dresses all persons in all
    garments (or those of --pairs), writes results.jsonl and report.html beside the pictures.
    With --pose or --pose-from every pair is made in every pose: the person's limbs are turned, then
    the garment is put on. --system multipose has networks that change both at once.
    The same command again does only what changed. Folders may be addresses, as s3://bucket/photos.
    """
    screen = setup.begin(output, metrics_file)
    data_root, people, tops, target = map(setup.place_or_none, (root, persons, garments, out))
    _check_usage(data_root, people, tops, target, pairs, all_pairs)
    if pose is not None and pose_from is not None:
        raise UsageError("either --pose or --pose-from, not both")
    wishes = {"system": system, "weights": weights or None, "seed": seed}
    resolved = setup.settle(
        data_root or target, data, prepare, run, format=format, quality=quality, **wishes
    )
    if show_settings:
        return setup.show_settings(screen, "tryon", resolved)
    if data_root is not None:
        setup.need_folder(data_root, "the data-set root")
    request = make_tryon_request(
        resolved.settings,
        root=data_root,
        persons=people,
        garments=tops,
        out=target,
        pairs=pairs,
        all_pairs=all_pairs,
        native=native,
        save_stages=save_stages,
        pose=pose,
        pose_from=pose_from,
    )
    run_options = setup.run_options(resolved.settings, retry_failed=retry_failed, dry_run=dry_run)

    from vtonctl.runs.tryon import run_tryon

    with screen.progress() as sink:
        result = run_tryon(request, run_options, sink)
    # who interrupts a run does not want to wait for its report
    left_out = no_report or result.dry_run or result.interrupted_by
    page = None if left_out else write_report(request)
    return setup.show_run(screen, "tryon", result, report=page, fail_on_flag=fail_on_flag)


def make_tryon_request(
    settings: Settings,
    *,
    root: Path | None,
    persons: Path | None,
    garments: Path | None,
    out: Path | None,
    pairs: Path | None = None,
    all_pairs: bool = False,
    native: bool = False,
    save_stages: bool = False,
    pose: Path | None = None,
    pose_from: Path | None = None,
) -> TryOnRequest:
    """The request for a root, or for two folders whose root is kept inside ``out``."""
    prepare = None
    if root is None and out is not None:
        root = work_root(out)
        prepare = make_request(root, persons, garments, settings)
        all_pairs = all_pairs or pairs is None
    if root is None:
        raise UsageError("no data-set root and no --out given", hint="See: vtonctl tryon --help")
    return TryOnRequest(
        root=root,
        out=out or root / "results" / _system_name(settings),
        prepare=prepare,
        pairs=pairs,
        all_pairs=all_pairs,
        split=settings.split,
        layout=settings.layout,
        system=settings.system,
        weights=settings.weights,
        commercial=settings.commercial,
        native=native,
        image_format=settings.format,
        quality=settings.quality,
        save_stages=save_stages,
        pose=pose,
        pose_from=pose_from,
        pose_model=settings.pose_model,
    )


def _system_name(settings: Settings) -> str:
    """The system that the run will choose, for the name of its folder."""
    if settings.system != AUTO:
        return settings.system
    return choose_system(weights=settings.weights, commercial=settings.commercial).name


def work_root(out: Path) -> Path:
    """The data-set root of a job on two folders."""
    return out / ".vtonctl" / "data"


def write_report(request: TryOnRequest) -> Path | None:
    """Write ``report.html`` beside the results, unless it shows them already.

    None if there is no result yet.
    """
    from pipelines.store_path import is_newer
    from vtonctl.runs.rundir import RunDir
    from vtonctl.show.report import REPORT_NAME, DataPlace, write_tryon_report

    results, page = RunDir(request.out).results, request.out / REPORT_NAME
    if not results.is_file():
        return None
    # the list is left alone by a run that changes nothing
    if is_newer(page, results):
        return page
    place = DataPlace(request.root, request.layout, request.split, request.native)
    return write_tryon_report(request.out, place)[0]


def _check_usage(
    root: Path | None,
    persons: Path | None,
    garments: Path | None,
    out: Path | None,
    pairs: Path | None,
    all_pairs: bool,
) -> None:
    folders = persons is not None or garments is not None
    if root is not None and folders:
        raise UsageError(
            "either ROOT or --persons and --garments, not both",
            hint="A root holds its persons and garments itself.",
        )
    if root is None and (persons is None or garments is None or out is None):
        raise UsageError(
            "no data-set root; then --persons, --garments and --out are all needed",
            hint="Type: vtonctl tryon --persons DIR --garments DIR --out DIR",
        )
    if pairs is not None and all_pairs:
        raise UsageError("either --pairs or --all-pairs, not both")
    for folder, what in ((persons, "the folder of persons"), (garments, "the folder of garments")):
        if folder is not None:
            setup.need_folder(folder, what)
