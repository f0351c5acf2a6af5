"""Saying what is wrong with a data set, file by file."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from pipelines import labels as label_sets
from pipelines.atomic import is_temporary
from pipelines.datasets.file_checks import check_file, seen_outside
from pipelines.datasets.findings import Finding, Severity
from pipelines.datasets.pairs import scan_pairs
from pipelines.errors import InputError, ItemError, ListError
from pipelines.labels import Labels
from pipelines.layout import (
    GARMENT_ARTIFACTS,
    LAYOUTS,
    Artifact,
    Encoding,
    Layout,
    SplitStyle,
    find_layout,
)
from pipelines.types import Size

_NEEDED = (
    Artifact.IMAGE,
    Artifact.POSE,
    Artifact.PARSE,
    Artifact.CLOTH,
    Artifact.CLOTH_MASK,
)
_POSES = (Encoding.POSE_BODY25_JSON, Encoding.POSE_COCO18_JSON)


def check_dataset(root: Path, layout: Layout | str, split: str) -> list[Finding]:
    """Every fault of a split, sorted by path; none means that published readers take it.

    Looks at folders and their spelling, names, missing counterparts, formats, modes, sizes, label
    ids, masks, joints and their order, and the pairs list. Raises ``InputError`` where ``root``
    is no folder and ``ListError`` for an unknown layout or a bad split name.
    """
    if isinstance(layout, str):
        layout = find_layout(layout)
    if not root.is_dir():
        raise InputError(f"{root}: there is no such folder.", code="no_folder")
    findings = list(_check_folders(root, layout, split))
    if any(finding.code == "no_split" for finding in findings):
        return findings
    items = {a: layout.items(root, split, a) for a in layout.places}
    findings += _check_names(root, layout, split)
    findings += _check_counterparts(root, layout, split, items)
    findings += _check_contents(root, layout, split, items)
    findings += _check_pairs(root, layout, split, items)
    return sorted(set(findings))


def layout_labels(layout: Layout) -> type[Labels]:
    """The label set of a layout's parse files."""
    found: type[Labels] = getattr(label_sets, layout.label_set)
    return found


def _check_folders(root: Path, layout: Layout, split: str) -> Iterator[Finding]:
    present = [a for a in _NEEDED if layout.existing_folder(root, split, a).is_dir()]
    spelled = dict(_misspelled(root, layout, split))
    if not present and not spelled:
        yield Finding(
            layout.folder(root, split, Artifact.IMAGE).parent,
            "no_split",
            f"no folder of the layout {layout.name} for the split {split!r} in {root}.",
            f"Name the split (--split) or the layout (--layout: {', '.join(LAYOUTS)}).",
        )
        return
    for wrong, right in spelled.items():
        yield Finding(
            wrong,
            "folder_spelling",
            f"the folder {wrong.name} is probably meant to be {right}.",
            f"Rename it to {right}.",
        )
    for artifact in _NEEDED:
        folder = layout.existing_folder(root, split, artifact)
        published = layout.folder(root, split, artifact)
        if not folder.is_dir() and published.name not in spelled.values():
            yield Finding(
                published,
                "missing_folder",
                f"the folder {published.name} is missing.",
                "vtonctl preprocess makes what is missing.",
            )
        elif folder.is_dir() and folder != published:
            yield Finding(
                folder,
                "folder_spelling",
                f"the folder is called {folder.name}, {layout.name} calls it {published.name}.",
                "vtonctl reads both; published code of this layout does not.",
                Severity.WARNING,
            )
    for name in layout.empty_folders:
        folder = layout.named_folder(root, split, name)
        if not folder.is_dir():
            yield Finding(
                folder,
                "missing_folder",
                f"the folder {folder.name} is missing; published code wants it to exist.",
                "An empty folder is enough for inference.",
                Severity.WARNING,
            )


def _misspelled(root: Path, layout: Layout, split: str) -> Iterator[tuple[Path, str]]:
    """Folders whose names differ from a known one only in case, hyphens, underscores or an s."""
    known: dict[str, str] = {}
    for place in layout.places.values():
        for spelling in (*layout.aliases.get(place.folder, ()), place.folder):
            known[layout.named_folder(root, split, spelling).name] = place.folder
    plain = {_plain(name): layout.named_folder(root, split, known[name]).name for name in known}
    parent = layout.named_folder(root, split, "x").parent
    if not parent.is_dir():
        return
    for folder in sorted(parent.iterdir()):
        right = plain.get(_plain(folder.name))
        if folder.is_dir() and folder.name not in known and right is not None:
            yield folder, right


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "").rstrip("s")


def _check_names(root: Path, layout: Layout, split: str) -> Iterator[Finding]:
    suffixes: dict[Path, set[str]] = defaultdict(set)
    for artifact, place in layout.places.items():
        suffixes[layout.existing_folder(root, split, artifact)].add(place.suffix)
    for folder, wanted in suffixes.items():
        for path in sorted(folder.glob("*/*" if layout.nested else "*")):
            if is_temporary(path.name):
                yield Finding(path, "temporary", "left behind by an interrupted run.",
                              "The next run removes it.", Severity.WARNING)  # fmt: skip
            elif path.name.startswith(".") or path.is_dir():
                continue
            elif not any(path.name.endswith(suffix) for suffix in wanted):
                yield Finding(
                    path,
                    "file_name",
                    f"{path.name}: names in {folder.name} end in {' or '.join(sorted(wanted))}.",
                    "Rename or convert it; it is not read as it is.",
                )
            elif any(c.isspace() or not c.isprintable() for c in path.name):
                yield Finding(
                    path,
                    "item_name",
                    f"{path.name!a}: holds white space or control characters.",
                    "Pair lists are split on white space: rename it.",
                )


