"""Small roots of drawn persons in drawn garments, in several layouts."""

import cv2
import numpy as np
from parse_roots import person as narrow_person
from parse_roots import placed

from pipelines import labels
from pipelines.body import shifted
from pipelines.codecs import encode
from pipelines.labels import LIP20
from pipelines.layout import MPV, Artifact, Layout
from pipelines.types import ParseMap

SIZE = (160, 120)
WALL = 245
COLOURS = ((40, 60, 160), (170, 40, 50), (30, 130, 60), (200, 150, 30), (120, 40, 140))


def person(number: int):
    """Photo, parse in LIP20 and pose; the garment has a colour and a stripe of its own."""
    photo, ids, pose = narrow_person(2 * (number % 5) - 5)
    margin = (SIZE[1] - photo.shape[1]) // 2
    photo = np.pad(photo, ((0, 0), (margin, margin), (0, 0)), constant_values=WALL)
    ids = np.pad(ids, ((0, 0), (margin, margin)))
    upper = ids == LIP20.UPPER
    photo[upper] = COLOURS[number % len(COLOURS)]
    rows = np.arange(SIZE[0])[:, None]
    photo[upper & (rows // 8 % 3 == 0)] = 255
    return photo, ParseMap(ids, LIP20), shifted(pose, margin, 0)


def garment(number: int):
    """The same garment laid flat, and its mask."""
    mask = np.zeros(SIZE, np.uint8)
    cv2.rectangle(mask, (30, 24), (90, 140), 1, -1)
    cv2.fillPoly(mask, [np.array([(30, 24), (10, 60), (24, 66), (40, 44)])], 1)
    cv2.fillPoly(mask, [np.array([(90, 24), (110, 60), (96, 66), (80, 44)])], 1)
    photo = np.full((*SIZE, 3), 255, np.uint8)
    photo[mask > 0] = COLOURS[number % len(COLOURS)]
    rows = np.arange(SIZE[0])[:, None]
    photo[(mask > 0) & (rows // 8 % 3 == 0)] = 250
    return photo, mask > 0


def write(layout: Layout, root, split: str, number: int, names=("{:04}_0", "{:04}_1")) -> None:
    """One person and the garment, in a layout."""
    photo, parse, pose = person(number)
    cloth, mask = garment(number)
    if layout.label_set == "CPVTON20":
        # these files call the neck background
        parse.ids[parse.ids == LIP20.NECK] = LIP20.BACKGROUND
    values = {
        Artifact.IMAGE: photo,
        Artifact.PARSE: parse,
        Artifact.POSE: pose,
        Artifact.CLOTH: cloth,
        Artifact.CLOTH_MASK: mask,
    }
    for artifact, value in values.items():
        of_garment = artifact in (Artifact.CLOTH, Artifact.CLOTH_MASK)
        _write(layout, root, split, artifact, names[of_garment].format(number), value)


def _write(layout: Layout, root, split: str, artifact: Artifact, item: str, value) -> None:
    path = placed(layout, root, split, artifact, item)
    path.parent.mkdir(exist_ok=True)
    kind = getattr(labels, layout.label_set)
    path.write_bytes(encode(value, layout.place(artifact).encoding, labels=kind))


def small_root(layout: Layout, root, *, train: int = 4, val: int = 2, **options):
    """Some pairs to train on and some to judge on."""
    for number in range(train + val):
        write(layout, root, "train" if number < train else "val", number, **options)
    return root


def posed_root(root, *, train: int = 2, test: int = 1):
    """An MPV root: products with one garment and two photos of a person, who stands elsewhere."""
    lines = []
    for number in range(train + test):
        product = f"P{number}"
        names = [f"{product}/{product}-C@{k}=person_half_front" for k in (1, 2)]
        cloth = f"{product}/{product}-C@3=cloth_front"
        for k, name in enumerate(names):
            photo, parse, pose = person(number)
            if k:
                photo, ids = (np.roll(a, 6, 1) for a in (photo, parse.ids))
                parse, pose = ParseMap(ids, LIP20), shifted(pose, 6, 0)
            values = {Artifact.IMAGE: photo, Artifact.PARSE: parse, Artifact.POSE: pose}
            for artifact, value in values.items():
                _write(MPV, root, "train", artifact, name, value)
        for artifact, value in zip(
            (Artifact.CLOTH, Artifact.CLOTH_MASK), garment(number), strict=True
        ):
            _write(MPV, root, "train", artifact, cloth, value)
        split = "train" if number < train else "test"
        lines.append("\t".join([*(f"{n}.jpg" for n in (*names, cloth)), split]))
    (root / "all_poseA_poseB_clothes.txt").write_text("\n".join(lines) + "\n")
    return root
