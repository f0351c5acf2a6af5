"""Perceptual losses: how far two pictures are apart in the features of a trained network.

Source: Johnson, Alahi and Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and
Super-Resolution" (ECCV 2016); layers and weights of the VGG form are those of pix2pixHD, which
CP-VTON, ACGPN and VITON-HD share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.vgg import cfgs, make_layers

from pipelines.networks.resnet_unet import ResNetUNet

VGG_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
"""Of relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1."""

_VGG_ENDS = (2, 7, 12, 21, 30)
"""Where in torchvision's list of layers the five slices end."""

_IMAGENET_MEAN, _IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class VggFeatures(nn.Module):
    """Activations of VGG19 at five depths, of pictures ``[B, 3, H, W]`` in -1..1.

    ``normalised`` brings the pictures to the colours that the weights were trained with; ACGPN's
    and CP-VTON's code does not. Made with random weights: load torchvision's.
    """

    weights: Sequence[float] = VGG_WEIGHTS

    def __init__(self, *, normalised: bool = True) -> None:
        super().__init__()
        # "E" is VGG19; its large layers for classes are never made
        layers = make_layers(cfgs["E"])
        starts = (0, *_VGG_ENDS)
        self.slices = nn.ModuleList(layers[a:b] for a, b in zip(starts, _VGG_ENDS, strict=False))
        mean, deviation = torch.tensor(_IMAGENET_MEAN), torch.tensor(_IMAGENET_DEVIATION)
        self.mean: Tensor
        self.deviation: Tensor
        # of pictures in -1..1
        mean, deviation = (2 * mean - 1, 2 * deviation) if normalised else (mean * 0, mean * 0 + 1)
        self.register_buffer("mean", mean[:, None, None], persistent=False)
        self.register_buffer("deviation", deviation[:, None, None], persistent=False)

    def load_classifier(self, state: Mapping[str, Any]) -> None:
        """Take the weights of torchvision's VGG19; raises ``RuntimeError`` for another network."""
        wanted = {own: f"features.{own.partition('.')[2]}" for own in self.slices.state_dict()}
        missing = sorted(name for name in wanted.values() if name not in state)
        if missing:
            raise RuntimeError(f"no VGG19: {len(missing)} tensors are missing ({missing[0]}, ...)")
        self.slices.load_state_dict({own: state[name] for own, name in wanted.items()})

    def forward(self, pictures: Tensor, guide: Tensor | None = None) -> list[Tensor]:
        """Five activations, at 1/1 to 1/16 of the size; ``guide`` is not looked at."""
        x = (pictures - self.mean) / self.deviation
        found = []
        for layers in self.slices:
            x = layers(x)
            found.append(x)
        return found


class EncoderFeatures(nn.Module):
    """Activations of a parser's encoder, of pictures ``[B, 3, H, W]`` in -1..1.

    ``mean`` and ``deviation`` are those with which the parser takes photos in 0..1; ``guide``
    ``[B, guide_channels, H / 4, W / 4]`` is what it is shown beside the photo.
    """

    def __init__(self, network: ResNetUNet, *, mean: float, deviation: float) -> None:
        super().__init__()
        self.network, self.mean, self.deviation = network, mean, deviation
        depths = 1 + len(network.rests)
        self.weights: Sequence[float] = (1 / depths,) * depths

    def forward(self, pictures: Tensor, guide: Tensor | None = None) -> list[Tensor]:
        """Activations at 1/2 to 1/32 of the size."""
        photos = (pictures + 1) / 2
        return self.network.encode((photos - self.mean) / self.deviation, guide)


class PerceptualLoss(nn.Module):
    """L1 between the features of two pictures, weighted by depth; the network is not trained."""

    def __init__(self, features: VggFeatures | EncoderFeatures) -> None:
        super().__init__()
        self.features = features.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> PerceptualLoss:
        """Stay in eval mode: the statistics of its normalisation are part of the measure."""
        return self

    def forward(self, made: Tensor, real: Tensor, guide: Tensor | None = None) -> Tensor:
        """A scalar for pictures ``[B, 3, H, W]`` in -1..1; ``real`` gets no gradient."""
        with torch.no_grad():
            wanted = self.features(real, guide)
        found = self.features(made, guide)
        losses = [
            weight * F.l1_loss(a.float(), b.float())
            for weight, a, b in zip(self.features.weights, found, wanted, strict=True)
        ]
        return torch.stack(losses).sum()
