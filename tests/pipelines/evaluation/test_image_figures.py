"""Figures of pictures, held against SciPy and scikit-image."""

import math

import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pipelines.errors import ExtraMissing
from pipelines.evaluation import images

PAD = 5


@pytest.fixture(scope="module")
def pictures():
    """A structured picture and a worse one: uint8 [192, 180, 3]."""
    random = np.random.default_rng(4)
    truth = ndimage.gaussian_filter(random.uniform(0, 255, (192, 180, 3)), (3, 3, 0)) * 4 % 256
    made = ndimage.gaussian_filter(truth, (1, 1, 0)) + random.normal(0, 6, truth.shape)
    return made.clip(0, 255).astype(np.uint8), truth.astype(np.uint8)


def blurred(values):
    """Gaussian window of 11, sigma 1.5; ``mirror`` reflects without repeating the edge."""
    return ndimage.gaussian_filter(values, 1.5, radius=PAD, mode="mirror", axes=(0, 1))


def scipy_maps(made, truth):
    """SSIM and its contrast-structure part by the published equation, in float64."""
    a, b = made.astype(float) / 255, truth.astype(float) / 255
    mean_a, mean_b = blurred(a), blurred(b)
    spread = blurred(a * a) - mean_a**2 + blurred(b * b) - mean_b**2
    both = blurred(a * b) - mean_a * mean_b
    contrast = (2 * both + 0.03**2) / (spread + 0.03**2)
    likeness = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
    return likeness * contrast, contrast


def test_ssim_is_the_published_equation_border_included(pictures):
    value, of_pixels = images.ssim_and_map(*pictures)
    expected, _ = scipy_maps(*pictures)
    assert of_pixels.shape == pictures[0].shape[:2] and of_pixels.dtype == np.float32
    np.testing.assert_allclose(of_pixels, expected.mean(-1), atol=5e-4)
    assert value == pytest.approx(expected.mean(), abs=1e-5)
    assert 0.2 < value < 0.95


def test_ssim_agrees_with_scikit_image_inside_the_border(pictures):
    _, expected = structural_similarity(
        *pictures, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        data_range=255, full=True,
    )  # fmt: skip
    inside = slice(PAD, -PAD), slice(PAD, -PAD)
    _, found = images.ssim_and_map(*pictures)
    np.testing.assert_allclose(found[inside], expected.mean(-1)[inside], atol=5e-4)


def test_equal_pictures(pictures):
    _, truth = pictures
    value, of_pixels = images.ssim_and_map(truth, truth)
    assert value == pytest.approx(1) and of_pixels.min() == pytest.approx(1)
    assert images.psnr(truth, truth) == images.PSNR_CAP_DB
    assert images.ms_ssim(truth, truth) == pytest.approx(1)
    assert images.same_share(truth, truth, np.ones(truth.shape[:2], bool)) == 1


def test_pictures_of_other_sizes_are_refused(pictures):
    made, truth = pictures
    with pytest.raises(ValueError, match="different sizes"):
        images.ssim_and_map(made[:-1], truth)


def test_psnr(pictures):
    expected = peak_signal_noise_ratio(pictures[1], pictures[0], data_range=255)
    assert images.psnr(*pictures) == pytest.approx(expected)
    black = np.zeros((4, 4, 3), np.uint8)
    assert images.psnr(black, black + 16) == pytest.approx(20 * math.log10(255 / 16))


def test_ms_ssim_is_the_published_product(pictures):
    """Wang et al. 2003: contrast of four scales and SSIM of the fifth, each to its power."""
    made, truth = (p.astype(float) for p in pictures)
    powers = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    expected = 1.0
    for scale, power in enumerate(powers):
        whole, contrast = scipy_maps(made, truth)
        last = scale == len(powers) - 1
        inside = contrast[PAD:-PAD, PAD:-PAD]
        expected *= (whole.mean() if last else inside.mean()) ** power
        made, truth = (halved(p) for p in (made, truth))
    assert images.ms_ssim(*pictures) == pytest.approx(expected, abs=1e-4)


def halved(picture):
    even = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


def test_ms_ssim_of_small_pictures_is_not_defined():
    small = np.zeros((images.MS_SSIM_MIN_SIDE, images.MS_SSIM_MIN_SIDE - 1, 3), np.uint8)
    assert math.isnan(images.ms_ssim(small, small))
    enough = np.zeros((images.MS_SSIM_MIN_SIDE,) * 2 + (3,), np.uint8)
    assert images.ms_ssim(enough, enough) == pytest.approx(1)


def test_region_ssim_sees_its_region_alone():
    of_pixels = np.array([[1, 0.5], [0, 0.25]], np.float32)
    region = np.array([[True, False], [False, True]])
    assert images.region_ssim(of_pixels, region) == pytest.approx(0.625)
    assert math.isnan(images.region_ssim(of_pixels, np.zeros((2, 2), bool)))


def test_shares_of_a_mask():
    photo = np.full((2, 2, 3), 100, np.uint8)
    made = photo.copy()
    made[0, 0], made[0, 1, 2], made[1, 0] = 98, 103, 0
    everywhere = np.ones((2, 2), bool)
    # two levels are the same, three in one channel are not
    assert images.same_share(made, photo, everywhere) == 0.5
    assert images.same_share(made, photo, np.array([[True, False], [False, True]])) == 1
    assert images.outside_difference(made, photo, np.array([[False, True], [True, True]])) == 2
    assert images.outside_difference(made, photo, ~everywhere) == 100
    assert images.outside_difference(made, photo, everywhere) == 0
    assert images.covered_share(everywhere, np.array([[True, False], [True, True]])) == 0.75
    nothing = ~everywhere
    assert math.isnan(images.same_share(made, photo, nothing))
    assert math.isnan(images.covered_share(nothing, everywhere))


def test_differences_do_not_wrap_around():
    black, white = np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 255, np.uint8)
    assert images.outside_difference(white, black, np.zeros((1, 1), bool)) == 255
    assert images.outside_difference(black, white, np.zeros((1, 1), bool)) == 255
    assert images.psnr(black, white) == images.psnr(white, black) == pytest.approx(0)


def test_the_floor_knows_one_colour():
    photo = np.zeros((2, 3, 3), np.uint8)
    photo[:, 0], photo[:, 1] = (10, 20, 31), (200, 100, 0)
    region, worn = np.zeros((2, 3), bool), np.zeros((2, 3), bool)
    region[:, :2], worn[:, :1] = True, True
    painted = images.painted_in_mean_colour(photo, region, worn)
    assert (painted[:, :2] == (10, 20, 31)).all() and (painted[:, 2] == photo[:, 2]).all()
    # of a person without a known garment: the region's own
    plain = images.painted_in_mean_colour(photo, region, np.zeros_like(worn))
    assert (plain[:, :2] == (105, 60, 16)).all()
    nowhere = np.zeros_like(region)
    assert (images.painted_in_mean_colour(photo, nowhere, nowhere) == photo).all()


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setattr(images, "find_spec", lambda name: None)
    with pytest.raises(ExtraMissing) as caught:
        images.need_torchmetrics()
    assert caught.value.exit_code == 69 and "vtonctl[eval]" in caught.value.hint
