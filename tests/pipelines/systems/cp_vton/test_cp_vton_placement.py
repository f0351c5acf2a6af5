"""What is read from networks that predict no layout, with pictures that are known to be right."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from pipelines.labels import LIP20
from pipelines.networks.composition import Composed
from pipelines.networks.spline_matcher import Warped
from pipelines.rendering.garment import make_garment
from pipelines.rendering.render import render
from pipelines.rendering.scene import GARMENT, make_scene
from pipelines.stage import GarmentInputs
from pipelines.systems.cp_vton.chain import ChainResult
from pipelines.systems.cp_vton.networks import PUBLISHED_SIZE
from pipelines.systems.cp_vton.placement import behind, covered, prediction_of

SHAPE = tuple(PUBLISHED_SIZE)
NEW = (200, 60, 50)
TORSO = (slice(90, 160), slice(76, 118))


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
    return make_scene(draw_person(4, long_sleeves=True), PUBLISHED_SIZE)


@pytest.mark.parametrize("ground", [None, (255, 255, 255), (30, 60, 30)])
def test_where_a_sleeve_was_arms_are_told_from_background(scene, bare, ground):
    picture, ids = small(bare)
    if ground is not None:
        picture = recoloured(bare, ground)
    upper = np.isin(ids, GARMENT)
    body, lower = behind(scene, picture, upper)
    freed = np.isin(scene.ids, GARMENT) & ~upper
    arms, ground_now = freed & np.isin(ids, (14, 15)), freed & (ids == 0)
    assert arms.sum() > 300 and ground_now.sum() > 50
    assert (body[arms] > 0).mean() > 0.95
    # pixels of the arm's edge are mixtures of both
    assert (body[ground_now] > 0).mean() < 0.35
    assert not lower[freed & (np.arange(256)[:, None] < 120)].any()


def test_elsewhere_the_photo_says_what_is_body(scene, bare):
    picture, _ = small(bare)
    body, lower = behind(scene, picture, np.zeros(SHAPE, bool))
    away = ~(cv2.dilate(np.isin(scene.ids, GARMENT).astype(np.uint8), np.ones((9, 9))) > 0)
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
    upper = np.isin(ids, GARMENT)
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


def result(picture, cover, share):
    """What the networks would say; the garment is plain."""

    def tensor(values):
        return torch.from_numpy(np.asarray(values, np.float32))

    garment = tensor(np.broadcast_to(np.array(NEW) / 127.5 - 1, (*SHAPE, 3))).permute(2, 0, 1)[None]
    shown = tensor(picture / 127.5 - 1).permute(2, 0, 1)[None].clamp(-0.999, 0.999)
    mask = tensor(np.clip(share, 0.01, 0.99))[None, None]
    # such that the mixture of garment and rendered picture is the picture
    rendered = ((shown - garment * mask) / (1 - mask)).clamp(-0.999, 0.999)
    raw = torch.cat((torch.atanh(rendered), torch.logit(mask)), 1)
    grid = torch.nn.functional.affine_grid(torch.eye(2, 3)[None], [1, 1, *SHAPE], False)
    warp = Warped(garment, tensor(cover)[None, None], grid)
    return ChainResult(warp, Composed(raw, garment)), grid[0].numpy()


def test_the_garment_is_where_it_lies_and_is_taken(scene, bare):
    picture, _ = small(bare)
    cover, share = np.zeros(SHAPE), np.full(SHAPE, 0.1)
    cover[TORSO] = 1
    share[80:140, 60:130] = 0.9
    made = prediction_of(scene, *result(picture, cover, share))
    wanted = np.zeros(SHAPE, bool)
    wanted[90:140, 76:118] = True
    np.testing.assert_array_equal(made.lead > 0, wanted)
    np.testing.assert_allclose(made.cover, cover)
    np.testing.assert_allclose(made.warped[100, 90], NEW, atol=0.01)
    shown = covered(scene, made)
    assert shown[wanted].all() and shown[scene.ids == LIP20.HAIR].all()
    assert not shown[scene.ids == LIP20.PANTS].any()


def test_right_networks_dress_a_person_in_short_sleeves(scene, bare):
    """Rendered at full size: the freed arms are skin, the rest is the photo."""
    picture, ids = small(bare)
    cover = cv2.GaussianBlur(np.isin(ids, GARMENT).astype(np.float32), (0, 0), 0.6)
    found, grid = result(picture, cover, np.where(cover > 0.5, 0.9, 0.1))
    made = prediction_of(scene, found, grid)
    plain = np.full((1024, 768, 3), NEW, np.uint8)
    everywhere = GarmentInputs(plain, np.ones(plain.shape[:2], bool))
    image = render(scene, make_garment(everywhere), made).image
    truth = bare.image.astype(int)
    difference = np.abs(image.astype(int) - truth).max(-1)
    arms = np.isin(bare.parse.ids, (14, 15)) & (scene.removed > 250)
    inside = cv2.erode(arms.astype(np.uint8), np.ones((15, 15))) > 0
    assert inside.sum() > 2000 and np.median(difference[inside]) < 12
    garment = cv2.erode(np.isin(bare.parse.ids, GARMENT).astype(np.uint8), np.ones((15, 15))) > 0
    assert np.median(difference[garment & (scene.front == 0)]) < 12
