"""Where each artifact of an item lies in each published data-set layout.

The only file, with ``checkpoints``, that joins data paths. Imports no array library.
Layouts and their sources are described in ``docs/layout.md``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from pipelines.errors import ListError

SPLIT_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Artifact(str, Enum):
    """One kind of file of an item, and the type of its value in memory."""

    SOURCE = "source"
    """The user's own photo: Image. Never written, never inside a layout."""
    IMAGE = "image"
    """The person: Image."""
    POSE = "pose"
    """The pose: Pose."""
    POSE_IMAGE = "pose-image"
    """The pose as OpenPose draws it on black: Image."""
    PARSE = "parse"
    """Body parts: ParseMap."""
    PARSE_AGNOSTIC = "parse-agnostic"
    """Body parts without garment, arms and neck: ParseMap."""
    AGNOSTIC = "agnostic"
    """The person with garment and arms painted gray: Image."""
    AGNOSTIC_MASK = "agnostic-mask"
    """The region to repaint: Mask."""
    BODY_MASK = "body-mask"
    """The whole person: Mask."""
    CLOTH = "cloth"
    """The garment photo: Image."""
    CLOTH_MASK = "cloth-mask"
    """The garment in its photo: Mask."""


GARMENT_ARTIFACTS = frozenset({Artifact.CLOTH, Artifact.CLOTH_MASK})


class Encoding(str, Enum):
    """How a value is stored; ``pipelines.codecs`` implements each."""

    RGB_JPEG = "rgb-jpeg"
    RGB_PNG = "rgb-png"
    RGB_WEBP = "rgb-webp"
    LABELS_PALETTE_PNG = "labels-palette-png"
    LABELS_GRAY_PNG = "labels-gray-png"
    MASK_JPEG = "mask-jpeg"
    MASK_PNG = "mask-png"
    POSE_BODY25_JSON = "pose-body25-json"
    POSE_COCO18_JSON = "pose-coco18-json"


@dataclass(frozen=True)
class Place:
    """Folder below the split (or below the root), suffix after the item's stem, and encoding."""

    folder: str
    suffix: str
    encoding: Encoding


@dataclass(frozen=True)
class Layout:
    """One published data-set layout.

    ``places`` is read and written; ``aliases`` are other spellings of a folder that are accepted
    when reading. ``label_set`` names a class of ``pipelines.labels``. ``split_first`` is true for
    ``<root>/<split>/<folder>/``, false for ``<root>/<split>_<folder>/`` (ACGPN).
    """

    name: str
    label_set: str
    places: Mapping[Artifact, Place]
    aliases: Mapping[str, tuple[str, ...]]
    size_hw: tuple[int, int]
    split_first: bool = True
    summary: str = ""

    def folder(self, root: Path, split: str, artifact: Artifact) -> Path:
        """The folder of an artifact; the published spelling, whether or not it exists."""
        return self._folder(root, split, self.place(artifact).folder)

    def existing_folder(self, root: Path, split: str, artifact: Artifact) -> Path:
        """The folder of an artifact under whichever accepted spelling exists."""
        name = self.place(artifact).folder
        for spelling in (name, *self.aliases.get(name, ())):
            candidate = self._folder(root, split, spelling)
            if candidate.is_dir():
                return candidate
        return self._folder(root, split, name)

    def path(self, root: Path, split: str, artifact: Artifact, item: str) -> Path:
        """The file of an artifact of one item."""
        return self.existing_folder(root, split, artifact) / (item + self.place(artifact).suffix)

    def items(self, root: Path, split: str, artifact: Artifact) -> list[str]:
        """Sorted stems of the items that have this artifact."""
        folder, suffix = self.existing_folder(root, split, artifact), self.place(artifact).suffix
        if not folder.is_dir():
            return []
        names = (p.name for p in folder.iterdir())
        return sorted(
            n[: -len(suffix)] for n in names if n.endswith(suffix) and not n.startswith(".")
        )

    def place(self, artifact: Artifact) -> Place:
        """The place of an artifact. Raises ``ListError`` where the layout has none."""
        try:
            return self.places[artifact]
        except KeyError:
            raise ListError(
                f"the layout {self.name} has no place for {artifact.value}",
                code="no_such_artifact",
            ) from None

    def _folder(self, root: Path, split: str, folder: str) -> Path:
        if not SPLIT_PATTERN.fullmatch(split):
            raise ListError(f"not a split name: {split!r}", code="bad_split")
        return root / split / folder if self.split_first else root / f"{split}_{folder}"


_COMMON = {
    Artifact.IMAGE: Place("image", ".jpg", Encoding.RGB_JPEG),
    Artifact.CLOTH: Place("cloth", ".jpg", Encoding.RGB_JPEG),
    Artifact.CLOTH_MASK: Place("cloth-mask", ".jpg", Encoding.MASK_JPEG),
}
_SPELLINGS = {
    "openpose_json": ("openpose-json",),
    "openpose-json": ("openpose_json",),
    "openpose_img": ("openpose-img",),
    "openpose-img": ("openpose_img",),
    "image-parse-v3": ("image-parse",),
    "image-parse": ("image-parse-v3",),
}

VITON_HD = Layout(
    name="viton-hd",
    label_set="LIP20",
    places={
        **_COMMON,
        Artifact.POSE: Place("openpose_json", "_keypoints.json", Encoding.POSE_BODY25_JSON),
        Artifact.POSE_IMAGE: Place("openpose_img", "_rendered.png", Encoding.RGB_PNG),
        Artifact.PARSE: Place("image-parse-v3", ".png", Encoding.LABELS_PALETTE_PNG),
        Artifact.PARSE_AGNOSTIC: Place(
            "image-parse-agnostic-v3.2", ".png", Encoding.LABELS_PALETTE_PNG
        ),
        Artifact.AGNOSTIC: Place("agnostic-v3.2", ".jpg", Encoding.RGB_JPEG),
        Artifact.AGNOSTIC_MASK: Place("agnostic-mask", "_mask.png", Encoding.MASK_PNG),
    },
    aliases=_SPELLINGS,
    size_hw=(1024, 768),
    summary="VITON-HD as published (zalando-hd-resized), read by HR-VITON, IDM-VTON, CatVTON",
)

LAYOUTS: dict[str, Layout] = {VITON_HD.name: VITON_HD}
"""All layouts by name."""


def find_layout(name: str) -> Layout:
    """The layout of this name. Raises ``ListError`` with the known names."""
    if name not in LAYOUTS:
        raise ListError(
            f"unknown layout {name!r}", code="bad_layout", hint=f"Known: {', '.join(LAYOUTS)}."
        )
    return LAYOUTS[name]
