"""Runs of trainers of try-on systems on small roots, and what they leave."""

import json

from pipelines.registry import TRAINERS, train
from pipelines.training.request import TrainRequest


def run_trainer(name, root, packs, out, *, usual, steps=1, resume=False, report=None, **settings):
    """The result; of ``usual`` settings those are taken that the trainer has."""
    defaults = TRAINERS[name][0].defaults
    values = {**defaults, **{n: v for n, v in usual.items() if n in defaults}}
    values |= {"cache": packs, **settings}
    assert values.keys() == defaults.keys(), "settings that the trainer does not have"
    request = TrainRequest(
        name, (root,), out, steps=steps, resume=resume, settings=values,
        device="cpu", precision="fp32",
    )  # fmt: skip
    return train(request, report or (lambda progress: None))


def weights_of(result):
    return next(path for path in result.files if path.suffix == ".safetensors")


def lines(result, kind="train"):
    """The lines of one kind of ``metrics.jsonl``."""
    folder = next(path for path in result.files if path.name == "metrics.jsonl").parent
    return lines_in(folder, kind)


def lines_in(folder, kind="train"):
    rows = [json.loads(x) for x in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if row["kind"] == kind]
