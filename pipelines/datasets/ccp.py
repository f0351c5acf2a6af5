"""Clothing Co-Parsing: 1,004 street photos with hand-made labels of 59 tags, as published.

A folder holds ``photos/ID.jpg``, ``labels/ID.png`` (ids in gray, names in ``labels.json``) and,
once poses have been found, ``openpose_json/ID_keypoints.json``. Source: Yang, Luo and Lin,
"Clothing Co-Parsing by Joint Image Segmentation and Labeling" (CVPR 2014); the data set is
published under Apache-2.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipelines.errors import InputError
from pipelines.layout import CCP, Artifact

NAME = "Clothing Co-Parsing"
LICENCE = "Apache-2.0"
"""As weights that are trained on it name it."""

VALIDATION_PHOTOS = 80
_EVERY = 10

SPLITS = ("train", "val", "all")


def set_aside(names: Sequence[str]) -> frozenset[str]:
    """The photos kept for validation: every tenth of the sorted names, the first 80."""
    return frozenset(sorted(names)[::_EVERY][:VALIDATION_PHOTOS])


def ccp_items(root: Path, split: str) -> list[str]:
    """Sorted names of the labelled photos of ``train``, ``val`` (set aside) or ``all``.

    Raises ``InputError`` for another split and for a folder without labelled photos.
    """
    if split not in SPLITS:
        raise InputError(
            f"{root}: no split {split!r} in the layout ccp.",
            code="bad_split",
            hint=f"Known: {', '.join(SPLITS)}.",
        )
    photos = set(CCP.items(root, "all", Artifact.IMAGE))
    names = sorted(photos & set(CCP.items(root, "all", Artifact.PARSE)))
    if not names:
        raise InputError(
            f"{root}: no labelled photos (photos/ID.jpg with labels/ID.png).",
            code="no_items",
            hint="Name the folder that holds photos/ and labels/ of Clothing Co-Parsing.",
        )
    kept = set_aside(names)
    return [name for name in names if split == "all" or (name in kept) == (split == "val")]
