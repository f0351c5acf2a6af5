"""The parser's network: sizes in and out, weight of the file, and that it looks at its guide."""

import pytest
import torch
from safetensors.torch import save

from pipelines.networks.resnet_unet import ResNetUNet
from pipelines.segmentation.parser_network import ParserConfig, build_parser, parser_logits

MOST_PARAMETERS = 10_000_000
MOST_BYTES = 20_000_000


@pytest.fixture
def small() -> ResNetUNet:
    """With guide maps, in eval mode, and of few weights."""
    torch.manual_seed(0)
    return tiny(guide_channels=3).eval()


def tiny(**options) -> ResNetUNet:
    return ResNetUNet(out_channels=4, widths=(4, 4, 6, 6, 8), fine_channels=3, **options)


@pytest.mark.parametrize("size", [(32, 32), (64, 32), (96, 160)])
def test_logits_have_the_size_of_the_image(small, size):
    height, width = size
    image, guide = torch.randn(2, 3, height, width), torch.randn(2, 3, height // 4, width // 4)
    with torch.no_grad():
        assert small(image, guide).shape == (2, 4, height, width)
        assert tiny()(image).shape == (2, 4, height, width)


def test_what_is_seen_depends_on_guide_and_image(small):
    image, guide = torch.randn(1, 3, 64, 64), torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        plain = small(image, guide)
        assert torch.equal(plain, small(image, guide))
        assert not torch.allclose(plain, small(image, guide + 1))
        assert not torch.allclose(plain, small(image + 1, guide))


def test_gradients_reach_every_weight(small):
    small.train()
    small(torch.randn(2, 3, 64, 64), torch.randn(2, 3, 16, 16)).square().mean().backward()
    dead = [name for name, p in small.named_parameters() if p.grad is None or not p.grad.any()]
    assert not dead


def test_wrong_numbers_of_levels_are_refused():
    with pytest.raises(ValueError, match=r"5 widths and 4 numbers of blocks wanted, got \(8, 8\)"):
        ResNetUNet(out_channels=4, widths=(8, 8))
    with pytest.raises(ValueError, match="5 widths and 4 numbers"):
        ResNetUNet(out_channels=4, blocks=(2, 2, 2))
    with pytest.raises(ValueError, match="two blocks in the first stage"):
        tiny(guide_channels=3, blocks=(1, 2, 2, 2))
    with pytest.raises(ValueError, match="first width must be even, got 5"):
        ResNetUNet(out_channels=4, widths=(5, 4, 4, 4, 4))


def test_default_parser_is_compact():
    network = build_parser(ParserConfig())
    assert sum(p.numel() for p in network.parameters()) < MOST_PARAMETERS
    stored = {name: tensor.half() if tensor.is_floating_point() else tensor
              for name, tensor in network.state_dict().items()}  # fmt: skip
    assert len(save(stored)) <= MOST_BYTES


def test_parser_sees_the_pose_or_does_without():
    widths = {"widths": (4, 4, 4, 4, 4), "fine_channels": 2}
    torch.manual_seed(0)
    photos = torch.rand(1, 3, 64, 32)
    joints = torch.zeros(1, 25, 3)
    joints[0, [1, 8]] = torch.tensor([[15.0, 10, 1], [15, 40, 1]])
    moved = joints + torch.tensor([6.0, 0, 0]) * (joints[..., 2:] > 0)
    network = build_parser(ParserConfig(**widths)).eval()
    with torch.no_grad():
        first, second = (parser_logits(network, photos, j) for j in (joints, moved))
        assert first.shape == (1, 20, 64, 32)
        assert not torch.allclose(first, second)
        blind = build_parser(ParserConfig(pose=False, **widths)).eval()
        assert parser_logits(blind, photos, None).shape == (1, 20, 64, 32)
    assert len(blind.state_dict()) <= len(network.state_dict())


def test_config_survives_being_stored():
    config = ParserConfig((4, 5, 6, 7, 8), (2, 1, 1, 3), 5, False)
    assert ParserConfig.from_json(config.to_json()) == config
    with pytest.raises(KeyError):
        ParserConfig.from_json({"widths": [1, 2, 3, 4, 5]})
