"""CARAFE against its equations, written out as loops."""

import numpy as np
import pytest
import torch
from torch.nn import functional
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool

from pipelines.segmentation.carafe import Carafe, CarafeFPN, reassemble


def carafe_by_loops(module: Carafe, features: np.ndarray) -> np.ndarray:
    """Equations 1 to 4 of the paper, one target pixel at a time, in float64."""
    scale, kernel, radius = module.scale, module.kernel, module.kernel // 2
    state = {name: tensor.double().numpy() for name, tensor in module.state_dict().items()}
    batch, channels, height, width = features.shape
    compressed = np.einsum("oc,bchw->bohw", state["compressor.weight"][:, :, 0, 0], features)
    compressed += state["compressor.bias"][:, None, None]
    encoder = state["encoder.weight"]
    reach = encoder.shape[2] // 2
    wide = np.pad(compressed, ((0, 0), (0, 0), (reach, reach), (reach, reach)))
    padded = np.pad(features, ((0, 0), (0, 0), (radius, radius), (radius, radius)))
    out = np.zeros((batch, channels, scale * height, scale * width))
    for b, row, column in np.ndindex(batch, scale * height, scale * width):
        i, j = row // scale, column // scale  # the source location l = floor(l' / s)
        seen = wide[b, :, i : i + 2 * reach + 1, j : j + 2 * reach + 1]
        # the encoder's channels are s x s kernels of k x k, in the order of a pixel shuffle
        place = (row % scale) * scale + column % scale
        channels_of_place = np.arange(kernel**2) * scale**2 + place
        logits = (encoder[channels_of_place] * seen).sum((1, 2, 3))
        logits += state["encoder.bias"][channels_of_place]
        weights = np.exp(logits - logits.max())
        weights = (weights / weights.sum()).reshape(kernel, kernel)
        patch = padded[b, :, i : i + kernel, j : j + kernel]
        out[b, :, row, column] = (patch * weights).sum((1, 2))
    return out


def lively(**options) -> Carafe:
    """A module in float64 whose kernels are far from uniform."""
    torch.manual_seed(3)
    module = Carafe(6, **options).double()
    for layer in (module.compressor, module.encoder):
        torch.nn.init.normal_(layer.weight, std=0.5)
        torch.nn.init.normal_(layer.bias, std=0.5)
    return module


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scale": 3},
        {"kernel": 3, "encoder_kernel": 1, "compressed_channels": 5},
        {"kernel": 7, "encoder_kernel": 5},
    ],
)
@pytest.mark.parametrize("size", [(4, 5), (1, 1), (2, 7)])
def test_equals_the_papers_equations(options, size):
    module = lively(**options)
    features = torch.randn(2, 6, *size, dtype=torch.float64)
    with torch.no_grad():
        made = module(features).numpy()
    np.testing.assert_allclose(made, carafe_by_loops(module, features.numpy()), atol=1e-10)


def test_gradients_are_those_of_the_sums():
    torch.manual_seed(0)
    features = torch.randn(1, 2, 2, 3, dtype=torch.float64, requires_grad=True)
    weights = torch.rand(1, 25, 4, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda f, w: reassemble(f, w, 5, 2), (features, weights))


def test_gradients_reach_every_parameter():
    module = lively(kernel=3, compressed_channels=4)
    features = torch.randn(1, 6, 2, 3, dtype=torch.float64, requires_grad=True)
    parameters = tuple(module.parameters())
    assert torch.autograd.gradcheck(lambda f, *_: module(f), (features, *parameters))


def test_gradients_equal_those_of_unfolding():
    """The same sums by ``unfold``, which autograd differentiates itself."""
    torch.manual_seed(1)
    features = torch.randn(2, 8, 6, 9, dtype=torch.float64, requires_grad=True)
    logits = torch.randn(2, 25, 4, 6, 9, dtype=torch.float64, requires_grad=True)
    taken = functional.unfold(features, 5, padding=2).view(2, 8, 25, 54)
    sums = torch.einsum("bcnp,bnqp->bcqp", taken, logits.softmax(1).view(2, 25, 4, 54))
    wanted = functional.pixel_shuffle(sums.reshape(2, 32, 6, 9), 2)
    made = reassemble(features, logits.softmax(1), 5, 2)
    torch.testing.assert_close(made, wanted)
    toward = torch.randn_like(made)
    for mine, other in zip(
        torch.autograd.grad(made, (features, logits), toward),
        torch.autograd.grad(wanted, (features, logits), toward),
        strict=True,
    ):
        torch.testing.assert_close(mine, other)


def test_kernels_sum_to_one():
    weights = lively().weights(torch.randn(1, 6, 3, 4, dtype=torch.float64))
    assert weights.shape == (1, 25, 4, 3, 4)
    assert (weights > 0).all()
    torch.testing.assert_close(weights.sum(1), torch.ones(1, 4, 3, 4, dtype=torch.float64))


