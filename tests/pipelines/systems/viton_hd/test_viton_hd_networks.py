"""VITON-HD's networks: names and shapes of the published files, and the published numbers."""

import pytest
import torch
from golden_vectors import assert_golden, published_shapes
from golden_weights import alias_inputs, binary, blob, filled, regions, smooth, soft

from pipelines.labels import VITONHD7
from pipelines.networks.grid_refiner import REFINED, refined_grid
from pipelines.systems.viton_hd.networks import (
    GMM,
    ALIASGenerator,
    GarmentLight,
    SegGenerator,
    continued,
    laid_garment,
    on_garment,
)
from pipelines.types import Size


@pytest.mark.parametrize(
    ("make", "name"),
    [(SegGenerator, "vitonhd_seg"), (GMM, "vitonhd_gmm"), (ALIASGenerator, "vitonhd_alias")],
)
def test_names_and_shapes_are_those_of_the_published_files(make, name):
    with torch.device("meta"):
        state = make().state_dict()
    assert {key: tuple(tensor.shape) for key, tensor in state.items()} == published_shapes(name)


def test_the_layout_is_the_published_one():
    mask = blob("seg.cloth_mask", 1, 1, 256, 192)
    parts = (
        mask,
        smooth("seg.cloth", 1, 3, 256, 192) * mask,
        regions("seg.parse_agnostic", 1, 13, 256, 192),
        smooth("seg.pose", 1, 3, 256, 192),
        binary("seg.noise", 1, 1, 256, 192),
    )
    assert_golden("vitonhd_seg", out=filled(SegGenerator)(torch.cat(parts, 1)))


def matching_inputs():
    person = (
        blob("gmm.parse_upper", 1, 1, 256, 192),
        smooth("gmm.pose", 1, 3, 256, 192),
        smooth("gmm.agnostic", 1, 3, 256, 192),
    )
    return torch.cat(person, 1), smooth("gmm.cloth", 1, 3, 256, 192)


def test_the_warp_is_the_published_one():
    theta, grid = filled(GMM)(*matching_inputs())
    assert_golden("vitonhd_gmm", theta=theta, grid=grid)


def test_the_warp_is_the_same_for_every_size():
    """The published code cannot make one for 512x384."""
    make = lambda: GMM(size=Size(512, 384), width=4)  # noqa: E731 - one expression
    theta, grid = filled(make)(*matching_inputs())
    assert grid.shape == (1, 512, 384, 2)
    wanted = filled(lambda: GMM(width=4)).grid(theta).permute(0, 3, 1, 2)
    small = torch.nn.functional.interpolate(wanted, size=(512, 384), mode="bilinear")
    # pixels of both lattices span the same range, at other steps
    assert (small.permute(0, 2, 3, 1) - grid).abs().max() < 0.005


def test_corrections_fold_the_grid_in_training_alone():
    torch.manual_seed(0)
    network = GMM(size=Size(256, 192), width=4, refine_width=16)
    for head in network.refiner.heads:
        torch.nn.init.normal_(head.weight, 0.0, 0.1)
    grid = network.grid(torch.zeros(1, 50))
    seen = torch.randn(1, 17, *REFINED)
    with torch.no_grad():
        rough, raw = network.train().refined(grid, seen)
        made, offsets = network.eval().refined(grid, seen)
    assert folded(rough) > 100
    assert folded(made) == 0
    torch.testing.assert_close(refined_grid(grid, offsets), made)
    torch.testing.assert_close(raw, network.refiner(seen))


def folded(grid):
    """How many cells of a grid ``[1, H, W, 2]`` lie the other way round."""
    right = grid[0, :-1, 1:] - grid[0, :-1, :-1]
    down = grid[0, 1:, :-1] - grid[0, :-1, :-1]
    return int((right[..., 0] * down[..., 1] <= right[..., 1] * down[..., 0]).sum())


@pytest.fixture(scope="module")
def alias():
    return filled(ALIASGenerator)


def test_the_picture_is_the_published_one(alias):
    assert_golden("vitonhd_alias_256x256", out=alias(**alias_inputs(256, 256, blob)))


def test_a_larger_picture_is_the_published_one(alias):
    assert_golden("vitonhd_alias_512x384", out=alias(**alias_inputs(512, 384, soft)))


@pytest.mark.parametrize(
    ("upsampling", "size"),
    [("most", (128, 256)), ("more", (64, 128)), ("normal", (64, 32))],
)
def test_compact_networks_make_pictures_of_their_inputs_size(upsampling, size):
    net = ALIASGenerator(width=8, upsampling=upsampling, hidden=16, feature_channels=4)
    inputs = alias_inputs(*size, soft)
    made = net(**inputs)
    assert made.shape == (1, 3, *size) and made.abs().max() <= 1
    (made**2).sum().backward()
    still = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert not [name for name in still if name.endswith(("weight", "weight_orig"))]
    with pytest.raises(ValueError, match=f"multiples of {net.stride}, got"):
        net(**alias_inputs(size[0] + 16, size[1], soft))


