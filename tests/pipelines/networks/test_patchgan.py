"""The multi-scale PatchGAN: published names and numbers, and where gradients go."""

import pytest
import torch
from golden_vectors import assert_golden, published_shapes
from golden_weights import filled, smooth

from pipelines.networks.patchgan import MultiscaleDiscriminator


@pytest.mark.parametrize(
    ("network", "channels"), [("acgpn_D", 27), ("acgpn_D1", 51), ("acgpn_D2", 38), ("acgpn_D3", 7)]
)
def test_names_and_shapes_are_those_of_published_checkpoints(network, channels):
    with torch.device("meta"):
        state = MultiscaleDiscriminator(channels).state_dict()
    assert {name: tuple(t.shape) for name, t in state.items()} == published_shapes(network)


def test_the_numbers_are_the_published_ones():
    seen = [smooth("D.condition", 1, 24, 256, 192), smooth("D.image", 1, 3, 256, 192)]
    features = filled(lambda: MultiscaleDiscriminator(27))(torch.cat(seen, 1))
    assert [len(scale) for scale in features] == [5, 5]
    outputs = {
        f"scale{k}.feature{j}": value
        for k, scale in enumerate(features)
        for j, value in enumerate(scale)
    }
    assert_golden("acgpn_D", **outputs)


def test_one_pass_over_both_is_two_passes():
    torch.manual_seed(0)
    judge = MultiscaleDiscriminator(5, width=4)
    condition, real, made = torch.randn(2, 2, 64, 48), *torch.randn(2, 2, 3, 64, 48)
    found = judge.compare(condition, real, made)
    for features, pictures in zip(found, (real, made), strict=True):
        alone = judge(torch.cat([condition, pictures], 1))
        for scale, other in zip(features, alone, strict=True):
            for a, b in zip(scale, other, strict=True):
                torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_the_generators_loss_reaches_the_picture_and_no_weight_of_the_judge():
    judge = MultiscaleDiscriminator(5, width=4, spectral=True)
    made = torch.randn(1, 3, 64, 48, requires_grad=True)
    features = judge.for_generator(torch.randn(1, 2, 64, 48), made)
    sum(scale[-1].mean() for scale in features).backward()
    assert made.grad.any()
    assert all(p.grad is None for p in judge.parameters())
    real, fake = judge.compare(torch.randn(1, 2, 64, 48), made.detach(), made.detach() + 1)
    sum(scale[-1].square().mean() for scale in (*real, *fake)).backward()
    assert all(p.grad is not None for p in judge.parameters())


def test_spectral_norm_bounds_every_layer_but_the_scores():
    torch.manual_seed(1)
    judge = MultiscaleDiscriminator(5, width=8, spectral=True)
    with torch.no_grad():
        for _ in range(20):
            judge(torch.randn(1, 5, 32, 32))
    for number in range(4):
        weight = judge.get_submodule(f"scale0_layer{number}")[0].weight
        largest = torch.linalg.matrix_norm(weight.flatten(1), 2)
        assert float(largest) == pytest.approx(1, abs=0.05)
