"""Rendering at full size with predictions that are known to be right."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipelines.labels import LIP20, LIP20_LOWER, VITONHD13
from pipelines.relabel import relabel
from pipelines.rendering.garment import draw_garment as draw_bent
from pipelines.rendering.garment import make_garment
from pipelines.rendering.measures import (
    misaligned_share,
    parse_agreement,
    strain,
    uncovered_share,
    warp_measures,
)
from pipelines.rendering.render import (
    LayoutLabels,
    Prediction,
    contrast_kept,
    new_garment,
    render,
)
from pipelines.rendering.scene import FRONT, make_scene
from pipelines.stage import GarmentInputs
from pipelines.types import ParseMap, Size

FACTOR = 4
SMALL = Size(256, 192)
NEW = (200, 60, 50)
LABELS = LayoutLabels(VITONHD13.UPPER, VITONHD13.BACKGROUND, (VITONHD13.BOTTOM,))


def one_hot(ids):
    maps = (ids[None] == np.arange(13)[:, None, None]).astype(np.float32)
    return np.stack([cv2.GaussianBlur(each, (0, 0), 0.75) for each in maps])


def straight():
    """The grid that samples every pixel where it is."""
    x, y = (np.linspace(-1 + 1 / n, 1 - 1 / n, n, dtype=np.float32) for n in SMALL[::-1])
    return np.stack(np.meshgrid(x, y), -1)


def prediction(target, worn_small, cover):
    small = cv2.resize(target.image, SMALL[::-1], interpolation=cv2.INTER_AREA)
    ids = cv2.resize(target.parse.ids, SMALL[::-1], interpolation=cv2.INTER_NEAREST)
    return Prediction.of(
        one_hot(relabel(ParseMap(ids, LIP20), VITONHD13).ids),
        LABELS,
        picture=small.astype(np.float32),
        warped=worn_small.astype(np.float32),
        cover=cover.astype(np.float32),
        grid=straight(),
    )


def everywhere(image):
    return GarmentInputs(image, np.ones(image.shape[:2], bool))


@pytest.fixture(scope="module")
def long(draw_person):
    return draw_person(FACTOR, long_sleeves=True)


@pytest.fixture(scope="module")
def dressed(draw_person, long):
    """The person in long sleeves, dressed in short ones of another colour."""
    target = draw_person(FACTOR, long_sleeves=False, old=NEW)
    plain = np.full((1024, 768, 3), NEW, np.uint8)
    small = np.full((*SMALL, 3), NEW, np.uint8)
    made = prediction(target, small, np.ones(SMALL))
    scene = make_scene(long, SMALL)
    return scene, target, made, render(scene, make_garment(everywhere(plain)), made)


def test_the_photo_is_kept_pixel_for_pixel_outside_the_edited_region(dressed, long):
    _, _, _, found = dressed
    kept = found.edited == 0
    np.testing.assert_array_equal(found.image[kept], long.image[kept])
    assert 0.1 < (found.edited > 0).mean() < 0.5
    assert found.image.shape == long.image.shape and found.image.dtype == np.uint8


@pytest.mark.parametrize("label", [LIP20.FACE, LIP20.HAIR, LIP20.PANTS, LIP20.BACKGROUND])
def test_what_is_no_garment_stays(dressed, long, label):
    _, _, _, found = dressed
    near = cv2.dilate((long.parse.ids == LIP20.UPPER).astype(np.uint8), np.ones((41, 41))) > 0
    part = (long.parse.ids == label) & ~near
    assert part.any()
    np.testing.assert_array_equal(found.image[part], long.image[part])


def test_nothing_of_the_old_garment_is_left(dressed, long):
    _, _, _, found = dressed
    old = long.image[long.parse.ids == LIP20.UPPER].astype(int)
    colour = np.median(old, 0)
    like = (np.abs(found.image.astype(int) - colour).max(-1) < 60).mean()
    assert (np.abs(long.image.astype(int) - colour).max(-1) < 60).mean() > 0.1
    assert like < 1e-4


def test_the_result_is_the_person_in_the_new_garment(dressed, long):
    _, target, made, found = dressed

    def off(image):
        changed = found.edited > 0
        return float(np.abs(image.astype(float) - target.image)[changed].mean())

    enlarged = cv2.resize(made.picture, (768, 1024), interpolation=cv2.INTER_CUBIC)
    assert off(found.image) < 0.25 * off(long.image)
    # outlines at full size: better than the small picture enlarged
    assert off(found.image) < off(np.clip(enlarged, 0, 255))


def test_labels_that_are_kept_are_not_drawn_over(draw_person, long):
    """A layout whose garment reaches down over the trousers."""
    target = draw_person(FACTOR, long_sleeves=False, old=NEW)
    image, ids = target.image.copy(), target.parse.ids.copy()
    rows, columns = np.nonzero(ids == LIP20.PANTS)
    over = rows < rows.min() + 120
    ids[rows[over], columns[over]] = LIP20.UPPER
    image[rows[over], columns[over]] = NEW
    reaching = replace(target, image=image, parse=ParseMap(ids, LIP20))
    made = prediction(reaching, np.full((*SMALL, 3), NEW, np.uint8), np.ones(SMALL))
    garment = make_garment(everywhere(np.full((1024, 768, 3), NEW, np.uint8)))
    trousers = (long.parse.ids == LIP20.PANTS).astype(np.uint8)
    inside = cv2.erode(trousers, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (17, 17))) > 0
    covered = render(make_scene(long, SMALL), garment, made)
    kept = render(make_scene(long, SMALL, (*FRONT, *LIP20_LOWER)), garment, made)
    reached = inside & (ids == LIP20.UPPER)
    assert (covered.image[reached] != long.image[reached]).any(-1).mean() > 0.9
    np.testing.assert_array_equal(kept.image[inside], long.image[inside])
    # the rest is the same
    above = long.parse.ids == LIP20.UPPER
    assert (kept.image[above] != covered.image[above]).any(-1).mean() < 0.05


def test_a_print_keeps_the_garments_own_resolution(draw_person, long):
    """Stripes far finer than what the networks see."""
    period, columns = 6, np.arange(768)
    stripes = np.where((columns // (period // 2)) % 2, 60, 200).astype(np.uint8)
    photo = np.broadcast_to(stripes[None, :, None], (1024, 768, 3)).copy()
    small = cv2.resize(photo, SMALL[::-1], interpolation=cv2.INTER_AREA)
    target = draw_person(FACTOR, long_sleeves=False, old=(130, 130, 130))
    made = prediction(target, small, np.ones(SMALL))
    found = render(make_scene(long, SMALL), make_garment(everywhere(photo)), made)
    chest = (slice(480, 560), slice(330, 440))
    shown = found.image[chest].astype(float).mean(-1)
    wanted = photo[chest].astype(float).mean(-1)
    assert np.corrcoef(shown.ravel(), wanted.ravel())[0, 1] > 0.95
    assert shown.std() > 0.8 * wanted.std()


def test_light_comes_from_the_networks(draw_person, long):
    photo = np.full((1024, 768, 3), 120, np.uint8)
    target = draw_person(FACTOR, long_sleeves=False, old=(120, 120, 120))
    made = prediction(target, np.full((*SMALL, 3), 120), np.ones(SMALL))
    shade = np.linspace(-30, 30, SMALL.width, dtype=np.float32)[None, :, None]
    lit = replace(made, picture=made.picture + shade)
    found = render(make_scene(long, SMALL), make_garment(everywhere(photo)), lit)
    row = found.image[520, 320:450].astype(float).mean(-1)
    wanted = 120 + np.interp(np.arange(320, 450), np.arange(768), np.linspace(-30, 30, 768))
    assert np.abs(row - wanted).max() < 3


def test_the_background_of_the_garments_photo_leaves_no_rim(draw_person, long):
    """Where the bent garment ends within the new one, the networks see its background."""
    photo = np.full((1024, 768, 3), 120, np.uint8)
    target = draw_person(FACTOR, long_sleeves=False, old=(120, 120, 120))
    cover = np.ones(SMALL)
    cover[:, 100:] = 0
    cover[:, 99:101] = 0.5
    made = prediction(target, np.full((*SMALL, 3), 120), cover)
    garment = GarmentInputs(photo, np.repeat((cover > 0.5).astype(bool), 4, 0).repeat(4, 1))
    dirty = made.picture.copy()
    dirty[:, 98:102] = 255
    found = render(make_scene(long, SMALL), make_garment(garment), replace(made, picture=dirty))
    row = found.image[520, 330:440].astype(float).mean(-1)
    assert np.abs(row - 120).max() < 6


def test_stray_pieces_of_the_layout_are_no_garment(dressed, long):
    scene, _, made, _ = dressed
    lead = made.lead.copy()
    lead[200:206, 8:14] = 1
    assert not new_garment(lead)[200:206, 8:14].any()
    plain = make_garment(everywhere(np.full((1024, 768, 3), NEW, np.uint8)))
    again = render(scene, plain, replace(made, lead=lead))
    np.testing.assert_array_equal(again.image[790:830, 20:70], long.image[790:830, 20:70])


def test_a_layout_without_a_garment_takes_the_old_one_away(dressed, long):
    scene, _, made, _ = dressed
    none = -np.ones_like(made.lead)
    bare = replace(made, lead=none, body=none, lower=np.zeros(SMALL, bool))
    found = render(scene, make_garment(everywhere(np.zeros((8, 6, 3), np.uint8))), bare)
    assert found.cloth.max() == 0
    assert (found.edited > 0).any()


def test_what_rendering_reads_of_a_layout():
    maps = np.zeros((4, 2, 3), np.float32)
    maps[:, 0, 0] = 0.9, 0.1, 0.2, 0.3
    maps[:, 0, 1] = 0.1, 0.8, 0.7, 0.2
    maps[:, 1, 2] = 0.1, 0.2, 0.4, 0.6
    picture = np.zeros((2, 3, 3), np.float32)
    plane, grid = np.zeros((2, 3), np.float32), np.zeros((2, 3, 2), np.float32)
    made = Prediction.of(
        maps, LayoutLabels(1, 0, (2, 3)), picture=picture, warped=picture, cover=plane, grid=grid
    )
    np.testing.assert_allclose([made.lead[0, 0], made.lead[0, 1]], [-0.8, 0.1], atol=1e-6)
    np.testing.assert_allclose([made.body[0, 0], made.body[0, 1]], [-0.6, 0.7], atol=1e-6)
    assert made.lower.tolist() == [[False, False, False], [False, False, True]]


def test_bending_is_sampling():
    """Against OpenCV's resize: the straight grid only enlarges."""
    rng = np.random.default_rng(2)
    image = cv2.GaussianBlur(rng.integers(0, 255, (64, 48, 3), np.uint8), (0, 0), 2)
    mask = np.zeros((64, 48), bool)
    mask[16:48, 12:36] = True
    garment = make_garment(GarmentInputs(image, mask))
    box = (slice(0, 256), slice(0, 192))
    colours, cover = draw_bent(garment, straight(), (192, 256), box)
    wanted = cv2.resize(image.astype(np.float32), (192, 256), interpolation=cv2.INTER_CUBIC)
    inside = (slice(80, 176), slice(64, 128))
    assert np.abs(colours[inside] - wanted[inside]).mean() < 2
    assert cover[inside].min() > 0.99 and cover[:40].max() < 0.01