def test_the_misaligned_region_teaches_nothing():
    inputs = alias_inputs(64, 64, soft)
    inputs["misalign"].requires_grad_()
    ALIASGenerator(width=8, upsampling="more", hidden=16)(**inputs).sum().backward()
    assert inputs["misalign"].grad is None


def test_the_picture_can_be_a_difference_to_the_garment():
    net = filled(lambda: ALIASGenerator(width=8, upsampling="more", hidden=16))
    inputs = alias_inputs(64, 64, blob)
    picture = net(**inputs)
    net.adds_garment = True
    made = net(**inputs)
    worn, misaligned = inputs["seg_div"][:, 2:3], inputs["misalign"]
    garment = inputs["x"][:, 6:]
    spread = misaligned * continued(garment, worn)
    assert worn.any() and misaligned.any() and not (worn + misaligned).all()
    torch.testing.assert_close(made, picture + worn * garment + spread)
    net.conv_img.weight.data.zero_()
    net.conv_img.bias.data.zero_()
    torch.testing.assert_close(net(**inputs), garment * worn + spread)


def test_colours_are_continued_beyond_a_mask():
    mask = torch.zeros(1, 1, 64, 48)
    mask[..., 10:30, 4:10] = 1
    mask[..., 10:30, 38:44] = 1
    picture = torch.full((1, 3, 64, 48), 9.0)
    picture[..., :24] = torch.tensor([0.5, -1.0, 0.25]).view(1, 3, 1, 1)
    picture[..., 24:] = torch.tensor([-0.5, 1.0, 0.25]).view(1, 3, 1, 1)
    found = continued(picture, mask)
    torch.testing.assert_close(found[:, 2], torch.full((1, 64, 48), 0.25))
    inside = mask[0, 0] > 0
    torch.testing.assert_close(found[0, :, inside], picture[0, :, inside], atol=0.05, rtol=0)
    # beside each patch its own colour, in the middle and far below a mixture
    assert found[0, 0, 20, 2] > 0.4 and found[0, 0, 20, 46] < -0.4
    assert abs(float(found[0, 0, 63, 24])) < 0.2
    assert found.abs().max() <= 1.001
    assert torch.equal(continued(picture, torch.zeros_like(mask)), torch.zeros_like(picture))


def test_unknown_numbers_of_steps_are_refused():
    with pytest.raises(ValueError, match="known: normal, more, most"):
        ALIASGenerator(upsampling="fewer")


@pytest.mark.parametrize(
    ("make", "channels"), [(lambda: SegGenerator(width=8), 21), (lambda: GMM(width=8), 7)]
)
def test_compact_widths_keep_the_interface(make, channels):
    net = make().eval()
    x = torch.rand(2, channels, 256, 192)
    if isinstance(net, GMM):
        theta, grid = net(x, torch.rand(2, 3, 256, 192))
        assert theta.shape == (2, 50) and grid.shape == (2, 1024, 768, 2)
    else:
        assert net(x).shape == (2, 13, 256, 192)
        torch.testing.assert_close(net(x), torch.sigmoid(net.logits(x)))


def test_of_a_worn_garment_the_light_has_its_share():
    light = GarmentLight(width=8)
    light.heads[-1].bias.data.copy_(torch.tensor([0.2, 0.4, -0.4]))
    light.share.data.fill_(0.25)
    person, garment = torch.randn(1, 6, 32, 24), torch.randn(1, 3, 32, 24)
    difference, seg_div = torch.randn(1, 3, 32, 24), torch.zeros(1, 8, 32, 24)
    # left aligned, in the middle misaligned, on the right no garment
    seg_div[:, VITONHD7.UPPER, :, :8], seg_div[:, 7, :, 8:16] = 1, 1
    made = on_garment(difference, person, garment, seg_div, light)
    laid = laid_garment(garment, seg_div)
    wanted = laid + 0.75 * difference + 0.25 * torch.tensor([0.2, 0.4, -0.4])[:, None, None]
    torch.testing.assert_close(made[..., :16], wanted[..., :16])
    torch.testing.assert_close(made[..., 16:], difference[..., 16:])
    torch.testing.assert_close(laid[..., :8], garment[..., :8])
    assert not laid[..., 16:].any()


def test_a_light_needs_a_garment_to_fall_on():
    with pytest.raises(ValueError, match="needs adds_garment"):
        ALIASGenerator(width=8, light_width=8)
