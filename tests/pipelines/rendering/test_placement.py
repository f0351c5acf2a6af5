"""What is read from networks that predict no layout, with pictures that are known to be right."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipelines.labels import LIP20, LIP20_TOPS
from pipelines.rendering.garment import make_garment
from pipelines.rendering.placement import behind, placed
from pipelines.rendering.render import render
from pipelines.rendering.scene import make_scene
from pipelines.stage import GarmentInputs
from pipelines.types import Size

SIZE = Size(256, 192)
SHAPE = tuple(SIZE)
NEW = (200, 60, 50)


def small(person):
    """Picture and labels at the working size."""
    photo = cv2.resize(person.image, (192, 256), interpolation=cv2.INTER_AREA)
    ids = cv2.resize(person.parse.ids, (192, 256), interpolation=cv2.INTER_NEAREST)
    return photo.astype(np.float32), ids


def recoloured(person, ground):
    """The picture of a network that paints all backgrounds in one colour."""
    picture, ids = small(person)
    picture[ids == 0] = ground
    return picture


@pytest.fixture(scope="module")
def bare(draw_person):
    """The person without sleeves to the wrist: what a right picture shows."""
    return draw_person(4, long_sleeves=False, old=NEW)


@pytest.fixture(scope="module")
def scene(draw_person):
    return make_scene(draw_person(4, long_sleeves=True), SIZE)


@pytest.mark.parametrize("ground", [None, (255, 255, 255), (30, 60, 30)])
def test_where_a_sleeve_was_arms_are_told_from_background(scene, bare, ground):
    picture, ids = small(bare)
    if ground is not None:
        picture = recoloured(bare, ground)
    upper = np.isin(ids, LIP20_TOPS)
    body, lower = behind(scene, picture, upper)
    freed = np.isin(scene.ids, LIP20_TOPS) & ~upper
    arms, ground_now = freed & np.isin(ids, (14, 15)), freed & (ids == 0)
    assert arms.sum() > 300 and ground_now.sum() > 50
    assert (body[arms] > 0).mean() > 0.95
    # pixels of the arm's edge are mixtures of both
    assert (body[ground_now] > 0).mean() < 0.35
    assert not lower[freed & (np.arange(256)[:, None] < 120)].any()


def test_elsewhere_the_photo_says_what_is_body(scene, bare):
    picture, _ = small(bare)
    body, lower = behind(scene, picture, np.zeros(SHAPE, bool))
    away = ~(cv2.dilate(np.isin(scene.ids, LIP20_TOPS).astype(np.uint8), np.ones((9, 9))) > 0)
    sure = cv2.erode((scene.ids == 0).astype(np.uint8), np.ones((9, 9))) > 0
    assert (body[away & sure] < 0).all()
    inside = cv2.erode((scene.ids > 0).astype(np.uint8), np.ones((9, 9))) > 0
    assert (body[away & inside] > 0).all()
    trousers = cv2.erode((scene.ids == LIP20.PANTS).astype(np.uint8), np.ones((9, 9))) > 0
    assert lower[away & trousers].all() and not lower[away & sure].any()


def test_below_a_shorter_garment_trousers_are_found(scene, bare):
    picture, ids = small(bare)
    trousers = picture[ids == LIP20.PANTS].mean(0)
    picture[150:170, 74:118] = trousers
    upper = np.isin(ids, LIP20_TOPS)
    upper[150:] = False
    body, lower = behind(scene, picture, upper)
    assert lower[154:164, 80:112].all() and (body[154:164, 80:112] > 0).all()
    assert not lower[100:140].any()


@pytest.mark.parametrize("gone", ["skin", "ground", "all"])
def test_labels_that_do_not_occur_do_no_harm(scene, bare, gone):
    picture, _ = small(bare)
    ids = scene.ids.copy()
    ids[{"skin": np.isin(ids, (10, 13, 14, 15)), "ground": ids == 0, "all": ids >= 0}[gone]] = 5
    body, lower = behind(replace(scene, ids=ids), picture, np.zeros(SHAPE, bool))
    assert np.isfinite(body).all() and lower.dtype == bool
    if gone == "ground":
        assert (body > 0).all()


def test_right_networks_dress_a_person_in_short_sleeves(scene, bare):
    """Rendered at full size: the freed arms are skin, the rest is the photo."""
    picture, ids = small(bare)
    cover = cv2.GaussianBlur(np.isin(ids, LIP20_TOPS).astype(np.float32), (0, 0), 0.6)
    y, x = (np.linspace(-1 + 1 / n, 1 - 1 / n, n, dtype=np.float32) for n in SHAPE)
    grid = np.stack(np.meshgrid(x, y), -1)
    warped = np.broadcast_to(np.float32(NEW), (*SHAPE, 3))
    made = placed(scene, lead=cover - 0.5, picture=picture, warped=warped, cover=cover, grid=grid)
    plain = np.full((1024, 768, 3), NEW, np.uint8)
    everywhere = GarmentInputs(plain, np.ones(plain.shape[:2], bool))
    image = render(scene, make_garment(everywhere), made).image
    truth = bare.image.astype(int)
    difference = np.abs(image.astype(int) - truth).max(-1)
    arms = np.isin(bare.parse.ids, (14, 15)) & (scene.removed > 250)
    inside = cv2.erode(arms.astype(np.uint8), np.ones((15, 15))) > 0
    assert inside.sum() > 2000 and np.median(difference[inside]) < 12
    garment = cv2.erode(np.isin(bare.parse.ids, LIP20_TOPS).astype(np.uint8), np.ones((15, 15))) > 0
    assert np.median(difference[garment & (scene.front == 0)]) < 12
