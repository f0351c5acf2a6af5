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
    """Folder, suffix after the item's stem, and encoding.

    ``stems`` is a regular expression that an item's stem matches where one folder holds files of
    several kinds (mpv keeps persons and garments together).
    """

    folder: str
    suffix: str
    encoding: Encoding
    stems: str = ""


class SplitStyle(str, Enum):
    """How the name of a split enters a path."""

    FOLDER = "folder"
    """``<root>/<split>/<folder>/``."""
    PREFIX = "prefix"
    """``<root>/<split>_<folder>/`` (ACGPN)."""
    LIST = "list"
    """``<root>/<folder>/``: only the list says what belongs to which split (MPV)."""


@dataclass(frozen=True)
class Layout:
    """One published data-set layout.

    ``places`` is read and written; ``aliases`` are other spellings of a folder that are accepted
    when reading. ``label_set`` names a class of ``pipelines.labels``. ``published`` are the
    artifacts that the published readers know; the others are additions of this project, which
    they ignore. ``empty_folders`` must exist for the published reader but are never read.
    ``nested`` items have a folder in their name: ``<product>/<stem>``.
    """

    name: str
    label_set: str
    places: Mapping[Artifact, Place]
    aliases: Mapping[str, tuple[str, ...]]
    size_hw: tuple[int, int]
    split_style: SplitStyle = SplitStyle.FOLDER
    published: frozenset[Artifact] = frozenset()
    empty_folders: tuple[str, ...] = ()
    nested: bool = False
    pairs_names: tuple[str, ...] = ("{split}_pairs.txt",)
    summary: str = ""

    def folder(self, root: Path, split: str, artifact: Artifact) -> Path:
        """The folder of an artifact; the published spelling, whether or not it exists."""
        return self.named_folder(root, split, self.place(artifact).folder)

    def existing_folder(self, root: Path, split: str, artifact: Artifact) -> Path:
        """The folder of an artifact under whichever accepted spelling exists."""
        name = self.place(artifact).folder
        others = self.aliases.get(name, ())
        for spelling in (name, *others) if others else ():
            candidate = self.named_folder(root, split, spelling)
            if candidate.is_dir():
                return candidate
        return self.named_folder(root, split, name)

    def path(self, root: Path, split: str, artifact: Artifact, item: str) -> Path:
        """The file of an artifact of one item. Raises ``ListError`` for an unsafe item name."""
        parts = item.split("/")
        if any(p in ("", ".", "..") or "\0" in p for p in parts) or len(parts) > 1 + self.nested:
            raise ListError(
                f"not an item name: {item!r}",
                code="bad_name",
                hint="An item is named by a file name without folder and suffix.",
            )
        if self.nested and len(parts) == 1:
            raise ListError(
                f"not an item name of the layout {self.name}: {item!r}",
                code="bad_name",
                hint=f"Items are named <product>/<file>. Make the data set in another layout, "
                f"then: vtonctl convert ROOT --to {self.name} DEST",
            )
        return self.existing_folder(root, split, artifact) / (item + self.place(artifact).suffix)

    def items(self, root: Path, split: str, artifact: Artifact) -> list[str]:
        """Sorted stems of the items that have this artifact.

        A product folder that is a link is passed over: a list must not lead out of the root.
        """
        folder, place = self.existing_folder(root, split, artifact), self.place(artifact)
        if not folder.is_dir():
            return []
        within = [folder]
        if self.nested:
            within = [p for p in folder.iterdir() if p.is_dir() and not p.is_symlink()]
        found = (p for inner in within for p in inner.iterdir())
        names = (p.relative_to(folder).as_posix() for p in found if not p.name.startswith("."))
        stems = (n[: -len(place.suffix)] for n in names if n.endswith(place.suffix))
        return sorted(s for s in stems if not place.stems or re.search(place.stems, s))

    def place(self, artifact: Artifact) -> Place:
        """The place of an artifact. Raises ``ListError`` where the layout has none."""
        try:
            return self.places[artifact]
        except KeyError:
            raise ListError(
                f"the layout {self.name} has no place for {artifact.value}",
                code="no_such_artifact",
            ) from None

    def pairs_path(self, root: Path, split: str) -> Path:
        """The pairs list of a split: the first accepted name that exists, else the published."""
        _check_split(split)
        names = [root / name.format(split=split) for name in self.pairs_names]
        return next((path for path in names if path.is_file()), names[0])

    def named_folder(self, root: Path, split: str, folder: str) -> Path:
        """A folder of this layout by its bare name."""
        _check_split(split)
        if self.split_style is SplitStyle.FOLDER:
            return root / split / folder
        if self.split_style is SplitStyle.PREFIX:
            return root / f"{split}_{folder}"
        return root / folder


def frames_path(root: Path) -> Path:
    """The list of frames of a data-set root: how each stored image was cut out of its photo."""
    return root / "frames.jsonl"


def sources_path(root: Path) -> Path:
    """The list of sources of a data-set root: which file each item was made from."""
    return root / "sources.jsonl"


