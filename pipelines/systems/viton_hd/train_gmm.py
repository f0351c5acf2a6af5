"""Training of VITON-HD's geometric matching: L1 and the second-order constraint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.labels import VITONHD7
from pipelines.networks.correlation import FeatureExtraction
from pipelines.networks.losses import second_order_constraint
from pipelines.systems.viton_hd.chain_steps import gmm_input, warped
from pipelines.systems.viton_hd.config import GMMConfig
from pipelines.systems.viton_hd.networks import GMM
from pipelines.systems.viton_hd.train_augment import relit
from pipelines.systems.viton_hd.train_base import INITIAL_DEVIATION, TaskData, VitonHDTask
from pipelines.systems.viton_hd.train_data import Examples, examples
from pipelines.systems.viton_hd.train_settings import AugmentSettings, GMMSettings
from pipelines.training.task import Batch, Loss, Modules, StepInfo
from pipelines.training.tryon_figures import Averages, inside, pixels, sheet, ssim_maps
from pipelines.types import Size

_WHITE = 1.0


class GMMTask(VitonHDTask):
    """``GMM``, shown the true layout of the garment, as published."""

    best, trained = "iou", "gmm"

    def __init__(
        self,
        config: GMMConfig,
        settings: GMMSettings,
        data: TaskData,
        augmentation: AugmentSettings,
        start: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__(config, data, augmentation, start)
        self.width, self.settings = config.width, settings
        self.size = Size(*config.conditions.size_hw)

    def modules(self) -> dict[str, nn.Module]:
        """The network; its feature extraction starts as published (normal, 0.02)."""
        gmm = GMM(size=self.size, width=self.width)
        for part in gmm.modules():
            if isinstance(part, FeatureExtraction):
                for layer in part.model:
                    if isinstance(layer, nn.Conv2d):
                        nn.init.normal_(layer.weight, 0.0, INITIAL_DEVIATION)
        return {"gmm": self.started(gmm)}

    def optimizers(self, modules: Modules) -> dict[str, torch.optim.Optimizer]:
        """Adam."""
        parameters = modules["gmm"].parameters()
        return {"gmm": torch.optim.Adam(parameters, self.settings.learning_rate, (0.5, 0.999))}

    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """L1 of the warped garment on white, of its mask, and the constraint."""
        given = examples(batch)
        s = self.settings
        shown = relit(given.garment.image_nearest, s.garment_light, info.generator)
        loss, parts = warp_loss(
            s, given, *warped_garment(modules["gmm"], given, given.parse, shown)
        )
        yield "gmm", loss, {f"loss/{name}": part for name, part in parts.items()}

    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """IoU of the warped mask with the worn garment; L1 (of 0..1) and SSIM where one of the
        two is, both garments on white; the constraint.
        """  # noqa: D205 - one sentence
        figures = Averages()
        for _, given in self.judged(device):
            garment, mask, points = warped_garment(modules["gmm"], given, given.parse)
            found, worn = mask[:, 0] > 0.5, _slice(given.parse, VITONHD7.UPPER)[:, 0] > 0
            either, truth = found | worn, worn_on_white(given)
            figures.add("iou", (found & worn).sum((1, 2)) / either.sum((1, 2)))
            figures.add("l1", inside((garment - truth).abs().mean(1) / 2, either))
            figures.add("ssim", inside(ssim_maps(garment, truth), either))
            figures.add("constraint", second_order_constraint(points)[None])
        return figures.means()

    def sheet(self, modules: Modules, device: torch.device) -> NDArray[np.uint8]:
        """Photo, garment, its warp, the warp on the photo, the worn garment."""
        _, given = self.shown(device)
        garment, mask, _ = warped_garment(modules["gmm"], given, given.parse)
        dressed = garment * mask + given.image * (1 - mask)
        pictures = (given.image, given.garment.image, garment, dressed, worn_on_white(given))
        return sheet([pixels(picture) for picture in pictures])

    def rows(self, figures: Mapping[str, float]) -> tuple[Mapping[str, Any], ...]:
        """Figure and value."""
        return tuple({"figure": name, "value": value} for name, value in figures.items())


def warped_garment(
    network: Any, given: Examples, parse: Tensor, shown: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """What ``GMM`` makes: the garment on white, its mask, and the control points.

    ``[B, 3, H, W]`` in -1..1, ``[B, 1, H, W]`` in 0..1, ``[B, 25, 2]``.

    ``parse [B, 7, H, W]`` is the layout that is to be filled, ``shown`` the garment photo at
    256x192 that the network sees (the example's own by default). Computed in float32, but for the
    features of a network in training: bfloat16 moves the garment by pixels.
    """
    theta, grid = _matched(network, given, parse, shown)
    mask = given.garment.mask
    on_white = given.garment.image * mask + _WHITE * (1 - mask)
    points: Tensor = network.grid.points(theta)
    return warped(on_white, grid), warped(mask, grid), points


def warp_loss(
    settings: GMMSettings, given: Examples, garment: Tensor, mask: Tensor, points: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of what ``warped_garment`` makes, and its parts: L1, mask and constraint."""
    # under hair there may be garment or not
    seen = 1 - _slice(given.parse, VITONHD7.HAIR)
    l1 = (seen * (garment - worn_on_white(given)).abs()).mean()
    of_mask = (seen * (mask - _slice(given.parse, VITONHD7.UPPER)).abs()).mean()
    constraint = second_order_constraint(points, slack=settings.constraint_slack)
    loss = l1 + settings.mask_weight * of_mask + settings.constraint_weight * constraint
    return loss, {"l1": l1, "mask": of_mask, "constraint": constraint}


def gmm_grid(network: GMM, given: Examples, parse: Tensor) -> Tensor:
    """Where a garment is sampled to fill a layout ``[B, 7, H, W]``: ``float32 [B, H, W, 2]``."""
    return _matched(network, given, parse, None)[1]


def _matched(
    network: GMM, given: Examples, parse: Tensor, shown: Tensor | None
) -> tuple[Tensor, Tensor]:
    shown = given.garment.image_nearest if shown is None else shown
    # exact where the warp counts; while it is learnt, features may be rounded
    exact = nullcontext() if network.training else _float32(given.image.device)
    with exact:
        theta = network.theta(gmm_input(given.person, parse), shown)
    with _float32(given.image.device):
        return theta, network.grid(theta, given.size)


def _float32(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, enabled=False)


def worn_on_white(given: Examples) -> Tensor:
    """The garment on the person, all else white: ``[B, 3, H, W]``."""
    upper = _slice(given.parse, VITONHD7.UPPER)
    return given.image * upper + _WHITE * (1 - upper)


def _slice(parse: Tensor, label: VITONHD7) -> Tensor:
    return parse[:, label : label + 1]