def test_measures_of_known_cases(dressed):
    scene, _, made, _ = dressed
    upper = new_garment(made.lead)
    still = warp_measures(straight(), upper)
    assert still["stretch_mean"] == pytest.approx(1, abs=0.01) and still["fold_share"] == 0
    assert strain(still) < 0.05
    doubled = straight() * np.array([2, 1], np.float32)
    assert warp_measures(doubled, upper)["stretch_mean"] == pytest.approx(2, abs=0.02)
    mirrored = straight() * np.array([-1, 1], np.float32)
    assert warp_measures(mirrored, upper)["fold_share"] == 1
    assert parse_agreement(scene) > 0.9
    strangers = replace(scene, ids=np.zeros_like(scene.ids))
    assert parse_agreement(strangers) == 0
    assert uncovered_share(scene, upper) < 0.05
    assert uncovered_share(scene, np.zeros(SMALL, bool)) == 1
    half = np.zeros(SMALL, np.float32)
    half[:, ::2] = 1
    assert misaligned_share(np.ones(SMALL, bool), half) == pytest.approx(0.5)


def test_a_hesitant_layout_still_has_sharp_outlines(dressed):
    """The winner leads by little: as networks say it where they are unsure."""
    scene, _, made, _ = dressed
    plain = make_garment(everywhere(np.full((1024, 768, 3), NEW, np.uint8)))
    unsure = replace(made, lead=0.02 * made.lead, body=0.02 * made.body)
    found = render(scene, plain, unsure)
    halfway = (found.cloth > 0.05) & (found.cloth < 0.95)
    assert halfway.sum() < 0.1 * (found.cloth >= 0.95).sum()


