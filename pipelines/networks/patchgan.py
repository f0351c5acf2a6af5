"""The multi-scale PatchGAN discriminator of pix2pixHD.

Source: Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional
GANs" (CVPR 2018); ACGPN's and HR-VITON's discriminators have its form.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

_KERNEL, _PADDING, _SLOPE = 4, 2, 0.2
_WIDEST = 512


class MultiscaleDiscriminator(nn.Module):
    """Pictures ``[B, in_channels, H, W]`` to a list of layer outputs for each scale.

    The first scale is the full size, each further one half of the one before. The last output of
    a scale is its map of scores ``[B, 1, h, w]``, about H / 8 x W / 8 with three layers.
    ``spectral`` normalises the weights (Miyato et al. 2018), as HR-VITON does for hinge losses.
    At the other defaults names and shapes are those of ACGPN's checkpoints.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        width: int = 64,
        layers: int = 3,
        scales: int = 2,
        spectral: bool = False,
    ) -> None:
        super().__init__()
        self.layers, self.scales = layers, scales
        for scale in range(scales):
            for number, layer in enumerate(_layers(in_channels, width, layers, spectral)):
                self.add_module(f"scale{scale}_layer{number}", layer)

    def forward(self, picture: Tensor) -> list[list[Tensor]]:
        """Outputs of the layers by scale, the full size first."""
        features = []
        for number in range(self.scales):
            # parity: the parameters of the full size are those of the last number
            scale = self.scales - 1 - number
            outputs, x = [], picture
            for layer in range(self.layers + 2):
                x = self.get_submodule(f"scale{scale}_layer{layer}")(x)
                outputs.append(x)
            features.append(outputs)
            picture = F.avg_pool2d(picture, 3, 2, 1, count_include_pad=False)
        return features

    def for_generator(self, condition: Tensor, made: Tensor) -> list[list[Tensor]]:
        """Features of made pictures through which gradients reach them, but no weight of ours."""
        self.requires_grad_(False)
        try:
            return list(self(torch.cat([condition, made], 1)))
        finally:
            self.requires_grad_(True)

    def compare(
        self, condition: Tensor, real: Tensor, made: Tensor
    ) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
        """Features of real and of made pictures under the same condition, in one pass."""
        pairs = torch.cat([torch.cat([condition, real], 1), torch.cat([condition, made], 1)])
        features = self(pairs)
        return (
            [[output[: len(real)] for output in scale] for scale in features],
            [[output[len(real) :] for output in scale] for scale in features],
        )


def _layers(in_channels: int, width: int, layers: int, spectral: bool) -> list[nn.Sequential]:
    def convolution(inside: int, outside: int, stride: int) -> nn.Module:
        made = nn.Conv2d(inside, outside, _KERNEL, stride, _PADDING)
        return spectral_norm(made) if spectral else made

    made = [nn.Sequential(convolution(in_channels, width, 2), nn.LeakyReLU(_SLOPE))]
    inside = width
    for number in range(1, layers + 1):
        outside = min(2 * inside, _WIDEST)
        stride = 2 if number < layers else 1
        made.append(
            nn.Sequential(
                convolution(inside, outside, stride),
                nn.InstanceNorm2d(outside),
                nn.LeakyReLU(_SLOPE),
            )
        )
        inside = outside
    # the scores are not normalised: their scale is what is learnt
    return [*made, nn.Sequential(nn.Conv2d(inside, 1, _KERNEL, 1, _PADDING))]
