"""The inside of the back collar in drawn tops whose neckline is known."""

import cv2
import numpy as np
import pytest

from pipelines.garments.cutout import paint_over
from pipelines.garments.landmarks import find_landmarks
from pipelines.garments.neckline import find_neckline
from pipelines.garments.prepare import prepare_garment, worn_part
from pipelines.garments.silhouette import silhouette
from pipelines.stage import GarmentInputs

SIZE = (512, 384)


def draw(depth: float, shape: float, body: tuple, inside: tuple, label: bool) -> tuple:
    """A tee with a flat back collar, and the region that shows its inside."""
    points = [(152, 84), (116, 98), (48, 190), (84, 208), (112, 172), (108, 420)]
    half = np.array(points, float)
    outline = np.array([(192, 88), *half, *(half[::-1] * (-1, 1) + (384, 0))])
    mask = np.zeros(SIZE, np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1)
    ys, xs = np.indices(SIZE)
    x, y = np.abs(xs - 192) / 40, (ys - 84) / 40
    inner = (mask > 0) & (x < 1) & (y < depth * (1 - np.minimum(x, 1) ** shape))
    image = np.full((*SIZE, 3), 255, np.uint8)
    image[mask > 0], image[inner] = body, inside
    if label:
        image[94:104, 182:202] = 250
    noise = np.random.default_rng(2).normal(0, 1.5, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), mask > 0, inner


@pytest.mark.parametrize("label", [False, True])
@pytest.mark.parametrize(
    ("depth", "shape", "body", "inside"),
    [
        (0.9, 2.0, (200, 40, 40), (130, 25, 25)),
        (0.9, 2.0, (235, 235, 232), (205, 203, 200)),
        (2.0, 1.0, (30, 60, 120), (18, 38, 84)),
        (1.4, 2.0, (40, 42, 44), (26, 27, 29)),
    ],
    ids=["crew", "white", "v-neck", "dark scoop"],
)
def test_the_inside_of_the_back_collar_is_found(depth, shape, body, inside, label):
    image, mask, inner = draw(depth, shape, body, inside, label)
    found = find_neckline(image, mask, find_landmarks(silhouette(mask)))
    assert found.certain
    assert (found.inner & inner).sum() / (found.inner | inner).sum() > 0.8
    assert not (found.inner & ~mask).any()
    np.testing.assert_allclose(found.front, (192, 84 + 40 * depth), atol=12)


def test_a_worn_garment_shows_neither_lining_nor_label():
    image, mask, inner = draw(0.9, 2.0, (200, 40, 40), (130, 25, 25), True)
    image[~mask] = np.minimum(image[~mask], 240)
    given = GarmentInputs(image.copy(), mask.copy())
    worn = worn_part(given)
    sure = cv2.erode(inner.astype(np.uint8), np.ones((9, 9))) > 0
    assert sure.any() and not worn.mask[sure].any()
    assert (worn.image[sure] == 255).all()
    background = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9))) == 0
    assert (worn.image[background] == 255).all()
    front = cv2.erode((mask & ~inner).astype(np.uint8), np.ones((15, 15))) > 0
    assert worn.mask[front].mean() > 0.99
    np.testing.assert_array_equal(worn.image[front], image[front])
    np.testing.assert_array_equal(given.image, image)
    np.testing.assert_array_equal(given.mask, mask)


def test_a_print_on_the_chest_is_no_neckline():
    image, mask, inner = draw(0.9, 2.0, (200, 40, 40), (130, 25, 25), True)
    cv2.circle(image, (192, 220), 50, (240, 240, 60), -1)
    found = find_neckline(image, mask, find_landmarks(silhouette(mask)))
    assert (found.inner & inner).sum() / (found.inner | inner).sum() > 0.8


def test_without_an_edge_a_usual_neckline_is_taken():
    image, mask, _ = draw(0.9, 2.0, (10, 10, 10), (10, 10, 10), False)
    found = find_neckline(image, mask, find_landmarks(silhouette(mask)))
    assert not found.certain
    assert 0 < found.inner.sum() < 0.06 * mask.sum()


def test_a_roll_neck_is_left_whole():
    image, mask, _ = draw(0.9, 2.0, (90, 90, 140), (90, 90, 140), False)
    mask[40:96, 160:225] = True
    image[mask] = (90, 90, 140)
    found = find_neckline(image, mask, find_landmarks(silhouette(mask)))
    assert not found.inner.any()


