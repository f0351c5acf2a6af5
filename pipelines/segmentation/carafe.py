"""CARAFE, content-aware reassembly of features, and the feature pyramid that upsamples with it.

Wang, Chen, Xu, Liu, Loy, Lin: "CARAFE: Content-Aware ReAssembly of FEatures" (ICCV 2019). Every
pixel of the enlarged map is a weighted mean of 5 x 5 features around its source; a small network
predicts the 25 weights from the features themselves.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torchvision.ops.feature_pyramid_network import ExtraFPNBlock, FeaturePyramidNetwork


class Carafe(nn.Module):
    """Upsampling by content-aware reassembly: ``[B, C, H, W]`` to ``[B, C, s H, s W]``.

    Parameters are named ``compressor.{weight,bias}`` (1 x 1 convolution to
    ``compressed_channels``) and ``encoder.{weight,bias}`` (convolution to ``s^2 k^2`` channels,
    in the order that ``pixel_shuffle`` takes). The paper's best setting is the default: k = 5,
    ``encoder_kernel`` = k - 2, 64 compressed channels. Weights are initialised as in the
    authors' code: Xavier for the compressor, normal with deviation 0.001 for the encoder, which
    makes a new module the mean of 5 x 5 features.
    """

    def __init__(
        self,
        channels: int,
        *,
        scale: int = 2,
        kernel: int = 5,
        encoder_kernel: int = 3,
        compressed_channels: int = 64,
    ) -> None:
        super().__init__()
        if kernel % 2 == 0 or encoder_kernel % 2 == 0:
            raise ValueError(f"kernels must be odd, got {kernel} and {encoder_kernel}")
        self.scale, self.kernel = scale, kernel
        self.compressor = nn.Conv2d(channels, compressed_channels, 1)
        self.encoder = nn.Conv2d(
            compressed_channels, (scale * kernel) ** 2, encoder_kernel, padding=encoder_kernel // 2
        )
        nn.init.xavier_uniform_(self.compressor.weight)
        nn.init.normal_(self.encoder.weight, std=0.001)
        for layer in (self.compressor, self.encoder):
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # both have one

    def weights(self, features: Tensor) -> Tensor:
        """Reassembly kernels ``[B, k^2, s^2, H, W]``, each summing to 1 over its k^2 taps."""
        batch, _, height, width = features.shape
        logits: Tensor = self.encoder(self.compressor(features))
        # what pixel_shuffle would move to place (u, v) of a pixel's s x s block is entry u s + v
        shape = (batch, self.kernel**2, self.scale**2, height, width)
        return logits.reshape(shape).softmax(1)

    def forward(self, features: Tensor) -> Tensor:
        """Enlarge float features ``[B, C, H, W]``; their dtype is kept."""
        return reassemble(features, self.weights(features), self.kernel, self.scale)


def reassemble(features: Tensor, weights: Tensor, kernel: int, scale: int) -> Tensor:
    """Equation 4 of the paper: weighted sums over ``kernel`` x ``kernel`` neighbours.

    ``features`` ``[B, C, H, W]`` float, ``weights`` ``[B, kernel^2, scale^2, H, W]``; the result is
    ``[B, C, scale H, scale W]`` in the dtype of ``features``. Outside the map features are 0.
    Half precision is summed in float32. First derivatives only. Memory beyond the result: a few
    copies of ``features`` (unfolding would take ``kernel^2`` of them).
    """
    made: Tensor = _Reassemble.apply(features, weights, kernel, scale)
    return made


class _Reassemble(torch.autograd.Function):
    """One pass per tap, summed in place; the backward pass recomputes instead of storing."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weights: Tensor, kernel: int, scale: int) -> Tensor:
        ctx.save_for_backward(features, weights)
        ctx.kernel, ctx.scale = kernel, scale
        (batch, channels, height, width), padded = features.shape, _padded(features, kernel)
        weights = weights.to(padded.dtype)
        total = padded.new_zeros(batch, channels, scale**2, height, width)
        for tap in range(kernel**2):
            seen = _shifted(padded, tap, kernel, height, width)
            total.addcmul_(seen.unsqueeze(2), weights[:, tap].unsqueeze(1))
        return functional.pixel_shuffle(total.flatten(1, 2), scale).to(features.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        features, weights = ctx.saved_tensors
        kernel, blocks = ctx.kernel, ctx.scale**2
        (height, width), padded = features.shape[2:], _padded(features, kernel)
        # [B, C s^2, H, W] as s^2 maps of [B, C, H, W], each contiguous
        places = functional.pixel_unshuffle(gradient.to(padded.dtype), ctx.scale)
        places = places.reshape(len(places), -1, blocks, height, width).transpose(1, 2).contiguous()
        at = weights.to(padded.dtype)
        to_padded, to_weights = torch.zeros_like(padded), torch.empty_like(at)
        for tap in range(kernel**2):
            seen = _shifted(padded, tap, kernel, height, width)
            into = _shifted(to_padded, tap, kernel, height, width)
            for block in range(blocks):
                into.addcmul_(places[:, block], at[:, tap, block].unsqueeze(1))
                to_weights[:, tap, block] = (places[:, block] * seen).sum(1)
        border = kernel // 2
        to_features = to_padded[:, :, border : border + height, border : border + width]
        return to_features.to(features.dtype), to_weights.to(weights.dtype), None, None


def _padded(features: Tensor, kernel: int) -> Tensor:
    """Contiguous, at least float32, with a border of zeros."""
    wide = features.to(torch.promote_types(features.dtype, torch.float32)).contiguous()
    return functional.pad(wide, (kernel // 2,) * 4)


def _shifted(padded: Tensor, tap: int, kernel: int, height: int, width: int) -> Tensor:
    """View of what tap ``tap`` (row by row from the top left) sees at each place."""
    down, right = divmod(tap, kernel)
    return padded[:, :, down : down + height, right : right + width]


class CarafeFPN(FeaturePyramidNetwork):  # type: ignore[misc]  # torchvision has no types
    """Feature pyramid network with CARAFE instead of nearest upsampling, as the paper places it.

    Takes the place of torchvision's ``FeaturePyramidNetwork`` (same arguments, same parameter
    names); ``upsamplers.N`` is the ``Carafe`` from level N + 1 to N.
    """

    def __init__(
        self,
        in_channels_list: Sequence[int],
        out_channels: int,
        extra_blocks: ExtraFPNBlock | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__(list(in_channels_list), out_channels, extra_blocks, norm_layer)
        self.upsamplers = nn.ModuleList(Carafe(out_channels) for _ in in_channels_list[1:])

    def forward(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        """Feature maps by name, largest first; each at most twice the next in height and width."""
        names, maps = list(x), list(x.values())
        above = self.get_result_from_inner_blocks(maps[-1], -1)
        results = [self.get_result_from_layer_blocks(above, -1)]
        for level in range(len(maps) - 2, -1, -1):
            lateral = self.get_result_from_inner_blocks(maps[level], level)
            height, width = lateral.shape[-2:]
            # a level of odd size was rounded up when it was halved: its double is one too large
            above = lateral + self.upsamplers[level](above)[..., :height, :width]
            results.insert(0, self.get_result_from_layer_blocks(above, level))
        if self.extra_blocks is not None:
            results, names = self.extra_blocks(results, maps, names)
        return OrderedDict(zip(names, results, strict=True))
