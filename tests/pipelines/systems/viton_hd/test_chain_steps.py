"""The steps between the networks against OpenCV, SciPy and values known by hand."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from scipy import ndimage

from pipelines.labels import VITONHD7
from pipelines.networks.pictures import quantised
from pipelines.systems.viton_hd import chain_steps as steps
from pipelines.systems.viton_hd.conditions import GarmentConditions
from pipelines.types import Size


def rng():
    return np.random.default_rng(5)


def test_the_blur_is_a_gaussian_with_zeros_around():
    maps = torch.from_numpy(rng().random((1, 3, 40, 30), np.float32))
    found = steps.smoothed_maps(maps, Size(40, 30))
    kernel = cv2.getGaussianKernel(15, 3, cv2.CV_32F)[:, 0]
    for channel in range(3):
        wanted = maps[0, channel].numpy()
        for axis in (0, 1):
            wanted = ndimage.correlate1d(wanted, kernel, axis, mode="constant")
        np.testing.assert_allclose(found[0, channel].numpy(), wanted, atol=1e-6)


def test_maps_are_enlarged_as_opencv_does_it():
    maps = torch.from_numpy(rng().random((1, 13, 16, 12), np.float32))
    found = steps.smoothed_maps(maps, Size(64, 48), blur=(1, 1.0))
    wanted = cv2.resize(maps[0, 4].numpy(), (48, 64), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(found[0, 4].numpy(), wanted, atol=1e-6)


def test_a_smaller_picture_is_blurred_by_the_same_share():
    assert steps.scaled_blur(768) == steps.BLUR
    side, sigma = steps.scaled_blur(192)
    assert (side % 2, sigma) == (1, pytest.approx(0.75)) and 3 <= side <= 5


def test_misaligned_is_what_the_garment_does_not_cover():
    parse = torch.zeros(1, 7, 2, 2)
    parse[0, VITONHD7.UPPER] = torch.tensor([[1.0, 1.0], [1.0, 0.0]])
    parse[0, VITONHD7.HAIR, 1, 1] = 1
    cover = torch.tensor([[[[1.0, 0.25], [0.0, 1.0]]]])
    misalign, divided = steps.misalignment(parse, cover)
    assert misalign[0, 0].tolist() == [[0.0, 0.75], [1.0, 0.0]]
    assert divided[0, VITONHD7.UPPER].tolist() == [[1.0, 0.25], [0.0, 0.0]]
    torch.testing.assert_close(divided.sum(1), torch.ones(1, 2, 2))
    assert divided.shape[1] == 8 and parse[0, VITONHD7.UPPER].sum() == 3


def test_garments_are_sampled_between_pixels_and_continued_at_the_edge():
    picture = torch.from_numpy(rng().random((1, 1, 12, 10), np.float32))
    places = rng().uniform(-1.3, 1.3, (1, 5, 4, 2)).astype(np.float32)
    found = steps.warped(picture, torch.from_numpy(places))[0, 0].numpy()
    x, y = ((places[0, ..., 0] + 1) * 10 - 1) / 2, ((places[0, ..., 1] + 1) * 12 - 1) / 2
    wanted = ndimage.map_coordinates(
        picture[0, 0].numpy(), [y.clip(0, 11), x.clip(0, 9)], order=1, mode="nearest"
    )
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def dark_garment():
    """A dark square on white whose outermost pixels its photo has mixed with the background."""
    mask = torch.zeros(1, 1, 16, 12)
    mask[..., 4:12, 3:9] = 1
    image = torch.full((1, 3, 16, 12), 1.0)
    image[..., 4:12, 3:9] = 0.2
    image[..., 5:11, 4:8] = -0.8
    unused = torch.zeros(1)
    return GarmentConditions(masked=unused, image_nearest=unused, image=image, mask=mask)


def test_a_bent_garment_has_no_rim_of_its_photos_background():
    garment = dark_garment()
    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(12), indexing="ij")
    # a third of a pixel aside: half of the pixels at the edge are mixed
    grid = torch.stack(((2 * columns + 1.67) / 12 - 1, (2 * rows + 1.67) / 16 - 1), -1)[None]
    bent, mask = (steps.warped(each, grid) for each in (garment.image, garment.mask))
    rim = (mask > 0) & (mask < 1)
    assert bool(rim.any()) and float(bent[rim.expand_as(bent)].min()) > 0
    made = steps.in_own_colours(steps.own_colours(garment), grid, bent, mask)
    torch.testing.assert_close(
        made[(mask > 0).expand_as(made)], torch.tensor(-0.8).expand(3 * int((mask > 0).sum())),
        atol=0.02, rtol=0,
    )  # fmt: skip
    outside = (mask == 0).expand_as(made)
    torch.testing.assert_close(made[outside], bent[outside])


def test_a_garment_of_single_pixels_keeps_its_colours():
    garment = dark_garment()
    line = torch.zeros_like(garment.mask)
    line[..., 8, 3:9] = 1
    image = torch.where(line > 0, garment.image.new_tensor(-0.5), garment.image)
    thin = replace(garment, mask=line, image=image)
    same = torch.eye(2, 3)[None]
    grid = torch.nn.functional.affine_grid(same, [1, 3, 16, 12], align_corners=False)
    made = steps.in_own_colours(steps.own_colours(thin), grid, image, line)
    torch.testing.assert_close(made, image, atol=1e-4, rtol=0)


def test_a_neckline_is_the_bent_garments_own():
    maps = torch.zeros(1, 13, 40, 30)
    maps[:, 0] = 0.4
    maps[:, 3, 8:, 5:25] = 0.9
    cover = torch.zeros(1, 1, 40, 30)
    cover[..., 8:, 5:25] = 1
    # a V, a hole lower down, and a shoulder outside of the neck's zone
    for row in range(8, 18):
        cover[..., row, 15 - (18 - row) // 2 : 15 + (18 - row) // 2] = 0
    cover[..., 25:30, 10:20] = 0
    cover[..., 8:12, 5:8] = 0
    neck = torch.zeros(40, 30, dtype=torch.bool)
    neck[4:35, 9:21] = True
    found = steps.neckline_opened(maps, cover, neck)[0].argmax(0)
    wanted = maps[0].argmax(0)
    wanted[8:18][cover[0, 0, 8:18] < 0.5] = 0
    wanted[8:12, 5:8] = 3
    assert torch.equal(found, wanted)
    assert (found == 3).sum() < (maps[0].argmax(0) == 3).sum()
    full = torch.ones_like(cover)
    assert torch.equal(steps.neckline_opened(maps, full, neck), maps)


def test_published_pictures_are_cut_off_not_rounded():
    picture = torch.tensor([-1.2, -1.0, 0.0, 0.999, 1.0, 2.0]).view(1, 1, 1, 6).expand(1, 3, 1, 6)
    assert quantised(picture, parity=True)[0, :, 0].tolist() == [0, 0, 127, 254, 255, 255]
    assert quantised(picture)[0, :, 0].tolist() == [0, 0, 128, 255, 255, 255]
