"""Small WEBP pictures of image files, for reports; one bad file gives none, never an error."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image, ImageOps

from pipelines.store_path import as_store

MAX_PIXELS = 64_000_000
WEBP_EFFORT = 2
"""Of 0..6; above 2 a file shrinks by a few percent and takes twice as long."""


def thumbnail(path: Path, size_hw: tuple[int, int], quality: int = 70) -> bytes | None:
    """The picture scaled down to fit ``size_hw``, as WEBP; None if it cannot be read.

    Colours of palette pictures (label maps) and black and white of masks are kept as they are;
    the picture is turned upright and carries no metadata.
    """
    height, width = size_hw
    try:
        with Image.open(path.open("rb") if as_store(path) else path) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                return None
            opened.draft("RGB", (2 * width, 2 * height))
            upright = ImageOps.exif_transpose(opened)
            flat = upright.convert("RGB")
            resample = Image.Resampling.BOX if opened.mode == "P" else Image.Resampling.BICUBIC
            flat.thumbnail((width, height), resample, reducing_gap=2.0)
            buffer = io.BytesIO()
            flat.save(buffer, "WEBP", quality=quality, method=WEBP_EFFORT)
    # Pillow's readers raise these and more for damaged files; a missing picture is shown as such
    except (OSError, ValueError, SyntaxError, TypeError, NotImplementedError, MemoryError):
        return None
    except Image.DecompressionBombError:
        return None
    return buffer.getvalue()


def data_uris(
    paths: Sequence[Path | None], size_hw: tuple[int, int], quality: int = 70, threads: int = 2
) -> list[str]:
    """``data:`` addresses of the thumbnails, in order; empty for a file that gives none."""

    def one(path: Path | None) -> str:
        data = thumbnail(path, size_hw, quality) if path is not None else None
        return f"data:image/webp;base64,{base64.b64encode(data).decode()}" if data else ""

    with ThreadPoolExecutor(max_workers=threads) as pool:
        return list(pool.map(one, paths))
