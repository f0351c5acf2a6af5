"""Training of a ``GridRefiner``, which bends garments on where a spline has left them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines.checkpoint_files import load_into, load_safetensors
from pipelines.networks.grid_refiner import GridRefiner, bending
from pipelines.training.tryon_figures import inside, ssim_maps

if TYPE_CHECKING:
    from pathlib import Path

_COARSE = (2, 4, 8)
_STORED = "refiner."
_FIRST = "downs.0.0.weight"


class CorrectionSettings(Protocol):
    """Weights of the parts of ``correction_loss``."""

    @property
    def mask_weight(self) -> float:
        """Of the L1 of masks."""

    @property
    def bending_weight(self) -> float:
        """Of how far the corrections are from affine."""

    @property
    def refine_ssim_weight(self) -> float:
        """Of 1 - SSIM."""


@dataclass(frozen=True, eq=False)
class OnWhite:
    """A bent garment, ``float32 [B, 3, H, W]`` in -1..1 on white, and its mask [B, 1, H, W]."""

    garment: Tensor
    mask: Tensor
    """``float32`` in 0..1."""


@dataclass(frozen=True, eq=False)
class Worn(OnWhite):
    """The truth, and where hair is."""

    hair: Tensor
    """``float32 [B, 1, H, W]``; under it there may be garment or not."""


def start_refiner(refiner: GridRefiner, path: Path, channels: Sequence[int | None]) -> None:
    """Give a refiner the weights of another in a file, whose inputs may be others.

    ``channels`` says for each input which it is for the other; None: it does not know this one,
    which then counts for nothing at first. Raises ``InputError`` for a file without a refiner of
    this width.
    """
    stored, _ = load_safetensors(path)
    state = {
        name.removeprefix(_STORED): tensor.float()
        for name, tensor in stored.items()
        if name.startswith(_STORED)
    }
    first = state.get(_FIRST)
    if first is not None and first.shape[1] > max(filter(None, channels)):
        nothing = torch.zeros_like(first[:, 0])
        state[_FIRST] = torch.stack([nothing if c is None else first[:, c] for c in channels], 1)
    load_into(refiner, state, path)


def apart(worn: Worn, warp: OnWhite) -> tuple[Tensor, Tensor]:
    """L1 of garment and mask, but for what is under hair."""
    seen = 1 - worn.hair
    of_mask = (seen * (warp.mask - worn.mask).abs()).mean()
    return (seen * (warp.garment - worn.garment).abs()).mean(), of_mask


def correction_loss(
    settings: CorrectionSettings, worn: Worn, warp: OnWhite, spline_mask: Tensor, offsets: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of a corrected warp, and its parts.

    ``spline_mask`` ``[B, 1, H, W]`` is the mask before the corrections, ``offsets``
    ``[B, 2, h, w]`` are the corrections.
    """
    l1, of_mask = apart(worn, warp)
    coarse, unlike = _coarsely_apart(worn, warp), _unlike(worn, warp)
    bent, hidden = bending(offsets), _moved_unseen(worn, warp, spline_mask)
    of_masks = settings.mask_weight * (of_mask + hidden)
    refined = l1 + coarse + of_masks + settings.bending_weight * bent
    refined = refined + settings.refine_ssim_weight * unlike
    return refined, {
        "refined_l1": l1, "refined_coarse": coarse, "refined_mask": of_mask,
        "refined_ssim": unlike, "refined_hidden": hidden, "bending": bent,
    }  # fmt: skip


def _moved_unseen(worn: Worn, warp: OnWhite, spline_mask: Tensor) -> Tensor:
    """L1 of the masks of warp and spline under hair, where nothing says that a neckline is not
    where the spline has it.
    """  # noqa: D205 - one sentence
    return (worn.hair * (warp.mask - spline_mask.detach()).abs()).mean()


def _coarsely_apart(worn: Worn, warp: OnWhite) -> Tensor:
    """L1 of ever smaller pictures: from afar a print is found that is not where it should be."""
    seen = 1 - worn.hair
    made, truth = seen * warp.garment, seen * worn.garment
    losses = [
        (F.avg_pool2d(made, step) - F.avg_pool2d(truth, step)).abs().mean() for step in _COARSE
    ]
    return torch.stack(losses).mean()


def _unlike(worn: Worn, warp: OnWhite) -> Tensor:
    """1 - SSIM of pictures of half the size, where the garment is worn."""
    half = [F.avg_pool2d(each, 2) for each in (warp.garment, worn.garment)]
    where = F.avg_pool2d(worn.mask, 2)[:, 0]
    return inside(1 - ssim_maps(half[0], half[1]), where).nan_to_num(0).mean()
