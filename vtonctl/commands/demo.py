"""``vtonctl demo``: the main job on photos that come with installed packages."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from pipelines.errors import ConfigError
from vtonctl.commands import setup
from vtonctl.commands.tryon import make_tryon_request, write_report
from vtonctl.options import OutputFlags, RunFlags

EXAMPLE = """
vtonctl demo
vtonctl demo --out ./demo-out --jobs 2
"""
PHOTOS = {
    "astronaut.png": ("skimage", "data/astronaut.png", "scikit-image"),
    "hopper.jpg": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "matplotlib"),
}
"""Photos in the public domain: package, place in it, and the name to install it by."""


def run(
    *,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where everything goes.")
    ] = Path("demo-out"),
    run: RunFlags,
    output: OutputFlags,
) -> int:
    """Dress two real people in four drawn garments and write a report; nothing is opened.

    The people are Eileen Collins and Grace Hopper, in photos (public domain) that come inside
    scikit-image and matplotlib.
    """
    screen = setup.begin(output)
    settings = setup.settle(out if out.is_dir() else None, run).settings
    run_options = setup.run_options(settings)
    write_photos(out / "photos")
    write_garments(out / "garments")
    request = make_tryon_request(
        settings,
        root=None,
        persons=out / "photos",
        garments=out / "garments",
        out=out / "results",
    )

    from vtonctl.runs.tryon import run_tryon

    with screen.progress() as sink:
        result = run_tryon(request, run_options, sink)
    page = None if result.interrupted_by else write_report(request)
    return setup.show_run(screen, "demo", result, report=page and page.resolve())


def write_photos(folder: Path) -> None:
    """Copy the photos out of their packages. Raises ``ConfigError`` if one is not there."""
    from pipelines.atomic import write_atomic

    for name, (package, place, distribution) in PHOTOS.items():
        spec = find_spec(package)
        source = Path(spec.origin).parent / place if spec and spec.origin else None
        if source is None or not source.is_file():
            raise ConfigError(
                f"The demonstration needs {distribution}, which carries the photo {name}.",
                code="no_demo_photo",
                hint="Type: pip install 'vtonctl[dev]'",
            )
        if not (folder / name).is_file():
            write_atomic(folder / name, source.read_bytes())


def write_garments(folder: Path) -> None:
    """Draw the garments; those that are there already are kept."""
    from pipelines.atomic import write_atomic
    from pipelines.codecs import encode
    from pipelines.demo_garments import draw_garment, garment_names
    from pipelines.layout import Encoding

    for name in garment_names():
        path = folder / f"{name}.jpg"
        if not path.is_file():
            write_atomic(path, encode(draw_garment(name), Encoding.RGB_JPEG))
