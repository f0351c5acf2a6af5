"""Examples for training a parser: photos, label maps and poses of data-set roots, at one scale.

A root is Clothing Co-Parsing as published, or lies in a layout that has photos and parses and a
folder for each split. The photos are cut around the person and brought to the parser's own scale;
what that yields is kept in one file, so that another run, or a machine without a pose network,
need not do it again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines import clothing_labels, labels
from pipelines.codecs import decode
from pipelines.datasets.ccp import ccp_items
from pipelines.errors import InputError, ItemError
from pipelines.labels import Labels
from pipelines.layout import CCP, LAYOUTS, Artifact, Layout, SplitStyle
from pipelines.segmentation.ccp_labels import lip20_of_ccp
from pipelines.segmentation.neck import with_neck
from pipelines.segmentation.parser_frame import cut, framed_joints, parser_frame
from pipelines.types import Image, ParseMap, Pose, Size

VERSION = 1
"""Raised when equal roots would give other examples."""

POSES = 2
"""Poses kept for each photo: the data set's and our own, or one of them twice."""

CANVASES = ((256, 192), (384, 288), (512, 320), (640, 384), (704, 704))
"""Sizes to which examples are padded, so that equal ones lie in one tensor."""

OUTSIDE = clothing_labels.IGNORED
"""Label of padding and of pixels that teach nothing."""


@dataclass(frozen=True)
class ParseRoot:
    """A data-set root to learn from."""

    path: Path
    layout: Layout

    @property
    def is_ccp(self) -> bool:
        """Whether this is Clothing Co-Parsing."""
        return self.layout is CCP

    def splits(self) -> tuple[str, str]:
        """Names of the splits for training and for validation."""
        return "train", "val"

    def items(self, split: str) -> list[str]:
        """Names of the photos of a split that have labels."""
        if self.is_ccp:
            return ccp_items(self.path, split)
        photos = self.layout.items(self.path, split, Artifact.IMAGE)
        return sorted(set(photos) & set(self.layout.items(self.path, split, Artifact.PARSE)))


@dataclass(frozen=True, eq=False)
class ParseExample:
    """``image`` uint8 [H, W, 3], ``ids`` uint8 [H, W] of LIP20 (255 = left out), ``joints``
    float32 [POSES, 25, 3] in pixels of the image.
    """  # noqa: D205 - shapes belong together

    name: str
    image: Image
    ids: NDArray[np.uint8]
    joints: NDArray[np.float32]


def find_root(path: Path, layout: str = "auto") -> ParseRoot:
    """The root with its layout. Raises ``InputError`` where no layout has photos and parses."""
    # where a list alone tells splits apart (mpv), each of them would be all photos
    known = {n: one for n, one in LAYOUTS.items() if one.split_style is not SplitStyle.LIST}
    known = {CCP.name: CCP, **known}
    wanted = known.values() if layout == "auto" else [known[layout]] if layout in known else []
    usable = [
        root
        for root in (ParseRoot(path, candidate) for candidate in wanted)
        if _has(root, Artifact.IMAGE) and _has(root, Artifact.PARSE)
    ]
    if usable:
        # some layouts differ in the folder of poses and in the spelling of others
        return max(usable, key=_folders)
    raise InputError(
        f"{path}: no photos with label maps for training (layout {layout}).",
        code="no_items",
        hint=f"Name a root with a split 'train', or its layout. Known: {', '.join(known)}.",
    )


def _folders(root: ParseRoot) -> int:
    """How many folders of the layout the root has, in the layout's own spelling."""
    artifacts = root.layout.places
    return sum(root.layout.folder(root.path, "train", a).is_dir() for a in artifacts)


def _has(root: ParseRoot, artifact: Artifact) -> bool:
    split = "all" if root.is_ccp else "train"
    return bool(root.layout.items(root.path, split, artifact))


