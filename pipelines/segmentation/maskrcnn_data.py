"""Photos with label maps of DeepFashion's classes, scaled once and held in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from pipelines import labels as label_sets
from pipelines.body import scaled
from pipelines.clothing_labels import (
    CCP59,
    CCP59_TO_FASHION15,
    FASHION15,
    LIP20_TO_FASHION15,
)
from pipelines.codecs import decode
from pipelines.datasets.ccp import ccp_items
from pipelines.errors import InputError, ItemError
from pipelines.labels import LIP20, Labels
from pipelines.layout import CCP, Artifact, Layout, find_layout
from pipelines.relabel import relabel
from pipelines.segmentation.ccp_labels import lip20_of_ccp
from pipelines.segmentation.yolo_dataset import find_root_layout
from pipelines.types import Image, ParseMap, Pose, Size


@dataclass(frozen=True, eq=False)
class LabelledPhoto:
    """``image`` ``uint8 [H, W, 3]`` and ``parse`` in FASHION15, of one size."""

    root: Path
    name: str
    image: Image
    parse: ParseMap


@dataclass(frozen=True)
class LabelledRoot:
    """One data-set root, its layout and the names of its two splits."""

    root: Path
    layout: Layout
    train: str
    val: str

    @classmethod
    def find(cls, root: Path, layout: str, train: str, val: str) -> LabelledRoot:
        """``layout`` is a name, ``ccp`` or ``auto``. Raises ``InputError``, ``ListError``."""
        if layout == "auto":
            return cls(root, find_root_layout(root, train), train, val)
        return cls(root, CCP if layout == CCP.name else find_layout(layout), train, val)

    def items(self, split: str) -> list[str]:
        """Sorted names of the photos with label maps. Raises ``InputError`` if there are none."""
        if self.layout is CCP:
            return ccp_items(self.root, split)
        images, parses = (
            set(self.layout.items(self.root, split, artifact))
            for artifact in (Artifact.IMAGE, Artifact.PARSE)
        )
        if not images & parses:
            raise InputError(
                f"{self.root}: no photos with label maps in the split {split!r} of the layout "
                f"{self.layout.name}.",
                code="no_items",
                hint="Name the split: --set train=SPLIT --set val=SPLIT.",
            )
        return sorted(images & parses)

    def photo(self, split: str, name: str, min_size: int, max_size: int) -> LabelledPhoto:
        """Read one photo, scaled to ``training_size``. Raises ``ItemError`` for unusable files."""
        image: Image = self._read(split, name, Artifact.IMAGE, LIP20)
        parse: ParseMap = self._read(split, name, Artifact.PARSE, self._label_set())
        if image.shape[:2] != parse.ids.shape:
            raise ItemError(
                f"{name}: the photo is {image.shape[0]}x{image.shape[1]}, its label map "
                f"{parse.ids.shape[0]}x{parse.ids.shape[1]}.",
                code="size_mismatch",
            )
        stored = Size(*parse.ids.shape)
        size = training_size(stored, min_size, max_size)
        image, parse = resized(image, parse, size)
        if parse.labels is not CCP59:
            return LabelledPhoto(self.root, name, image, fashion15_of_lip20(relabel(parse, LIP20)))
        pose = None
        if self._has_pose(name):
            found: Pose = self._read(split, name, Artifact.POSE, LIP20)
            pose = scaled(found, size.width / stored.width, size.height / stored.height)
        return LabelledPhoto(self.root, name, image, fashion15_of_ccp(parse, pose))

    def _has_pose(self, name: str) -> bool:
        return self.layout.path(self.root, "all", Artifact.POSE, name).is_file()

    def _read(self, split: str, name: str, artifact: Artifact, labels: type[Labels]) -> Any:
        split = "all" if self.layout is CCP else split
        path = self.layout.path(self.root, split, artifact, name)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ItemError(f"{path}: {error.strerror}.", code="missing_input") from None
        encoding = self.layout.place(artifact).encoding
        return decode(data, encoding, labels=labels, keep_labels=True, name=str(path))

    def _label_set(self) -> type[Labels]:
        if self.layout is CCP:
            return CCP59
        found: type[Labels] = getattr(label_sets, self.layout.label_set)
        return found


def fashion15_of_ccp(parse: ParseMap, pose: Pose | None) -> ParseMap:
    """DeepFashion's classes of a map in CCP59.

    That data set has one tag for all skin. With a pose, skin at the head is FACE; without one, or
    with one that lacks the shoulders, it stays SKIN.
    """
    made = _through(parse, CCP59_TO_FASHION15)
    if pose is None:
        return made
    try:
        parts = lip20_of_ccp(parse, pose)
    except ItemError:
        return made
    face = made.mask(FASHION15.SKIN) & parts.mask(LIP20.FACE)
    return ParseMap(np.where(face, np.uint8(FASHION15.FACE), made.ids), FASHION15)


def fashion15_of_lip20(parse: ParseMap) -> ParseMap:
    """DeepFashion's classes of a map in LIP20."""
    return _through(parse, LIP20_TO_FASHION15)


