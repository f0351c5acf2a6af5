"""Losses: values worked out by hand, torch's own functions, and the released code's numbers."""

import math

import pytest
import torch
from golden_vectors import assert_golden
from golden_weights import smooth, uniform
from torch import nn

from pipelines.networks.losses import (
    discriminator_loss,
    feature_matching_loss,
    generator_loss,
    grid_regularisation,
    label_binary_cross_entropy,
    label_cross_entropy,
    released_second_order_constraint,
    second_order_constraint,
)
from pipelines.networks.tps_grid import CP_VTON, TpsGrid
from pipelines.types import Size


def scored(*values):
    """Features of as many scales, of which only the scores matter."""
    return [[torch.zeros(1), torch.full((2, 1, 3, 3), float(value))] for value in values]


@pytest.mark.parametrize(
    ("kind", "real", "fake", "judge", "maker"),
    [
        # (real - 1)^2 and fake^2, halved; (fake - 1)^2
        ("lsgan", (0.5,), (0.5,), 0.25, 0.25),
        ("lsgan", (1.0, 0.0), (0.0, 2.0), (0 + 2.5) / 2, (1 + 1) / 2),
        # max(0, 1 - real) and max(0, 1 + fake), halved; -fake
        ("hinge", (0.25,), (-3.0,), 0.375, 3.0),
        ("hinge", (2.0, -1.0), (0.5, -2.0), (0.75 + 1.0) / 2, 0.75),
    ],
)
def test_adversarial_losses(kind, real, fake, judge, maker):
    assert float(discriminator_loss(kind, scored(*real), scored(*fake))) == pytest.approx(judge)
    assert float(generator_loss(kind, scored(*fake))) == pytest.approx(maker)


def test_a_fooled_hinge_judge_still_pulls_on_the_maker_only():
    score = torch.tensor([[[[3.0]]]], requires_grad=True)
    discriminator_loss("hinge", [[score]], scored(-9)).backward()
    assert float(score.grad) == 0
    generator_loss("hinge", [[score]]).backward()
    assert float(score.grad) == -1


def test_feature_matching_leaves_the_scores_out_and_the_real_side_alone():
    wanted = [torch.zeros(2, 3, 4, 4, requires_grad=True), torch.ones(2, 5, 2, 2), torch.zeros(1)]
    found = [torch.ones(2, 3, 4, 4, requires_grad=True), torch.full((2, 5, 2, 2), 4.0)]
    found.append(torch.full((1,), 99.0))
    # 1 + 3 on one scale, nothing on the other, mean of the two
    loss = feature_matching_loss([wanted, wanted], [found, wanted])
    assert loss.item() == pytest.approx(2.0)
    assert feature_matching_loss([wanted], [found], 4 / 4).item() == pytest.approx(4.0)
    loss.backward()
    assert wanted[0].grad is None or not wanted[0].grad.any()
    assert found[0].grad.any()


def test_cross_entropy_is_torchs_and_leaves_pixels_out():
    logits, ids = torch.randn(2, 4, 5, 6), torch.randint(0, 4, (2, 5, 6))
    wanted = nn.CrossEntropyLoss()(logits, ids)
    torch.testing.assert_close(label_cross_entropy(logits, ids), wanted)
    even = torch.zeros(1, 4, 1, 2)
    assert float(label_cross_entropy(even, torch.tensor([[[1, 255]]]))) == pytest.approx(
        math.log(4)
    )


def test_binary_cross_entropy_of_labels_is_torchs_of_each_share():
    logits, ids = torch.randn(2, 4, 5, 6), torch.randint(0, 4, (2, 5, 6))
    true = nn.functional.one_hot(ids, 4).permute(0, 3, 1, 2).float()
    each = nn.functional.binary_cross_entropy(logits.softmax(1), true, reduction="none").sum(1)
    torch.testing.assert_close(label_binary_cross_entropy(logits, ids), each.mean())
    weight = torch.tensor([1.0, 5.0, 0.0, 2.0])
    weighed = (each * weight[ids]).sum() / weight[ids].sum()
    torch.testing.assert_close(label_binary_cross_entropy(logits, ids, weight), weighed)
    ids[0, 2] = 255
    known = each[ids != 255].mean()
    torch.testing.assert_close(label_binary_cross_entropy(logits, ids), known)


