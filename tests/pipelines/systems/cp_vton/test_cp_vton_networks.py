"""CP-VTON's and CP-VTON+'s networks: names and shapes of the published files, published numbers."""

import pytest
import torch
from golden_vectors import assert_golden, published_shapes
from golden_weights import blob, filled, smooth

from pipelines.networks.losses import grid_regularisation
from pipelines.networks.tps_grid import unaligned
from pipelines.systems.cp_vton.networks import GMM, PUBLISHED_SIZE, TOM

SIZE = (256, 192)
GENERATIONS = {"cpvton": False, "cpvtonplus": True}


@pytest.mark.parametrize("name", GENERATIONS)
def test_names_and_shapes_are_those_of_the_published_files(name):
    for part, kind in (("gmm", GMM), ("tom", TOM)):
        with torch.device("meta"):
            state = kind(plus=GENERATIONS[name]).state_dict()
        wanted = published_shapes(f"{name}_{part}")
        assert {key: tuple(t.shape) for key, t in state.items()} == wanted


@pytest.mark.parametrize("name", GENERATIONS)
def test_the_warp_is_the_published_one(name):
    plus = GENERATIONS[name]
    person = smooth(f"{name}.agnostic", 1, 22, *SIZE)
    cloth, mask = smooth(f"{name}.cloth", 1, 3, *SIZE), blob(f"{name}.cloth_mask", 1, 1, *SIZE)
    network = filled(lambda: GMM(plus=plus))
    theta, grid = network(person, mask if plus else cloth)
    # the version of torch that it was published for, then today's default
    with_corners = network.warped(cloth, mask, grid)
    network.align_corners = False
    without = network.warped(cloth, mask, grid)
    assert_golden(
        f"{name}_gmm",
        theta=theta,
        grid=grid,
        warped_cloth=without.garment,
        warped_mask=without.mask,
        warped_cloth_align_corners_true=with_corners.garment,
        warped_mask_align_corners_true=with_corners.mask,
    )


@pytest.mark.parametrize("name", GENERATIONS)
def test_the_picture_is_the_published_one(name):
    person = smooth(f"{name}.agnostic", 1, 22, *SIZE)
    cloth, mask = smooth(f"{name}.warped", 1, 3, *SIZE), blob(f"{name}.warped_mask", 1, 1, *SIZE)
    network = filled(lambda: TOM(plus=GENERATIONS[name]))
    made = network(person, cloth, mask)
    assert_golden(f"{name}_tom", raw=made.raw, tryon=made.picture)


def test_the_mask_is_shown_to_cp_vton_plus_alone():
    person, cloth = smooth("a", 1, 22, *SIZE), smooth("c", 1, 3, *SIZE)
    masks = torch.zeros(1, 1, *SIZE), torch.ones(1, 1, *SIZE) * blob("m", 1, 1, *SIZE)
    for plus in (False, True):
        torch.manual_seed(1)
        network = TOM(plus=plus, width=4).eval()
        with torch.no_grad():
            first, second = (network(person, cloth, mask).raw for mask in masks)
        assert torch.equal(first, second) != plus


def test_parameters_of_rest_leave_a_garment_as_it_is():
    cloth, mask = smooth("c", 1, 3, *SIZE), blob("m", 1, 1, *SIZE)
    network = GMM(width=4)
    grid = network.grid(torch.zeros(1, 50))
    made = network.warped(cloth, mask, grid)
    torch.testing.assert_close(made.garment, cloth, atol=1e-3, rtol=0)
    torch.testing.assert_close(made.mask, mask, atol=1e-3, rtol=0)
    # the same places, told without aligned corners
    other = GMM(width=4, align_corners=False).warped(cloth, mask, unaligned(grid, PUBLISHED_SIZE))
    torch.testing.assert_close(other.garment, cloth, atol=1e-3, rtol=0)
    assert float(grid_regularisation(grid)) == pytest.approx(0, abs=1e-5)


def test_beyond_a_photo_its_edge_goes_on_and_the_mask_ends():
    network = GMM(width=4)
    cloth, mask = torch.full((1, 3, *SIZE), 0.25), torch.ones(1, 1, *SIZE)
    grid = network.grid(torch.zeros(1, 50)) + torch.tensor([1.0, 0.0])
    made = network.warped(cloth, mask, grid)
    torch.testing.assert_close(made.garment, cloth)
    torch.testing.assert_close(made.mask[..., 1:-1, :90], mask[..., 1:-1, :90])
    assert not made.mask[..., 100:].any()
    assert made.grid is grid


def test_the_share_mixes_garment_and_picture():
    torch.manual_seed(2)
    network = TOM(width=4).eval()
    with torch.no_grad():
        made = network(smooth("a", 1, 22, 64, 64), smooth("c", 1, 3, 64, 64), None)
    assert made.raw.shape == (1, 4, 64, 64)
    low = torch.minimum(made.garment, made.rendered)
    high = torch.maximum(made.garment, made.rendered)
    assert ((low - 1e-6 <= made.picture) & (made.picture <= high + 1e-6)).all()
    assert 0 < made.share.min() < made.share.max() < 1
