"""Labels at a photo's size from beliefs at a network's: outlines run along the photo's edges."""

import cv2
import numpy as np
import pytest

from pipelines.segmentation.parser_edges import label_photo

LOW = (64, 48)


def star(height: int, width: int) -> np.ndarray:
    """``bool [H, W]``: a star with thin arms, whose tips a coarse map loses."""
    scale = 8
    angles = np.arange(20) * np.pi / 10
    radius = np.where(np.arange(20) % 2, 0.22, 0.46) * min(height, width)
    points = np.stack(
        [width / 2 + radius * np.sin(angles), height / 2 - radius * np.cos(angles)], 1
    )
    canvas = np.zeros((height * scale, width * scale), np.uint8)
    cv2.fillPoly(canvas, [np.round(points * scale).astype(np.int32)], 255)
    return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA) >= 128


def painted(shape: np.ndarray) -> np.ndarray:
    """A photo of the shape: cloth before a wall, with the noise of a camera."""
    photo = np.where(shape[..., None], (40, 70, 160), (225, 220, 210)).astype(np.float32)
    noise = np.random.default_rng(2).normal(0, 5, photo.shape)
    return np.clip(photo + noise, 0, 255).astype(np.uint8)


def beliefs_of(shape: np.ndarray, label: int = 5) -> np.ndarray:
    """What a network that is sure, but coarse, would say: ``float32 [20, 64, 48]``."""
    low = cv2.resize(shape.astype(np.float32), LOW[::-1], interpolation=cv2.INTER_AREA)
    beliefs = np.zeros((20, *LOW), np.float32)
    beliefs[label] = cv2.GaussianBlur(low, (0, 0), 1.0)
    beliefs[0] = 1 - beliefs[label]
    return beliefs


def iou(found: np.ndarray, shape: np.ndarray) -> float:
    return float((found & shape).sum() / (found | shape).sum())


@pytest.mark.parametrize("enlarged", [2, 4, 7.5])
def test_outlines_are_better_than_those_of_a_smooth_enlargement(enlarged):
    shape = star(round(LOW[0] * enlarged), round(LOW[1] * enlarged))
    photo, beliefs = painted(shape), beliefs_of(shape)
    size = (shape.shape[1], shape.shape[0])
    smooth = [cv2.resize(b, size, interpolation=cv2.INTER_LINEAR) for b in beliefs]
    plain = iou(np.argmax(smooth, 0) == 5, shape)
    ids = label_photo(photo, beliefs)
    assert ids.dtype == np.uint8 and ids.shape == shape.shape
    assert set(np.unique(ids)) == {0, 5}
    found = iou(ids == 5, shape)
    # at least a third of the smooth enlargement's error is gone
    assert found > plain and 1 - found < 0.67 * (1 - plain), (found, plain)


def test_a_plain_photo_does_little_harm():
    """Where the photo shows no edge, the outline is that of the beliefs, a little rounder."""
    y, x = np.mgrid[:256, :192]
    shape = np.hypot(x - 96, y - 120) < 60
    gray = np.full((256, 192, 3), 128, np.uint8)
    assert iou(label_photo(gray, beliefs_of(shape)) == 5, shape) > 0.9


def test_at_the_networks_size_the_most_probable_label_is_taken():
    beliefs = np.random.default_rng(1).dirichlet(np.ones(20) * 0.1, LOW).astype(np.float32)
    beliefs = np.moveaxis(beliefs, -1, 0)
    photo = np.zeros((*LOW, 3), np.uint8)
    np.testing.assert_array_equal(label_photo(photo, beliefs), beliefs.argmax(0))


@pytest.mark.parametrize("size", [(70, 53), (131, 97), (32, 24), (257, 191)])
def test_every_pixel_has_a_label_whatever_the_size(size):
    shape = star(*size)
    beliefs = beliefs_of(star(*LOW), label=9)
    ids = label_photo(painted(shape), beliefs)
    assert ids.shape == size and set(np.unique(ids)) == {0, 9}
    assert iou(ids == 9, shape) > 0.75


def test_three_labels_keep_their_places():
    """Hair above face above shirt, with colours of their own, at four times the size."""
    rows = np.repeat([2, 13, 5], [80, 90, 86])
    truth = np.repeat(rows[:, None], 192, 1).astype(np.uint8)
    photo = np.zeros((256, 192, 3), np.uint8)
    for label, colour in ((2, (50, 35, 30)), (13, (224, 172, 142)), (5, (40, 70, 160))):
        photo[truth == label] = colour
    beliefs = np.zeros((20, 64, 48), np.float32)
    for label in (2, 13, 5):
        low = cv2.resize(
            (truth == label).astype(np.float32), (48, 64), interpolation=cv2.INTER_AREA
        )
        beliefs[label] = cv2.GaussianBlur(low, (0, 0), 1.0)
    assert (label_photo(photo, beliefs) == truth).mean() > 0.98
