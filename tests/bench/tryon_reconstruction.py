"""Measure paired reconstruction: dress people in the garment they already wear.

    python tests/bench/tryon_reconstruction.py ROOT [--split val] [--layout cp-vton]
        [--size 256x192] [--count 100] [--system geometric] [--sheet FILE.png]

For each person with a garment of the same name (or of the pairs list), prints SSIM of the whole
picture and inside the region that a top can change, beside the photo with that region painted in
its mean colour. SSIM is torchmetrics' (Gaussian window of 11, data range 1); the region is top,
arms and neck of the label map, dilated by 5 pixels at 256x192 (in proportion at other sizes).
Label map, pose and garment mask are read where the data set has them, else made.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from pipelines.codecs import decode
from pipelines.datasets.pairs import read_pairs
from pipelines.errors import ItemError
from pipelines.labels import LIP20
from pipelines.layout import Artifact, Layout, find_layout
from pipelines.registry import stage, tryon_system
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.types import Keypoints, ParseMap, Pose

REGION = (LIP20.UPPER, LIP20.DRESS, LIP20.COAT, LIP20.NECK, LIP20.LEFT_ARM, LIP20.RIGHT_ARM)


def read(layout: Layout, root: Path, split: str, artifact: Artifact, item: str) -> object | None:
    if artifact not in layout.places:
        return None
    path = layout.path(root, split, artifact, item)
    if not path.is_file():
        return None
    return decode(path.read_bytes(), layout.place(artifact).encoding, name=path.name)


def made(name: str, wanted: Artifact, given: dict, stages: dict) -> object:
    if name not in stages:
        stages[name] = stage(name, {})
    (result,) = stages[name]([given])
    if isinstance(result, ItemError):
        raise result
    return result.values[wanted]


def person_at(
    layout: Layout, root: Path, split: str, item: str, size: tuple[int, int], stages: dict
) -> PersonInputs:
    image = read(layout, root, split, Artifact.IMAGE, item)
    pose = read(layout, root, split, Artifact.POSE, item)
    pose = pose or made("pose", Artifact.POSE, {Artifact.IMAGE: image}, stages)
    parse = read(layout, root, split, Artifact.PARSE, item)
    given = {Artifact.IMAGE: image, Artifact.POSE: pose}
    parse = parse or made("parse", Artifact.PARSE, given, stages)
    height, width = size
    scale = np.array([width / image.shape[1], height / image.shape[0]], np.float32)
    body = Keypoints((pose.body.xy + 0.5) * scale - 0.5, pose.body.score)
    way = cv2.INTER_AREA if scale[0] <= 1 else cv2.INTER_CUBIC
    return PersonInputs(
        cv2.resize(image, (width, height), interpolation=way),
        Pose(body),
        ParseMap(cv2.resize(parse.ids, (width, height), interpolation=cv2.INTER_NEAREST), LIP20),
    )


def garment_at(layout: Layout, root: Path, split: str, item: str, stages: dict) -> GarmentInputs:
    image = read(layout, root, split, Artifact.CLOTH, item)
    mask = read(layout, root, split, Artifact.CLOTH_MASK, item)
    if mask is None:
        mask = made("cloth-mask", Artifact.CLOTH_MASK, {Artifact.CLOTH: image}, stages)
    return GarmentInputs(image, mask)


def region_of(parse: ParseMap) -> np.ndarray:
    radius = max(1, round(5 * parse.ids.shape[0] / 256))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    return cv2.dilate(parse.mask(*REGION).astype(np.uint8), kernel).astype(bool)


def ssim(result: np.ndarray, truth: np.ndarray, region: np.ndarray) -> tuple[float, float]:
    a, b = (
        torch.from_numpy(np.ascontiguousarray(i)).permute(2, 0, 1)[None].float() / 255
        for i in (result, truth)
    )
    whole, full = structural_similarity_index_measure(a, b, data_range=1.0, return_full_image=True)
    return float(whole), float(full[0].mean(0).numpy()[region].mean())


def measure(options: argparse.Namespace) -> Iterator[tuple[str, np.ndarray, list[np.ndarray]]]:
    layout, root, split = find_layout(options.layout), options.root, options.split
    height, width = (int(v) for v in options.size.split("x"))
    pairs = layout.pairs_path(root, split)
    chosen = pairs if options.pairs is None else options.pairs
    system, stages = tryon_system(options.system, {}), {}
    for pair in read_pairs(chosen)[: options.count]:
        try:
            person = person_at(layout, root, split, pair.person, (height, width), stages)
            garment = garment_at(layout, root, split, pair.garment, stages)
            start = time.perf_counter()
            prepared = system.prepare_person(person)
            between = time.perf_counter()
            result = system.dress(prepared, system.prepare_garment(garment), seed=0)
            seconds = (between - start, time.perf_counter() - between)
        except ItemError as error:
            print(f"{pair.person}: {error.code}")
            continue
        region = region_of(person.parse)
        plain = person.image.copy()
        plain[region] = person.image[region].mean(0).round().astype(np.uint8)
        outside = np.abs(result.image.astype(int) - person.image)[result.edited == 0]
        row = [*ssim(result.image, person.image, region), *ssim(plain, person.image, region),
               result.score, *seconds, float(outside.max(initial=0))]  # fmt: skip
        yield pair.person, np.array(row), [person.image, garment.image, result.image]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--layout", default="cp-vton")
    parser.add_argument("--pairs", type=Path, help="pairs list (default: the root's own)")
    parser.add_argument("--size", default="256x192", help="HEIGHTxWIDTH to work at")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--system", default="geometric")
    parser.add_argument("--sheet", type=Path, help="write photo, garment, result as one picture")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows, pictures = [], []
    for name, row, images in measure(options):
        rows.append(row)
        pictures.append(np.hstack([cv2.resize(i, (192, 256)) for i in images]))
        print(f"{name}  whole {row[0]:.4f}  region {row[1]:.4f}  score {row[4]:.3f}")
    if not rows:
        raise SystemExit("no pair could be measured")
    mean = np.mean(rows, axis=0)
    print(f"{len(rows)} pairs at {options.size}, {options.system}")
    print(f"whole SSIM   {mean[0]:.4f}   mean colour {mean[2]:.4f}")
    print(f"region SSIM  {mean[1]:.4f}   mean colour {mean[3]:.4f}")
    print(f"prepare person {mean[5]:.3f} s, garment and dress {mean[6]:.3f} s")
    print(f"largest difference where edited is 0: {max(r[7] for r in rows):.0f}")
    if options.sheet:
        pad = [pictures[0] * 0 + 255] * (-len(pictures) % 3)
        grid = [np.hstack((pictures + pad)[i : i + 3]) for i in range(0, len(pictures), 3)]
        cv2.imwrite(str(options.sheet), np.vstack(grid)[..., ::-1])


if __name__ == "__main__":
    main()
