"""Garment masks on drawn garments whose masks are known, and on photographs."""

import csv

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from pipelines.errors import ItemError
from pipelines.flags import Flag
from pipelines.layout import Artifact
from pipelines.preprocess.cloth_mask import ClothMaskStage, garment_mask, has_legs, is_cut_off
from pipelines.registry import stage

SUPERSAMPLED = 4
SHIRT = [
    (0.38, 0.14), (0.44, 0.18), (0.56, 0.18), (0.62, 0.14), (0.74, 0.18), (0.9, 0.42),
    (0.8, 0.47), (0.7, 0.34), (0.69, 0.86), (0.31, 0.86), (0.3, 0.34), (0.2, 0.47),
    (0.1, 0.42), (0.26, 0.18),
]  # fmt: skip
TROUSERS = [
    (0.3, 0.05), (0.7, 0.05), (0.76, 0.95), (0.58, 0.95), (0.5, 0.35), (0.42, 0.95), (0.24, 0.95),
]  # fmt: skip


def draw(polygons, size, holes=()):
    """Coverage of polygons in parts of the photo: float [H, W] in 0..1, with soft edges."""
    height, width = size
    canvas = np.zeros((height * SUPERSAMPLED, width * SUPERSAMPLED), np.uint8)
    for points, value in [(p, 255) for p in polygons] + [(p, 0) for p in holes]:
        corners = np.array(points) * (canvas.shape[1], canvas.shape[0])
        cv2.fillPoly(canvas, [np.round(corners).astype(np.int32)], value)
    return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA) / 255.0


def paint(background, cover, cloth, jpeg=92):
    """Lay cloth over a background and store the result as JPEG, as a photo would be."""
    mixed = background * (1 - cover[..., None]) + cloth * cover[..., None]
    photo = np.clip(np.round(mixed), 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, jpeg])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def flat(size, *color):
    return np.ones((*size, 3)) * np.array(color, float)


def gradient(size):
    down = np.linspace(252, 226, size[0])[:, None, None]
    across = np.linspace(0, -8, size[1])[None, :, None]
    return np.repeat(down + across, 3, axis=2)


def wooden_floor(size, seed=3):
    """Planks with grain and joints."""
    rng = np.random.default_rng(seed)
    grain = cv2.GaussianBlur(rng.normal(0, 60, size), (0, 0), sigmaX=1.2, sigmaY=25)
    plank = np.arange(size[1]) * 7 // size[1]
    tone = rng.normal(0, 9, 8)[plank][None, :] + grain
    joint = np.where(np.diff(plank, prepend=0) > 0, -50, 0)[None, :]
    return np.clip(np.array([164.0, 122, 82]) + (tone + joint)[..., None], 0, 255)


