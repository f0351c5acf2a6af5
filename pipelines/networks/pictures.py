"""Pictures and label maps on their way into networks and out of them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PilImage
from torch import Tensor
from torch.nn import functional as F

from pipelines.types import Image, Size


def one_hot(ids: NDArray[np.uint8] | Tensor, channels: int) -> Tensor:
    """``float32 [1, channels, H, W]``, 1 where an id ``[H, W]`` is the channel's."""
    numbers = torch.as_tensor(ids)
    wanted = torch.arange(channels, dtype=numbers.dtype, device=numbers.device)
    return (numbers[None] == wanted[:, None, None]).float()[None]


def label_maps(ids: Tensor, channels: int) -> Tensor:
    """One-hot ``float32 [B, channels, H, W]`` of a batch of ids ``int64 [B, H, W]``."""
    maps = torch.zeros(len(ids), channels, *ids.shape[1:], device=ids.device)
    return maps.scatter_(1, ids[:, None], 1.0)


def levels(image: Image) -> Tensor:
    """``uint8 [H, W, 3]`` as ``float32 [1, 3, H, W]`` in -1..1."""
    values = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
    # the published transforms divide first; another order rounds differently
    return (values.contiguous().float().div_(255) - 0.5).div_(0.5)


def levels_of_batch(pictures: Tensor) -> Tensor:
    """``uint8 [B, H, W, 3]`` as ``float32 [B, 3, H, W]`` in -1..1, as ``levels`` makes them."""
    values = pictures.permute(0, 3, 1, 2).contiguous().float()
    # in the order of the published transforms, which rounds differently from others
    return (values.div_(255) - 0.5).div_(0.5)


def resized(picture: NDArray[np.uint8], size: Size, *, nearest: bool = False) -> NDArray[np.uint8]:
    """A picture or label map ``uint8 [h, w(, 3)]`` at another size, as Pillow does it."""
    if picture.shape[:2] == size:
        return picture
    how = PilImage.Resampling.NEAREST if nearest else PilImage.Resampling.BILINEAR
    made = PilImage.fromarray(picture).resize((size.width, size.height), how)
    return np.asarray(made, np.uint8)


def resized_levels(maps: Tensor, size: Size) -> Tensor:
    """Levels ``[B, C, h, w]`` in 0..255 at another size, ``float32``, as Pillow resizes bytes.

    Like Pillow it rounds to whole levels after each axis; at a tie it may be 1 beside it.
    """
    values = maps.double()
    for side in ((values.shape[-2], size.width), (size.height, size.width)):
        found = F.interpolate(values, side, mode="bilinear", antialias=True)
        values = (found + 0.5).floor()
    return values.float()


def blurred(maps: Tensor, side: int, sigma: float, *, border: str = "constant") -> Tensor:
    """``[B, C, H, W]`` seen through a Gaussian window of ``side`` pixels, an odd number.

    ``sigma`` is its deviation in pixels. ``border`` is a mode of ``torch.nn.functional.pad``, with
    zeros for ``constant``.
    """
    steps = torch.arange(side, dtype=maps.dtype, device=maps.device) - side // 2
    kernel = torch.exp(-(steps**2) / (2 * sigma**2))
    channels, reach = maps.shape[1], side // 2
    kernel = (kernel / kernel.sum()).expand(channels, 1, 1, side)
    padded = F.pad(maps, (reach, reach, reach, reach), mode=border)
    rows = F.conv2d(padded, kernel, groups=channels)
    return F.conv2d(rows, kernel.transpose(2, 3), groups=channels)


def as_levels(picture: Tensor) -> NDArray[np.float32]:
    """``[1, 3, H, W]`` in -1..1 as levels ``float32 [H, W, 3]``, 0..255 and what lies beyond."""
    values = ((picture[0].float() + 1) * 127.5).permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(values, np.float32)


def as_plane(mask: Tensor) -> NDArray[np.float32]:
    """``[1, 1, H, W]`` as ``float32 [H, W]``."""
    return np.ascontiguousarray(mask[0, 0].float().cpu().numpy(), np.float32)


def quantised(picture: Tensor, *, parity: bool = False) -> Image:
    """A picture in -1..1 as ``uint8 [H, W, 3]``; ``parity`` truncates instead of rounding."""
    scaled = ((picture[0].float() + 1) / 2 * 255).clamp(0, 255)
    # parity: the published code truncates, which darkens by half a level
    whole = scaled if parity else scaled.round()
    made: NDArray[np.uint8] = whole.to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(made)
