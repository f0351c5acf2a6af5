"""SSIM on the device against torchmetrics, means that leave out what is not defined, sheets."""

import math

import numpy as np
import pytest
import torch

from pipelines.labels import VITONHD13
from pipelines.training.tryon_figures import (
    Averages,
    batches_of,
    inside,
    label_pixels,
    pixels,
    sheet,
    spread_indices,
    ssim_maps,
)


def test_ssim_is_torchmetrics():
    image = pytest.importorskip("torchmetrics.functional.image")
    torch.manual_seed(0)
    real = torch.nn.functional.interpolate(torch.rand(2, 3, 9, 7), (64, 48), mode="bicubic")
    real = real.clamp(0, 1) * 2 - 1
    made = (real + 0.2 * torch.randn_like(real)).clamp(-1, 1)
    found = ssim_maps(made, real)
    _, full = image.structural_similarity_index_measure(
        (made + 1) / 2, (real + 1) / 2, data_range=1.0, return_full_image=True
    )
    torch.testing.assert_close(found, full.mean(1), atol=2e-4, rtol=0)
    torch.testing.assert_close(ssim_maps(real, real), torch.ones(2, 64, 48), atol=1e-4, rtol=0)


def test_means_count_examples_and_leave_out_what_is_not_defined():
    averages = Averages()
    region = torch.tensor([[[True, False]], [[False, False]], [[True, True]]])
    values = torch.tensor([[[1.0, 9.0]], [[5.0, 5.0]], [[2.0, 4.0]]])
    averages.add("region", inside(values, region))
    averages.add("empty", inside(values[1:2], region[1:2]))
    assert averages.means()["region"] == pytest.approx((1 + 3) / 2)
    assert math.isnan(averages.means()["empty"])


def test_indices():
    assert [b.tolist() for b in batches_of(5, 2)] == [[0, 1], [2, 3], [4]]
    assert spread_indices(10, 4).tolist() == [0, 2, 5, 7]
    assert spread_indices(3, 8).tolist() == [0, 1, 2]


def test_sheets_show_one_example_a_row():
    gray = torch.zeros(2, 3, 64, 48)
    ids = torch.full((2, 64, 48), int(VITONHD13.UPPER))
    made = sheet([pixels(gray - 1), pixels(gray + 1), label_pixels(ids, VITONHD13)])
    assert made.shape == (512, 3 * 192, 3) and made.dtype == np.uint8
    assert (made[:, :192] == 0).all() and (made[:, 192:384] == 255).all()
    assert len(np.unique(made[:, 384:].reshape(-1, 3), axis=0)) == 1
    assert pixels(torch.full((1, 3, 1, 1), 0.0039216))[0, 0, 0].tolist() == [128, 128, 128]
