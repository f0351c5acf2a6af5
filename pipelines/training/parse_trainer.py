"""``vtonctl train parser.ours``: from roots and settings to a trained parser."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from pipelines import checkpoints
from pipelines.checkpoint_manifest import TrainingData
from pipelines.datasets import ccp
from pipelines.errors import ConfigError, InputError
from pipelines.evaluation.groups import CCP6, VITON7
from pipelines.segmentation.parser_network import ParserConfig, build_parser, read_parser
from pipelines.training.loop import run
from pipelines.training.parse_augment import Augmentation
from pipelines.training.parse_data import ParseExample, ParseRoot, find_root, load_examples
from pipelines.training.parse_task import ParseSettings, ParseTask, Sources, ValidationSet
from pipelines.training.request import Progress, ReportProgress, TrainRequest, TrainResult
from pipelines.training.settings import NARROWEST, LoopSettings


def train(request: TrainRequest, report: ReportProgress) -> TrainResult:
    """Train the parser ``ours`` on the request's roots.

    Raises ``InputError`` for unusable ones, ``ConfigError`` for a network that cannot be built.
    """
    values = request.settings
    roots = [find_root(path, values["layout"]) for path in request.roots]
    cache = Path(values["cache"]) if values["cache"] else request.out / "data"

    def tell(note: str) -> None:
        report(Progress(0, None, 0, 0.0, 0.0, note=note))

    config = _network(values)
    start, earlier = None, Sources((), "open")
    if values["start"]:
        start, config, earlier = _start(values["start"])
    data = _Data([], [], [])
    for root in roots:
        _add(data, root, cache, values, tell)
    if not data.validation:
        raise InputError(
            f"{roots[0].path}: no split 'val' to judge the parser by.",
            code="no_items",
            hint="Put some photos with labels into a split 'val'.",
        )
    task = ParseTask(
        config,
        ParseSettings(
            learning_rate=values["learning_rate"],
            weight_decay=values["weight_decay"],
            warmup_steps=values["warmup_steps"],
            equalised_epochs=values["equalised_epochs"] if values["equalised"] else 0,
            jaccard=values["jaccard"],
        ),
        data.examples,
        data.validation,
        augmentation=Augmentation(studio=values["studio"]).scaled(values["augment"]),
        sources=_together(earlier, data.described, is_open=all(r.is_ccp for r in roots)),
        start=start,
    )
    return run(task, LoopSettings.from_settings(values), request, report)


@dataclass(frozen=True)
class _Data:
    examples: list[tuple[ParseExample, int]]
    validation: list[ValidationSet]
    described: list[TrainingData]


def _add(
    data: _Data, root: ParseRoot, cache: Path, values: Any, tell: Callable[[str], None]
) -> None:
    def examples(split: str, limit: int) -> list[ParseExample]:
        own = values["own_pose"]
        return load_examples(root, split, cache=cache, own_pose=own, limit=limit, tell=tell)

    learnt, judged = examples("train", values["limit"]), examples("val", values["validation"])
    repeats = values["ccp_repeats"] if root.is_ccp else 1
    data.examples.extend((example, repeats) for example in learnt)
    data.described.append(_described(root, len(learnt), values["licence"]))
    if judged:
        groups = CCP6 if root.is_ccp else VITON7
        alike = sum(known.name.startswith(root.layout.name) for known in data.validation)
        name = f"{root.layout.name}-{alike + 1}" if alike else root.layout.name
        data.validation.append(ValidationSet(name, judged, groups))


def _network(values: Any) -> ParserConfig:
    """The network that is asked for. Raises ``ConfigError`` if it cannot be built."""
    config = ParserConfig(tuple(values["widths"]), pose=values["pose"])
    try:
        if min(config.widths) < NARROWEST:
            raise ValueError(f"at least {NARROWEST} channels wanted")
        build_parser(config)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"widths = {list(config.widths)}: {error}", code="bad_setting") from None
    return config


def _start(wanted: str) -> tuple[dict[str, Tensor], ParserConfig, Sources]:
    """Weights to go on from, the network they are of, and the data they know."""
    network, config, metadata = read_parser(checkpoints.find(wanted).path)
    rows = json.loads(metadata.get("data", "[]"))
    known = tuple(TrainingData(**row) for row in rows)
    return network.state_dict(), config, Sources(known, metadata.get("tier") or "research")


def _together(earlier: Sources, described: list[TrainingData], *, is_open: bool) -> Sources:
    """Only weights that have never seen other than published open data are open."""
    data = (*(row for row in earlier.data if row not in described), *described)
    return Sources(data, "open" if is_open and earlier.tier == "open" else "research")


def _described(root: ParseRoot, images: int, licence: str) -> TrainingData:
    if root.is_ccp:
        return TrainingData(ccp.NAME, ccp.LICENCE, images)
    return TrainingData(root.path.resolve().name, licence, images)
