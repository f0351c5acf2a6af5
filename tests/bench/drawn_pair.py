"""A drawn person and garment for measurements of speed, and a clock."""

import time
from collections.abc import Callable

import cv2
import numpy as np

from pipelines.device import cpu_has_bf16
from pipelines.labels import LIP20
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.types import Keypoints, ParseMap, Pose

JOINTS = {0: (384, 160), 1: (384, 312), 2: (272, 320), 3: (216, 488), 4: (200, 640), 5: (496, 320),
          6: (552, 488), 7: (568, 640), 8: (384, 664), 9: (312, 664), 12: (456, 664)}  # fmt: skip


def quick(modes: tuple[str, ...]) -> str:
    """The modes, separated by commas, without those that this CPU has to emulate for minutes."""
    return ",".join(mode for mode in modes if cpu_has_bf16() or not mode.endswith("bf16"))


def draw() -> tuple[PersonInputs, GarmentInputs]:
    """A person 1024x768 with bare arms, and a striped garment."""
    rng = np.random.default_rng(0)
    photo = rng.integers(215, 235, (1024, 768, 3), np.uint8)
    ids = np.zeros((1024, 768), np.uint8)

    def part(label: LIP20, colour: tuple[int, int, int], points: list[tuple[int, int]]) -> None:
        corners = [np.array(points, np.int32)]
        cv2.fillPoly(photo, corners, colour)
        cv2.fillPoly(ids, corners, int(label))

    skin = (214, 170, 146)
    part(LIP20.HAIR, (60, 40, 30), [(290, 90), (478, 90), (490, 300), (278, 300)])
    part(LIP20.FACE, skin, [(320, 110), (448, 110), (440, 250), (384, 290), (328, 250)])
    part(LIP20.PANTS, (40, 45, 90), [(290, 640), (478, 640), (500, 1023), (268, 1023)])
    part(LIP20.UPPER, (20, 150, 60), [(330, 300), (438, 300), (512, 320), (476, 440), (484, 690),
                                      (284, 690), (292, 440), (256, 320)])  # fmt: skip
    for label, elbow, wrist in ((LIP20.RIGHT_ARM, (216, 488), (200, 660)),
                                (LIP20.LEFT_ARM, (552, 488), (568, 660))):  # fmt: skip
        side = 1 if label == LIP20.LEFT_ARM else -1
        top = (384 + side * 112, 330)
        for a, b in ((top, elbow), (elbow, wrist)):
            cv2.line(photo, a, b, skin, 56)
            cv2.line(ids, a, b, int(label), 56)
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for joint, place in JOINTS.items():
        xy[joint], score[joint] = place, 0.9
    garment = np.full((1024, 768, 3), 250, np.uint8)
    garment[160:880, 160:600] = np.where(np.arange(440) // 11 % 2, 40, 210)[None, :, None]
    mask = np.zeros((1024, 768), bool)
    mask[160:880, 160:600] = True
    return PersonInputs(photo, Pose(Keypoints(xy, score)), ParseMap(ids, LIP20)), GarmentInputs(
        garment, mask
    )


def timed(work: Callable[[], object]) -> tuple[object, float, float]:
    """What the work gives, its seconds by the clock and of processor time."""
    clock, processor = time.perf_counter(), time.process_time()
    made = work()
    return made, time.perf_counter() - clock, time.process_time() - processor