def test_a_print_that_was_painted_faint_has_the_garments_contrast():
    rng = np.random.default_rng(0)
    warped = np.full((40, 30, 3), (120, 10, 20), np.float32)
    warped[10:20, 5:25] = (250, 245, 240)
    where = np.zeros((40, 30), bool)
    where[5:35, 3:27] = True
    light = rng.normal(0, 2, warped.shape).astype(np.float32)
    faint = (0.7 * warped + 30 + light).astype(np.float32)
    kept = contrast_kept(faint, warped, where)
    np.testing.assert_array_equal(kept[~where], faint[~where])
    inside = where.copy()
    inside[10:20, 5:25] = False
    for channel in range(3):
        made = kept[10:20, 5:25, channel].mean() - kept[inside][:, channel].mean()
        wanted = warped[12, 12, channel] - warped[30, 12, channel]
        assert made == pytest.approx(wanted, rel=0.02)
    # the light stays, and what has its contrast, or none, is left alone
    np.testing.assert_allclose(
        (kept - faint)[inside] - (kept - faint)[inside].mean(0), 0, atol=1e-3
    )
    strong = (warped + light).astype(np.float32)
    np.testing.assert_allclose(contrast_kept(strong, warped, where), strong, atol=1.0)
    plain = np.full_like(warped, 90) + light
    np.testing.assert_array_equal(contrast_kept(faint, plain, where), faint)
    np.testing.assert_array_equal(contrast_kept(faint, warped, where & False), faint)


def test_folds_of_the_product_photo_that_were_left_out_stay_out():
    columns = np.arange(30, dtype=np.float32)
    folds = 20 * np.sin(columns / 2)[None, :, None] * np.ones((40, 1, 3), np.float32)
    warped = 120 + folds
    where = np.ones((40, 30), bool)
    flat = (0.4 * folds + 120).astype(np.float32)
    np.testing.assert_array_equal(contrast_kept(flat, warped, where), flat)
    printed = np.concatenate((warped, np.full((40, 10, 3), 250, np.float32)), 1)
    faint = (0.6 * printed + 50).astype(np.float32)
    kept = contrast_kept(faint, printed, np.ones((40, 40), bool))
    given = (kept - faint)[:, :, 0]
    assert given[:, 30:].min() > 20, "the print comes back"
    assert np.abs(given[:, :30]).max() < 8, "the folds hardly do"
