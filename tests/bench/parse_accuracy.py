"""Compare the geometric parser with the parses of VITON and the hand labels of CCP.

    python tests/bench/parse_accuracy.py --viton FOLDER [--ccp FOLDER --tags labels.json]

``--viton`` is a split in the CP-VTON layout (image, image-parse, pose); its parses are a model's
output without a neck, so pixels that we call neck and they call background are left out. ``--ccp``
holds photos/ and labels/ of Clothing Co-Parsing; accessories, bags, hosiery and belts are left
out. IoU is over the pixels of all photos together. Person masks are our own; poses are the data
set's (VITON) unless ``--own-pose`` is given.
"""

import argparse
import json
import os
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pipelines.body import from_coco18
from pipelines.errors import ItemError
from pipelines.labels import LIP20, palette
from pipelines.preprocess.geometric_parser import parse_person
from pipelines.preprocess.pose import find_pose
from pipelines.types import Keypoints, Pose

IGNORED, NECK = 255, 254
VITON_GROUPS = {
    "background": (0,), "hair": (1, 2), "face": (4, 13), "upper": (5, 6, 7), "lower": (9, 12),
    "left arm": (14,), "right arm": (15,),
}  # fmt: skip
CCP_GROUPS = {
    "background": (0,), "hair": (1, 2), "skin": (10, 13, 14, 15, 16, 17), "upper": (5, 7),
    "lower": (9, 12), "dress": (6,), "shoes": (18, 19),
}  # fmt: skip
CCP_TAGS = {
    "background": "null",
    "hair": "hair",
    "skin": "skin",
    "upper": "blazer blouse bodysuit bra cape cardigan coat hoodie intimate jacket jumper shirt "
    "suit sweater sweatshirt swimwear t-shirt tie top vest",
    "lower": "jeans leggings panties pants shorts skirt",
    "dress": "dress romper",
    "shoes": "boots clogs flats heels loafers pumps sandals shoes sneakers wedges",
}


def lookup(groups):
    """LIP id to number of its group."""
    table = np.full(256, IGNORED, np.uint8)
    for number, ids in enumerate(groups.values()):
        table[list(ids)] = number
    return table


def viton_items(folder):
    table = lookup(VITON_GROUPS)
    for path in sorted((folder / "image").glob("*.jpg")):
        reference = np.asarray(Image.open(folder / "image-parse" / f"{path.stem}.png"))
        numbers = json.loads((folder / "pose" / f"{path.stem}_keypoints.json").read_text())
        people = [p["pose_keypoints"] for p in numbers["people"]]
        yield path, table[reference], people[0] if people else None


def ccp_items(folder, tags_file):
    tags = json.loads(tags_file.read_text())
    table = np.full(256, IGNORED, np.uint8)
    for number, name in enumerate(CCP_GROUPS):
        table[[tags.index(tag) for tag in CCP_TAGS[name].split() if tag in tags]] = number
    for path in sorted((folder / "photos").iterdir()):
        yield path, table[np.asarray(Image.open(folder / "labels" / f"{path.stem}.png"))], None


def given_pose(numbers):
    joints = np.array(numbers, np.float32).reshape(18, 3)
    joints[joints[:, 2] <= 0] = 0
    return Pose(from_coco18(Keypoints(joints[:, :2].copy(), joints[:, 2].copy())))


def measure(items, groups, *, own_pose, sheet):
    table = lookup(groups)
    if "face" in groups:
        table[LIP20.NECK] = NECK
    sums, seconds, rows, failed = np.zeros((len(groups), 2)), [], [], []
    for path, reference, numbers in items:
        image = np.asarray(Image.open(path).convert("RGB"))
        try:
            pose = find_pose(image) if own_pose or numbers is None else given_pose(numbers)
            start = time.process_time()
            parsed = parse_person(image, pose)
            seconds.append(time.process_time() - start)
        except ItemError as error:
            failed.append(f"{path.name}: {error.code}")
            continue
        made = table[parsed.parse.ids]
        valid = (reference != IGNORED) & ~((made == NECK) & (reference == 0))
        mine = np.zeros((len(groups), 2))
        for number in range(len(groups)):
            a, b = (made == number) & valid, (reference == number) & valid
            mine[number] = (a & b).sum(), (a | b).sum()
        sums += mine
        worn = [k for k, name in enumerate(groups) if name in ("upper", "dress")]
        a, b = np.isin(made, worn) & valid, np.isin(reference, worn) & valid
        row = ((a & b).sum() / max((a | b).sum(), 1), parsed.score, bool(parsed.flags))
        rows.append((*row, _tile(image, parsed.parse.ids, path.stem, row) if sheet else None))
    _report(sums, seconds, rows, failed, groups)
    if sheet:
        worst = sorted(rows, key=lambda row: row[0])[:24]
        tiles = [row[3] for row in worst]
        tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 6)
        lines = [np.hstack(tiles[k : k + 6]) for k in range(0, len(tiles), 6)]
        Image.fromarray(np.vstack(lines)).save(sheet)


def _tile(image, ids, name, row):
    colours = np.array(palette(LIP20), np.uint8)[ids]
    mixed = (0.4 * image + 0.6 * colours).astype(np.uint8)
    tile = cv2.resize(np.hstack([image, mixed]), (260, 180), interpolation=cv2.INTER_AREA)
    cv2.putText(tile, f"{name} {row[0]:.2f} {row[1]:.2f}", (3, 12), 0, 0.4, (255, 0, 255), 1)
    return tile


def _report(sums, seconds, rows, failed, groups):
    iou = sums[:, 0] / np.maximum(sums[:, 1], 1)
    for name, value in zip(groups, iou, strict=True):
        print(f"  {name:12s} {value:.3f}")
    print(f"  {'mean':12s} {iou.mean():.3f} over {len(rows)} photos, {len(failed)} failed")
    for line in failed[:20]:
        print(f"    {line}")
    flagged = [row[0] for row in rows if row[2]]
    others = [row[0] for row in rows if not row[2]]
    print(f"  mean IoU of top or dress per photo: {np.mean(others):.3f} unflagged ({len(others)})")
    if flagged:
        print(f"  {'':36s} {np.mean(flagged):.3f} flagged ({len(flagged)})")
    print(f"  processor time per photo: {1000 * np.median(seconds):.0f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viton", type=Path)
    parser.add_argument("--ccp", type=Path)
    parser.add_argument("--tags", type=Path)
    parser.add_argument("--count", type=int, default=0, help="photos per set, evenly; 0 = all")
    parser.add_argument("--own-pose", action="store_true")
    parser.add_argument("--sheet", help="PNG of the 24 worst photos of the last set")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sets = []
    if options.viton:
        sets.append(("VITON", list(viton_items(options.viton)), VITON_GROUPS))
    if options.ccp:
        if not options.tags:
            parser.error("--ccp needs --tags")
        sets.append(("CCP", list(ccp_items(options.ccp, options.tags)), CCP_GROUPS))
    for name, items, groups in sets:
        step = max(1, len(items) // options.count) if options.count else 1
        print(name)
        measure(items[::step], groups, own_pose=options.own_pose, sheet=options.sheet)


if __name__ == "__main__":
    main()
