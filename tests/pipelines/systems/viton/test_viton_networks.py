"""VITON's networks: the published layers, and TensorFlow's arithmetic written out in NumPy."""

import numpy as np
import pytest
import torch

from pipelines.systems.viton.networks import (
    EncoderDecoder,
    RefinementNetwork,
    StatedBatchNorm,
    composed,
)


def same_padding(size, kernel, stride):
    """TensorFlow's rule for SAME: what is added before and behind."""
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def conv_same(x, kernel, stride):
    """``[H, W, I]`` with a kernel ``[kh, kw, I, O]``, as ``tf.nn.conv2d`` with SAME."""
    pads = [same_padding(n, k, stride) for n, k in zip(x.shape, kernel.shape[:2], strict=False)]
    padded = np.pad(x, (*pads, (0, 0)))
    height, width = (-(-n // stride) for n in x.shape[:2])
    out = np.zeros((height, width, kernel.shape[3]))
    for row in range(height):
        for column in range(width):
            top, left = row * stride, column * stride
            seen = padded[top : top + kernel.shape[0], left : left + kernel.shape[1]]
            out[row, column] = np.tensordot(seen, kernel, 3)
    return out


def deconv_same(x, kernel):
    """``[H, W, I]`` with a kernel ``[kh, kw, O, I]`` to twice the size: conv2d_transpose, SAME."""
    height, width = 2 * x.shape[0], 2 * x.shape[1]
    top, left = (same_padding(n, 4, 2)[0] for n in (height, width))
    out = np.zeros((height + 4, width + 4, kernel.shape[2]))
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            out[2 * row : 2 * row + 4, 2 * column : 2 * column + 4] += kernel @ x[row, column]
    return out[top : top + height, left : left + width]


def test_numbers_and_layers_are_the_published_ones():
    with torch.device("meta"):
        coarse, refine = EncoderDecoder(), RefinementNetwork()
    trainable = [sum(p.numel() for p in n.parameters()) for n in (coarse, refine)]
    assert trainable == [29_269_632, 77_633]
    down = [tuple(m.weight.shape) for m in coarse.modules() if isinstance(m, torch.nn.Conv2d)]
    assert down == [
        (64, 25, 4, 4), (128, 64, 4, 4), (256, 128, 4, 4), (512, 256, 4, 4), (512, 512, 4, 4),
        (512, 512, 4, 4),
    ]  # fmt: skip
    up = [
        tuple(m.weight.shape) for m in coarse.modules() if isinstance(m, torch.nn.ConvTranspose2d)
    ]
    assert up == [
        (512, 512, 4, 4), (1024, 512, 4, 4), (1024, 256, 4, 4), (512, 128, 4, 4),
        (256, 64, 4, 4), (128, 4, 4, 4),
    ]  # fmt: skip
    assert [tuple(p.shape) for p in refine.parameters()] == [
        (64, 6, 3, 3), (64,), (64,), (64, 64, 3, 3), (64,), (64,), (64, 64, 3, 3), (64,), (64,),
        (1, 64, 1, 1), (1,),
    ]  # fmt: skip


def test_the_first_values_are_the_published_ones():
    torch.manual_seed(0)
    weight = EncoderDecoder(width=16).decoder[1][1].weight.detach()
    assert float(weight.std()) == pytest.approx(0.02, rel=0.02)
    assert abs(float(weight.mean())) < 1e-4


@pytest.mark.parametrize("shape", [(16, 12), (8, 6), (6, 10)])
def test_convolutions_down_are_padded_as_tensorflow_pads(shape):
    torch.manual_seed(1)
    layer = EncoderDecoder(width=2).encoder[0]
    x = np.random.default_rng(2).normal(size=(*shape, 25))
    wanted = conv_same(x, layer.weight.detach().double().permute(2, 3, 1, 0).numpy(), 2)
    found = layer.double()(torch.from_numpy(x).permute(2, 0, 1)[None])
    np.testing.assert_allclose(found[0].permute(1, 2, 0).detach().numpy(), wanted, atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 3), (5, 8)])
def test_convolutions_up_are_padded_as_tensorflow_pads(shape):
    torch.manual_seed(1)
    layer = EncoderDecoder(width=2).decoder[0][1].double()
    x = np.random.default_rng(2).normal(size=(*shape, 16))
    wanted = deconv_same(x, layer.weight.detach().permute(2, 3, 1, 0).numpy())
    found = layer(torch.from_numpy(x).permute(2, 0, 1)[None])
    assert wanted.shape == (2 * shape[0], 2 * shape[1], 16)
    np.testing.assert_allclose(found[0].permute(1, 2, 0).detach().numpy(), wanted, atol=1e-12)


def test_features_are_normalised_as_tensorflow_does_it():
    rng = np.random.default_rng(3)
    norm = StatedBatchNorm(3, decay=0.9).double()
    scale, shift = rng.uniform(0.5, 2, 3), rng.normal(size=3)
    with torch.no_grad():
        norm.weight.copy_(torch.from_numpy(scale))
        norm.bias.copy_(torch.from_numpy(shift))
    mean, variance = np.zeros(3), np.ones(3)

    def normalised(x, mean, variance):
        inverse = scale / np.sqrt(variance + 1e-5)
        return x * inverse + (shift - mean * inverse)

    for _ in range(3):
        # few numbers, so that n and n - 1 differ
        x = rng.normal(2, 5, (2, 2, 1, 3))
        batch = x.mean((0, 1, 2)), x.var((0, 1, 2))
        made = norm(torch.from_numpy(x).permute(0, 3, 1, 2)).detach().permute(0, 2, 3, 1)
        np.testing.assert_allclose(made.numpy(), normalised(x, *batch), atol=1e-10)
        mean = mean * 0.9 + batch[0] * (1 - 0.9)
        variance = variance * 0.9 + batch[1] * (1 - 0.9)
        np.testing.assert_allclose(norm.running_mean.numpy(), mean, atol=1e-6)
        np.testing.assert_allclose(norm.running_var.numpy(), variance, rtol=1e-6)
    norm.eval()
    x = rng.normal(size=(1, 4, 5, 3))
    made = norm(torch.from_numpy(x).permute(0, 3, 1, 2)).detach().permute(0, 2, 3, 1)
    np.testing.assert_allclose(made.numpy(), normalised(x, mean, variance), atol=1e-5)
    np.testing.assert_allclose(norm.running_var.numpy(), variance, rtol=1e-6)
    assert EncoderDecoder(width=1).encoder[1][2].momentum == pytest.approx(0.001)


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


