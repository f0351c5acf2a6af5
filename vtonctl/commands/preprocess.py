"""``vtonctl preprocess``: photos and garments become a data-set root."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.errors import UsageError
from vtonctl import options
from vtonctl.commands import setup
from vtonctl.options import DataFlags, OutputFlags, PrepareFlags, RunFlags
from vtonctl.runs.requests import PreprocessRequest

if TYPE_CHECKING:
    from vtonctl.settings import Settings

EXAMPLE = """
vtonctl preprocess ./photos --garments ./garments --root ./shop
vtonctl preprocess ./shop --only cloth-mask
"""
ONLY = ("pose", "parse", "agnostic", "cloth-mask")


def run(
    photos: Annotated[
        Path | None,
        typer.Argument(
            metavar="PHOTOS", help="Folder of person photos, or an existing data-set root."
        ),
    ] = None,
    *,
    garments: Annotated[
        Path | None, typer.Option("--garments", metavar="DIR", help="Folder of garment photos.")
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option("--root", metavar="DIR", help="Data-set root. [default: PHOTOS-vton]"),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="LIST", help=f"Some of {','.join(ONLY)}. [default: all]"),
    ] = None,
    retry_failed: options.RetryFailed = False,
    dry_run: options.DryRun = False,
    metrics_file: options.MetricsFile = None,
    show_settings: options.ShowSettings = False,
    data: DataFlags,
    prepare: PrepareFlags,
    run: RunFlags,
    output: OutputFlags,
) -> int:
    """Make pose, parse, agnostic and mask files of photos and garments.

    Every image below PHOTOS becomes a person of a data-set root in the published VITON-HD form,
    every image below --garments a garment. On an existing root it fills in what is missing.
    The same command again does only what changed.
    """
    screen = setup.begin(output, metrics_file)
    if photos is None and garments is None and root is None:
        raise UsageError(
            "nothing to do: no photos, no garments, no root",
            hint="Type for example: vtonctl preprocess ./photos --garments ./garments",
        )
    where = root or photos or _beside(garments)
    early = setup.settle(where if where and where.is_dir() else None, data).settings
    if photos is not None and root is None:
        if photos.is_dir() and setup.is_root(photos, early.layout, early.split):
            root, photos = photos, None
        else:
            root = _beside(photos)
    root = root or _beside(garments)
    resolved = setup.settle(root, data, prepare, run)
    if show_settings:
        return setup.show_settings(screen, "preprocess", resolved)
    for folder, what in ((photos, "the folder of photos"), (garments, "the folder of garments")):
        if folder is not None:
            setup.need_folder(folder, what)
    if photos is None and garments is None:
        setup.need_folder(root, "the data-set root")
    names = setup.split_list(only, ONLY, "--only")
    request = make_request(root, photos, garments, resolved.settings, names)
    run_options = setup.run_options(resolved.settings, retry_failed=retry_failed, dry_run=dry_run)

    from vtonctl.runs.preprocess import run_preprocess

    with screen.progress() as sink:
        result = run_preprocess(request, run_options, sink)
    return setup.show_run(screen, "preprocess", result)


def make_request(
    root: Path,
    photos: Path | None,
    garments: Path | None,
    settings: Settings,
    only: tuple[str, ...] = (),
) -> PreprocessRequest:
    """The request for these settings."""
    return PreprocessRequest(
        root=root,
        photos=photos,
        garments=garments,
        split=settings.split,
        layout=settings.layout,
        size_hw=settings.size,
        only=only,
        parser=settings.parser,
        parser_weights=settings.parser_weights,
        commercial=settings.commercial,
        pose_model=settings.pose_model,
        agnostic_variant=settings.agnostic,
    )


def _beside(folder: Path | None) -> Path:
    """``photos`` -> ``photos-vton``, also for ``.`` and ``photos/..``."""
    if folder is None:
        raise UsageError("no folder given", hint="See: vtonctl preprocess --help")
    named = folder if folder.name not in ("", "..") else folder.resolve()
    return named.with_name(named.name + "-vton")
