"""Values to bytes and back, for every encoding of the layouts.

Photos of unknown origin are read by ``read_photo``, files are written by ``write_atomic``; both
have modules of their own and can be imported from here.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from pipelines import pose_json
from pipelines.atomic import remove_temporaries as remove_temporaries
from pipelines.atomic import write_atomic as write_atomic
from pipelines.errors import ItemError
from pipelines.labels import LIP20, Labels, palette
from pipelines.layout import Encoding
from pipelines.photo_reading import DAMAGE, MAX_PIXELS
from pipelines.photo_reading import read_photo as read_photo
from pipelines.relabel import relabel as relabel
from pipelines.types import Mask, ParseMap, Pose

MASK_THRESHOLD = 128
"""A mask pixel is set from this gray value on; JPEG leaves noise near 0 and 255."""

_MASK_QUALITY = 95  # below about 80 the noise of JPEG can cross the threshold
_FLAT_AREAS = {"compress_level": 1, "compress_type": 3}  # zlib's Z_RLE: faster, and smaller here
_FORMATS = ("JPEG", "PNG", "WEBP")
_METADATA = frozenset({"exif", "Raw profile type exif", "xmp", "icc_profile", "photoshop",
                       "comment", "XML:com.adobe.xmp"})  # fmt: skip


def encode(
    value: Any, encoding: Encoding, *, labels: type[Labels] = LIP20, quality: int = 95
) -> bytes:
    """The bytes of a file of this encoding; equal values give equal bytes.

    ``value`` is an Image, Mask, ParseMap or Pose, as the encoding wants; a ParseMap of another
    set than ``labels`` is merged into it where a merge exists (``pipelines.labels.MERGES``).
    ``quality`` 1..100 holds for RGB JPEG and WEBP (100 = lossless for WEBP). No metadata is
    written. Raises ``ValueError`` for a value of another type, shape or label set.
    """
    if encoding in (Encoding.POSE_BODY25_JSON, Encoding.POSE_COCO18_JSON):
        if not isinstance(value, Pose):
            raise ValueError(f"a Pose is wanted, got {type(value).__name__}")
        body25 = encoding is Encoding.POSE_BODY25_JSON
        return pose_json.encode_body25(value) if body25 else pose_json.encode_coco18(value)
    if encoding in (Encoding.LABELS_PALETTE_PNG, Encoding.LABELS_GRAY_PNG):
        return _encode_labels(value, labels, colours=encoding is Encoding.LABELS_PALETTE_PNG)
    if encoding in (Encoding.MASK_JPEG, Encoding.MASK_PNG):
        return _encode_mask(value, as_jpeg=encoding is Encoding.MASK_JPEG)
    return _encode_rgb(value, encoding, quality)


def decode(
    data: bytes,
    encoding: Encoding,
    *,
    labels: type[Labels] = LIP20,
    keep_labels: bool = False,
    name: str = "the file",
) -> Any:
    """The Image, Mask, ParseMap or Pose in a file of this encoding.

    ``labels`` is the set of the file's ids. All stages speak LIP20, so a map of another set is
    merged into LIP20 unless ``keep_labels`` is set. ``name`` stands in messages.

    Raises ``ItemError`` with code ``empty``, ``unreadable``,
    ``too_large``, ``bad_parse_file``, ``bad_mask_file``, ``bad_pose_file`` or ``no_person``.
    """
    if not data:
        raise ItemError(f"{name}: empty (0 bytes).", code="empty", hint="Make it again.")
    if encoding in (Encoding.POSE_BODY25_JSON, Encoding.POSE_COCO18_JSON):
        return pose_json.decode_pose(data, name)
    picture = open_picture(data, name)
    if encoding in (Encoding.LABELS_PALETTE_PNG, Encoding.LABELS_GRAY_PNG):
        parse = _decode_labels(picture, labels, name)
        return parse if keep_labels else relabel(parse, LIP20)
    if encoding in (Encoding.MASK_JPEG, Encoding.MASK_PNG):
        return _decode_mask(picture, name)
    return np.array(picture if picture.mode == "RGB" else picture.convert("RGB"), dtype=np.uint8)


def _encode_rgb(value: Any, encoding: Encoding, quality: int) -> bytes:
    image = _checked(value, np.uint8, 3)
    if image.shape[2] != 3:
        raise ValueError(f"an RGB image is wanted, got shape {image.shape}")
    picture = PillowImage.fromarray(image)
    if encoding is Encoding.RGB_JPEG:
        return _save(picture, "JPEG", quality=quality, subsampling=0)
    if encoding is Encoding.RGB_PNG:
        return _save(picture, "PNG", compress_level=1)
    return _save(picture, "WEBP", quality=quality, lossless=quality >= 100, method=2)


def _encode_labels(value: Any, labels: type[Labels], *, colours: bool) -> bytes:
    if not isinstance(value, ParseMap):
        raise ValueError(f"a ParseMap is wanted, got {type(value).__name__}")
    ids = _checked(relabel(value, labels).ids, np.uint8, 2)
    if ids.max() > max(labels):
        raise ValueError(f"id {ids.max()} is not one of {labels.__name__}")
    picture = PillowImage.fromarray(ids)
    if colours:
        picture.putpalette([channel for colour in palette(labels) for channel in colour])
    return _save(picture, "PNG", **_FLAT_AREAS)


def _encode_mask(value: Any, *, as_jpeg: bool) -> bytes:
    mask = _checked(value, np.bool_, 2)
    picture = PillowImage.fromarray(mask.astype(np.uint8) * 255)
    if as_jpeg:
        return _save(picture, "JPEG", quality=_MASK_QUALITY)
    return _save(picture, "PNG", **_FLAT_AREAS)


def _checked(value: Any, dtype: type[np.generic], dimensions: int) -> NDArray[Any]:
    if not isinstance(value, np.ndarray) or value.dtype != dtype or value.ndim != dimensions:
        found = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value)
        raise ValueError(f"{dtype.__name__} of {dimensions} dimensions is wanted, got {found}")
    if 0 in value.shape:
        raise ValueError(f"an image without pixels: {value.shape}")
    return np.ascontiguousarray(value)


def _save(picture: PillowImage.Image, file_format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, file_format, **options)
    return out.getvalue()


def open_picture(data: bytes, name: str) -> PillowImage.Image:
    """A stored picture, decoded completely. Raises ``ItemError``: ``unreadable``, ``too_large``."""
    try:
        picture = PillowImage.open(io.BytesIO(data), formats=_FORMATS)
        if picture.width * picture.height > MAX_PIXELS:
            raise _too_large(name)
        picture.load()
    except (PillowImage.DecompressionBombError, PillowImage.DecompressionBombWarning):
        raise _too_large(name) from None
    except DAMAGE as error:
        raise ItemError(
            f"{name}: cannot be read as JPEG, PNG or WEBP: {error}.",
            code="unreadable",
            hint="The file is damaged or incomplete; make it again.",
        ) from error
    return picture


def has_metadata(data: bytes) -> bool:
    """Whether a picture carries EXIF, XMP, a colour profile or a comment; such never leave us."""
    with PillowImage.open(io.BytesIO(data), formats=_FORMATS) as picture:
        return not _METADATA.isdisjoint(picture.info)


def _decode_labels(picture: PillowImage.Image, labels: type[Labels], name: str) -> ParseMap:
    if picture.mode not in ("P", "L"):
        raise ItemError(
            f"{name}: mode {picture.mode}; a label map has mode P or L, one id per pixel.",
            code="bad_parse_file",
            hint="Colours are not ids: write the ids themselves.",
        )
    ids: NDArray[np.uint8] = np.array(picture, dtype=np.uint8)
    present = np.flatnonzero(picture.histogram())
    strange = set(present.tolist()) - {int(label) for label in labels}
    if strange:
        raise ItemError(
            f"{name}: id {max(strange)} is not one of {labels.__name__} (0..{max(labels)}).",
            code="bad_parse_file",
            hint="Convert it from its own label set (vtonctl convert), or make it again.",
        )
    return ParseMap(ids, labels)


def _decode_mask(picture: PillowImage.Image, name: str) -> Mask:
    gray = np.asarray(picture.convert("L"))
    if gray.max() == 1:
        raise ItemError(
            f"{name}: holds 0 and 1; a mask holds 0 and 255.",
            code="bad_mask_file",
            hint="Multiply it by 255, or make it again.",
        )
    mask: Mask = gray >= MASK_THRESHOLD
    return mask


def _too_large(name: str) -> ItemError:
    return ItemError(
        f"{name}: over the limit of {MAX_PIXELS / 1e6:g} million pixels.",
        code="too_large",
        hint="Scale it down.",
    )
