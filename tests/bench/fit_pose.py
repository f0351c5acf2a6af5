"""Fit the table of ``pipelines.preprocess.pose_correction`` and print it.

    python tests/bench/fit_pose.py TRAIN_FOLDER [--count 1800] > table.py

TRAIN_FOLDER holds ``image/ID.jpg`` (256x192) and ``pose/ID_keypoints.json`` (COCO-18).
"""

import argparse
from pathlib import Path

import numpy as np
from pose_accuracy import read_truth, read_upscaled, sample

from pipelines.body import BODY25_SWAP
from pipelines.preprocess.landmarks import find_landmarks
from pipelines.preprocess.pose_correction import LEFT, RIGHT, features, to_body

TARGETS = (2, 3, 4, 9)  # BODY_25: right shoulder, elbow, wrist, hip
RIDGE, SCALE = 20.0, 0.12


def gather(folder: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Features [N, 49] and wanted offsets [N, 4, 2] (NaN = not seen), both sides of each person."""
    rows, wanted = [], []
    for photo in sample(folder, count):
        found = find_landmarks(read_upscaled(photo))
        if found is None:
            continue
        truth = read_truth(folder, photo)
        for mirrored, side in ((False, RIGHT), (True, LEFT)):
            joints = truth[list(BODY25_SWAP)] if mirrored else truth
            there = to_body(found.xyz, joints[list(TARGETS), :2], mirrored=mirrored)
            here = to_body(found.xyz, found.xyz[list(side), :2], mirrored=mirrored)
            there[joints[list(TARGETS), 2] <= 0] = np.nan
            rows.append(features(found, mirrored=mirrored))
            wanted.append(there - here)
    return np.array(rows, np.float64), np.array(wanted, np.float64)


def fit(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Coefficients [49, 2] of one joint: robust ridge regression on standardised features."""
    mean, deviation = x.mean(0), x.std(0) + 1e-9
    mean[0], deviation[0] = 0, 1
    z = (x - mean) / deviation
    ridge = RIDGE * np.eye(z.shape[1])
    ridge[0, 0] = 0
    weight = np.ones(len(z))
    for step in range(40):
        weighted = (z * weight[:, None]).T
        w = np.linalg.solve(weighted @ z + ridge, weighted @ y)
        error = np.linalg.norm(y - z @ w, axis=1)
        weight = 1 / (1 + (error / max(SCALE, 0.3 * 0.8**step)) ** 2) ** 2
    w /= deviation[:, None]
    w[0] -= mean @ w
    return w


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=1800)
    arguments = parser.parse_args()
    x, y = gather(arguments.folder, arguments.count)
    low, high = np.percentile(x, 1, axis=0), np.percentile(x, 99, axis=0)
    clipped = np.clip(x, low, high)
    columns = [low[:, None], high[:, None]]
    for joint in range(4):
        seen = np.isfinite(y[:, joint]).all(1)
        columns.append(fit(clipped[seen], y[seen, joint]))
    print('"""The numbers of ``pose_correction``: one row for each feature.\n')
    print("Columns: smallest and largest value of the feature, then the x and y offsets (torso")
    print(
        f"lengths) of shoulder, elbow, wrist and hip. Fitted on {len(x) // 2} photos.\n" + '"""\n'
    )
    print("TABLE: tuple[tuple[float, ...], ...] = (")
    for row in np.concatenate(columns, axis=1):
        print("    (" + ", ".join(f"{v:.4f}" for v in row) + "),")
    print(")")


if __name__ == "__main__":
    main()
