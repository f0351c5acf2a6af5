"""What trainers of try-on systems show of their progress: SSIM of whole batches, and pictures.

The figures of ``vtonctl evaluate`` are torchmetrics'; training must run without that package.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from pipelines.labels import Labels, palette
from pipelines.types import Image

_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2
TILE_HEIGHT = 256


def ssim_maps(made: Tensor, real: Tensor) -> Tensor:
    """SSIM of each pixel, mean over the channels: ``float32 [B, H, W]``.

    Pictures are ``[B, 3, H, W]`` in -1..1. Gaussian window of 11 (sigma 1.5), the border
    reflected and counted: the mean over the map is torchmetrics' SSIM of RGB in 0..1.
    """
    with torch.autocast(made.device.type, enabled=False):
        a, b = ((picture.float() + 1) / 2 for picture in (made, real))
        mean_a, mean_b = _blurred(a), _blurred(b)
        var_a = _blurred(a * a) - mean_a.square()
        var_b = _blurred(b * b) - mean_b.square()
        covariance = _blurred(a * b) - mean_a * mean_b
        likeness = (2 * mean_a * mean_b + _C1) * (2 * covariance + _C2)
        size = (mean_a.square() + mean_b.square() + _C1) * (var_a + var_b + _C2)
        return (likeness / size).mean(1)


def _blurred(pictures: Tensor) -> Tensor:
    steps = torch.arange(_WINDOW, device=pictures.device) - _WINDOW // 2
    kernel = torch.exp(-steps.square() / (2 * _SIGMA**2))
    channels = pictures.shape[1]
    kernel = (kernel / kernel.sum()).expand(channels, 1, 1, _WINDOW)
    padded = F.pad(pictures, (_WINDOW // 2,) * 4, mode="reflect")
    rows = F.conv2d(padded, kernel, groups=channels)
    return F.conv2d(rows, kernel.transpose(2, 3), groups=channels)


class Averages:
    """Means of figures over examples; ``add`` takes one value for each example of a batch."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    def add(self, name: str, values: Tensor) -> None:
        """Add ``[B]`` values; those that are no number (an empty region, say) do not count."""
        self._values.setdefault(name, []).extend(values.float().tolist())

    def means(self) -> dict[str, float]:
        """By name; NaN where there is no value."""
        return {
            name: float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")
            for name, values in self._values.items()
        }


def inside(values: Tensor, region: Tensor) -> Tensor:
    """Mean of ``values [B, H, W]`` over a region (bool or 0..1) ``[B, H, W]``: ``[B]``."""
    weight = region.to(values)
    return (values * weight).sum((1, 2)) / weight.sum((1, 2))


def add_warp_figures(
    figures: Averages, prefix: str, garment: Tensor, mask: Tensor, worn: Tensor, where: Tensor
) -> None:
    """Add ``iou``, ``l1``, ``ssim`` and ``inner_ssim`` of bent garments; ``prefix`` is put before.

    ``garment`` and ``worn`` ``[B, 3, H, W]`` in -1..1, both on white; ``mask`` and ``where`` bool
    ``[B, H, W]``: where each of them is. IoU is that of the masks; L1 (of 0..1) and SSIM are those
    where one of the two is; ``inner_ssim`` is SSIM inside both, where it tells whether prints are
    in their place.
    """
    either = mask | where
    figures.add(prefix + "iou", (mask & where).sum((1, 2)) / either.sum((1, 2)))
    figures.add(prefix + "l1", inside((garment - worn).abs().mean(1) / 2, either))
    likeness = ssim_maps(garment, worn)
    figures.add(prefix + "ssim", inside(likeness, either))
    figures.add(prefix + "inner_ssim", inside(likeness, _inner(mask & where)))


def _inner(mask: Tensor) -> Tensor:
    """``bool [B, H, W]`` without its outermost pixels, as many as an SSIM window reaches."""
    edge = F.max_pool2d((~mask).float()[:, None], _WINDOW, 1, _WINDOW // 2)
    return edge[:, 0] == 0


def batches_of(count: int, size: int) -> Iterator[Tensor]:
    """Indices of consecutive batches."""
    for first in range(0, count, size):
        yield torch.arange(first, min(first + size, count))


def spread_indices(count: int, shown: int) -> Tensor:
    """At most ``shown`` indices, evenly over ``count``."""
    shown = min(shown, count)
    return torch.tensor([k * count // shown for k in range(shown)])


def pixels(pictures: Tensor) -> NDArray[np.uint8]:
    """Pictures ``[B, 3, H, W]`` in -1..1 as ``uint8 [B, H, W, 3]``."""
    levels = ((pictures.detach().float() + 1) * 127.5).round().clamp(0, 255)
    made: NDArray[np.uint8] = levels.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return made


def label_pixels(ids: Tensor, labels: type[Labels]) -> NDArray[np.uint8]:
    """Ids ``[B, H, W]`` in the colours of their set: ``uint8 [B, H, W, 3]``."""
    colours = np.array(palette(labels), np.uint8)
    made: NDArray[np.uint8] = colours[ids.cpu().numpy()]
    return made


def sheet(columns: Sequence[NDArray[np.uint8]]) -> Image:
    """One row of pictures for each example; ``columns`` are ``uint8 [B, H, W, 3]``."""
    rows = []
    for example in zip(*columns, strict=True):
        tiles: list[Any] = []
        for picture in example:
            width = round(TILE_HEIGHT * picture.shape[1] / picture.shape[0])
            tiles.append(cv2.resize(picture, (width, TILE_HEIGHT), interpolation=cv2.INTER_AREA))
        rows.append(np.hstack(tiles))
    return np.asarray(np.vstack(rows), np.uint8)
