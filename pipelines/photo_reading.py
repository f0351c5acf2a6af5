"""Reading any photo as upright 8-bit sRGB, or refusing it with a reason."""

from __future__ import annotations

import io
import stat
import struct
import warnings
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageCms, UnidentifiedImageError

from pipelines.errors import ItemError
from pipelines.types import Image

MAX_PIXELS = 64_000_000
"""Largest photo that is read, in pixels."""

MIN_SIDE = 32
"""Smallest height and width of a photo, in pixels; no person is found in less."""

_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
# What Pillow's readers have been seen to raise on damaged files, not OSError alone.
DAMAGE = (
    OSError, ValueError, SyntaxError, TypeError, NotImplementedError, EOFError, MemoryError,
    LookupError, AttributeError, ArithmeticError, RuntimeError, AssertionError, struct.error,
    zlib.error,
)  # fmt: skip
_BOMB = (PillowImage.DecompressionBombError, PillowImage.DecompressionBombWarning)
_SIGNATURES = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "an EPS or PostScript file"),
    (b"\xc5\xd0\xd3\xc6", "an EPS file"),
    (b"8BPS", "a Photoshop file"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML or SVG file"),
    (b"<!DOCTYPE", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"\x00\x00\x00\x0cjP", "a JPEG 2000 picture"),
    (b"II\x2b\x00", "a BigTIFF picture"),
    (b"\x1aE\xdf\xa3", "a video"),
)
_DAMAGED = (
    (b"\xff\xd8", "JPEG"), (b"\x89PNG", "PNG"), (b"GIF8", "GIF"), (b"BM", "BMP"),
    (b"II*\x00", "TIFF"), (b"MM\x00*", "TIFF"),
)  # fmt: skip
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_TRANSPOSE = {
    2: PillowImage.Transpose.FLIP_LEFT_RIGHT,
    3: PillowImage.Transpose.ROTATE_180,
    4: PillowImage.Transpose.FLIP_TOP_BOTTOM,
    5: PillowImage.Transpose.TRANSPOSE,
    6: PillowImage.Transpose.ROTATE_270,
    7: PillowImage.Transpose.TRANSVERSE,
    8: PillowImage.Transpose.ROTATE_90,
}
_ORIENTATION_TAG = 0x0112
_EXPORT = "Export it as JPEG or PNG and run again."


def read_photo(
    path: Path,
    *,
    max_pixels: int = MAX_PIXELS,
    matte: tuple[int, int, int] = (255, 255, 255),
) -> Image:
    """The photo as ``uint8 [H, W, 3]`` RGB, upright, in sRGB.

    The format is judged by content, not by name: JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF, and HEIF
    where the ``heif`` extra is installed; of several frames or pages the first. EXIF orientation
    is applied, an embedded ICC profile is converted to sRGB, transparency is laid on ``matte``
    (RGB), 16-bit values are scaled to 8. Raises ``ItemError`` with code ``missing_input``,
    ``unreadable`` (damaged, truncated, no permission), ``not_an_image``, ``empty``,
    ``too_small`` (a side under 32 px) or ``too_large`` (over ``max_pixels``, found before any
    pixel is decoded).
    """
    try:
        with _open_regular(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of oddities that do no harm
            return _decode(file, path, max_pixels, matte)
    except _BOMB:
        raise ItemError(
            f"{path}: the picture is far larger than the limit of {max_pixels / 1e6:g} "
            "million pixels.",
            code="too_large",
            hint="Scale it down and run again.",
        ) from None
    except UnidentifiedImageError:
        raise _unidentified(path) from None
    except DAMAGE as error:
        raise _unreadable(path, error) from error


def _open_regular(path: Path) -> BinaryIO:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise ItemError(
            f"{path}: there is no such file.", code="missing_input", hint="Check the name."
        ) from None
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
        raise ItemError(
            f"{path}: not a regular file.", code="not_an_image", hint="Give a picture file."
        )
    if status.st_size == 0:
        raise ItemError(
            f"{path}: the file is empty (0 bytes).", code="empty", hint="Copy it again."
        )
    return path.open("rb")


def _decode(file: BinaryIO, path: Path, max_pixels: int, matte: tuple[int, int, int]) -> Image:
    formats = _usable_formats(file)
    with PillowImage.open(file, formats=formats) as picture:
        width, height = picture.size
        if width * height > max_pixels:
            raise ItemError(
                f"{path}: {width} x {height} pixels, over the limit of "
                f"{max_pixels / 1e6:g} million pixels.",
                code="too_large",
                hint="Scale it down and run again.",
            )
        if min(width, height) < MIN_SIDE:
            raise ItemError(
                f"{path}: {width} x {height} pixels; at least {MIN_SIDE} x {MIN_SIDE} are needed.",
                code="too_small",
                hint="Use a larger photo; 1024 x 768 and more give good results.",
            )
        picture.load()
        rgb = _to_srgb(picture, matte)
        turn = _TRANSPOSE.get(_orientation(picture))
        return np.array(rgb.transpose(turn) if turn is not None else rgb, dtype=np.uint8)


def _usable_formats(file: BinaryIO) -> tuple[str, ...]:
    """The allowed formats that this installation reads; registers HEIF only when met."""
    head = file.read(16)
    file.seek(0)
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        try:
            import pi_heif
        except ImportError:
            pass
        else:
            pi_heif.register_heif_opener()
    PillowImage.init()
    return tuple(name for name in _FORMATS if name in PillowImage.OPEN)


def _orientation(picture: PillowImage.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION_TAG, 1))
    except DAMAGE:  # damaged EXIF in a sound photo: take it as it lies
        return 1


