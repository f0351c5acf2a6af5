"""Spline grids: the published ones, SciPy's, and what the three conventions mean."""

import numpy as np
import pytest
import torch
from golden_vectors import assert_golden
from golden_weights import uniform
from scipy.interpolate import RBFInterpolator

from pipelines.networks.tps_grid import ACGPN, CP_VTON, VITON_HD, TpsGrid, lattice, tps_matrix
from pipelines.types import Size


@pytest.mark.parametrize(
    ("case", "convention", "full"),
    [
        ("vitonhd_tps", VITON_HD, Size(1024, 768)),
        ("cpvton_tps", CP_VTON, Size(256, 192)),
        ("acgpn_tps", ACGPN, Size(256, 192)),
    ],
)
def test_grids_are_the_published_ones(case, convention, full):
    theta = 0.3 * uniform("tps.theta", 3, 50)
    if convention is ACGPN:
        moved = lattice(ACGPN).float() + 0.1 * uniform("acgpn.tps.offset", 3, 25, 2)
        theta = moved.clamp(-0.99, 0.99)
    grid = TpsGrid(full, convention)
    outputs = {f"grid_{full}": grid(theta), "grid_64x48": grid(theta, Size(64, 48))}
    assert_golden(case, **outputs)


def test_parameters_of_zero_are_published_as_a_crop():
    grid = TpsGrid(Size(64, 48), VITON_HD)(torch.zeros(1, 50))
    assert_golden("vitonhd_tps", grid_64x48_zero_theta=grid)
    assert grid.abs().max() == pytest.approx(0.9, abs=1e-5)


@pytest.mark.parametrize("convention", [CP_VTON, ACGPN])
def test_parameters_of_rest_are_the_identity(convention):
    rest = torch.zeros(1, 50) if convention.offsets else lattice(convention)[None].float()
    grid = TpsGrid(Size(20, 30), convention)(rest)
    plain = torch.nn.functional.affine_grid(torch.eye(2, 3)[None], [1, 1, 20, 30], True)
    torch.testing.assert_close(grid, plain, atol=1e-5, rtol=0)


def test_pixels_go_where_scipy_puts_them():
    places = lattice(VITON_HD).float() + 0.2 * uniform("scipy", 25, 2)
    theta = (places - lattice(VITON_HD)).T.reshape(1, 50)
    grid = TpsGrid(Size(12, 9), VITON_HD)(theta)[0]
    spline = RBFInterpolator(lattice(VITON_HD).numpy(), places.numpy())
    x, y = np.meshgrid(np.linspace(-0.9, 0.9, 9), np.linspace(-0.9, 0.9, 12))
    wanted = spline(np.stack((x.ravel(), y.ravel()), 1)).reshape(12, 9, 2)
    np.testing.assert_allclose(grid.numpy(), wanted, atol=1e-5)


def test_a_full_size_grid_is_one_small_matrix():
    matrix = tps_matrix(Size(1024, 768), VITON_HD)
    assert matrix.shape == (1024 * 768, 25) and matrix.dtype == torch.float32
    assert matrix.nbytes < 100 * 2**20


def test_grids_are_no_part_of_the_state_and_gradients_pass():
    grid = TpsGrid(Size(8, 6), VITON_HD)
    theta = torch.zeros(2, 50, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = grid(theta)
    assert made.dtype == torch.float32
    torch.testing.assert_close(made, grid(theta), atol=0, rtol=0)
    made.sum().backward()
    assert theta.grad.abs().sum() > 0
    assert not grid.state_dict()


def test_items_of_a_batch_do_not_mix():
    theta = 0.3 * uniform("batch", 3, 50)
    grid = TpsGrid(Size(16, 12), CP_VTON)
    alone = torch.cat([grid(row[None]) for row in theta])
    torch.testing.assert_close(grid(theta), alone, atol=1e-6, rtol=0)
