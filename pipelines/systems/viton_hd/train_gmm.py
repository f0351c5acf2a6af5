"""Training of VITON-HD's geometric matching: L1 and the second-order constraint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.labels import VITONHD7
from pipelines.networks.losses import second_order_constraint
from pipelines.systems.viton_hd.chain_steps import gmm_input, refiner_input, warped
from pipelines.systems.viton_hd.config import GMMConfig
from pipelines.systems.viton_hd.networks import GMM
from pipelines.systems.viton_hd.train_base import VitonHDTask
from pipelines.systems.viton_hd.train_data import Examples
from pipelines.systems.viton_hd.train_layouts import Layouts
from pipelines.systems.viton_hd.train_settings import GMMSettings
from pipelines.systems.viton_hd.weights import build_network
from pipelines.training.initialisation import matcher_started
from pipelines.training.task import Batch, Loss, Modules, StepInfo
from pipelines.training.tryon_augment import relit
from pipelines.training.tryon_figures import Averages, add_warp_figures, pixels, sheet
from pipelines.training.tryon_warp import OnWhite, Worn, apart, correction_loss

_WHITE = 1.0


class GMMTask(VitonHDTask[GMMConfig, GMMSettings]):
    """``GMM``, shown the true layout of the garment, as published, or predicted ones."""

    best, trained, added = "iou", "gmm", ("refiner.",)

    @cached_property
    def layouts(self) -> Layouts:
        """Where the layouts come from that it is shown."""
        return Layouts(self.helpers.networks.get("seg"), self.settings.predicted_share)

    def new_network(self) -> nn.Module:
        """The features start as published (normal, 0.02), the rest as torch starts it."""
        return matcher_started(build_network(self.config))

    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """L1 of the warped garment on white, of its mask, and the constraint."""
        given = self.examples(batch)
        s = self.settings
        shown = relit(given.garment.image_nearest, s.garment_light, info.generator)
        network: Any = modules["gmm"]
        parse = self.layouts.drawn(given, info.generator, info.step)
        warp = warped_garment(network, given, parse, shown)
        loss, parts = warp_loss(s, given, warp)
        yield "gmm", loss, self.named(parts)

    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """IoU of the warped mask with the worn garment; L1 (of 0..1) and SSIM where one of the
        two is, both garments on white, and SSIM inside both (``inner_ssim``: prints in their
        place); the constraint. ``spline/...`` are those of the spline
        where a refiner has corrected it, ``predicted/...`` those under predicted layouts.
        """  # noqa: D205 - one sentence
        network: Any = modules["gmm"]
        figures = Averages()
        for indices, given in self.judged(device):
            warp = warped_garment(network, given, given.parse)
            _judge(figures, "", given, warp)
            figures.add("constraint", second_order_constraint(warp.points)[None])
            if warp.spline:
                _judge(figures, "spline/", given, warp.spline)
            if self.layouts.network:
                parse = self.layouts.predicted(given, int(indices[0]))
                _judge(figures, "predicted/", given, warped_garment(network, given, parse))
        return figures.means()

    def sheet(self, modules: Modules, device: torch.device) -> NDArray[np.uint8]:
        """Photo, garment, its warp, the warp on the photo, the worn garment."""
        _, given = self.shown(device)
        network: Any = modules["gmm"]
        warp = warped_garment(network, given, given.parse)
        dressed = warp.garment * warp.mask + given.image * (1 - warp.mask)
        pictures = (given.image, given.garment.image, warp.garment, dressed, worn_on_white(given))
        return sheet([pixels(picture) for picture in pictures])


@dataclass(frozen=True, eq=False)
class TrainedWarp:
    """What ``GMM`` makes of a batch.

    ``garment`` ``[B, 3, H, W]`` in -1..1 on white and ``mask`` ``[B, 1, H, W]`` in 0..1 are bent by
    ``grid`` ``[B, H, W, 2]``; ``points`` ``[B, 25, 2]`` are the spline's control points. Where a
    refiner has corrected the grid, ``spline`` is the warp without, and ``offsets``
    ``[B, 2, 64, 48]`` are the corrections.
    """

    grid: Tensor
    garment: Tensor
    mask: Tensor
    points: Tensor
    spline: TrainedWarp | None = None
    offsets: Tensor | None = None


def warped_garment(
    network: GMM, given: Examples, parse: Tensor, shown: Tensor | None = None
) -> TrainedWarp:
    """The warp that fills a layout ``[B, 7, H, W]``.

    ``shown`` is the garment photo at 256x192 that the network sees (the example's own by default).
    Computed in float32, but for the features of a network in training: bfloat16 moves the garment
    by pixels. A refiner learns from its own losses alone: no gradient goes through it to the
    spline.
    """
    shown = given.garment.image_nearest if shown is None else shown
    # exact where the warp counts; while it is learnt, features may be rounded
    exact = nullcontext() if network.training else _float32(given.image.device)
    with exact:
        theta = network.theta(gmm_input(given.person, parse), shown)
    with _float32(given.image.device):
        points = network.grid.points(theta)
        spline = TrainedWarp(*_bent(given, network.grid(theta, given.size)), points)
    if network.refiner is None:
        return spline
    seen = refiner_input(given.person, parse, spline.garment.detach(), spline.mask.detach())
    with exact:
        grid, offsets = network.refined(spline.grid.detach(), seen)
    with _float32(given.image.device):
        return TrainedWarp(*_bent(given, grid), points, spline, offsets)


def _bent(given: Examples, grid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    mask = given.garment.mask
    on_white = given.garment.image * mask + _WHITE * (1 - mask)
    return grid, warped(on_white, grid), warped(mask, grid)


def warp_loss(
    settings: GMMSettings, given: Examples, warp: TrainedWarp
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of a warp, and its parts: L1, mask and constraint, and those of corrections."""
    spline = warp.spline or warp
    worn = _worn(given)
    l1, of_mask = apart(worn, OnWhite(spline.garment, spline.mask))
    constraint = second_order_constraint(spline.points, slack=settings.constraint_slack)
    loss = l1 + settings.mask_weight * of_mask + settings.constraint_weight * constraint
    parts = {"l1": l1, "mask": of_mask, "constraint": constraint}
    if warp.offsets is None:
        return loss, parts
    bent = OnWhite(warp.garment, warp.mask)
    refined, more = correction_loss(settings, worn, bent, spline.mask, warp.offsets)
    return loss + settings.refine_weight * refined, {**parts, **more}


def _worn(given: Examples) -> Worn:
    hair = _slice(given.parse, VITONHD7.HAIR)
    return Worn(worn_on_white(given), _slice(given.parse, VITONHD7.UPPER), hair)


def _float32(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, enabled=False)


def _judge(figures: Averages, prefix: str, given: Examples, warp: TrainedWarp) -> None:
    worn = _slice(given.parse, VITONHD7.UPPER)[:, 0] > 0
    add_warp_figures(
        figures, prefix, warp.garment, warp.mask[:, 0] > 0.5, worn_on_white(given), worn
    )


def worn_on_white(given: Examples) -> Tensor:
    """The garment on the person, all else white: ``[B, 3, H, W]``."""
    upper = _slice(given.parse, VITONHD7.UPPER)
    return given.image * upper + _WHITE * (1 - upper)


def _slice(parse: Tensor, label: VITONHD7) -> Tensor:
    return parse[:, label : label + 1]
