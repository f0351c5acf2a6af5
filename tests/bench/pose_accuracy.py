"""How near our joints are to OpenPose's: PCK@0.1 (and 0.2) of the torso, by joint.

    python tests/bench/pose_accuracy.py FOLDER [--count 459]

FOLDER holds ``image/ID.jpg`` with either ``pose/ID_keypoints.json`` (COCO-18, 256x192; photos
are first enlarged to 1024x768) or ``openpose-json/ID_keypoints.json`` (BODY_25). Counted are the
joints that OpenPose saw; one is right when it lies within the given share of the torso (neck to
the middle of the seen hips, else 1.5 shoulder widths). A person not found counts as all wrong.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from pipelines.body import BODY25_TO_COCO18
from pipelines.errors import ItemError

JOINTS = (
    "nose neck r_shoulder r_elbow r_wrist l_shoulder l_elbow l_wrist "
    "r_hip r_knee r_ankle l_hip l_knee l_ankle r_eye l_eye r_ear l_ear"
).split()
GROUPS = {
    "shoulders+hips": ("r_shoulder", "l_shoulder", "r_hip", "l_hip"),
    "elbows": ("r_elbow", "l_elbow"),
    "wrists": ("r_wrist", "l_wrist"),
}
POSE_FOLDERS = ("pose", "openpose-json", "openpose_json")


def sample(folder: Path, count: int) -> list[Path]:
    """Photos of a folder; the same random ones for the same count."""
    photos = sorted((folder / "image").iterdir())
    if count >= len(photos):
        return photos
    return [photos[i] for i in np.random.default_rng(0).permutation(len(photos))[:count]]


def read_upscaled(photo: Path) -> np.ndarray:
    """uint8 [1024, 768, 3] RGB."""
    image = cv2.cvtColor(cv2.imread(str(photo)), cv2.COLOR_BGR2RGB)
    if image.shape[:2] == (1024, 768):
        return image
    return cv2.resize(image, (768, 1024), interpolation=cv2.INTER_CUBIC)


def read_truth(folder: Path, photo: Path) -> np.ndarray:
    """OpenPose's joints, float64 [25, 3] on the 1024x768 photo."""
    name = next(n for n in POSE_FOLDERS if (folder / n).is_dir())
    person = json.loads((folder / name / f"{photo.stem}_keypoints.json").read_text())["people"][0]
    flat = person.get("pose_keypoints_2d") or person["pose_keypoints"]
    points = np.array(flat, np.float64).reshape(-1, 3)
    if len(points) == 18:
        points[:, :2] *= 1024 / cv2.imread(str(photo)).shape[0]
        full = np.zeros((25, 3))
        full[list(BODY25_TO_COCO18)] = points
        return full
    return points


def hits(predicted: np.ndarray | None, truth: np.ndarray, alpha: float) -> np.ndarray:
    """1 = right, 0 = wrong, NaN = OpenPose did not see it; COCO-18 order, all [18, 3]."""
    out = np.full(18, np.nan)
    torso = torso_length(truth)
    if not np.isfinite(torso) or torso <= 0:
        return out
    seen = truth[:, 2] > 0
    out[seen] = 0
    if predicted is not None:
        near = np.linalg.norm(predicted[:, :2] - truth[:, :2], axis=1) <= alpha * torso
        out[seen & near & (predicted[:, 2] > 0)] = 1
    return out


def torso_length(truth: np.ndarray) -> float:
    hips = truth[[8, 11]][truth[[8, 11], 2] > 0]
    if truth[1, 2] > 0 and len(hips):
        return float(np.linalg.norm(truth[1, :2] - hips[:, :2].mean(0)))
    if truth[2, 2] > 0 and truth[5, 2] > 0:
        return float(1.5 * np.linalg.norm(truth[2, :2] - truth[5, :2]))
    return float("nan")


def show(title: str, table: np.ndarray) -> None:
    cells = []
    for name, members in [*GROUPS.items(), *((j, (j,)) for j in JOINTS)]:
        column = table[:, [JOINTS.index(m) for m in members]]
        if np.isfinite(column).any():
            cells.append(f"{name} {np.nanmean(column):.4f} ({np.isfinite(column).sum()})")
    print(f"{title}: " + ", ".join(cells))


def main() -> None:
    from pipelines.preprocess.pose import find_pose

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=10**9)
    arguments = parser.parse_args()
    tables: dict[float, list[np.ndarray]] = {0.1: [], 0.2: []}
    for photo in sample(arguments.folder, arguments.count):
        truth = read_truth(arguments.folder, photo)[list(BODY25_TO_COCO18)]
        try:
            body = find_pose(read_upscaled(photo)).body
            ours = np.column_stack([body.xy, body.score])
            predicted = ours[list(BODY25_TO_COCO18)]
        except ItemError as error:
            print(f"{photo.name}: {error}")
            predicted = None
        for alpha, rows in tables.items():
            rows.append(hits(predicted, truth, alpha))
    for alpha, rows in tables.items():
        show(f"PCK@{alpha} on {len(rows)} photos", np.array(rows))


if __name__ == "__main__":
    main()
