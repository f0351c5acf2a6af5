"""The plain U-Net: sizes, dropout, and what its levels see. Its numbers: the systems' tests."""

import pytest
import torch
from golden_vectors import published_shapes

from pipelines.networks.unet import DoubledConv, UNet, quickened


@pytest.mark.parametrize(
    ("network", "channels"),
    [
        ("acgpn_G1", (37, 14)),
        ("acgpn_G2", (37, 1)),
        ("acgpn_G", (24, 3)),
        ("vitonhd_seg", (21, 13)),
    ],
)
def test_names_and_shapes_are_those_of_published_checkpoints(network, channels):
    with torch.device("meta"):
        state = UNet(*channels).state_dict()
    assert {name: tuple(t.shape) for name, t in state.items()} == published_shapes(network)


def test_dropout_acts_in_training_only():
    torch.manual_seed(0)
    net, x = UNet(3, 2, width=4), torch.randn(1, 3, 32, 48)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))
    assert net(x).shape == (1, 2, 32, 48)


def test_every_weight_takes_part():
    net = UNet(3, 2, width=4, dropout=0)
    (net(torch.randn(1, 3, 32, 32)) ** 2).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    assert all(p.grad.abs().sum() > 0 for n, p in net.named_parameters() if n.endswith("weight"))


def with_coarse(width=8):
    torch.manual_seed(0)
    network = UNet(3, 2, width=width, coarse_width=8).eval()
    for head in network.coarse.heads:
        torch.nn.init.normal_(head.weight)
    network.coarse_share.data.fill_(0.25)
    return network


def test_a_share_of_the_coarse_answer_is_taken():
    network, plain = with_coarse(), UNet(3, 2, width=8).eval()
    plain.load_state_dict(network.state_dict(), strict=False)
    x = torch.randn(1, 3, 64, 48)
    with torch.no_grad():
        fine, coarse = plain(x), network.coarse_maps(x)
        torch.testing.assert_close(network(x), 0.75 * fine + 0.25 * coarse)
    assert coarse.shape == fine.shape and bool(coarse.any())


def test_sizes_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match="multiples of 16, got 40x48"):
        UNet(3, 2, width=4)(torch.zeros(1, 3, 40, 48))


def test_a_step_up_and_its_convolution_in_one():
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(5, 3, 3, padding=1)
    x = torch.randn(2, 5, 7, 4)
    wanted = conv(torch.nn.functional.interpolate(x, scale_factor=2, mode="nearest"))
    torch.testing.assert_close(DoubledConv(conv)(x), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("coarse", [False, True])
def test_a_quickened_network_is_the_same_function(coarse):
    torch.manual_seed(0)
    net = with_coarse() if coarse else UNet(3, 2, width=8).eval()
    x = torch.randn(1, 3, 64, 96)
    fast = quickened(net)
    with torch.no_grad():
        torch.testing.assert_close(fast(x), net(x), atol=1e-4, rtol=1e-4)
        rough = quickened(net, torch.bfloat16)(x)
        assert rough.dtype == (torch.float32 if coarse else torch.bfloat16)
        assert 0 < (rough.float() - net(x)).abs().mean() < 0.25 * net(x).abs().mean()
    assert isinstance(net.up6[0], torch.nn.Upsample), "the network itself stays as it is"
