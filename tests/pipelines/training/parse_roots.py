"""Small data-set roots with drawn persons, in several layouts."""

import cv2
import numpy as np
from PIL import Image as PillowImage

from pipelines.codecs import encode
from pipelines.labels import LIP20
from pipelines.layout import CCP, Artifact, Layout
from pipelines.types import Keypoints, Pose

SIZE = (160, 96)
SKIN, HAIR, TOP, TROUSERS, WALL = (224, 172, 142), (50, 35, 30), (40, 60, 160), (60, 70, 60), 245
BODY = {
    0: (0, -32), 1: (0, 0), 2: (-24, 1), 3: (-30, 30), 4: (-32, 58), 5: (24, 1), 6: (30, 30),
    7: (32, 58), 8: (0, 90), 9: (-12, 90), 12: (12, 90), 15: (-7, -38), 16: (7, -38),
}  # fmt: skip
"""Joints by their distance from the neck; the torso is 90 pixels long."""


def person(shift: int = 0) -> tuple[np.ndarray, np.ndarray, Pose]:
    """Photo, ids in LIP20 with a neck, and pose."""
    x, y = 48 + shift, 56
    ids = np.zeros(SIZE, np.uint8)
    cv2.ellipse(ids, (x, y - 40), (18, 14), 0, 0, 360, int(LIP20.HAIR), -1)
    cv2.ellipse(ids, (x, y - 34), (12, 16), 0, 0, 360, int(LIP20.FACE), -1)
    cv2.rectangle(ids, (x - 7, y - 18), (x + 7, y + 2), int(LIP20.NECK), -1)
    cv2.rectangle(ids, (x - 22, y + 2), (x + 22, y + 88), int(LIP20.UPPER), -1)
    cv2.rectangle(ids, (x - 22, y + 88), (x + 22, y + 103), int(LIP20.PANTS), -1)
    for side, label in ((1, LIP20.LEFT_ARM), (-1, LIP20.RIGHT_ARM)):
        arm = [(x + side * dx, y + dy) for dx, dy in ((26, 4), (30, 30), (32, 58))]
        cv2.polylines(ids, [np.array(arm, np.int32)], False, int(label), 9)
    photo = np.full((*SIZE, 3), WALL, np.uint8)
    for label, colour in (
        (LIP20.HAIR, HAIR), (LIP20.FACE, SKIN), (LIP20.NECK, SKIN), (LIP20.UPPER, TOP),
        (LIP20.PANTS, TROUSERS), (LIP20.LEFT_ARM, SKIN), (LIP20.RIGHT_ARM, SKIN),
    ):  # fmt: skip
        photo[ids == label] = colour
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for joint, (dx, dy) in BODY.items():
        xy[joint], score[joint] = (x + dx, y + dy), 0.9
    return photo, ids, Pose(Keypoints(xy, score))


def write(layout: Layout, root, split: str, name: str, shift: int, *, poses: bool = True) -> None:
    """One person in a layout; its ids are those of the layout's own label set."""
    photo, ids, pose = person(shift)
    values = {Artifact.IMAGE: photo, Artifact.POSE: pose, Artifact.CLOTH: photo}
    if layout is CCP:
        values.pop(Artifact.CLOTH)
    if not poses:
        values.pop(Artifact.POSE)
    for artifact, value in values.items():
        path = placed(layout, root, split, artifact, name)
        path.write_bytes(encode(value, layout.place(artifact).encoding))
    path = placed(layout, root, split, Artifact.PARSE, name)
    PillowImage.fromarray(_own_ids(layout, ids)).save(path)


def placed(layout: Layout, root, split: str, artifact: Artifact, name: str):
    """The path of a file, whose folder is there."""
    folder = layout.folder(root, split, artifact)
    folder.mkdir(parents=True, exist_ok=True)
    return layout.path(root, split, artifact, name)


def _own_ids(layout: Layout, ids: np.ndarray) -> np.ndarray:
    """Ids as each data set publishes them, written out."""
    table = np.arange(256, dtype=np.uint8)
    if layout.label_set == "CPVTON20":
        table[10] = 0
    elif layout.label_set == "CPVTONPlus21":
        table[10] = 20
    elif layout is CCP:
        # hair, T-shirt, pants; all skin is one tag
        table[[2, 5, 9]], table[[10, 13, 14, 15]] = (19, 51, 31), 41
    return table[ids]


def small_root(layout: Layout, root, *, train: int = 4, val: int = 2, poses: bool = True):
    """Some persons to train on and some to judge on; Clothing Co-Parsing has no splits."""
    for number in range(train + val):
        split = "train" if number < train else "val"
        write(layout, root, split, f"{number:04}_0", 2 * number - 5, poses=poses)
    return root
