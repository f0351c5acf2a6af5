"""The ALIAS generator for inference: the same function, in a fraction of the time and memory.

Spectral normalisation is folded into the weights; scale and shift come from ``LayoutMap``; the
layout's maps of each size are made once for all blocks; what a person gives to each level is kept
for the next garments. Features are ``[P, C]`` matrices of pixels, which is what a channels-last
tensor is in memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.networks.alias import ALIASNorm, ALIASResBlock, MaskNorm, Noise, resized
from pipelines.networks.grid_refiner import REFINED
from pipelines.systems.viton_hd.chain_layout_map import LayoutMap, LookupModulation
from pipelines.systems.viton_hd.networks import ALIASGenerator, on_garment

_SLOPE = 0.2
_EPSILON = 1e-5
_AT_A_TIME = 32768
_PERSON_CHANNELS = 6


@dataclass(frozen=True, eq=False)
class _Conv:
    weight: Tensor
    bias: Tensor | None

    @classmethod
    def of(cls, conv: nn.Module, dtype: torch.dtype) -> _Conv:
        weight, bias = _folded(conv), conv.bias
        assert bias is None or isinstance(bias, Tensor)  # noqa: S101 - of a convolution
        return cls(
            weight.to(dtype).contiguous(memory_format=torch.channels_last),
            None if bias is None else bias.detach().to(dtype),
        )

    def __call__(self, x: Tensor) -> Tensor:
        made = F.conv2d(x, self.weight, self.bias, padding=self.weight.shape[-1] // 2)
        return made.contiguous(memory_format=torch.channels_last)


def _channels(conv: _Conv, wanted: slice) -> Tensor:
    return conv.weight[:, wanted].contiguous(memory_format=torch.channels_last)


def _folded(conv: nn.Module) -> Tensor:
    """The weight that a spectrally normalised convolution uses in evaluation."""
    if not hasattr(conv, "weight_orig"):
        plain = conv.weight
        assert isinstance(plain, Tensor)  # noqa: S101 - of a convolution
        return plain.detach()
    weight, u, v = conv.weight_orig, conv.weight_u, conv.weight_v
    assert isinstance(weight, Tensor) and isinstance(u, Tensor)  # noqa: S101 - spectral_norm's
    assert isinstance(v, Tensor)  # noqa: S101 - as above
    return weight.detach() / torch.dot(u, torch.mv(weight.detach().flatten(1), v))


class _Norm:
    """One ``ALIASNorm``."""

    def __init__(self, norm: ALIASNorm, dtype: torch.dtype) -> None:
        scale = norm.noise_scale.detach()
        self._noise_scale = scale if bool(scale.any()) else None
        self._modulation = LookupModulation(norm, dtype)

    def __call__(
        self, x: Tensor, maps: _Level, noise: Noise, known: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """``x`` ``[1, C, H, W]`` channels last, normalised, scaled and shifted.

        ``known`` are the statistics of ``x``, where they have been made before.
        """
        if self._noise_scale is not None:
            field = noise(1, *x.shape[-2:]).to(x)
            x, known = x + field * self._noise_scale[:, None, None].to(x), None
        scale, shift = known or maps.statistics(x)
        made = self._modulation.modulate(_pixels(x), maps.layout, scale, shift)
        return made.view(1, *x.shape[-2:], -1).permute(0, 3, 1, 2)


def _pixels(x: Tensor) -> Tensor:
    """``[1, C, H, W]`` channels last as ``[P, C]``."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _statistics(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and shift ``float32 [1, C]`` of instance normalisation."""
    # sums as products with ones: many times faster than reductions over the long axis
    start = pixels[:_AT_A_TIME].float().mean(0)
    sums = torch.zeros(2, pixels.shape[1], device=pixels.device)
    for first in range(0, len(pixels), _AT_A_TIME):
        part = pixels[first : first + _AT_A_TIME] - start
        ones = part.new_ones(1, len(part))
        sums += torch.cat((ones @ part, ones @ part.square_()))
    mean, square = sums / len(pixels)
    scale = ((square - mean**2).clamp(min=0) + _EPSILON).rsqrt()[None]
    return scale, -(mean + start) * scale


def _two_statistics(pixels: Tensor, misalign: Tensor) -> tuple[Tensor, Tensor]:
    """The same for ``MaskNorm``: ``float32 [P, C]``; ``misalign`` is ``[P, 1]``."""
    values = pixels.float()
    scale, shift = torch.zeros_like(values), torch.zeros_like(values)
    for mask in (misalign, 1 - misalign):
        area = mask.sum()
        area = torch.where(area == 0, torch.ones_like(area), area)
        mean = (mask * values).sum(0) / area
        variance = (mask * (values - mean)).square().mean(0)
        factor = (variance + _EPSILON).rsqrt() * (area / len(values)).sqrt()
        scale += mask * factor
        shift -= mask * (factor * mean)
    return scale, shift


