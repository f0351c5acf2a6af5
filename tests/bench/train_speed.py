"""Time the training of VITON-HD's networks, one core or a GPU, and weigh their files.

    python tests/bench/train_speed.py [--stages seg,gmm,alias] [--seconds 20] [--batch 4]
        [--device cpu] [--precision bf16] [--plain] [--set NAME=VALUE ...]

For each stage prints parameters, size of the weights in half precision, and images a second: of
the clock, and of processor time, which other work on the machine changes less (on N cores about N
times as many). Widths are ``SMALL`` unless set; ``--set alias_hidden=64`` is a setting of one
stage. The examples are random pixels, which take the same time as photos; the first step, which
prepares kernels, is left out. ``--plain`` leaves channels_last out.
"""

import argparse
import json
import time

import torch
from torch import nn

from pipelines import device as devices
from pipelines.networks.perceptual import EncoderFeatures, PerceptualLoss
from pipelines.segmentation.parser_network import DEVIATION, MEAN, ParserConfig, build_parser
from pipelines.systems.viton_hd.config import ALIASConfig, ConditionsConfig, GMMConfig, SegConfig
from pipelines.systems.viton_hd.networks import GMM
from pipelines.systems.viton_hd.train_alias import ALIASTask
from pipelines.systems.viton_hd.train_gmm import GMMTask
from pipelines.systems.viton_hd.train_seg import SegTask
from pipelines.systems.viton_hd.train_settings import (
    ALIASSettings,
    ConditionsSettings,
    GMMSettings,
    SegSettings,
    settings_of_stage,
)
from pipelines.training.learner import Learner
from pipelines.training.processes import Team
from pipelines.training.settings import LoopSettings
from pipelines.training.task import StepInfo
from pipelines.training.tryon_data import TryOnPack
from pipelines.training.tryon_forcing import Helpers
from pipelines.training.tryon_perceptual import Perceptual
from pipelines.training.tryon_settings import AugmentSettings
from pipelines.training.tryon_task import TaskData
from pipelines.types import Size

SMALL = {
    "seg_width": 24,
    "seg_discriminator_width": 16,
    "gmm_width": 32,
    "gmm_refine_width": 32,
    "alias_width": 24,
    "alias_hidden": 32,
    "alias_discriminator_width": 24,
}
"""Widths for a machine without a GPU."""

CONDITIONS = ConditionsConfig((256, 192), "v3.2", "body")


def pack(count: int) -> TryOnPack:
    generator = torch.Generator().manual_seed(0)
    height, width = CONDITIONS.size_hw

    def pixels(*shape: int, most: int = 256) -> torch.Tensor:
        drawn = torch.randint(0, most, (count, *shape), generator=generator)
        return drawn.to(torch.uint8).numpy()

    pictures = ("image", "cloth", "pose", "pose_mirrored")
    arrays = {name: pixels(height, width, 3) for name in pictures}
    arrays |= {"ids": pixels(height, width, most=20), "bits": pixels(height, width, most=16)}
    joints = torch.rand(count, 25, 3, generator=generator) * torch.tensor([width, height, 1.0])
    return TryOnPack(tuple(map(str, range(count))), {**arrays, "joints": joints.float().numpy()})


def task(stage: str, settings: dict, examples: TryOnPack):
    values = settings_of_stage(stage, settings)
    shared, width = ConditionsSettings(), values["width"]
    common = (TaskData(examples, examples, ()), AugmentSettings.of(values))
    if stage == "seg":
        config = SegConfig(width, values["coarse_width"], CONDITIONS)
        return SegTask(config, shared, SegSettings.of(values), *common, Helpers())
    if stage == "gmm":
        config = GMMConfig(width, values["refine_width"], CONDITIONS)
        return GMMTask(config, shared, GMMSettings.of(values), *common, Helpers())
    names = ("width", "upsampling", "feature_channels", "hidden")
    config = ALIASConfig(**{n: values[n] for n in names}, conditions=CONDITIONS)
    parser = ParserConfig()
    features = EncoderFeatures(build_parser(parser), mean=MEAN, deviation=DEVIATION)
    helpers = Helpers(
        {"gmm": GMM(size=Size(*CONDITIONS.size_hw), width=settings["gmm_width"]).eval()},
        Perceptual(PerceptualLoss(features), "parser", sees_pose=parser.pose),
        {"gmm": GMMConfig(settings["gmm_width"], conditions=CONDITIONS)},
    )
    return ALIASTask(config, shared, ALIASSettings.of(values), *common, helpers)


def measure(stage: str, settings: dict, options: argparse.Namespace) -> None:
    device = devices.torch_device(options.device)
    made = task(stage, settings, pack(2 * options.batch))
    loop = LoopSettings(batch_size=options.batch, channels_last=not options.plain)
    learner = Learner(made, loop, device, options.precision, Team())
    source = made.train_data(device)
    indices = torch.arange(options.batch)

    def step(number: int) -> float:
        generator = torch.Generator(device).manual_seed(number)
        learner.learn(source.gather(indices), StepInfo(number, 0, 0.0, None, generator))
        # fetching a number waits for the device
        return sum(learner.means.take(Team()).values())

    step(0)
    clock, processor, steps = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - clock < options.seconds or not steps:
        steps += 1
        step(steps)
    count = steps * options.batch
    network: nn.Module = learner.modules[stage]
    millions = sum(p.numel() for p in network.parameters()) / 1e6
    print(
        f"{stage:6} {millions:6.2f} M parameters {2 * millions:6.1f} MB  "
        f"{count / (time.perf_counter() - clock):7.2f} images/s  "
        f"{count / (time.process_time() - processor):6.2f} a second of processor time "
        f"({count} images)",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stages", default="seg,gmm,alias")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    if options.device == "cpu":
        torch.set_num_threads(1)
    settings = dict(SMALL)
    for pair in options.set:
        name, _, value = pair.partition("=")
        settings[name] = json.loads(value)
    for stage in options.stages.split(","):
        measure(stage, settings, options)


if __name__ == "__main__":
    main()
