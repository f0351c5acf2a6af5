"""Figures of one picture beside another: SSIM, PSNR, and what of a photo was left as it was.

Pictures are ``uint8 [H, W, 3]`` RGB, masks ``bool [H, W]``. SSIM and MS-SSIM are torchmetrics'
(extra ``eval``): RGB in 0..1, Gaussian window of 11 with sigma 1.5, k1 .01, k2 .03, the border
reflected and counted. scikit-image leaves the border out and is a little different.
"""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ExtraMissing
from pipelines.types import Image, Mask

if TYPE_CHECKING:
    from torch import Tensor

PSNR_CAP_DB = 100.0
"""PSNR of equal pictures."""
MS_SSIM_MIN_SIDE = 176
"""Shorter sides are too short for the five scales of MS-SSIM with a window of 11."""
SAME_LEVELS = 2
"""How far a pixel may be off (of 255) and still count as the photo's own."""

SsimMap = NDArray[np.float32]
"""``float32 [H, W]``, mean over the three channels."""


def need_torchmetrics() -> None:
    """Raise ``ExtraMissing`` where torchmetrics is not installed."""
    if find_spec("torchmetrics") is None:
        raise ExtraMissing("SSIM and the figures beside it need torchmetrics.", extra="eval")


def ssim_and_map(result: Image, truth: Image) -> tuple[float, SsimMap]:
    """SSIM of the whole picture, which is the mean of its map, and the map.

    Raises ``ValueError`` for pictures of different sizes.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    made, true = _tensors(result, truth)
    _, full = structural_similarity_index_measure(
        made, true, data_range=1.0, return_full_image=True
    )
    of_pixels: SsimMap = full[0].mean(0).numpy()
    return float(of_pixels.mean(dtype=np.float64)), of_pixels


def region_ssim(ssim_map: SsimMap, region: Mask) -> float:
    """Mean of an SSIM map inside a region; NaN where that is empty."""
    return float(ssim_map[region].mean(dtype=np.float64)) if region.any() else math.nan


def ms_ssim(result: Image, truth: Image) -> float:
    """MS-SSIM over five scales; NaN where a side is shorter than ``MS_SSIM_MIN_SIDE``."""
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    if min(truth.shape[:2]) < MS_SSIM_MIN_SIDE:
        return math.nan
    made, true = _tensors(result, truth)
    return float(multiscale_structural_similarity_index_measure(made, true, data_range=1.0))


def psnr(result: Image, truth: Image) -> float:
    """PSNR in dB over all channels, at most ``PSNR_CAP_DB``."""
    error = float(((result.astype(np.float64) - truth) ** 2).mean())
    return PSNR_CAP_DB if error == 0 else min(PSNR_CAP_DB, 10 * math.log10(255.0**2 / error))


def same_share(result: Image, photo: Image, mask: Mask, levels: int = SAME_LEVELS) -> float:
    """Share of the pixels of a mask within ``levels`` of the photo; NaN where that is empty."""
    if not mask.any():
        return math.nan
    apart = np.abs(result.astype(np.int16) - photo).max(-1)
    return float((apart[mask] <= levels).mean())


def outside_difference(result: Image, photo: Image, mask: Mask) -> int:
    """Largest difference to the photo (levels of 255) outside of a mask; 0 if nothing is."""
    return int(np.abs(result.astype(np.int16) - photo)[~mask].max(initial=0))


def covered_share(worn: Mask, cover: Mask) -> float:
    """Share of the worn garment that a mask covers; NaN where nothing is worn."""
    return float(cover[worn].mean()) if worn.any() else math.nan


def painted_in_mean_colour(photo: Image, region: Mask, of: Mask) -> Image:
    """The photo with a region in the mean colour of ``of``: what is reached without any skill.

    Where ``of`` is empty the mean colour of the region itself is taken.
    """
    painted = photo.copy()
    source = of if of.any() else region
    if source.any():
        painted[region] = photo[source].mean(0).round().astype(np.uint8)
    return painted


def _tensors(result: Image, truth: Image) -> tuple[Tensor, Tensor]:
    if result.shape != truth.shape:
        raise ValueError(f"pictures of different sizes: {result.shape} and {truth.shape}")
    return _tensor(result), _tensor(truth)


def _tensor(picture: Image) -> Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255
