"""A small real network that learns to find bright pixels, as a task and as a program.

``toy_task.py OUT [--steps N] [--resume] [--kill-at STEP] [--plain] [--batch B]`` trains it.
"""

import argparse
import os
import signal
from pathlib import Path

import torch
from torch import nn

from pipelines.training.loop import run
from pipelines.training.request import TrainRequest
from pipelines.training.settings import LoopSettings
from pipelines.training.sources import TensorSource
from pipelines.training.task import Task

EXAMPLES, SIDE = 70, 12


def examples(seed, count=EXAMPLES):
    """Noise pictures uint8 [N, 3, S, S] and which pixels are bright, uint8 [N, S, S]."""
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.rand(count, 3, SIDE, SIDE, generator=generator)
    return (pictures * 255).byte(), (pictures.mean(1) > 0.5).byte()


def network(*, plain=False):
    """Convolutions with everything that has a state of its own: normalisation and dropout."""
    if plain:
        return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 2, 1))
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Conv2d(6, 2, 1),
    )


class BrightPixels(Task):
    """One network, one optimizer."""

    best = "accuracy"

    def __init__(self, *, plain=False, rate=3e-3):
        self.plain, self.rate = plain, rate

    def modules(self):
        return {"net": network(plain=self.plain)}

    def optimizers(self, modules):
        return {"net": torch.optim.AdamW(modules["net"].parameters(), self.rate)}

    def train_data(self, device):
        pictures, bright = examples(0)
        return TensorSource({"picture": pictures, "bright": bright}, device)

    def augment(self, batch, generator):
        pictures = batch["picture"].float() / 255
        if not self.plain:
            shape = (len(pictures), 1, 1, 1)
            pictures = pictures + 0.05 * torch.randn(shape, generator=generator)
        return {"picture": pictures, "bright": batch["bright"].long()}

    def losses(self, modules, batch, info):
        loss = nn.functional.cross_entropy(modules["net"](batch["picture"]), batch["bright"])
        yield "net", loss, {"fraction": torch.tensor(info.fraction)}

    def validate(self, modules, device):
        pictures, bright = examples(1)
        found = modules["net"](pictures.to(device).float() / 255).argmax(1)
        return {"accuracy": float((found == bright.to(device)).float().mean())}

    def sheet(self, modules, device):
        return examples(1, 1)[0][0].permute(1, 2, 0).contiguous().numpy()

    def export(self, modules, folder, meta):
        path = folder / "weights.pt"
        torch.save({"state": modules["net"].state_dict(), "step": meta["step"]}, path)
        return (path,)

    def describe(self):
        return {"data": "noise", "rate": self.rate}


class Adversaries(BrightPixels):
    """A generator and a discriminator, each with an optimizer of its own."""

    averaged = ("net",)

    def modules(self):
        judge = nn.Sequential(nn.Conv2d(5, 4, 3), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 1))
        return {**super().modules(), "judge": judge}

    def optimizers(self, modules):
        judge = torch.optim.Adam(modules["judge"].parameters(), self.rate, betas=(0.5, 0.999))
        return {**super().optimizers(modules), "judge": judge}

    def losses(self, modules, batch, info):
        pictures = batch["picture"]
        real = nn.functional.one_hot(batch["bright"], 2).permute(0, 3, 1, 2).float()
        fake = modules["net"](pictures).softmax(1)
        seen = [torch.cat([pictures, maps], 1) for maps in (real, fake.detach())]
        wrong = (modules["judge"](seen[0]) - 1).square().mean()
        wrong = wrong + modules["judge"](seen[1]).square().mean()
        yield "judge", wrong, {}
        judged = modules["judge"](torch.cat([pictures, fake], 1))
        yield "net", (judged - 1).square().mean() + 5 * (fake - real).abs().mean(), {}


def train(out, *, task=None, steps=24, report=lambda progress: None, loop=None, **request):
    """Train a toy into a folder; checkpoints every 7 steps, a line every 5."""
    settings = {"batch_size": 10, "log_every": 5, "checkpoint_every": 7, **(loop or {})}
    wanted = TrainRequest(
        "toy", (), Path(out), steps=steps, device="cpu", precision="fp32", **request
    )
    return run(task or BrightPixels(), LoopSettings(**settings), wanted, report)


def trainer(request, report):
    """As ``pipelines.registry`` knows trainers."""
    values = request.settings
    task = BrightPixels(plain=values["plain"], rate=values["rate"])
    return run(task, LoopSettings.from_settings(values), request, report)


def dying_trainer(request, report):
    """The second process is killed at its third step."""

    class Dies(BrightPixels):
        def losses(self, modules, batch, info):
            if info.step == 2 and os.environ.get("RANK") == "1":
                os.kill(os.getpid(), signal.SIGKILL)
            yield from super().losses(modules, batch, info)

    return run(Dies(), LoopSettings.from_settings(request.settings), request, report)


DEFAULTS = {**LoopSettings(batch_size=10, epochs=2, log_every=5).defaults(), "plain": True}
DEFAULTS |= {"rate": 3e-3, "words": "none", "sizes": (1, 2)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--kill-at", type=int, default=-1)
    given = parser.parse_args()
    torch.set_num_threads(1)

    def report(progress):
        if progress.step == given.kill_at and progress.losses:
            os.kill(os.getpid(), signal.SIGKILL)

    train(
        given.out,
        task=BrightPixels(plain=given.plain),
        steps=given.steps,
        resume=given.resume,
        report=report,
        loop={"batch_size": given.batch},
    )


if __name__ == "__main__":
    main()