def draw_shirt(collar: tuple, label: bool) -> tuple:
    """A shirt whose stiff collar stands up and is buttoned, and what is seen into it."""
    image, mask, _ = draw(0.9, 2.0, (226, 178, 166), (226, 178, 166), False)
    stand = np.array([(150, 92), (162, 50), (222, 50), (234, 92), (192, 110)])
    drawn = mask.astype(np.uint8)
    cv2.fillPoly(drawn, [stand], 1)
    image[(drawn > 0) & ~mask] = (226, 178, 166)
    opening = np.array([(167, 56), (217, 56), (192, 92)])
    cv2.fillPoly(image, [opening], collar)
    cv2.line(image, (192, 92), (192, 420), (200, 150, 140), 1)
    for y in range(110, 400, 40):
        cv2.circle(image, (192, y), 2, (160, 110, 100), -1)
    if label:
        image[60:72, 187:197] = (20, 20, 20)
    inside = np.zeros(SIZE, np.uint8)
    cv2.fillPoly(inside, [opening], 1)
    return image, drawn > 0, inside > 0


def test_a_buttoned_shirt_collar_is_opened_down_to_its_button():
    image, mask, inside = draw_shirt((196, 146, 136), True)
    found = find_neckline(image, mask, find_landmarks(silhouette(mask)))
    assert found.inner[60:72, 187:197].all()
    assert (found.inner & inside).sum() > 0.75 * inside.sum()
    assert not found.inner[100:].any()
    assert (found.inner & ~inside)[58:].sum() < 0.5 * inside.sum()


def test_a_gray_lining_of_a_white_top_is_followed_to_its_end():
    image, mask, _ = draw(0.9, 2.0, (245, 245, 244), (245, 245, 244), False)
    ys, xs = np.indices(SIZE)
    lining = mask & (((xs - 192) / 38) ** 4 + (np.maximum(ys - 84, 0) / 60) ** 2.5 < 1)
    image[lining] = (172, 170, 168)
    image[94:116, 184:200] = 232
    image[98:102, 187:197] = (30, 30, 60)
    found = find_neckline(image, mask, find_landmarks(silhouette(mask)))
    assert (found.inner & lining).sum() > 0.95 * lining.sum()
    assert (found.inner & ~lining).sum() < 0.08 * lining.sum()


@pytest.mark.parametrize("label", [(20, 20, 20), (250, 250, 250), (200, 30, 40)])
def test_a_label_on_cloth_of_one_colour_never_stays(label):
    image, mask, _ = draw(0.9, 2.0, (120, 150, 130), (120, 150, 130), False)
    image[98:112, 184:200] = label
    prepared = prepare_garment(GarmentInputs(image, mask))
    shown = prepared.image[prepared.alpha > 0.5].astype(int)
    assert np.abs(shown - (120, 150, 130)).max() < 40
    assert prepared.inner_collar.sum() < 0.08 * mask.sum()


def test_a_roll_neck_with_a_label_keeps_its_shape_and_loses_the_label():
    image, mask, _ = draw(0.9, 2.0, (90, 90, 140), (90, 90, 140), False)
    mask[40:96, 160:225] = True
    image[mask] = (90, 90, 140)
    plain = image.copy()
    image[50:58, 186:198] = 245
    prepared = prepare_garment(GarmentInputs(image, mask))
    assert not prepared.inner_collar.any()
    assert np.abs(prepared.image[mask].astype(int) - plain[mask]).max() < 12


def spotted_roll_neck() -> tuple:
    image, mask, _ = draw(0.9, 2.0, (90, 90, 140), (90, 90, 140), False)
    mask[40:96, 160:225] = True
    image[mask] = (90, 90, 140)
    for y in range(50, 420, 16):
        for x in range(64, 330, 16):
            image[y : y + 6, x : x + 8][mask[y : y + 6, x : x + 8]] = (240, 220, 40)
    return image, mask


def print_at_the_neckline() -> tuple:
    image, mask, _ = draw(0.9, 2.0, (200, 40, 40), (130, 25, 25), False)
    cv2.rectangle(image, (172, 132), (212, 150), (250, 250, 250), -1)
    return image, mask


@pytest.mark.parametrize("garment", [spotted_roll_neck, print_at_the_neckline])
def test_prints_are_no_labels(garment):
    image, mask = garment()
    found = find_neckline(image, mask, find_landmarks(silhouette(mask)))
    assert not found.label.any()
    prepared = prepare_garment(GarmentInputs(image, mask))
    kept = cv2.erode((prepared.alpha > 0.99).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    np.testing.assert_array_equal(prepared.image[kept], image[kept])
    assert kept[126:160, 180:204].all()


def test_paint_over_takes_the_cloth_around_and_no_background():
    image = np.full((60, 60, 3), 255, np.uint8)
    mask = np.zeros((60, 60), np.bool_)
    mask[20:] = True
    image[mask] = (40, 90, 60)
    image[22:30, 25:35] = 250
    spot = np.zeros_like(mask)
    spot[20:31, 24:36] = True
    painted = paint_over(image, mask, spot)
    assert np.abs(painted[mask].astype(int) - (40, 90, 60)).max() <= 4
    np.testing.assert_array_equal(painted[~mask], image[~mask])