def normed(x, layer):
    """A batch-normalised ``[H, W, C]`` in use, by the kept statistics."""
    mean, variance = layer.running_mean.numpy(), layer.running_var.numpy()
    scaled = (x - mean) / np.sqrt(variance + 1e-5)
    return scaled * layer.weight.detach().numpy() + layer.bias.detach().numpy()


def test_the_encoder_decoder_is_the_published_list_of_layers():
    torch.manual_seed(4)
    network = EncoderDecoder(width=1).double().eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, StatedBatchNorm):
                for tensor in (module.running_mean, module.bias):
                    tensor.normal_()
                for tensor in (module.running_var, module.weight):
                    tensor.uniform_(0.5, 2)
            elif hasattr(module, "weight"):
                module.weight.normal_(0, 0.3)
        x = torch.randn(1, 25, 64, 128, dtype=torch.float64)
        found = network(x)
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    h = conv_same(x[0].permute(1, 2, 0).numpy(), state["encoder.0.weight"].transpose(2, 3, 1, 0), 2)
    skips = [h]
    for number in range(1, 6):
        kernel = state[f"encoder.{number}.1.weight"].transpose(2, 3, 1, 0)
        h = normed(conv_same(leaky(h), kernel, 2), network.encoder[number][2])
        skips.append(h)
    assert skips[-1].shape == (1, 2, 8)
    for number in range(5):
        if number:
            h = np.concatenate([h, skips[5 - number]], -1)
        kernel = state[f"decoder.{number}.1.weight"].transpose(2, 3, 1, 0)
        h = normed(deconv_same(np.maximum(h, 0), kernel), network.decoder[number][2])
    h = np.maximum(np.concatenate([h, skips[0]], -1), 0)
    h = np.tanh(deconv_same(h, state["decoder.5.1.weight"].transpose(2, 3, 1, 0)))
    assert h.std() > 0.1
    np.testing.assert_allclose(found.raw[0].permute(1, 2, 0).numpy(), h, atol=1e-6)
    assert torch.equal(torch.cat((found.mask, found.picture), 1), found.raw)
    assert found.mask.shape == (1, 1, 64, 128)


def test_half_of_the_innermost_features_are_left_out_in_training():
    torch.manual_seed(5)
    network = EncoderDecoder(width=8)
    left_out = [m for m in network.modules() if isinstance(m, torch.nn.Dropout)]
    assert left_out == [network.decoder[0][3]] and left_out[0].p == 0.5
    x = torch.randn(1, 25, 64, 64)
    assert torch.equal(network.eval()(x).raw, network(x).raw)
    network.train()
    inner = network.decoder[0](torch.randn(2, 64, 8, 8))
    assert float((inner == 0).float().mean()) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("size", [(100, 64), (64, 32)])
def test_sizes_that_cannot_be_halved_six_times_are_refused(size):
    with pytest.raises(ValueError, match="multiples of 64"):
        EncoderDecoder(width=1)(torch.zeros(1, 25, *size))


def test_the_refinement_is_the_published_list_of_layers():
    torch.manual_seed(6)
    network = RefinementNetwork(width=3).double()
    with torch.no_grad():
        for number in (1, 4, 7):
            network.model[number].weight.uniform_(0.5, 2)
            network.model[number].bias.normal_()
        network.model[9].bias.fill_(0.3)
        warped, coarse = torch.randn(2, 2, 3, 10, 8, dtype=torch.float64).unbind()
        found = network(warped, coarse)
    for index in range(2):
        h = torch.cat((warped[index], coarse[index])).permute(1, 2, 0).numpy()
        for number in (0, 3, 6):
            conv, norm = network.model[number], network.model[number + 1]
            h = conv_same(h, conv.weight.detach().permute(2, 3, 1, 0).numpy(), 1)
            # one mean and variance of the whole example
            h = (h - h.mean()) / np.sqrt(h.var() + 1e-12)
            h = leaky(h * norm.weight.detach().numpy() + norm.bias.detach().numpy())
        h = h @ network.model[9].weight.detach().numpy()[0, :, 0, 0] + 0.3
        np.testing.assert_allclose(found[index, 0].numpy(), 1 / (1 + np.exp(-h)), atol=1e-6)
    assert 0 < float(found.min()) < float(found.max()) < 1


def test_the_composition_is_a_share_of_each():
    warped, coarse = torch.full((1, 3, 2, 2), 0.8), torch.full((1, 3, 2, 2), -0.4)
    share = torch.tensor([[[[0.0, 1.0], [0.5, 0.25]]]])
    wanted = torch.tensor([[-0.4, 0.8], [0.2, -0.1]]).expand(1, 3, 2, 2)
    torch.testing.assert_close(composed(share, warped, coarse), wanted)