def test_binary_cross_entropy_of_labels_is_finite_where_a_network_is_sure_and_wrong():
    logits = torch.tensor([200.0, 0.0, 0.0]).view(1, 3, 1, 1).requires_grad_()
    loss = label_binary_cross_entropy(logits, torch.tensor([[[1]]]))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(logits.grad).all()
    assert logits.grad[0, 1] < 0 < logits.grad[0, 0]
    unknown = label_binary_cross_entropy(logits, torch.tensor([[[255]]]))
    assert float(unknown.detach()) == 0


def lattice():
    """25 places (x, y) in -0.9..0.9, x fast."""
    line = torch.linspace(-0.9, 0.9, 5)
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], 1)


AFFINE = torch.tensor([[0.8, 0.3], [-0.2, 1.1]])


@pytest.mark.parametrize("order", ["x fast", "x slow"])
def test_affine_warps_cost_nothing(order):
    points = (
        lattice() if order == "x fast" else lattice().view(5, 5, 2).transpose(0, 1).flatten(0, 1)
    )
    moved = points @ AFFINE.T + torch.tensor([0.1, -0.3])
    assert float(second_order_constraint(torch.stack([points, moved]))) == pytest.approx(
        0, abs=1e-5
    )


def test_one_moved_point_costs_what_equations_3_and_4_say():
    points = lattice().clone()
    # the middle one, straight up by 0.1; steps of the lattice are 0.45
    points[12, 1] -= 0.1
    sideways = math.hypot(0.45, 0.1)
    # its column has the steps 0.45, 0.35, 0.55, 0.45; of its row the two in the middle are longer
    lengths = (0.1 + 0.2 + 0.1) + (sideways - 0.45) + 0 + (sideways - 0.45)
    # its column stays straight; the row turns by 0.1 before and after it, by 0.2 at it
    slopes = (0.1 + 0.2 + 0.1) * 0.45
    both = second_order_constraint(points[None])
    assert float(both) == pytest.approx(lengths + slopes, abs=1e-5)
    only = second_order_constraint(points[None], distance_weight=0, slope_weight=2)
    assert float(only) == pytest.approx(2 * slopes, abs=1e-5)
    less = second_order_constraint(torch.stack([points, lattice()]), slack=0.1)
    assert float(less) == pytest.approx((lengths + slopes - 0.1) / 2, abs=1e-5)


def test_the_constraint_has_gradients_where_points_meet():
    points = torch.zeros(1, 25, 2, requires_grad=True)
    second_order_constraint(points + lattice() * torch.tensor([0.0, 1.0])).backward()
    assert points.grad.isfinite().all()


def test_the_released_constraint_gives_the_published_numbers():
    offsets = uniform("acgpn.points.offset", 4, 25, 2)
    steps = torch.tensor([0.0, 0.05, 0.2, 0.5]).view(4, 1, 1)
    points = (lattice() + steps * offsets).clamp(-0.99, 0.99)
    single = []
    for one in points:
        c = released_second_order_constraint(one[None])
        slopes = (c.row_slope[0], c.column_slope[0])
        single.append(torch.stack([c.row_x, c.row_y, c.column_x, c.column_y, *slopes]))
    assert_golden("acgpn_second_order", single=torch.stack(single))
    # below the floors it is constant: six terms, a tenth of each
    flat = released_second_order_constraint(lattice()[None])
    assert float(flat.loss()) == pytest.approx(0.036)


def test_grid_regularisation_gives_the_published_number():
    grid = smooth("cpvtonplus.gic_grid", 2, 2, 256, 192).permute(0, 2, 3, 1)
    found = float(grid_regularisation(grid.double()))
    assert found == pytest.approx(0.0013906872595243526, rel=1e-6)


def test_grid_regularisation_of_splines_gives_the_published_number():
    grids = TpsGrid(Size(256, 192), CP_VTON)(0.3 * uniform("tps.theta", 3, 50))
    found = float(grid_regularisation(grids.double()))
    # the splines are rounded to float32, which second differences feel
    assert found == pytest.approx(0.00024403848771549342, rel=2e-4)


def test_even_grids_are_regular():
    rows, columns = torch.meshgrid(
        torch.linspace(-1, 1, 7), torch.linspace(-2, 1, 5), indexing="ij"
    )
    grid = torch.stack([columns, rows], -1)[None]
    assert float(grid_regularisation(grid)) == pytest.approx(0, abs=1e-6)
    # one inner point moved right by 0.3: its own change is 0.6, its two neighbours' 0.3 each
    grid[0, 3, 2, 0] += 0.3
    assert float(grid_regularisation(grid)) == pytest.approx(1.2 / 35, abs=1e-5)
