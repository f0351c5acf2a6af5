"""Which network a perceptual loss looks through."""

import pytest
import torch

from pipelines.errors import ConfigError, InputError, WeightsMissing
from pipelines.segmentation.parser_network import ParserConfig, build_parser
from pipelines.training.export import WeightsMetadata, write_weights
from pipelines.training.tryon_perceptual import LEFT_OUT, find_perceptual

CONFIG = ParserConfig((16,) * 5, (2, 1, 1, 1), fine_channels=4)


@pytest.fixture
def no_vgg(tmp_path, monkeypatch):
    """An empty cache of torchvision."""
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path / "hub"))


@pytest.fixture
def parser(tmp_path):
    torch.manual_seed(0)
    metadata = WeightsMetadata("parser.ours", CONFIG.to_json(), tier="open", label_set="LIP20")
    return write_weights(tmp_path / "parser.safetensors", build_parser(CONFIG), metadata)


def test_nothing_at_hand_is_told_and_left_out(no_vgg, shelf):
    notes = []
    assert find_perceptual("auto", "", notes.append) is None
    assert notes == [LEFT_OUT]
    assert find_perceptual("none", "", notes.append) is None and len(notes) == 1


def test_the_encoder_of_a_parser_sees_photo_and_pose(no_vgg, parser):
    notes = []
    loss = find_perceptual("auto", str(parser), notes.append)
    assert loss.name == "parser" and loss.sees_pose and notes == ["perceptual loss: parser"]
    joints = torch.tensor([[[16.0 + 3 * k, 20.0 + 7 * k % 50, 1.0] for k in range(25)]])
    made = torch.rand(1, 3, 64, 64, requires_grad=True)
    real = torch.rand(1, 3, 64, 64)
    value = loss(made, real, joints)
    value.backward()
    assert float(value.detach()) > 0 and made.grad.any()
    assert float(loss(real, real, joints)) == 0
    assert float(loss(made, real, joints + 9).detach()) != pytest.approx(float(value.detach()))


def test_vgg_is_taken_where_torchvision_keeps_it(no_vgg, parser, tmp_path, monkeypatch):
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "vgg19-dcbb9e9d.pth").write_bytes(b"not weights")
    monkeypatch.setattr("socket.getaddrinfo", offline)
    with pytest.raises(WeightsMissing, match="dcbb9e9d.pth cannot be had from https://download.py"):
        find_perceptual("auto", "", lambda note: None)


def offline(*host, **options):
    raise OSError("no network")


def test_a_file_that_is_no_vgg_is_refused(tmp_path, no_vgg):
    path = tmp_path / "vgg19.pth"
    torch.save({"features.0.weight": torch.zeros(1)}, path)
    with pytest.raises(InputError, match="cannot be used as VGG19: no VGG19: 25 tensors"):
        find_perceptual("vgg", str(path), lambda note: None)
    path.write_bytes(b"text")
    with pytest.raises(InputError, match="cannot be used as VGG19"):
        find_perceptual("auto", str(path), lambda note: None)


def test_unknown_kinds_are_refused():
    with pytest.raises(ConfigError, match="perceptual = 'resnet'"):
        find_perceptual("resnet", "", lambda note: None)