def checked_blanket(size):
    y, x = np.mgrid[: size[0], : size[1]]
    checks = ((x // 24) % 2) * 40.0 + ((y // 24) % 2) * 30.0
    noise = np.random.default_rng(5).normal(0, 4, size)
    return np.clip(np.array([60.0, 80, 130]) + (checks + noise)[..., None], 0, 255)


def overlap(one, other):
    return (one & other).sum() / (one | other).sum()


@pytest.mark.parametrize("color", [(30, 32, 60), (200, 40, 50), (240, 200, 90), (225, 222, 215)])
@pytest.mark.parametrize("light", [255, 246])
@pytest.mark.parametrize("size", [(256, 192), (1024, 768)])
def test_a_plain_shirt_on_white_is_found_to_the_pixel(color, light, size):
    cover = draw([SHIRT], size)
    found = garment_mask(paint(flat(size, light, light, light), cover, flat(size, *color)))
    truth = cover >= 0.5
    assert overlap(found.mask, truth) > 0.985
    reach = cv2.dilate(truth.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    core = cv2.erode(truth.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert (found.mask & ~reach).sum() <= 4  # a corner pixel of coloured JPEG noise
    assert (core & ~found.mask).sum() <= 4
    assert found.flags == ()
    assert found.confidence > 0.8


def test_a_soft_gradient_with_sensor_noise_is_background():
    size = (512, 384)
    cover = draw([SHIRT], size)
    noise = np.random.default_rng(1).normal(0, 1.0, (*size, 3))
    found = garment_mask(paint(gradient(size) + noise, cover, flat(size, 90, 120, 100) + noise))
    assert overlap(found.mask, cover >= 0.5) > 0.98


def test_a_soft_shadow_below_the_hem_is_background():
    size = (512, 384)
    cover = draw([SHIRT], size)
    shade = cv2.GaussianBlur(np.roll(cover, 10, axis=0), (0, 0), 9)
    noise = np.random.default_rng(1).normal(0, 2.5, (*size, 3))
    background = flat(size, 246, 246, 246) - 35 * shade[..., None] + noise
    found = garment_mask(paint(background, cover, flat(size, 60, 70, 120), jpeg=97))
    assert overlap(found.mask, cover >= 0.5) > 0.97


def test_a_white_shirt_on_white_is_found_by_its_shading():
    size = (512, 384)
    cover = draw([SHIRT], size)
    inside = cv2.distanceTransform((cover > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    shading = 252 - 8 * np.exp(-inside / 6)  # darker towards the seams, as cloth is
    cloth = np.repeat(shading[..., None], 3, axis=2)
    found = garment_mask(paint(flat(size, 255, 255, 255), cover, cloth))
    assert overlap(found.mask, cover >= 0.5) > 0.97


def test_openings_stay_open_and_a_white_print_is_filled():
    size = (512, 384)
    opening = [(0.33, 0.4), (0.37, 0.4), (0.36, 0.75), (0.33, 0.75)]
    cover = draw([SHIRT], size, [opening])
    cloth = flat(size, 40, 60, 120)
    cloth[180:260, 170:230] = 250
    found = garment_mask(paint(flat(size, 246, 246, 246), cover, cloth))
    assert overlap(found.mask, cover >= 0.5) > 0.98
    assert not found.mask[int(0.55 * 512), int(0.345 * 384)]
    assert found.mask[185:255, 175:225].all()


def test_thin_straps_belong_to_the_garment():
    size = (1024, 768)
    top = [(0.3, 0.35), (0.7, 0.35), (0.72, 0.8), (0.28, 0.8)]
    straps = [[(x, 0.1), (x + 0.012, 0.1), (x + 0.012, 0.36), (x, 0.36)] for x in (0.34, 0.64)]
    cover = draw([top, *straps], size)
    found = garment_mask(paint(flat(size, 255, 255, 255), cover, flat(size, 180, 60, 90)))
    assert found.mask[150:350, int(0.346 * 768)].all()
    assert found.mask[150:350, int(0.646 * 768)].all()
    assert overlap(found.mask, cover >= 0.5) > 0.98


def test_a_garment_that_runs_out_of_the_photo_is_flagged_as_cut_off():
    size = (512, 384)
    longer = [(x, y * 1.3) for x, y in SHIRT]
    cover = draw([longer], size)
    found = garment_mask(paint(flat(size, 255, 255, 255), cover, flat(size, 30, 90, 60)))
    assert overlap(found.mask, cover >= 0.5) > 0.98
    assert Flag.GARMENT_CUT_OFF in found.flags


def test_a_sleeve_that_touches_the_border_is_not_cut_off():
    mask = np.zeros((256, 192), bool)
    mask[60:200, 50:150] = True
    cv2.circle(canvas := mask.astype(np.uint8), (176, 120), 16, 1, -1)
    assert not is_cut_off(canvas > 0)


@pytest.mark.parametrize("floor", [wooden_floor, checked_blanket])
@pytest.mark.parametrize("color", [(210, 210, 205), (150, 30, 60)])
def test_a_garment_on_a_patterned_floor_is_found(floor, color):
    size = (533, 400)
    cover = draw([SHIRT], size)
    noise = np.random.default_rng(2).normal(0, 5, (*size, 1))
    found = garment_mask(paint(floor(size), cover, flat(size, *color) + noise, jpeg=85))
    assert overlap(found.mask, cover >= 0.5) > (0.95 if floor is wooden_floor else 0.9)


def test_the_outline_on_a_floor_is_smooth_at_full_size():
    size = (1024, 768)
    cover = draw([SHIRT], size)
    found = garment_mask(paint(wooden_floor(size), cover, flat(size, 225, 225, 230)))
    truth = cover >= 0.5
    contours, _ = cv2.findContours(
        found.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    edge = np.zeros(size, np.uint8)
    true_contours, _ = cv2.findContours(
        truth.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    cv2.drawContours(edge, true_contours, -1, 1)
    distance = cv2.distanceTransform(1 - edge, cv2.DIST_L2, 5)
    outline = np.concatenate(contours)[:, 0]
    away = distance[outline[:, 1], outline[:, 0]]
    assert len(contours) == 1
    assert np.percentile(away, 90) <= 2.5


def test_trousers_are_not_a_top_and_a_cropped_shirt_is_one():
    size = (512, 384)
    trousers = draw([TROUSERS], size)
    found = garment_mask(paint(flat(size, 255, 255, 255), trousers, flat(size, 40, 50, 90)))
    assert Flag.GARMENT_IS_NOT_A_TOP in found.flags
    assert not has_legs(draw([SHIRT], size) > 0.5)
    cropped = np.zeros(size, bool)
    cropped[100:300, 120:260] = True
    cropped[100:420, 60:100] = cropped[100:420, 280:320] = True
    cropped[100:140, 60:320] = True
    assert not has_legs(cropped)


@pytest.mark.parametrize(
    "photo",
    [
        np.full((256, 192, 3), 255, np.uint8),
        np.full((256, 192, 3), 30, np.uint8),
        np.round(gradient((256, 192))).astype(np.uint8),
        np.round(wooden_floor((400, 300))).astype(np.uint8),
        np.random.default_rng(0).integers(0, 256, (300, 200, 3)).astype(np.uint8),
    ],
    ids=["white", "dark", "gradient", "floor", "noise"],
)
def test_where_nothing_lies_there_is_no_garment(photo):
    with pytest.raises(ItemError) as caught:
        garment_mask(photo)
    assert caught.value.code == "no_garment"
    assert "no garment" in caught.value.message


@pytest.mark.parametrize("size", [(1, 1), (10, 400), (31, 64)])
def test_a_tiny_photo_is_refused_in_words(size):
    with pytest.raises(ItemError, match="at least 32x32") as caught:
        garment_mask(np.zeros((*size, 3), np.uint8))
    assert caught.value.code == "too_small"


def test_equal_photos_give_equal_masks():
    size = (400, 300)
    photo = paint(checked_blanket(size), draw([SHIRT], size), flat(size, 220, 190, 60))
    first = garment_mask(photo)
    cv2.setRNGSeed(77)
    second = garment_mask(photo.copy())
    np.testing.assert_array_equal(first.mask, second.mask)
    assert (first.confidence, first.flags) == (second.confidence, second.flags)


def test_the_stage_returns_failures_in_place():
    size = (256, 192)
    shirt = paint(flat(size, 255, 255, 255), draw([SHIRT], size), flat(size, 20, 20, 90))
    empty = np.full((*size, 3), 255, np.uint8)
    built = stage("cloth-mask", {})
    assert isinstance(built, ClothMaskStage)
    made, failed, again = built([{Artifact.CLOTH: photo} for photo in (shirt, empty, shirt)])
    assert isinstance(failed, ItemError)
    assert made.values[Artifact.CLOTH_MASK].dtype == bool
    assert made.values[Artifact.CLOTH_MASK].shape == size
    assert 0 <= made.score <= 1
    np.testing.assert_array_equal(
        made.values[Artifact.CLOTH_MASK], again.values[Artifact.CLOTH_MASK]
    )


@pytest.mark.shared_data
def test_published_masks_of_full_size_photos_are_met(shared_data):
    folder = shared_data / "viton-hd-pairs" / "test"
    scores = []
    for path in sorted((folder / "cloth-mask").glob("*.jpg")):
        photo = np.asarray(PillowImage.open(folder / "cloth" / path.name).convert("RGB"))
        published = np.asarray(PillowImage.open(path).convert("L")) >= 128
        scores.append(overlap(garment_mask(photo).mask, published))
    assert len(scores) >= 5
    assert np.median(scores) > 0.985
    assert min(scores) > 0.955


@pytest.mark.shared_data
def test_masks_of_phone_photos_stand_apart_from_their_surroundings(shared_data):
    folder = shared_data / "garments-cc0"
    with (folder / "labels.csv").open() as file:
        names = [row["image"] for row in csv.DictReader(file)][3:60:7]
    plausible = 0
    for name in names:
        photo = np.asarray(PillowImage.open(folder / "images" / name).convert("RGB"))
        found = garment_mask(photo)
        plausible += 0.1 < found.mask.mean() < 0.8 and found.confidence > 0.5
    assert plausible >= 0.8 * len(names)