def _check_split(split: str) -> None:
    if not SPLIT_PATTERN.fullmatch(split):
        raise ListError(f"not a split name: {split!r}", code="bad_split", hint="Example: test.")


_COMMON = {
    Artifact.IMAGE: Place("image", ".jpg", Encoding.RGB_JPEG),
    Artifact.CLOTH: Place("cloth", ".jpg", Encoding.RGB_JPEG),
    Artifact.CLOTH_MASK: Place("cloth-mask", ".jpg", Encoding.MASK_JPEG),
}
_AGNOSTIC = {
    Artifact.PARSE_AGNOSTIC: Place(
        "image-parse-agnostic-v3.2", ".png", Encoding.LABELS_PALETTE_PNG
    ),
    Artifact.AGNOSTIC: Place("agnostic-v3.2", ".jpg", Encoding.RGB_JPEG),
    Artifact.AGNOSTIC_MASK: Place("agnostic-mask", "_mask.png", Encoding.MASK_PNG),
}
_SPELLINGS = {
    "openpose_json": ("openpose-json",),
    "openpose-json": ("openpose_json",),
    "openpose_img": ("openpose-img",),
    "openpose-img": ("openpose_img",),
    "image-parse-v3": ("image-parse",),
    "image-parse": ("image-parse-v3",),
}
_TRY_ON = frozenset(
    {Artifact.IMAGE, Artifact.PARSE, Artifact.POSE, Artifact.CLOTH, Artifact.CLOTH_MASK}
)
_LISTS = ("{split}_pairs.txt", "{split}_pairs_unpaired.txt", "pairs.txt")

VITON_HD = Layout(
    name="viton-hd",
    label_set="LIP20",
    places={
        **_COMMON,
        Artifact.POSE: Place("openpose_json", "_keypoints.json", Encoding.POSE_BODY25_JSON),
        Artifact.POSE_IMAGE: Place("openpose_img", "_rendered.png", Encoding.RGB_PNG),
        Artifact.PARSE: Place("image-parse-v3", ".png", Encoding.LABELS_PALETTE_PNG),
        **_AGNOSTIC,
    },
    aliases=_SPELLINGS,
    size_hw=(1024, 768),
    published=_TRY_ON | {Artifact.POSE_IMAGE, *_AGNOSTIC},
    pairs_names=_LISTS,
    summary="VITON-HD as published (zalando-hd-resized), read by HR-VITON, IDM-VTON, CatVTON",
)

VITON_HD_CODE = Layout(
    name="viton-hd-code",
    label_set="LIP20",
    places={
        **_COMMON,
        Artifact.POSE: Place("openpose-json", "_keypoints.json", Encoding.POSE_BODY25_JSON),
        Artifact.POSE_IMAGE: Place("openpose-img", "_rendered.png", Encoding.RGB_PNG),
        Artifact.PARSE: Place("image-parse", ".png", Encoding.LABELS_PALETTE_PNG),
        **_AGNOSTIC,
    },
    aliases=_SPELLINGS,
    size_hw=(1024, 768),
    published=_TRY_ON | {Artifact.POSE_IMAGE},
    pairs_names=_LISTS,
    summary="VITON-HD as the VITON-HD code reads it: hyphens, image-parse",
)

_CP_VTON_ADDED = {
    Artifact.POSE_IMAGE: Place("pose-image", "_rendered.png", Encoding.RGB_PNG),
    Artifact.AGNOSTIC: Place("agnostic", ".jpg", Encoding.RGB_JPEG),
    Artifact.AGNOSTIC_MASK: Place("agnostic-mask", "_mask.png", Encoding.MASK_PNG),
}

CP_VTON = Layout(
    name="cp-vton",
    label_set="CPVTON20",
    places={
        **_COMMON,
        Artifact.POSE: Place("pose", "_keypoints.json", Encoding.POSE_COCO18_JSON),
        Artifact.PARSE: Place("image-parse", ".png", Encoding.LABELS_PALETTE_PNG),
        **_CP_VTON_ADDED,
        Artifact.PARSE_AGNOSTIC: Place("image-parse-agnostic", ".png", Encoding.LABELS_PALETTE_PNG),
    },
    aliases={},
    size_hw=(256, 192),
    published=_TRY_ON,
    pairs_names=_LISTS,
    summary="CP-VTON: 256x192, COCO-18 poses, no neck label",
)

CP_VTON_PLUS = Layout(
    name="cp-vton-plus",
    label_set="CPVTONPlus21",
    places={
        **_COMMON,
        Artifact.POSE: Place("pose", "_keypoints.json", Encoding.POSE_COCO18_JSON),
        Artifact.PARSE: Place("image-parse-new", ".png", Encoding.LABELS_GRAY_PNG),
        Artifact.BODY_MASK: Place("image-mask", ".png", Encoding.MASK_PNG),
        **_CP_VTON_ADDED,
        Artifact.PARSE_AGNOSTIC: Place("image-parse-agnostic", ".png", Encoding.LABELS_GRAY_PNG),
    },
    aliases={},
    size_hw=(256, 192),
    published=_TRY_ON | {Artifact.BODY_MASK},
    pairs_names=("{split}_pairs.txt", "{split}_pairs_same.txt", "pairs.txt"),
    summary="CP-VTON+: as cp-vton, with mode-L labels (20 = neck) and a body mask",
)