def test_a_constant_stays_itself_except_beside_the_border():
    constant = torch.full((1, 6, 7, 8), 2.5, dtype=torch.float64)
    for module in (lively(), Carafe(6).double()):
        inside = module(constant).detach()[..., 4:-4, 4:-4]
        torch.testing.assert_close(inside, torch.full_like(inside, 2.5))
    # a new module's kernels are nearly flat: a corner sees 3 x 3 pixels of 5 x 5, the rest is 0
    made = module(constant).detach()
    torch.testing.assert_close(made[0, :, 0, 0], constant[0, :, 0, 0] * 9 / 25, rtol=0.02, atol=0)
    torch.testing.assert_close(made[0, :, 0, 8], constant[0, :, 0, 0] * 15 / 25, rtol=0.02, atol=0)


def test_a_new_module_averages_its_neighbours():
    torch.manual_seed(0)
    module = Carafe(32)
    assert float(module.encoder.weight.detach().std()) == pytest.approx(0.001, rel=0.05)
    bound = (6 / (32 + 64)) ** 0.5
    assert 0.9 * bound < float(module.compressor.weight.detach().abs().max()) <= bound
    assert not module.compressor.bias.any()
    assert not module.encoder.bias.any()
    features = torch.randn(1, 32, 9, 9)
    mean = functional.avg_pool2d(features, 5, 1, 2)
    wanted = functional.interpolate(mean, scale_factor=2)
    torch.testing.assert_close(module(features).detach(), wanted, atol=2e-2, rtol=0)


def test_parameters_have_their_documented_names():
    assert {name: tuple(p.shape) for name, p in Carafe(256).named_parameters()} == {
        "compressor.weight": (64, 256, 1, 1),
        "compressor.bias": (64,),
        "encoder.weight": (100, 64, 3, 3),
        "encoder.bias": (100,),
    }


def test_channels_last_changes_nothing():
    module = lively()
    features = torch.randn(2, 6, 5, 4, dtype=torch.float64)
    wanted = module(features)
    turned = module.to(memory_format=torch.channels_last)
    torch.testing.assert_close(turned(features.to(memory_format=torch.channels_last)), wanted)


def test_bf16_autocast_stays_near_float32():
    torch.manual_seed(2)
    module, features = Carafe(16), torch.randn(1, 16, 8, 8, requires_grad=True)
    torch.nn.init.normal_(module.encoder.weight, std=0.1)
    wanted = module(features)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = module(functional.conv2d(features, torch.eye(16)[:, :, None, None]))
    assert made.dtype is torch.bfloat16
    torch.testing.assert_close(made.float(), wanted, atol=0.05, rtol=0.05)
    made.sum().backward()
    assert features.grad is not None
    assert all(torch.isfinite(p.grad).all() for p in module.parameters())


def test_half_precision_is_summed_in_float32():
    features = torch.ones(1, 1, 5, 5, dtype=torch.bfloat16)
    weights = torch.full((1, 25, 4, 5, 5), 1 / 25)
    made = reassemble(features, weights, 5, 2)
    assert made.dtype is torch.bfloat16
    # 25 rounded sums of 0.04 would end near 1.008
    assert float(made[0, 0, 5, 5]) == 1.0


def test_even_kernels_are_refused():
    with pytest.raises(ValueError, match="odd"):
        Carafe(4, kernel=4)


def levels(*sizes: tuple[int, int]) -> dict[str, torch.Tensor]:
    torch.manual_seed(4)
    widths = (8, 16, 32)
    return {str(i): torch.randn(1, widths[i], *size) for i, size in enumerate(sizes)}


def test_pyramid_is_the_plain_one_where_carafe_copies():
    """Kernels with all their weight on the middle tap are nearest upsampling."""
    torch.manual_seed(5)
    plain = FeaturePyramidNetwork([8, 16, 32], 12, LastLevelMaxPool())
    pyramid = CarafeFPN([8, 16, 32], 12, LastLevelMaxPool())
    missing, surplus = pyramid.load_state_dict(plain.state_dict(), strict=False)
    assert not surplus
    assert all(name.startswith("upsamplers.") for name in missing)
    for upsampler in pyramid.upsamplers:
        torch.nn.init.zeros_(upsampler.encoder.weight)
        with torch.no_grad():
            upsampler.encoder.bias.view(25, 4)[12] = 100.0
    inputs = levels((16, 12), (8, 6), (4, 3))
    wanted, made = plain(inputs), pyramid(inputs)
    assert list(made) == list(wanted) == ["0", "1", "2", "pool"]
    for name in wanted:
        torch.testing.assert_close(made[name], wanted[name])


def test_pyramid_takes_levels_of_odd_sizes():
    made = CarafeFPN([8, 16, 32], 12)(levels((13, 9), (7, 5), (4, 3)))
    assert [tuple(m.shape[-2:]) for m in made.values()] == [(13, 9), (7, 5), (4, 3)]


def test_each_level_has_an_upsampler_of_its_own():
    pyramid = CarafeFPN([8, 16, 32], 12)
    sum(m.sum() for m in pyramid(levels((8, 8), (4, 4), (2, 2))).values()).backward()
    assert len(pyramid.upsamplers) == 2
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in pyramid.parameters())
