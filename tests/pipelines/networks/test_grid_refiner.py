"""Corrections of a grid: none at first, affine ones cost nothing, and they can be learnt."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter

from pipelines.networks import grid_refiner
from pipelines.networks.grid_refiner import (
    REFINED,
    GridRefiner,
    bending,
    refined_grid,
    unfolded,
)

IDENTITY = F.affine_grid(torch.eye(2, 3)[None], [1, 1, 64, 48], align_corners=False)


def test_a_new_one_corrects_nothing():
    torch.manual_seed(0)
    offsets = GridRefiner(5, width=16)(torch.randn(2, 5, *REFINED))
    assert offsets.shape == (2, 2, 64, 48) and offsets.dtype == torch.float32
    assert not offsets.any()


def test_offsets_are_added_at_the_size_of_the_grid():
    grid = F.affine_grid(torch.eye(2, 3)[None], [1, 1, 32, 24], align_corners=False)
    offsets = torch.tensor([0.25, -0.5])[None, :, None, None].expand(1, 2, 8, 6)
    torch.testing.assert_close(refined_grid(grid, offsets), grid + torch.tensor([0.25, -0.5]))


def test_bending_is_0_for_affine_offsets_alone():
    x, y = IDENTITY[..., 0], IDENTITY[..., 1]
    affine = torch.stack((0.3 * x - 0.1 * y + 0.2, 0.5 * y + x), 1)
    assert float(bending(affine)) == pytest.approx(0, abs=1e-6)
    # second differences by hand: 2 a along rows, 2 b along columns, c across both
    rows, columns = (torch.arange(n, dtype=torch.float64) for n in (4, 5))
    v, u = torch.meshgrid(rows, columns, indexing="ij")
    curved = 3 * u**2 + 5 * v**2 + 7 * u * v
    assert float(bending(torch.stack((curved, curved))[None])) == pytest.approx(6 + 10 + 7)


def test_offsets_are_smooth(monkeypatch):
    """Against SciPy's blur of what the levels say."""
    torch.manual_seed(0)
    network = GridRefiner(3, width=16).eval()
    for head in network.heads:
        torch.nn.init.normal_(head.weight)
    x = torch.randn(1, 3, *REFINED)
    with torch.no_grad():
        smooth = network(x)[0].numpy()
        monkeypatch.setattr(grid_refiner, "blurred", lambda offsets, *_, **__: offsets)
        rough = network(x)[0].numpy()
    wanted = gaussian_filter(rough, (0, 2, 2), mode="mirror", truncate=3)
    np.testing.assert_allclose(smooth, wanted, atol=1e-4)
    assert np.abs(np.diff(smooth)).mean() < 0.5 * np.abs(np.diff(rough)).mean()


def folds(grid):
    """How many triangles of a grid ``[1, h, w, 2]`` lie the other way round, by the shoelace."""
    a, b, c = (
        grid[0, i : i + 63, j : j + 47].double().numpy() for i, j in ((0, 0), (0, 1), (1, 0))
    )
    (ax, ay), (bx, by), (cx, cy) = (np.moveaxis(corner, -1, 0) for corner in (a, b, c))
    return int(((ax * by - bx * ay) + (bx * cy - cx * by) + (cx * ay - ax * cy) <= 0).sum())


def test_offsets_that_fold_the_grid_are_smoothed_there_alone():
    v, u = torch.meshgrid(torch.arange(64.0), torch.arange(48.0), indexing="ij")
    bump = torch.exp(-((v - 16) ** 2 + (u - 24) ** 2) / 30)
    offsets = torch.stack((0.05 * (u / 48), -0.9 * bump))[None]
    assert folds(refined_grid(IDENTITY, offsets)) > 20
    found = unfolded(IDENTITY, offsets)
    assert folds(refined_grid(IDENTITY, found)) == 0
    torch.testing.assert_close(found[:, :, 44:], offsets[:, :, 44:], atol=1e-3, rtol=0)
    assert float(found[0, 1].min()) < -0.2, "it is still a bump"


def test_offsets_that_do_not_fold_stay_as_they_are():
    gentle = 0.05 * torch.sin(IDENTITY.permute(0, 3, 1, 2) * 3)
    assert torch.equal(unfolded(IDENTITY, gentle), gentle)


def test_a_shift_is_learnt():
    """The input says by how much the grid is to be moved."""
    torch.manual_seed(0)
    network = GridRefiner(1, width=16)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    wanted = torch.linspace(-0.5, 0.5, 8)[:, None, None, None]
    for _ in range(120):
        offsets = network(wanted.expand(8, 1, *REFINED))
        loss = (offsets[:, :1] - wanted).abs().mean() + offsets[:, 1:].abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.12, "0.29 without learning anything"


def test_widths_that_cannot_be_normalised_are_refused():
    with pytest.raises(ValueError, match="multiple of 8"):
        GridRefiner(3, width=20)