def _through(parse: ParseMap, table: Mapping[int, int]) -> ParseMap:
    lookup = np.zeros(256, np.uint8)
    lookup[list(table)] = list(table.values())
    return ParseMap(lookup[parse.ids], FASHION15)


def training_size(size: Size, min_size: int, max_size: int) -> Size:
    """The size that the network scales a photo to: short side first, long side limited."""
    scale = min(min_size / min(size), max_size / max(size))
    return Size(max(1, round(size.height * scale)), max(1, round(size.width * scale)))


def resized(image: Image, parse: ParseMap, size: Size) -> tuple[Image, ParseMap]:
    """The photo by area averages, the map by nearest neighbours."""
    shape = (size.width, size.height)
    small = cv2.resize(image, shape, interpolation=cv2.INTER_AREA)
    ids = cv2.resize(parse.ids, shape, interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(small, np.uint8), ParseMap(np.asarray(ids, np.uint8), parse.labels)


def load_photos(
    roots: Sequence[LabelledRoot],
    split: str,
    limits: tuple[int, int, int],
    tell: Callable[[str], None],
) -> list[LabelledPhoto]:
    """All photos of ``train`` or ``val``, scaled.

    ``limits`` are the short side, the longest side and how many photos of each root (evenly
    spread over its list; 0 = all). Photos whose files cannot be used are left out and told;
    raises ``InputError`` if none can.
    """
    min_size, max_size, most = limits
    photos = []
    for root in roots:
        named = root.train if split == "train" else root.val
        for name in spread(root.items(named), most):
            try:
                photos.append(root.photo(named, name, min_size, max_size))
            except ItemError as error:
                tell(f"left out: {error}")
    if not photos:
        raise InputError(f"no usable photo for {split}.", code="no_items")
    return photos


def spread(names: list[str], most: int) -> list[str]:
    """At most ``most`` names, evenly spread; 0 = all."""
    if not 0 < most < len(names):
        return names
    return [names[round(at)] for at in np.linspace(0, len(names) - 1, most)]


def stacked(photos: Sequence[LabelledPhoto]) -> Mapping[str, Tensor]:
    """Photos on one canvas, each at its top left corner.

    ``image`` is uint8 ``[N, 3, H, W]``, ``parse`` uint8 ``[N, H, W]``, ``size`` int64 ``[N, 2]``
    (height and width of what is not padding).
    """
    height = max(photo.parse.ids.shape[0] for photo in photos)
    width = max(photo.parse.ids.shape[1] for photo in photos)
    images = np.zeros((len(photos), 3, height, width), np.uint8)
    parses = np.zeros((len(photos), height, width), np.uint8)
    for at, photo in enumerate(photos):
        rows, columns = photo.parse.ids.shape
        images[at, :, :rows, :columns] = photo.image.transpose(2, 0, 1)
        parses[at, :rows, :columns] = photo.parse.ids
    sizes = [photo.parse.ids.shape for photo in photos]
    return {
        "image": torch.from_numpy(images),
        "parse": torch.from_numpy(parses),
        "size": torch.tensor(sizes, dtype=torch.int64),
    }
