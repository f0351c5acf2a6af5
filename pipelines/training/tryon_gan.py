"""A network of a try-on system against its discriminator: modules, optimizers, losses."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from pipelines.networks.losses import discriminator_loss, feature_matching_loss, generator_loss
from pipelines.networks.patchgan import MultiscaleDiscriminator
from pipelines.training.initialisation import normal_started
from pipelines.training.task import Loss, Modules
from pipelines.training.tryon_settings import GanSettings
from pipelines.training.tryon_task import ADAM_BETAS, C, E, TryOnTask

G = TypeVar("G", bound=GanSettings)


@dataclass(frozen=True)
class Adversary:
    """The multi-scale discriminator (pix2pixHD's, least squares) of one network.

    ``channels`` is what it sees: the condition, and a map or picture. Without a ``gan_weight``
    there is none, and its loss is 0.
    """

    trained: str
    channels: int
    settings: GanSettings

    @property
    def name(self) -> str:
        """Its name among the modules."""
        return f"{self.trained}_discriminator"

    def modules(self) -> dict[str, nn.Module]:
        """The discriminator before any training, if it is used."""
        if not self.settings.gan_weight:
            return {}
        judge = MultiscaleDiscriminator(self.channels, width=self.settings.discriminator_width)
        return {self.name: normal_started(judge)}

    def optimizers(
        self, modules: Modules, kind: type[torch.optim.Adam] = torch.optim.Adam
    ) -> dict[str, torch.optim.Optimizer]:
        """For generator and discriminator, with the published betas."""
        rates = {
            self.trained: self.settings.learning_rate,
            self.name: self.settings.discriminator_learning_rate,
        }
        return {
            name: kind(modules[name].parameters(), rate, betas=ADAM_BETAS)
            for name, rate in rates.items()
            if name in modules
        }

    def against(
        self,
        modules: Modules,
        condition: Tensor,
        real: Tensor,
        made: Tensor,
        logged: dict[str, Tensor],
        feature_weight: float = 0.0,
    ) -> Generator[Loss, None, Tensor]:
        """Yield the discriminator's loss (LSGAN); give the generator's, of what it ``made``.

        All are ``[B, channels, H, W]``. The parts are added to ``logged`` without their weights.
        """
        if not self.settings.gan_weight:
            return made.new_zeros(())
        judge: Any = modules[self.name]
        features = judge.compare(condition, real, made.detach())
        yield self.name, discriminator_loss("lsgan", *features), {}
        fake = judge.for_generator(condition, made)
        logged["adversarial"] = generator_loss("lsgan", fake)
        loss = self.settings.gan_weight * logged["adversarial"]
        if feature_weight:
            with torch.no_grad():
                true = judge.for_generator(condition, real)
            logged["features"] = feature_matching_loss(true, fake)
            loss = loss + feature_weight * logged["features"]
        return loss


class AdversarialTask(TryOnTask[E, C, G], Generic[E, C, G]):
    """One network against its discriminator."""

    @property
    @abstractmethod
    def judged_channels(self) -> int:
        """Channels that the discriminator sees: the condition, and a map or picture."""

    @property
    def adversary(self) -> Adversary:
        """Its discriminator."""
        return Adversary(self.trained, self.judged_channels, self.settings)

    def modules(self) -> dict[str, nn.Module]:
        """The generator and, if it is used, the discriminator."""
        return {**super().modules(), **self.adversary.modules()}

    def optimizers(self, modules: Modules) -> dict[str, torch.optim.Optimizer]:
        """Adam for each."""
        return self.adversary.optimizers(modules)
