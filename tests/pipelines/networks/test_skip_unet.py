"""The U-Net of levels inside levels. Its numbers: the tests of the systems that use it."""

import pytest
import torch
from torch import nn

from pipelines.networks.skip_unet import SkipUNet


def test_each_map_is_normalised():
    torch.manual_seed(0)
    with torch.no_grad():
        made = SkipUNet(5, 3, width=4)(torch.randn(2, 5, 128, 64))
    assert made.shape == (2, 3, 128, 64)
    torch.testing.assert_close(made.mean((2, 3)), torch.zeros(2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(made.std((2, 3)), torch.ones(2, 3), atol=1e-2, rtol=0)


def test_six_levels_see_ever_smaller_pictures():
    net = SkipUNet(3, 1, width=4)
    shapes = []
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
            module.register_forward_hook(lambda _, __, made: shapes.append(tuple(made.shape[1:])))
    net(torch.randn(1, 3, 128, 192))
    sizes = [(64, 96), (32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]
    channels = (4, 8, 16, 32, 32, 32)
    assert shapes == [(c, *size) for c, size in zip(channels, sizes, strict=True)]


def test_every_weight_takes_part():
    torch.manual_seed(0)
    net = SkipUNet(3, 2, width=4)
    weight = torch.randn(1, 2, 128, 128)
    (net(torch.randn(1, 3, 128, 128)) * weight).sum().backward()
    named = [(n, p.grad) for n, p in net.named_parameters() if n.endswith("weight")]
    assert len(named) == 12
    assert all(grad is not None and grad.abs().sum() > 0 for _, grad in named)


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match="multiples of 64, got 128x96"):
        SkipUNet(3, 1, width=4)(torch.zeros(1, 3, 128, 96))
