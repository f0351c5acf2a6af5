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
        str | None,
        typer.Argument(
            metavar="PHOTOS", help="Folder of person photos, or an existing data-set root."
        ),
    ] = None,
    *,
    garments: Annotated[
        str | None, typer.Option("--garments", metavar="DIR", help="Folder of garment photos.")
    ] = None,
    root: Annotated[
        str | None,
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
    The same command again does only what changed. Folders may be addresses, as s3://bucket/photos.
    """
    screen = setup.begin(output, metrics_file)
    if photos is None and garments is None and root is None:
        raise UsageError(
            "nothing to do: no photos, no garments, no root",
            hint="Type for example: vtonctl preprocess ./photos --garments ./garments",
        )
    people, tops, target = map(setup.place_or_none, (photos, garments, root))
    where = target or people or _beside(tops)
    early = setup.settle(where if where and where.is_dir() else None, data).settings
    if people is not None and target is None:
        if people.is_dir() and setup.is_root(people, early.layout, early.split):
            target, people = people, None
        else:
            target = _beside(people)
    target = target or _beside(tops)
    resolved = setup.settle(target, data, prepare, run)
    if show_settings:
        return setup.show_settings(screen, "preprocess", resolved)
    for folder, what in ((people, "the folder of photos"), (tops, "the folder of garments")):
        if folder is not None:
            setup.need_folder(folder, what)
    if people is None and tops is None:
        setup.need_folder(target, "the data-set root")
    names = setup.split_list(only, ONLY, "--only")
    request = make_request(target, people, tops, resolved.settings, names)
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
    try:
        return named.with_name(named.name + "-vton")
    except ValueError:
        raise UsageError(
            f"{folder}: there is no place beside it for the data-set root",
            hint="Give the root: --root DIR",
        ) from None