def _to_srgb(picture: PillowImage.Image, matte: tuple[int, int, int]) -> PillowImage.Image:
    profile = picture.info.get("icc_profile")
    if picture.mode.startswith(("I", "F")):
        return _from_wide(picture)
    if picture.mode in ("P", "PA", "LA", "La", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    elif picture.mode == "1":
        picture = picture.convert("L")
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    colours = picture.convert("RGB") if alpha is not None else picture
    rgb = _through_profile(colours, profile) if profile else None
    rgb = rgb or colours.convert("RGB")
    if alpha is None:
        return rgb
    ground = PillowImage.new("RGB", rgb.size, matte)
    ground.paste(rgb, mask=alpha)
    return ground


def _from_wide(picture: PillowImage.Image) -> PillowImage.Image:
    """16-bit, 32-bit and float gray to 8-bit RGB; 32-bit values up to 65535 count as 16-bit."""
    values = np.asarray(picture)
    if values.dtype == np.uint16:
        table = np.rint(np.arange(65536) * (255 / 65535)).astype(np.uint8)
        return PillowImage.fromarray(table[values]).convert("RGB")
    highest = float(values.max())
    tops = (1.0, 255.0, 65535.0) if picture.mode == "F" else (65535.0, float(2**31 - 1))
    top = next((t for t in tops if highest <= t), tops[-1])
    scaled = values.astype(np.float32)  # in place from here: a photo may have 64 million pixels
    scaled *= 255 / top
    np.nan_to_num(scaled, copy=False)
    np.rint(scaled, out=scaled)
    np.clip(scaled, 0, 255, out=scaled)
    return PillowImage.fromarray(scaled.astype(np.uint8)).convert("RGB")


def _through_profile(picture: PillowImage.Image, profile: bytes) -> PillowImage.Image | None:
    """The picture in sRGB, or None where the profile is damaged, for other data, or sRGB."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = str(source.profile.xcolor_space).strip()
        if {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}.get(space) != picture.mode:
            return None
        if "sRGB" in (source.profile.profile_description or ""):
            return None
        return ImageCms.profileToProfile(
            picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, *DAMAGE):
        return None


def _unidentified(path: Path) -> ItemError:
    with path.open("rb") as file:
        head = file.read(512)
    found = _describe_content(head)
    if found.startswith("a HEIF"):
        hint = "Install the extra vtonctl[heif] or export it as JPEG."
    else:
        hint = _EXPORT
    known = found.endswith("picture that is damaged")
    return ItemError(
        f"{path}: {'' if known else 'not a photo that can be read: '}the content is {found}.",
        code="unreadable" if known else "not_an_image",
        hint="Copy it again from the source." if known else hint,
    )


def _describe_content(head: bytes) -> str:
    """What the first bytes of a file look like, in words."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for signature, name in _SIGNATURES:
        if head.startswith(signature) or start.startswith(signature):
            return name
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return "a HEIF picture" if brand in _HEIF_BRANDS else "a video or AVIF file"
    for signature, name in _DAMAGED:
        if head.startswith(signature):
            return f"a {name} picture that is damaged"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "a WEBP picture that is damaged"
    if head and all(byte in b"\t\r\n\f" or byte >= 32 for byte in head) and b"\x7f" not in head:
        return "text"
    return f"unknown (first bytes {head[:8].hex(' ')})"


def _unreadable(path: Path, error: BaseException) -> ItemError:
    reason = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return ItemError(
        f"{path}: the photo cannot be read: {reason.rstrip('.')}.",
        code="unreadable",
        hint="The file is damaged, incomplete or protected; copy it again from the source.",
    )
