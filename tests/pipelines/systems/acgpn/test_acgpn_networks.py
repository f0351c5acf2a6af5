"""ACGPN's networks: names and shapes of the published files, and the published numbers."""

import pytest
import torch
from golden_vectors import assert_golden, published_shapes
from golden_weights import binary, blob, filled, regions, smooth, uniform
from torch.nn import functional as F

from pipelines.labels import ACGPN14
from pipelines.networks.tps_grid import ACGPN, lattice
from pipelines.systems.acgpn.networks import (
    BodyPartGenerator,
    ClothesWarping,
    ClothMaskGenerator,
    ContentFusion,
)

NETWORKS = {
    "acgpn_G1": BodyPartGenerator,
    "acgpn_G2": ClothMaskGenerator,
    "acgpn_U": ClothesWarping,
    "acgpn_G": ContentFusion,
}
SIZE = (256, 192)


@pytest.mark.parametrize("name", NETWORKS)
def test_names_and_shapes_are_those_of_the_published_files(name):
    state = NETWORKS[name]().state_dict()
    assert {key: tuple(t.shape) for key, t in state.items()} == published_shapes(name)


@pytest.mark.parametrize("name", ["acgpn_G1", "acgpn_G2"])
def test_the_layout_is_the_published_one(name):
    short = name.removeprefix("acgpn_")
    mask = blob(f"{short}.cloth_mask", 1, 1, *SIZE)
    x = (
        mask,
        smooth(f"{short}.cloth", 1, 3, *SIZE) * mask,
        regions(f"{short}.label", 1, 14, *SIZE),
        smooth(f"{short}.pose", 1, 18, *SIZE),
        binary(f"{short}.noise", 1, 1, *SIZE),
    )
    assert_golden(name, out=filled(NETWORKS[name])(torch.cat(x, 1)))


def test_the_picture_is_the_published_one():
    x = (
        smooth("G.img_hole_hand", 1, 3, *SIZE),
        regions("G.label", 1, 14, *SIZE),
        smooth("G.fake_c", 1, 3, *SIZE),
        uniform("G.skin_color", 1, 3, 1, 1).expand(1, 3, *SIZE),
        binary("G.noise", 1, 1, *SIZE),
    )
    assert_golden("acgpn_G", out=filled(ContentFusion)(torch.cat(x, 1)))


def warp_inputs():
    return {
        "cloth": smooth("U.cloth", 1, 3, *SIZE),
        "target_mask": blob("U.target_mask", 1, 1, *SIZE),
        "source_mask": blob("U.source_mask", 1, 1, *SIZE),
    }


@pytest.fixture(scope="module")
def warping():
    return filled(ClothesWarping)


@pytest.mark.parametrize("align_corners", [False, True])
def test_the_warp_is_the_published_one(warping, align_corners):
    warping.align_corners = align_corners
    inputs = warp_inputs()
    made = warping(**inputs)
    if align_corners:
        found = {"raw": made.raw, "warped_cloth": made.garment, "warped_mask": made.mask}
        assert_golden("acgpn_U", **{f"{name}_align_corners_true": x for name, x in found.items()})
        return
    assert_golden(
        "acgpn_U",
        raw=made.raw,
        warped_cloth=made.garment,
        warped_mask=made.mask,
        control_points=made.points,
        composed_cloth=made.composed(inputs["target_mask"]),
    )


def test_the_refinement_of_the_warp_is_the_published_one(warping):
    inputs = warp_inputs()
    assert_golden("acgpn_U_unet", raw=warping.refined(inputs["target_mask"], inputs["cloth"]))


def test_an_untrained_warp_leaves_the_garment_as_it_is():
    # the spline's pixels reach from edge to edge, which is the identity with aligned corners
    net = ClothesWarping(width=4, spline_width=4, align_corners=True).eval()
    inputs = warp_inputs()
    with torch.no_grad():
        made = net(**inputs)
    torch.testing.assert_close(made.points[0], lattice(ACGPN).float())
    torch.testing.assert_close(made.garment, inputs["cloth"], atol=1e-3, rtol=0)


