"""Drawn people and garments: every region is known exactly."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from pipelines.body import Body25
from pipelines.labels import LIP20
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.types import Keypoints, ParseMap, Pose

OLD = (20, 200, 40)
"""The worn top's colour, found nowhere else in a drawn photo."""
SKIN, HAIR, TROUSERS = (214, 170, 146), (70, 45, 30), (40, 45, 90)
JOINTS = {
    Body25.NOSE: (96, 42), Body25.NECK: (96, 78), Body25.RIGHT_SHOULDER: (68, 80),
    Body25.LEFT_SHOULDER: (124, 80), Body25.RIGHT_ELBOW: (54, 122), Body25.LEFT_ELBOW: (138, 122),
    Body25.RIGHT_WRIST: (50, 160), Body25.LEFT_WRIST: (142, 160), Body25.RIGHT_HIP: (78, 166),
    Body25.LEFT_HIP: (114, 166), Body25.MID_HIP: (96, 166),
}  # fmt: skip


class Drawing:
    """A canvas 192 wide and 256 high, times ``factor``, with a label map beside it."""

    def __init__(self, factor: float) -> None:
        self.factor = factor
        height, width = round(256 * factor), round(192 * factor)
        shade = np.linspace(222, 240, width)[None, :, None] + np.zeros((height, 1, 3))
        noise = np.random.default_rng(3).normal(0, 1.2, shade.shape)
        self.image = (shade + noise).clip(0, 255).astype(np.uint8)
        self.ids = np.zeros((height, width), np.uint8)

    def _both(
        self, draw: Callable[[np.ndarray, object], object], colour: tuple, label: int
    ) -> None:
        draw(self.image, colour)
        draw(self.ids, int(label))

    def polygon(self, points: list, colour: tuple, label: int) -> None:
        scaled = np.round(np.array(points) * self.factor).astype(np.int32)
        self._both(lambda canvas, c: cv2.fillPoly(canvas, [scaled], c), colour, label)

    def disc(self, x: float, y: float, radius: float, colour: tuple, label: int) -> None:
        centre = (round(x * self.factor), round(y * self.factor))
        r = round(radius * self.factor)
        self._both(lambda canvas, c: cv2.circle(canvas, centre, r, c, -1), colour, label)

    def limb(self, a: tuple, b: tuple, width: float, colour: tuple, label: int) -> None:
        p, q = (tuple(round(v * self.factor) for v in point) for point in (a, b))
        thick = round(width * self.factor)
        self._both(lambda canvas, c: cv2.line(canvas, p, q, c, thick), colour, label)


@pytest.fixture(scope="session")
def draw_person() -> Callable[..., PersonInputs]:
    """Make a drawn person: ``factor`` x 256x192, long or short sleeves, joints left out."""

    def make(
        factor: float = 1.0, *, long_sleeves: bool = True, crossed: bool = False,
        without: tuple[Body25, ...] = (), old: tuple[int, int, int] = OLD,
    ) -> PersonInputs:  # fmt: skip
        at = dict(JOINTS)
        if crossed:
            at[Body25.LEFT_ELBOW], at[Body25.LEFT_WRIST] = (146, 120), (104, 128)
        d = Drawing(factor)
        d.disc(96, 40, 27, HAIR, LIP20.HAIR)
        d.limb((96, 55), (96, 80), 20, SKIN, LIP20.NECK)
        d.disc(96, 44, 20, SKIN, LIP20.FACE)
        d.polygon([(74, 158), (118, 158), (124, 256), (68, 256)], TROUSERS, LIP20.PANTS)
        d.polygon([(82, 74), (110, 74), (128, 80), (118, 110), (120, 170), (72, 170), (74, 110),
                   (64, 80)], old, LIP20.UPPER)  # fmt: skip
        for side, label in (("RIGHT", LIP20.RIGHT_ARM), ("LEFT", LIP20.LEFT_ARM)):
            shoulder, elbow, wrist = (
                at[Body25[f"{side}_{joint}"]] for joint in ("SHOULDER", "ELBOW", "WRIST")
            )
            ahead = np.array(wrist) + (np.array(wrist) - np.array(elbow)) * 0.22
            d.limb(shoulder, elbow, 17, SKIN, label)
            d.limb(elbow, wrist, 14, SKIN, label)
            d.limb(shoulder, elbow, 19, old, LIP20.UPPER)
            if long_sleeves:
                d.limb(elbow, wrist, 16, old, LIP20.UPPER)
            d.disc(*ahead, 8, SKIN, label)
        xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
        for joint, point in at.items():
            if joint not in without:
                xy[joint], score[joint] = np.array(point) * factor, 0.9
        image = cv2.GaussianBlur(d.image, (0, 0), 0.6)
        return PersonInputs(image, Pose(Keypoints(xy, score)), ParseMap(d.ids, LIP20))

    return make


@pytest.fixture(scope="session")
def draw_garment() -> Callable[..., GarmentInputs]:
    """Make a garment photo 256x192: a T-shirt of one colour, with or without sleeves."""

    def make(
        colour: tuple[int, int, int] = (40, 60, 190), *, sleeves: bool = True
    ) -> GarmentInputs:
        image, mask = np.full((256, 192, 3), 255, np.uint8), np.zeros((256, 192), np.uint8)
        outline = [
            (76, 40),
            (50, 50),
            (20, 100),
            (40, 112),
            (54, 86),
            (54, 220),
            (138, 220),
            (138, 86),
            (152, 112),
            (172, 100),
            (142, 50),
            (116, 40),
            (106, 56),
            (86, 56),
        ]
        if not sleeves:
            outline = [(70, 40), (60, 50), (62, 80), (50, 96), (50, 220), (142, 220), (142, 96),
                       (130, 80), (132, 50), (122, 40), (114, 66), (78, 66)]  # fmt: skip
        points = np.array(outline, np.int32)
        cv2.fillPoly(image, [points], colour)
        cv2.fillPoly(mask, [points], 1)
        return GarmentInputs(image, mask.astype(bool))

    return make
