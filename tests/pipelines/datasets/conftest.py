"""A small data set, painted, in the published VITON-HD layout."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.codecs import encode
from pipelines.labels import LIP20
from pipelines.layout import Artifact, Layout, find_layout
from pipelines.types import Keypoints, ParseMap, Pose

SIZE = (256, 192)
JOINTS = {
    0: (96, 40), 1: (96, 70), 2: (70, 72), 3: (60, 110), 4: (58, 150), 5: (122, 72), 6: (132, 110),
    7: (134, 150), 8: (96, 150), 9: (82, 150), 10: (82, 195), 11: (82, 240), 12: (110, 150),
    13: (110, 195), 14: (110, 240), 15: (90, 36), 16: (102, 36), 17: (84, 40), 18: (108, 40),
}  # fmt: skip


def painted_pose() -> Pose:
    """A standing person in BODY_25 without feet."""
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for joint, place in JOINTS.items():
        xy[joint], score[joint] = place, 0.9
    return Pose(Keypoints(xy, score))


def painted_parse() -> ParseMap:
    """Blocks of ids: hair, face, neck, top, arms, trousers."""
    ids = np.zeros(SIZE, np.uint8)
    ids[20:32, 84:108], ids[32:58, 86:106], ids[58:68, 90:102] = 2, 13, 10
    ids[68:150, 70:122], ids[150:250, 74:118] = 5, 9
    ids[72:150, 122:138], ids[72:150, 54:70] = 14, 15
    return ParseMap(ids, LIP20)


def painted_image(seed: int) -> np.ndarray:
    """A picture of a few smooth blobs."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] / 40
    phases = rng.uniform(0, 6, 3)
    return np.stack([127 + 100 * np.sin(x + p) * np.cos(y - p) for p in phases], 2).astype("u1")


@dataclass(frozen=True)
class Painted:
    """A data-set root with its layout."""

    root: Path
    layout: Layout
    split: str = "test"

    def path(self, artifact: Artifact, item: str) -> Path:
        return self.layout.path(self.root, self.split, artifact, item)


@pytest.fixture
def painted(tmp_path) -> Painted:
    """Three persons with every file, three garments with masks, and a list."""
    layout = replace(find_layout("viton-hd"), size_hw=SIZE)
    made = Painted(tmp_path / "set", layout)
    mask = np.zeros(SIZE, bool)
    mask[40:200, 30:160] = True
    agnostic = painted_parse().ids
    agnostic[np.isin(agnostic, (5, 10, 14, 15))] = 0
    for n in range(3):
        values = {
            Artifact.IMAGE: painted_image(n),
            Artifact.POSE: painted_pose(),
            Artifact.POSE_IMAGE: painted_image(n + 50),
            Artifact.PARSE: painted_parse(),
            Artifact.PARSE_AGNOSTIC: ParseMap(agnostic, LIP20),
            Artifact.AGNOSTIC: painted_image(n + 70),
            Artifact.AGNOSTIC_MASK: mask,
            Artifact.CLOTH: painted_image(n + 90),
            Artifact.CLOTH_MASK: mask,
        }
        for artifact, value in values.items():
            garment = artifact in (Artifact.CLOTH, Artifact.CLOTH_MASK)
            path = made.path(artifact, f"{n:05}_{'1' if garment else '0'}0")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode(value, layout.place(artifact).encoding))
    rows = [f"{n:05}_00.jpg {(n + 1) % 3:05}_10.jpg\n" for n in range(3)]
    (made.root / "test_pairs.txt").write_text("".join(rows))
    return made