def _check_counterparts(
    root: Path, layout: Layout, split: str, items: dict[Artifact, list[str]]
) -> Iterator[Finding]:
    for artifact in layout.places:
        subject = Artifact.CLOTH if artifact in GARMENT_ARTIFACTS else Artifact.IMAGE
        if artifact is subject or not layout.existing_folder(root, split, artifact).is_dir():
            continue
        here, wanted = set(items[artifact]), set(items[subject])
        for item in sorted(wanted - here):
            path = layout.path(root, split, artifact, item)
            yield Finding(
                path,
                "missing_file",
                f"{path.name}: missing; {subject.value} {item} has no {artifact.value}.",
                "vtonctl preprocess makes what is missing.",
                Severity.ERROR if artifact in _NEEDED else Severity.WARNING,
            )
        for item in sorted(here - wanted):
            path = layout.path(root, split, artifact, item)
            yield Finding(
                path,
                "orphan",
                f"{path.name}: there is no {subject.value} {item}.",
                "Remove it or add its photo.",
                Severity.WARNING,
            )


def _check_contents(
    root: Path, layout: Layout, split: str, items: dict[Artifact, list[str]]
) -> Iterator[Finding]:
    labels = layout_labels(layout)
    sizes: dict[Artifact, dict[str, Size]] = defaultdict(dict)
    for artifact, place in layout.places.items():
        for item in items[artifact]:
            path = layout.path(root, split, artifact, item)
            findings, size = check_file(path, place.encoding, labels)
            yield from findings
            if size is not None:
                sizes[artifact][item] = size
    yield from _check_sizes(root, layout, split, sizes)
    if layout.places[Artifact.POSE].encoding in _POSES:
        yield from _check_pose_fits(root, layout, split, items, sizes[Artifact.IMAGE])


def _check_sizes(
    root: Path, layout: Layout, split: str, sizes: dict[Artifact, dict[str, Size]]
) -> Iterator[Finding]:
    for subject in (Artifact.IMAGE, Artifact.CLOTH):
        if not sizes[subject]:
            continue
        usual = Counter(sizes[subject].values()).most_common(1)[0][0]
        if usual != layout.size_hw:
            yield Finding(
                layout.existing_folder(root, split, subject),
                "size",
                f"most pictures are {usual}; {layout.name} is {Size(*layout.size_hw)}.",
                "Published code of this layout wants its size; vtonctl convert resizes.",
                Severity.WARNING,
            )
        for item, size in sizes[subject].items():
            if size != usual:
                yield Finding(
                    layout.path(root, split, subject, item),
                    "size",
                    f"{item}: {size}, while the others are {usual}.",
                    "Cut or scale it to the size of the others.",
                )
    for artifact, own in sizes.items():
        subject = Artifact.CLOTH if artifact in GARMENT_ARTIFACTS else Artifact.IMAGE
        for item, size in own.items():
            wanted = sizes[subject].get(item, size)
            if size != wanted:
                yield Finding(
                    layout.path(root, split, artifact, item),
                    "size_mismatch",
                    f"{item}: the {artifact.value} is {size}, its photo {wanted}.",
                    "Make it again from the photo as it is now.",
                )


def _check_pose_fits(
    root: Path,
    layout: Layout,
    split: str,
    items: dict[Artifact, list[str]],
    sizes: dict[str, Size],
) -> Iterator[Finding]:
    for item in items[Artifact.POSE]:
        path = layout.path(root, split, Artifact.POSE, item)
        try:
            outside = seen_outside(path.read_bytes(), path.name, sizes[item])
        except (KeyError, OSError, ItemError):  # named by the check of the file itself
            continue
        if outside > 0.34:
            yield Finding(
                path,
                "pose_outside",
                f"{path.name}: {outside:.0%} of the joints lie outside the photo ({sizes[item]}).",
                "The pose belongs to a photo of another size; make it again.",
            )


def _check_pairs(
    root: Path, layout: Layout, split: str, items: dict[Artifact, list[str]]
) -> Iterator[Finding]:
    path = layout.pairs_path(root, split)
    if not path.is_file():
        yield Finding(
            path,
            "no_list",
            f"{path.name}: there is no pairs list.",
            f"Make one with: vtonctl pairs {root}",
            Severity.WARNING,
        )
        return
    rows = scan_pairs(
        path,
        persons=items[Artifact.IMAGE],
        garments=items[Artifact.CLOTH],
        split=split if layout.split_style is SplitStyle.LIST else None,
        nested=layout.nested,
    )
    try:
        for row in rows:
            if isinstance(row, ListError):
                yield Finding(path, row.code, row.message, row.hint)
    except (InputError, ListError) as error:
        yield Finding(path, error.code, error.message, error.hint)
