"""What the trainers of the three multi-pose networks share."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from pipelines.labels import LIP20
from pipelines.networks.spline_matcher import Warped
from pipelines.systems.multipose.config import NetworkConfig, config_to_json
from pipelines.systems.multipose.train_data import (
    CHANGEABLE,
    Examples,
    examples,
    in_own_pose,
    unpacked,
)
from pipelines.systems.multipose.train_settings import SharedSettings
from pipelines.training.task import Batch, Modules, StepInfo, scheduled
from pipelines.training.tryon_augment import augmented
from pipelines.training.tryon_forcing import Helpers, forced, judging
from pipelines.training.tryon_settings import AugmentSettings, Settings
from pipelines.training.tryon_task import TaskData, TryOnTask, figure_rows

S = TypeVar("S", bound=Settings)


class MultiPoseTask(TryOnTask[Examples], Generic[S]):
    """One of the three networks.

    Where the networks before are at hand, it is judged by what these predict, too
    (``predicted/...``).
    """

    changeable = CHANGEABLE
    before: ClassVar[tuple[str, ...]] = ()
    """Stages whose networks predict what this one is shown."""

    def __init__(
        self,
        config: NetworkConfig,
        shared: SharedSettings,
        settings: S,
        data: TaskData,
        augmentation: AugmentSettings,
        helpers: Helpers,
        start: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__(data, augmentation, start)
        self.config, self.shared, self.settings, self.helpers = config, shared, settings, helpers
        self.averaged = (self.trained,)
        if self.predicts:
            # what is predicted is what it will be given
            self.best = f"predicted/{self.best}"

    @property
    def family(self) -> str:
        """Of the weights."""
        return f"multipose.{self.trained}"

    @property
    def predicts(self) -> bool:
        """Whether the networks before are at hand."""
        return bool(self.before) and all(name in self.helpers.networks for name in self.before)

    def stored_config(self) -> dict[str, Any]:
        """The network's config."""
        return config_to_json(self.config)

    def unpacked(self, kept: Batch) -> Batch:
        """The bytes of a batch as floats."""
        return unpacked(kept)

    def examples(self, batch: Batch) -> Examples:
        """The networks' inputs of an unpacked batch."""
        self.helpers.to(batch["image"].device)
        return examples(batch, self.config.conditions)

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Mirrored, moved and recoloured at random; some in the source's own pose."""
        pictures = self.unpacked(batch)
        images = pictures["image"]
        drawn = torch.rand(len(images), generator=generator, device=images.device)
        pictures = in_own_pose(pictures, drawn < self.shared.own_pose)
        return augmented(pictures, self.augmentation, generator, self.changeable)

    def learning_rate(self, optimizer: str, info: StepInfo) -> float:
        """By the schedule that was asked for."""
        return scheduled(self.shared.schedule, info)

    def named(self, logged: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Parts of the loss under the names that they are logged by."""
        return {f"loss/{name}": value for name, value in logged.items()}

    def rows(self, figures: Mapping[str, float]) -> tuple[Mapping[str, Any], ...]:
        """Figure and value."""
        return figure_rows(figures)

    def forced(self, given: Examples, share: float, info: StepInfo) -> Tensor | None:
        """Which examples are shown true maps, bool ``[B, 1, 1, 1]``; None: all of them."""
        return forced(len(given.image), share, info.generator, given.image.device)

    @torch.no_grad()
    def predicted_segmentation(self, given: Examples) -> Tensor:
        """What SHS finds, as in inference: shares ``float32 [B, 20, 256, 192]``."""
        with judging(self.helpers.networks["shs"]) as shs:
            return shares(shs, given)

    @torch.no_grad()
    def predicted_warp(self, given: Examples, segmentation: Tensor) -> Warped:
        """What GWC makes of the garment for a segmentation ``[B, 20, 256, 192]``."""
        with judging(self.helpers.networks["gwc"]) as gwc:
            return bent(gwc, given, shape_of(segmentation))


def optimizer_of(modules: Modules, name: str, rate: float) -> dict[str, torch.optim.Optimizer]:
    """Adam for one network, with the published betas."""
    return {name: torch.optim.Adam(modules[name].parameters(), rate, betas=(0.5, 0.999))}


def shares(network: nn.Module, given: Examples) -> Tensor:
    """Shares of the labels that SHS finds, ``float32 [B, 20, 256, 192]``."""
    logits: Tensor = network(given.person.body, given.garment.image, given.pose)
    return logits.float().softmax(1)


def shape_of(segmentation: Tensor) -> Tensor:
    """The body of a segmentation ``[B, 20, H, W]`` in 0..1: ``[B, 1, H, W]``."""
    return 1 - segmentation[:, LIP20.BACKGROUND, None]


def bent(network: nn.Module, given: Examples, shape: Tensor) -> Warped:
    """The garments bent to bodies ``[B, 1, 256, 192]`` in the target's pose.

    Computed in float32, but for the features of a network in training: bfloat16 moves the garment
    by pixels.
    """
    gwc: Any = network
    kind = given.image.device.type
    with nullcontext() if network.training else torch.autocast(kind, enabled=False):
        theta = gwc.theta(torch.cat((given.pose, shape), 1), given.garment.mask)
    with torch.autocast(kind, enabled=False):
        found: Warped = gwc.warped(given.garment.image, given.garment.mask, gwc.grid(theta.float()))
    return found