def load_examples(
    root: ParseRoot,
    split: str,
    *,
    cache: Path,
    own_pose: bool = True,
    limit: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> list[ParseExample]:
    """The examples of a split, from ``cache`` where an earlier call has left them.

    ``own_pose`` adds the pose that this package's own stage finds, where its network is
    installed, so that a parser meets in training what it will get. Items without any pose, or
    with a damaged file, are left out and told. ``limit`` > 0 takes so many, evenly.
    """
    names = root.items(split)
    if not names:
        return []
    if limit and len(names) > limit:
        names = [names[k * len(names) // limit] for k in range(limit)]
    own_pose = own_pose and find_spec("mediapipe") is not None
    kept = cache / f"{root.layout.name}-{split}-{_digest(root, split, names, own_pose)}.npz"
    if kept.is_file():
        tell(f"{kept.name}: examples of an earlier run")
        return list(_read(kept))
    examples = []
    for number, name in enumerate(names):
        if number % 500 == 0:
            tell(f"{root.path} {split}: {number} of {len(names)} photos read")
        try:
            examples.append(_example(root, split, name, own_pose))
        except ItemError as error:
            tell(f"{name}: left out. {error.message}")
    if not examples:
        raise InputError(
            f"{root.path}: not one of {len(names)} photos of {split!r} can be used.",
            code="no_items",
            hint="Find their poses first, with: vtonctl preprocess ROOT --only pose",
        )
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = kept.with_suffix(f".{os.getpid()}.npz")
    np.savez(unfinished, **_packed(examples))  # about a gigabyte: not through memory
    unfinished.replace(kept)
    return examples


def _digest(root: ParseRoot, split: str, names: list[str], own_pose: bool) -> str:
    """Of what the examples depend on; the same wherever the root lies."""
    files = [
        root.layout.path(root.path, split, artifact, name)
        for name in names
        for artifact in (Artifact.IMAGE, Artifact.PARSE)
    ]
    sizes = [file.stat().st_size for file in files]
    key = json.dumps([VERSION, root.layout.name, split, own_pose, names, sizes])
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def _example(root: ParseRoot, split: str, name: str, own_pose: bool) -> ParseExample:
    image: Image = _decoded(root, split, Artifact.IMAGE, name)
    parse: ParseMap = _decoded(root, split, Artifact.PARSE, name)
    if parse.ids.shape != image.shape[:2]:
        raise ItemError(
            f"{name}: photo {image.shape[:2]} and labels {parse.ids.shape} differ in size.",
            code="bad_parse_file",
            hint="Make the labels again.",
        )
    poses = _poses(root, split, name, image, own_pose)
    if root.is_ccp:
        parse = lip20_of_ccp(parse, poses[0])
    elif "NECK" not in _label_set(root.layout).__members__:
        parse = with_neck(image, parse, poses[0])
    frame = parser_frame(Size(*image.shape[:2]), poses[0])
    shape = (frame.size.width, frame.size.height)
    small = cv2.resize(cut(image, frame), shape, interpolation=cv2.INTER_AREA)
    ids = cv2.resize(cut(parse.ids, frame), shape, interpolation=cv2.INTER_NEAREST)
    joints = np.stack([framed_joints(poses[k % len(poses)], frame) for k in range(POSES)])
    return ParseExample(name, np.asarray(small, np.uint8), np.asarray(ids, np.uint8), joints)


def _decoded(root: ParseRoot, split: str, artifact: Artifact, name: str) -> Any:
    path = root.layout.path(root.path, split, artifact, name)
    place = root.layout.place(artifact)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ItemError(
            f"{path}: {error.strerror}.", code="unreadable", hint="Make it again."
        ) from None
    kind = _label_set(root.layout)
    return decode(data, place.encoding, labels=kind, keep_labels=root.is_ccp, name=str(path))


def _label_set(layout: Layout) -> type[Labels]:
    where = clothing_labels if layout is CCP else labels
    found: type[Labels] = getattr(where, layout.label_set)
    return found


def _poses(root: ParseRoot, split: str, name: str, image: Image, own_pose: bool) -> list[Pose]:
    """The data set's pose, then our own; at least one."""
    found: list[Pose] = []
    problem: ItemError | None = None
    if root.layout.path(root.path, split, Artifact.POSE, name).is_file():
        try:
            found.append(_decoded(root, split, Artifact.POSE, name))
        except ItemError as error:
            problem = error
    if own_pose:
        from pipelines.preprocess.pose import find_pose

        try:
            found.append(find_pose(image))
        except ItemError as error:
            problem = error
    if not found:
        raise problem or ItemError(
            f"{name}: no pose file, and no pose network is installed.",
            code="no_pose",
            hint="Find poses first, with: vtonctl preprocess ROOT --only pose",
        )
    return found


def _packed(examples: list[ParseExample]) -> dict[str, NDArray[Any]]:
    """Examples as few flat arrays: reading thousands of small ones is slow."""
    return {
        "names": np.array([e.name for e in examples]),
        "sizes": np.array([e.ids.shape for e in examples], np.int32),
        "joints": np.stack([e.joints for e in examples]),
        "images": np.concatenate([e.image.reshape(-1) for e in examples]),
        "ids": np.concatenate([e.ids.reshape(-1) for e in examples]),
    }


def _read(path: Path) -> Iterator[ParseExample]:
    with np.load(path) as pack:
        names, sizes, joints = pack["names"], pack["sizes"], pack["joints"]
        images, ids = pack["images"], pack["ids"]
    start = 0
    for name, (height, width), pose in zip(names, sizes, joints, strict=True):
        end = start + int(height) * int(width)
        yield ParseExample(
            str(name),
            images[3 * start : 3 * end].reshape(height, width, 3),
            ids[start:end].reshape(height, width),
            pose,
        )
        start = end