def test_a_picture_may_be_the_difference_to_what_is_shown():
    torch.manual_seed(0)
    net = ContentFusion(width=4, adds_garment=True).eval()
    x = torch.zeros(1, 24, 256, 192)
    x[:, :3, :100], x[:, 17:20, 100:200] = torch.rand(3, 100, 192) + 0.1, torch.rand(3, 100, 192)
    x[:, 3 + ACGPN14.LEFT_ARM, 80:130, :10] = 1
    x[:, 3 + ACGPN14.RIGHT_ARM, 210:230] = 1
    x[:, 20:23] = torch.tensor([0.5, 0.25, 0.125])[:, None, None]
    with torch.no_grad():
        difference, made = torch.tanh(net(x)), net.picture(x)
        net.adds_garment = False
        torch.testing.assert_close(net.picture(x), difference)
    shown = (made - difference)[0]
    torch.testing.assert_close(shown[:, :100], x[0, :3, :100])
    torch.testing.assert_close(shown[:, 100:200, 10:], x[0, 17:20, 100:200, 10:])
    torch.testing.assert_close(shown[:, 215, 50], torch.tensor([0.5, 0.25, 0.125]))
    assert not shown[:, 200:210].any() and not shown[:, 230:].any()


def test_a_refiner_corrects_the_spline_s_grid():
    torch.manual_seed(0)
    net = ClothesWarping(width=4, spline_width=4, refine_width=8).eval()
    inputs, body = warp_inputs(), torch.rand(1, 25, 256, 192)
    with torch.no_grad():
        new = net(**inputs, body=body)
        torch.nn.init.normal_(net.refiner.heads[-1].weight, 0.0, 0.02)
        made = net(**inputs, body=body)
    # a new one corrects nothing
    torch.testing.assert_close(new.garment, new.spline.garment)
    torch.testing.assert_close(made.spline.garment, new.spline.garment)
    large = F.interpolate(made.offsets, size=(256, 192), mode="bilinear", align_corners=False)
    torch.testing.assert_close(made.bent.grid, made.spline.grid + large.permute(0, 2, 3, 1))
    wanted = F.grid_sample(inputs["cloth"], made.bent.grid, align_corners=False)
    inner = (slice(None), slice(None), slice(32, -32), slice(32, -32))
    torch.testing.assert_close(made.garment[inner], wanted[inner], atol=1e-4, rtol=0)
    assert (made.garment - made.spline.garment).abs().max() > 0.01
    torch.testing.assert_close(made.raw, net.refined(inputs["target_mask"], made.garment))


def test_no_gradient_of_the_corrections_reaches_the_spline():
    net = ClothesWarping(width=4, spline_width=4, refine_width=8)
    made = net(**warp_inputs(), body=torch.rand(1, 25, 256, 192))
    made.garment.square().sum().backward()
    assert all(p.grad is None for p in net.stn.parameters())
    assert net.refiner.heads[-1].weight.grad.any()


def test_what_a_file_says_of_the_spline_is_not_read():
    net = ClothesWarping(width=4)
    state = net.state_dict()
    wanted = net.stn.tps.inverse_kernel.clone()
    for name in ("inverse_kernel", "target_coordinate_repr", "padding_matrix"):
        state[f"stn.tps.{name}"] = torch.full_like(state[f"stn.tps.{name}"], 7)
    net.load_state_dict(state, strict=True)
    torch.testing.assert_close(net.stn.tps.inverse_kernel, wanted)
    del state["stn.tps.inverse_kernel"]
    net.load_state_dict(state, strict=True)
    state["stn.loc_net.cnn.fc3.weight"] = torch.zeros(1)
    with pytest.raises(RuntimeError, match="fc3"):
        net.load_state_dict(state, strict=True)


def test_no_gradient_of_the_refinement_reaches_the_warp():
    net = ClothesWarping(width=4, spline_width=4)
    made = net(**warp_inputs())
    made.raw.sum().backward()
    assert all(p.grad is None for p in net.stn.parameters())
    net(**warp_inputs()).garment.sum().backward()
    assert net.stn.loc_net.cnn.fc2.weight.grad.any()
