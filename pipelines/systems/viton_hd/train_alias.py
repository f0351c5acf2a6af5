"""Training of VITON-HD's image generator: hinge GAN, feature matching and perceptual loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.labels import VITONHD7
from pipelines.networks.alias import seeded_noise
from pipelines.networks.losses import discriminator_loss, feature_matching_loss, generator_loss
from pipelines.networks.patchgan import MultiscaleDiscriminator
from pipelines.systems.viton_hd.chain_steps import (
    alias_input,
    in_own_colours,
    misalignment,
    own_colours,
    warped,
)
from pipelines.systems.viton_hd.config import ALIASConfig, GMMConfig, config_to_json
from pipelines.systems.viton_hd.networks import GMM, laid_garment, worn_part
from pipelines.systems.viton_hd.train_base import VitonHDTask
from pipelines.systems.viton_hd.train_data import Examples
from pipelines.systems.viton_hd.train_gmm import warp_loss, warped_garment
from pipelines.systems.viton_hd.train_layouts import Layouts
from pipelines.systems.viton_hd.train_settings import ALIASSettings, GMMSettings
from pipelines.training.task import Batch, Loss, Modules, StepInfo
from pipelines.training.tryon_export import export_network
from pipelines.training.tryon_figures import Averages, inside, pixels, sheet, ssim_maps

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, eq=False)
class Condition:
    """What ``ALIASGenerator`` is called with."""

    x: Tensor
    parse: Tensor
    divided: Tensor
    misalign: Tensor


class ALIASTask(VitonHDTask[ALIASConfig, ALIASSettings]):
    """``ALIASGenerator`` against a discriminator that sees the layout and a picture."""

    best, trained, added = "region_ssim", "alias", ("light.",)

    @property
    def joint(self) -> bool:
        """Whether the warp is trained, too."""
        return self.settings.gmm_learning_rate > 0

    @property
    def averaged(self) -> tuple[str, ...]:
        """The networks that are trained."""
        return ("alias", "gmm") if self.joint else ("alias",)

    @cached_property
    def layouts(self) -> Layouts:
        """Where the layouts come from that it is shown."""
        return Layouts(self.helpers.networks.get("seg"), self.settings.predicted_share)

    def modules(self) -> dict[str, nn.Module]:
        """The generator and, if they are used, the discriminator and the warp."""
        made = super().modules()
        if self.settings.gan_weight:
            made["discriminator"] = MultiscaleDiscriminator(
                len(VITONHD7) + 3, width=self.settings.discriminator_width, spectral=True
            )
        if self.joint:
            made["gmm"] = self.helpers.networks["gmm"].requires_grad_(True)
        return made

    def optimizers(self, modules: Modules) -> dict[str, torch.optim.Optimizer]:
        """Adam (0, 0.9) for generator and discriminator; the generator's has the warp, too.

        A coarse light alone: Adam (0.9, 0.999).
        """
        s = self.settings
        network: Any = modules["alias"]
        if s.light_alone:
            # without a discriminator momentum does no harm; without momentum it does not learn
            return {"alias": torch.optim.Adam(network.light.parameters(), s.learning_rate)}
        groups: list[dict[str, Any]] = [{"params": list(network.parameters())}]
        if self.joint:
            warp = list(modules["gmm"].parameters())
            groups.append({"params": warp, "lr": s.gmm_learning_rate})
        made: dict[str, torch.optim.Optimizer] = {
            "alias": torch.optim.Adam(groups, s.learning_rate, betas=(0.0, 0.9))
        }
        if "discriminator" in modules:
            parameters = modules["discriminator"].parameters()
            rate = s.discriminator_learning_rate
            made["discriminator"] = torch.optim.Adam(parameters, rate, betas=(0.0, 0.9))
        return made

    def losses(self, modules: Modules, batch: Batch, info: StepInfo) -> Iterator[Loss]:
        """The discriminator's loss, then the generator's."""
        given = self.examples(batch)
        gmm = self._gmm(modules)
        # its statistics were learnt from larger batches
        gmm.eval()
        parse = self.layouts.drawn(given, info.generator, info.step)
        with torch.set_grad_enabled(self.joint):
            condition = self.condition(given, parse, gmm)
        made = self.learning(modules["alias"], given, condition)
        s, logged = self.settings, {"loss/l1": (made - given.image).abs().mean()}
        loss = s.l1_weight * logged["loss/l1"]
        if s.ssim_weight:
            unlike = 1 - ssim_maps(made, given.image)
            logged["loss/ssim"] = inside(unlike, given.painted[:, 0]).nan_to_num(0).mean()
            loss = loss + s.ssim_weight * logged["loss/ssim"]
        if self.joint:
            warp = warped_garment(gmm, given, given.parse)
            logged["loss/warp"] = warp_loss(self._warp_settings, given, warp)[0]
            loss = loss + logged["loss/warp"]
        if s.gan_weight:
            judge: Any = modules["discriminator"]
            features = judge.compare(condition.parse, given.image, made.detach())
            yield "discriminator", discriminator_loss("hinge", *features), {}
            fake = judge.for_generator(condition.parse, made)
            with torch.no_grad():
                real = judge.for_generator(condition.parse, given.image)
            logged["loss/adversarial"] = generator_loss("hinge", fake)
            logged["loss/features"] = feature_matching_loss(real, fake)
            loss = loss + s.gan_weight * logged["loss/adversarial"]
            loss = loss + s.feature_weight * logged["loss/features"]
        if self.helpers.perceptual and s.perceptual_weight:
            apart = self.helpers.perceptual(made, given.image, given.joints)
            logged["loss/perceptual"] = apart
            loss = loss + s.perceptual_weight * apart
        yield "alias", loss, logged

    def _gmm(self, modules: Modules) -> GMM:
        gmm = self.network("gmm", modules)
        assert isinstance(gmm, GMM)  # noqa: S101 - what the family builds
        return gmm

    @property
    def _warp_settings(self) -> GMMSettings:
        return GMMSettings(constraint_weight=self.settings.constraint_weight)

    def condition(self, given: Examples, parse: Tensor, gmm: GMM) -> Condition:
        """The generator's inputs under a layout ``[B, 7, H, W]``."""
        grid = warped_garment(gmm, given, parse).grid
        garment, mask = warped(given.garment.image, grid), warped(given.garment.mask, grid)
        if self.config.adds_garment:
            garment = in_own_colours(own_colours(given.garment), grid, garment, mask)
        misalign, divided = misalignment(parse, mask)
        return Condition(alias_input(given.person, garment), parse, divided, misalign)

    def pictured(
        self, network: nn.Module, given: Examples, condition: Condition, seed: int | None = None
    ) -> Tensor:
        """The picture ``float32 [B, 3, H, W]``; with ``keep_photo`` only where it is needed.

        ``seed`` fixes the noise, which is torch's own otherwise.
        """
        noise = None if seed is None else seeded_noise(torch.Generator().manual_seed(seed))
        c = condition
        made: Tensor = network(c.x, c.parse, c.divided, c.misalign, noise=noise).float()
        if not self.settings.keep_photo:
            return made
        return made * given.painted + given.image * (1 - given.painted)

    def learning(self, network: nn.Module, given: Examples, condition: Condition) -> Tensor:
        """The picture that is learnt from; of the coarse light alone only the worn garment."""
        if not self.settings.light_alone:
            return self.pictured(network, given, condition)
        light: Any = network.get_submodule("light")
        c = condition
        laid = laid_garment(c.x[:, 6:], c.divided)
        lit: Tensor = laid + light(c.x[:, :6], laid, c.divided)
        worn = worn_part(c.divided)
        return lit * worn + given.image * (1 - worn)

    def validate(self, modules: Modules, device: torch.device) -> dict[str, float]:
        """SSIM of whole picture and region, and L1 in the region, under true layouts.

        The photo is kept outside the garment-free region. With a layout network also under
        predicted ones (``predicted/...``).
        """
        figures, predicted = Averages(), Averages()
        for indices, given in self.judged(device):
            self._judge(figures, modules, given, given.parse)
            if self.layouts.network:
                parse = self.layouts.predicted(given, int(indices[0]))
                self._judge(predicted, modules, given, parse)
        found = {f"predicted/{name}": value for name, value in predicted.means().items()}
        return {**figures.means(), **found}

    def _judge(self, figures: Averages, modules: Modules, given: Examples, parse: Tensor) -> None:
        condition = self.condition(given, parse, self._gmm(modules))
        made = self.pictured(modules["alias"], given, condition, seed=0)
        made = made * given.painted + given.image * (1 - given.painted)
        likeness = ssim_maps(made, given.image)
        figures.add("ssim", likeness.mean((1, 2)))
        figures.add("region_ssim", inside(likeness, given.region))
        apart = (made - given.image).abs().mean(1) / 2
        figures.add("region_l1", inside(apart, given.region))

    def sheet(self, modules: Modules, device: torch.device) -> NDArray[np.uint8]:
        """Garment-free person, garment, its warp, the picture, the photo."""
        _, given = self.shown(device)
        condition = self.condition(given, given.parse, self._gmm(modules))
        made = self.pictured(modules["alias"], given, condition, seed=0)
        pictures = (given.person.agnostic, given.garment.image, condition.x[:, 6:], made)
        return sheet([pixels(picture) for picture in (*pictures, given.image)])

    def export(self, modules: Modules, folder: Path, meta: Mapping[str, Any]) -> tuple[Path, ...]:
        """The generator's file; the warp's, too, where it was trained."""
        files = super().export(modules, folder, meta)
        if not self.joint:
            return files
        config: GMMConfig = self.helpers.configs["gmm"]
        made = export_network(
            folder,
            modules["gmm"],
            family=config.family,
            config=config_to_json(config),
            meta=meta,
            data=self.data.described,
        )
        return (*files, made)
