"""The inside of the back collar in drawn tops whose neckline is known."""

import cv2
import numpy as np
import pytest

from pipelines.systems.geometric.landmarks import find_landmarks
from pipelines.systems.geometric.neckline import find_neckline
from pipelines.systems.geometric.silhouette import silhouette

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
