"""Small data-set roots with painted persons, for training parsers; photos of VITON."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines.body import from_coco18
from pipelines.codecs import encode
from pipelines.labels import LIP20
from pipelines.layout import Artifact, find_layout
from pipelines.types import Keypoints, ParseMap, Pose

SIZE = (256, 192)
SKIN, HAIR, TOP, TROUSERS = (224, 172, 142), (60, 40, 30), (40, 90, 200), (70, 70, 80)
COLOURS = {
    LIP20.HAIR: HAIR, LIP20.FACE: SKIN, LIP20.NECK: SKIN, LIP20.UPPER: TOP, LIP20.PANTS: TROUSERS,
    LIP20.LEFT_ARM: SKIN, LIP20.RIGHT_ARM: SKIN,
}  # fmt: skip


def painted_person(shift: int) -> tuple[np.ndarray, np.ndarray, Pose]:
    """Photo, LIP ids and pose of a person who looks at us; her left arm is at our right."""
    x = 96 + shift
    ids = np.zeros(SIZE, np.uint8)
    cv2.rectangle(ids, (x - 24, 18), (x + 24, 58), int(LIP20.HAIR), -1)
    cv2.ellipse(ids, (x, 48), (16, 22), 0, 0, 360, int(LIP20.FACE), -1)
    cv2.rectangle(ids, (x - 8, 68), (x + 8, 84), int(LIP20.NECK), -1)
    cv2.rectangle(ids, (x - 34, 84), (x + 34, 170), int(LIP20.UPPER), -1)
    cv2.rectangle(ids, (x - 32, 171), (x + 32, 250), int(LIP20.PANTS), -1)
    cv2.line(ids, (x + 40, 92), (x + 46 + shift, 170), int(LIP20.LEFT_ARM), 11)
    cv2.line(ids, (x - 40, 92), (x - 46, 150), int(LIP20.RIGHT_ARM), 11)
    photo = np.full((*SIZE, 3), 240, np.uint8)
    for label, colour in COLOURS.items():
        photo[ids == label] = colour
    photo = cv2.GaussianBlur(photo, (3, 3), 0)
    return photo, ids, _pose(x, shift)


def _pose(x: int, shift: int) -> Pose:
    joints = {
        0: (x, 50), 1: (x, 86), 2: (x - 34, 88), 3: (x - 43, 122), 4: (x - 46, 150),
        5: (x + 34, 88), 6: (x + 43, 130), 7: (x + 46 + shift, 170), 8: (x, 172),
        9: (x - 18, 172), 10: (x - 18, 212), 11: (x - 18, 248), 12: (x + 18, 172),
        13: (x + 18, 212), 14: (x + 18, 248), 15: (x - 7, 44), 16: (x + 7, 44),
    }  # fmt: skip
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for joint, place in joints.items():
        xy[joint], score[joint] = place, 0.9
    return Pose(Keypoints(xy, score))


@pytest.fixture
def person() -> tuple[np.ndarray, np.ndarray, Pose]:
    """A painted photo ``uint8 [256, 192, 3]``, its LIP ids and the pose."""
    return painted_person(4)


@pytest.fixture
def cp_vton_root(tmp_path) -> Path:
    """Six persons to train on and two to judge on, in CP-VTON's layout: no neck in the maps."""
    root, layout = tmp_path / "set", find_layout("cp-vton")
    for number in range(8):
        photo, ids, pose = painted_person(3 * number - 10)
        ids[ids == LIP20.NECK] = 0
        split = "train" if number < 6 else "val"
        values = {
            Artifact.IMAGE: photo,
            Artifact.PARSE: ParseMap(ids, LIP20),
            Artifact.POSE: pose,
        }
        for artifact, value in values.items():
            path = layout.path(root, split, artifact, f"{number:06}_0")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode(value, layout.place(artifact).encoding))
    return root


@pytest.fixture
def viton_val(shared_data) -> Callable[[int], Iterator[SimpleNamespace]]:
    """Evenly chosen validation photos of VITON with ``name``, ``image``, ``parse`` and ``pose``."""
    archive = shared_data / "viton" / "val.tar"
    if not archive.is_file():
        pytest.skip("VITON's validation photos are not on this machine")

    def chosen(count: int) -> Iterator[SimpleNamespace]:
        with tarfile.open(archive) as tar:
            members = {member.name: member for member in tar.getmembers()}

            def read(folder: str, name: str) -> bytes:
                return tar.extractfile(members[f"val/{folder}/{name}"]).read()

            stems = sorted(Path(n).stem for n in members if n.startswith("val/image/"))
            for stem in (stems[k * len(stems) // count] for k in range(count)):
                ids = np.array(Image.open(io.BytesIO(read("image-parse", f"{stem}.png"))))
                yield SimpleNamespace(
                    name=stem,
                    image=np.array(Image.open(io.BytesIO(read("image", f"{stem}.jpg")))),
                    parse=ParseMap(np.where(ids == 10, 6, ids).astype(np.uint8), LIP20),
                    pose=_viton_pose(json.loads(read("pose", f"{stem}_keypoints.json"))),
                )

    return chosen


def _viton_pose(document: dict) -> Pose:
    joints = np.array(document["people"][0]["pose_keypoints"], np.float32).reshape(18, 3)
    joints[joints[:, 2] <= 0] = 0
    return Pose(from_coco18(Keypoints(joints[:, :2].copy(), joints[:, 2].copy())))