ACGPN = Layout(
    name="acgpn",
    label_set="ACGPN14",
    places={
        Artifact.IMAGE: Place("img", ".jpg", Encoding.RGB_JPEG),
        Artifact.CLOTH: Place("color", ".jpg", Encoding.RGB_JPEG),
        Artifact.CLOTH_MASK: Place("edge", ".jpg", Encoding.MASK_JPEG),
        Artifact.POSE: Place("pose", "_keypoints.json", Encoding.POSE_COCO18_JSON),
        Artifact.PARSE: Place("label", ".png", Encoding.LABELS_GRAY_PNG),
        Artifact.POSE_IMAGE: Place("poseimage", "_rendered.png", Encoding.RGB_PNG),
        Artifact.PARSE_AGNOSTIC: Place("labelagnostic", ".png", Encoding.LABELS_GRAY_PNG),
        Artifact.AGNOSTIC: Place("agnostic", ".jpg", Encoding.RGB_JPEG),
        Artifact.AGNOSTIC_MASK: Place("agnosticmask", "_mask.png", Encoding.MASK_PNG),
    },
    aliases={},
    size_hw=(256, 192),
    split_style=SplitStyle.PREFIX,
    published=_TRY_ON,
    empty_folders=("mask", "colormask"),
    pairs_names=_LISTS,
    summary="ACGPN: <split>_<folder>, 14 labels in mode L, COCO-18 poses",
)

_MPV_PERSON, _MPV_GARMENT = r"^(?!.*=cloth_)", r"=cloth_"

MPV = Layout(
    name="mpv",
    label_set="LIP20",
    places={
        Artifact.IMAGE: Place("all", ".jpg", Encoding.RGB_JPEG, _MPV_PERSON),
        Artifact.CLOTH: Place("all", ".jpg", Encoding.RGB_JPEG, _MPV_GARMENT),
        Artifact.CLOTH_MASK: Place("cloth_mask", "_mask.png", Encoding.MASK_PNG),
        Artifact.POSE: Place(
            "all_person_clothes_keypoints", "_keypoints.json", Encoding.POSE_COCO18_JSON
        ),
        Artifact.PARSE: Place("all_parsing", ".png", Encoding.LABELS_PALETTE_PNG),
        Artifact.POSE_IMAGE: Place("all_poseimage", "_rendered.png", Encoding.RGB_PNG),
        Artifact.PARSE_AGNOSTIC: Place("all_parsing_agnostic", ".png", Encoding.LABELS_PALETTE_PNG),
        Artifact.AGNOSTIC: Place("all_agnostic", ".jpg", Encoding.RGB_JPEG),
        Artifact.AGNOSTIC_MASK: Place("all_agnostic_mask", "_mask.png", Encoding.MASK_PNG),
    },
    aliases={
        "all": ("MPV_192_256",),
        "all_person_clothes_keypoints": ("all_keypoints",),
    },
    size_hw=(256, 192),
    split_style=SplitStyle.LIST,
    published=_TRY_ON,
    nested=True,
    pairs_names=("all_poseA_poseB_clothes.txt", "all_poseA_poseB_clothes_0607.txt"),
    summary="MPV (multi-pose): a folder per product, triples of two poses and a garment",
)

CCP = Layout(
    name="ccp",
    label_set="CCP59",
    places={
        Artifact.IMAGE: Place("photos", ".jpg", Encoding.RGB_JPEG),
        Artifact.PARSE: Place("labels", ".png", Encoding.LABELS_GRAY_PNG),
        Artifact.POSE: Place("openpose_json", "_keypoints.json", Encoding.POSE_BODY25_JSON),
    },
    aliases={},
    size_hw=(825, 550),
    split_style=SplitStyle.LIST,
    published=frozenset({Artifact.IMAGE, Artifact.PARSE}),
    summary="Clothing Co-Parsing: street photos with labels, for training and evaluation only",
)
"""Read by ``pipelines.datasets.ccp``; no layout of try-on data, so not one of ``LAYOUTS``."""

LAYOUTS: dict[str, Layout] = {
    layout.name: layout for layout in (VITON_HD, VITON_HD_CODE, CP_VTON, CP_VTON_PLUS, ACGPN, MPV)
}
"""All layouts by name."""


def find_layout(name: str) -> Layout:
    """The layout of this name. Raises ``ListError`` with the known names."""
    if name not in LAYOUTS:
        raise ListError(
            f"unknown layout {name!r}", code="bad_layout", hint=f"Known: {', '.join(LAYOUTS)}."
        )
    return LAYOUTS[name]