@dataclass(frozen=True, eq=False)
class _Level:
    """What the normalisations of one size see of the layout."""

    layout: LayoutMap
    misalign: Tensor | None

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scale and shift that normalise ``x`` ``[1, C, H, W]``."""
        pixels = _pixels(x)
        if self.misalign is None:
            return _statistics(pixels)
        return _two_statistics(pixels, self.misalign)


class _Block:
    """One ``ALIASResBlock``."""

    def __init__(self, block: ALIASResBlock, dtype: torch.dtype) -> None:
        self._convs = _Conv.of(block.conv_0, dtype), _Conv.of(block.conv_1, dtype)
        self._norms = _Norm(block.norm_0, dtype), _Norm(block.norm_1, dtype)
        self._aside: tuple[_Conv, _Norm] | None = None
        if block.learned_shortcut:
            self._aside = _Conv.of(block.conv_s, dtype), _Norm(block.norm_s, dtype)

    def __call__(self, x: Tensor, maps: _Level, noise: Noise) -> Tensor:
        aside, known = x, maps.statistics(x)
        if self._aside:
            conv, norm = self._aside
            aside = conv(norm(x, maps, noise, known))
        inner = self._convs[0](F.leaky_relu_(self._norms[0](x, maps, noise, known), _SLOPE))
        inner = self._convs[1](F.leaky_relu_(self._norms[1](inner, maps, noise), _SLOPE))
        return inner.add_(aside)


@dataclass(frozen=True, eq=False)
class EnteringPerson:
    """What a person gives to each level, and garment-free and pose picture in small."""

    levels: tuple[Tensor, ...]
    small: Tensor


class FastALIAS:
    """An ``ALIASGenerator``'s function for one picture at a time; its weights are copied."""

    def __init__(self, network: ALIASGenerator, dtype: torch.dtype = torch.float32) -> None:
        names = ["head_0", "G_middle_0", "G_middle_1"]
        names += [f"up_{number}" for number in range(len(network.levels) - len(names))]
        blocks = [network.get_submodule(name) for name in names]
        self._blocks = []
        self._masked: list[bool] = []
        for block in blocks:
            assert isinstance(block, ALIASResBlock)  # noqa: S101 - what the names mean
            self._blocks.append(_Block(block, dtype))
            self._masked.append(isinstance(block.norm_0.param_free_norm, MaskNorm))
        entering = [
            _Conv.of(network.get_submodule(f"conv_{number}"), dtype)
            for number in range(len(network.levels))
        ]
        self._of_person = [_Conv(_channels(c, slice(_PERSON_CHANNELS)), c.bias) for c in entering]
        self._of_garment = [
            _Conv(_channels(c, slice(_PERSON_CHANNELS, None)), None) for c in entering
        ]
        self._last = _Conv.of(network.conv_img, dtype)
        self._levels, self.stride, self._dtype = network.levels, network.stride, dtype
        self.adds_garment, self._light = network.adds_garment, network.light

    def prepare(self, person: Tensor) -> EnteringPerson:
        """What agnostic and pose picture ``[1, 6, H, W]`` give to each level."""
        levels = tuple(
            conv(self._cast(resized(person, self._size(person, level))))
            for conv, level in zip(self._of_person, self._levels, strict=True)
        )
        return EnteringPerson(levels, F.interpolate(person, tuple(REFINED), mode="area"))

    def __call__(
        self,
        person: EnteringPerson,
        garment: Tensor,
        seg: Tensor,
        seg_div: Tensor,
        misalign: Tensor,
        noise: Noise,
    ) -> Tensor:
        """The picture ``float32 [1, 3, H, W]`` in -1..1, as ``ALIASGenerator.forward``.

        ``person`` is what ``prepare`` made, ``garment`` ``[1, 3, H, W]`` the warped garment.
        """
        made: Tensor | None = None
        maps: dict[tuple[int, bool], _Level] = {}
        for number, (block, level) in enumerate(zip(self._blocks, self._levels, strict=True)):
            size = self._size(garment, level)
            masked = self._masked[number]
            if (level, masked) not in maps:
                maps = {(level, masked): _level(size, seg, seg_div, misalign, masked=masked)}
            entering = self._of_garment[number](self._cast(resized(garment, size)))
            entering += person.levels[number]
            x = entering if made is None else torch.cat((resized(made, size), entering), 1)
            made = block(
                x.contiguous(memory_format=torch.channels_last), maps[level, masked], noise
            )
        assert made is not None  # noqa: S101 - there is a first block
        picture = torch.tanh(self._last(F.leaky_relu_(made, _SLOPE)).float())
        if not self.adds_garment:
            return picture
        return on_garment(picture, person.small, garment, seg_div, self._light)

    def _size(self, picture: Tensor, level: int) -> list[int]:
        return [side // self.stride * 2**level for side in picture.shape[-2:]]

    def _cast(self, x: Tensor) -> Tensor:
        return x.to(self._dtype).contiguous(memory_format=torch.channels_last)


def _level(
    size: list[int], seg: Tensor, seg_div: Tensor, misalign: Tensor, *, masked: bool
) -> _Level:
    layout = LayoutMap.of(resized(seg_div if masked else seg, size))
    return _Level(layout, resized(misalign, size).reshape(-1, 1) if masked else None)
