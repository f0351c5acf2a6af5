"""Person masks against the outline of published parse maps: IoU.

    python tests/bench/mask_quality.py FOLDER [--count 459]

FOLDER holds ``image/ID.jpg`` and ``image-parse/ID.png`` (0 = background); photos are enlarged to
1024x768 first. Published maps leave out the neck, which our mask has: 1.0 is out of reach.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from pose_accuracy import read_upscaled, sample

from pipelines.errors import ItemError
from pipelines.preprocess.person_mask import person_mask
from pipelines.preprocess.pose import find_pose


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=10**9)
    arguments = parser.parse_args()
    values = []
    for photo in sample(arguments.folder, arguments.count):
        parse = np.array(Image.open(arguments.folder / "image-parse" / f"{photo.stem}.png"))
        truth = cv2.resize((parse > 0).astype(np.uint8), (768, 1024), interpolation=0) > 0
        image = read_upscaled(photo)
        try:
            ours = person_mask(image, find_pose(image)) > 0.5
        except ItemError as error:
            print(f"{photo.name}: {error}")
            ours = np.zeros_like(truth)
        values.append((ours & truth).sum() / (ours | truth).sum())
    share = np.percentile(values, [1, 5, 50])
    print(f"{len(values)} photos: mean IoU {np.mean(values):.4f}, median {share[2]:.4f}, ", end="")
    print(f"5 % below {share[1]:.4f}, 1 % below {share[0]:.4f}")


if __name__ == "__main__":
    main()
