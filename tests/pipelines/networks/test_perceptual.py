"""Perceptual losses: torchvision's own layers, the parser's encoder, and what is not trained."""

import pytest
import torch
from torchvision.models import vgg19
from torchvision.models.feature_extraction import create_feature_extractor

from pipelines.networks.perceptual import EncoderFeatures, PerceptualLoss, VggFeatures
from pipelines.networks.resnet_unet import ResNetUNet

# torchvision's numbers of relu1_1, relu2_1, relu3_1, relu4_1, relu5_1
RELUS = ("features.1", "features.6", "features.11", "features.20", "features.29")
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture(scope="module")
def classifier():
    """VGG19 with random weights, its large layers left unmade."""
    torch.manual_seed(0)
    with torch.device("meta"):
        network = vgg19(weights=None)
    network.features.to_empty(device="cpu")
    for layer in network.features:
        if isinstance(layer, torch.nn.Conv2d):
            layer.reset_parameters()
    return network.eval()


def loaded(classifier, **options):
    features = VggFeatures(**options)
    state = classifier.state_dict()
    features.load_classifier({n: t for n, t in state.items() if n.startswith("features.")})
    return features


@torch.no_grad()
def test_vgg_features_are_torchvisions_of_normalised_photos(classifier):
    pictures = torch.rand(1, 3, 32, 32) * 2 - 1
    extract = create_feature_extractor(classifier, list(RELUS))
    mean, deviation = torch.tensor(MEAN)[:, None, None], torch.tensor(DEVIATION)[:, None, None]
    wanted = extract(((pictures + 1) / 2 - mean) / deviation)
    found = loaded(classifier)(pictures)
    for name, feature in zip(RELUS, found, strict=True):
        torch.testing.assert_close(feature, wanted[name], atol=1e-5, rtol=1e-4)
    plain = loaded(classifier, normalised=False)(pictures)
    torch.testing.assert_close(plain[0], extract(pictures)[RELUS[0]], atol=1e-5, rtol=1e-4)


def test_weights_of_another_network_are_refused():
    with pytest.raises(RuntimeError, match="no VGG19: 26 tensors are missing"):
        VggFeatures().load_classifier({"conv1.weight": torch.zeros(1)})


def encoder():
    network = ResNetUNet(out_channels=4, guide_channels=2, widths=(4, 4, 6, 6, 8), fine_channels=3)
    return EncoderFeatures(network, mean=0.5, deviation=0.25)


def test_the_loss_is_weighted_l1_and_trains_only_the_picture():
    torch.manual_seed(0)
    features = encoder()
    loss = PerceptualLoss(features).train()
    assert not features.network.training
    made = torch.randn(2, 3, 64, 32, requires_grad=True)
    real, guide = torch.randn(2, 3, 64, 32), torch.randn(2, 2, 16, 8)
    value = loss(made, real, guide)
    pairs = zip(features(made, guide), features(real, guide), strict=True)
    wanted = sum((a - b).abs().mean() / 5 for a, b in pairs)
    torch.testing.assert_close(value, wanted)
    value.backward()
    assert made.grad.any()
    assert all(p.grad is None for p in loss.parameters())
    assert float(loss(real, real, guide)) == 0


@torch.no_grad()
def test_the_encoder_sees_the_photo_as_its_parser_does():
    features, pictures, guide = encoder().eval(), torch.rand(1, 3, 32, 32), torch.rand(1, 2, 8, 8)
    inner = features.network.encode((pictures - 0.5) / 0.25, guide)
    for a, b in zip(features(pictures * 2 - 1, guide), inner, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)
    assert [f.shape[-1] for f in inner] == [16, 8, 4, 2, 1]
