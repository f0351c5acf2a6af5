"""The network against torchvision's own, and what both necks share."""

from urllib.error import URLError

import pytest
import torch
from torch import nn
from torchvision.models import resnet18, resnet34
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_Weights, maskrcnn_resnet50_fpn
from torchvision.ops.misc import FrozenBatchNorm2d

from pipelines.errors import ConfigError, WeightsMissing
from pipelines.segmentation.carafe import Carafe
from pipelines.segmentation.maskrcnn_network import (
    build_maskrcnn,
    imagenet_state,
    load_backbone,
)

SMALL = {"backbone": "resnet18", "min_size": 64, "max_size": 128, "proposals": 20}


@pytest.fixture(autouse=True)
def _no_downloads(monkeypatch):
    def refuse(url, *_, **__):
        raise URLError(f"{url} was asked for")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", refuse)


def built(**options):
    torch.manual_seed(7)
    return build_maskrcnn(**{**SMALL, **options})


def count(network):
    return sum(p.numel() for p in network.parameters())


def test_is_torchvisions_network_with_the_plain_neck():
    torch.manual_seed(0)
    mine = build_maskrcnn(neck="fpn", norm="batch", min_size=96, max_size=160).eval()
    theirs = maskrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=16, min_size=96, max_size=160
    ).eval()
    theirs.load_state_dict(mine.state_dict())
    image = torch.rand(3, 70, 90)
    with torch.no_grad():
        made, wanted = mine([image])[0], theirs([image])[0]
    assert len(wanted["labels"])
    for name in ("boxes", "labels", "scores", "masks"):
        torch.testing.assert_close(made[name], wanted[name])


def test_has_the_published_number_of_parameters():
    published = MaskRCNN_ResNet50_FPN_Weights.COCO_V1.meta["num_params"]
    assert count(build_maskrcnn(neck="fpn", norm="frozen", classes=90)) == published


def test_necks_start_from_the_same_weights():
    plain, carafe = (built(neck=neck).state_dict() for neck in ("fpn", "carafe"))
    added = {name for name in carafe if ".upsamplers." in name}
    assert set(carafe) - added == set(plain)
    assert all(torch.equal(carafe[name], plain[name]) for name in plain)
    assert len(added) == 3 * 4


def test_carafe_adds_three_upsamplers():
    network = built(neck="carafe")
    assert [m.scale for m in network.modules() if isinstance(m, Carafe)] == [2, 2, 2]
    # 256 x 64 + 64 and 64 x 9 x 100 + 100, thrice
    assert count(network) - count(built(neck="fpn")) == 3 * (16448 + 57700)


@pytest.mark.parametrize("neck", ["fpn", "carafe"])
def test_learns_from_photos_of_any_size(neck):
    network = built(neck=neck).train()
    images = [torch.rand(3, 50, 70), torch.rand(3, 81, 45)]
    targets = []
    for image in images:
        masks = torch.zeros(2, *image.shape[1:], dtype=torch.uint8)
        masks[0, 5:30, 8:40], masks[1, 20:45, 10:30] = 1, 1
        boxes = torch.tensor([[8.0, 5.0, 40.0, 30.0], [10.0, 20.0, 30.0, 45.0]])
        targets.append({"boxes": boxes, "labels": torch.tensor([1, 13]), "masks": masks})
    sum(network(images, targets).values()).backward()
    still = [n for n, p in network.named_parameters() if p.grad is None]
    assert not still


def test_normalises_as_the_paper_does():
    transform = built().transform
    assert [round(255 * m, 3) for m in transform.image_mean] == [123.675, 116.28, 103.53]
    assert [round(255 * s, 3) for s in transform.image_std] == [58.395, 57.12, 57.375]


def test_normalisations():
    kinds = {
        norm: {
            type(m)
            for m in built(norm=norm).modules()
            if type(m).__name__.endswith(("Norm", "Norm2d"))
        }
        for norm in ("group", "batch", "frozen")
    }
    assert kinds == {
        "group": {nn.GroupNorm},
        "batch": {nn.BatchNorm2d},
        "frozen": {FrozenBatchNorm2d},
    }


@pytest.mark.parametrize(
    ("layers", "first"),
    [(5, "conv1"), (4, "layer1"), (3, "layer2"), (1, "layer4")],
)
def test_freezes_the_early_stages(layers, first):
    body = built(trainable_layers=layers).backbone.body
    learning = {n.partition(".")[0] for n, p in body.named_parameters() if p.requires_grad}
    order = ["conv1", "bn1", "layer1", "layer2", "layer3", "layer4"]
    assert learning == set(order[order.index(first) :])


@pytest.mark.parametrize(
    "options",
    [{"neck": "bifpn"}, {"backbone": "resnet101"}, {"norm": "layer"}, {"trainable_layers": 6}],
)
def test_unknown_names_are_refused(options):
    with pytest.raises(ConfigError):
        build_maskrcnn(**options)


def test_takes_a_classifiers_weights():
    torch.manual_seed(1)
    classifier = resnet18()
    network = built(norm="frozen")
    load_backbone(network, classifier.state_dict())
    body = network.backbone.body.eval()
    image = torch.rand(1, 3, 64, 64)
    wanted = image
    for name, layer in classifier.eval().named_children():
        if name in ("avgpool", "fc"):
            break
        wanted = layer(wanted)
    # FrozenBatchNorm2d rounds in another order
    torch.testing.assert_close(body(image)["3"], wanted, rtol=1e-3, atol=1e-3)


def test_refuses_another_backbones_weights():
    with pytest.raises(ConfigError, match="another backbone") as caught:
        load_backbone(built(norm="frozen"), resnet34().state_dict())
    assert "--set backbone=" in caught.value.hint


def test_weights_that_cannot_be_had_are_an_error(monkeypatch, tmp_path):
    def offline(*host, **options):
        raise OSError("no network")

    monkeypatch.setattr("socket.getaddrinfo", offline)
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    with pytest.raises(WeightsMissing) as caught:
        imagenet_state("resnet18")
    assert caught.value.exit_code == 69
    assert "resnet18-f37072fd.pth" in caught.value.message
    assert "pretrained=none" in caught.value.hint
