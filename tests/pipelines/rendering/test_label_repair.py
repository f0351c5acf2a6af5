"""Arms of a label map that are cloth."""

import cv2
import numpy as np
import pytest

from pipelines.labels import LIP20
from pipelines.rendering.label_repair import repaired_labels
from pipelines.types import ParseMap

SKIN, SHADE, BLUE, BLACK, GRAY = (
    (222, 178, 156), (128, 96, 82), (40, 70, 150), (24, 24, 28), (126, 128, 132),
)  # fmt: skip
ARM, SLEEVE = slice(60, 180), slice(60, 110)
"""Rows of what is called an arm, and of the sleeve on it."""


def drawn(garment, *, arm=SKIN, sleeve=None, label=LIP20.UPPER, hand=None):
    """A photo and its parse: face, garment, trousers, and an arm beside them with a sleeve."""
    photo = np.full((256, 192, 3), 235, np.uint8)
    ids = np.zeros((256, 192), np.uint8)
    for rows, columns, colour, part in (
        (slice(10, 50), slice(80, 112), SKIN, LIP20.FACE),
        (slice(55, 150), slice(60, 130), garment, label),
        (slice(150, 256), slice(60, 130), GRAY, LIP20.PANTS),
        (ARM, slice(130, 150), arm, LIP20.LEFT_ARM),
    ):
        photo[rows, columns], ids[rows, columns] = colour, part
    if sleeve is not None:
        photo[SLEEVE, 130:150] = sleeve
    if hand is not None:
        photo[160:180, 130:140] = hand
    noise = np.random.default_rng(1).normal(0, 2, photo.shape)
    return np.clip(photo + noise, 0, 255).astype(np.uint8), ParseMap(ids, LIP20)


@pytest.mark.parametrize("label", [LIP20.UPPER, LIP20.DRESS, LIP20.COAT])
def test_a_sleeve_called_arm_is_the_garment(label):
    photo, parse = drawn(BLUE, sleeve=BLUE, label=label)
    made = repaired_labels(photo, parse)
    assert (made.ids[62:106, 131:149] == label).all()
    assert (made.ids[115:180, 130:150] == LIP20.LEFT_ARM).all()
    elsewhere = np.ones(made.ids.shape, bool)
    elsewhere[ARM, 130:150] = False
    assert (made.ids == parse.ids)[elsewhere].all()
    assert (repaired_labels(photo, made).ids == made.ids).all()
    assert parse.ids[80, 140] == LIP20.LEFT_ARM, "the given map is not touched"


@pytest.mark.parametrize(
    ("garment", "arm"), [(BLUE, SKIN), (BLACK, SHADE), (SKIN, SKIN), ((215, 170, 150), SKIN)]
)
def test_bare_arms_stay(garment, arm):
    photo, parse = drawn(garment, arm=arm)
    assert (repaired_labels(photo, parse).ids == parse.ids).all()


def test_only_what_hangs_together_with_the_garment():
    photo, parse = drawn(BLUE)
    photo[120:140, 160:175] = BLUE  # a bag, say
    ids = parse.ids.copy()
    ids[110:170, 155:180] = LIP20.RIGHT_ARM
    assert (repaired_labels(photo, ParseMap(ids, LIP20)).ids == ids).all()


def test_trousers_beside_a_hand():
    photo, parse = drawn(BLUE, hand=GRAY)
    made = repaired_labels(photo, parse)
    assert (made.ids[163:178, 131:138] == LIP20.PANTS).all()
    assert (made.ids[163:178, 144:150] == LIP20.LEFT_ARM).all()


def test_large_photos_are_repaired_alike():
    photo, parse = drawn(BLUE, sleeve=BLUE)
    small = repaired_labels(photo, parse).ids
    large = cv2.resize(photo, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    ids = np.kron(parse.ids, np.ones((4, 4), np.uint8))
    made = repaired_labels(large, ParseMap(ids, LIP20)).ids
    assert (made[::4, ::4] == small).mean() > 0.997


@pytest.mark.parametrize("lacking", [LIP20.FACE, LIP20.UPPER, LIP20.LEFT_ARM])
def test_what_cannot_be_compared_stays(lacking):
    photo, parse = drawn(BLUE, sleeve=BLUE)
    ids = np.where(parse.ids == lacking, LIP20.BACKGROUND, parse.ids).astype(np.uint8)
    assert (repaired_labels(photo, ParseMap(ids, LIP20)).ids == ids).all()
