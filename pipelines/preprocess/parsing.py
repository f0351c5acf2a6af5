"""The parsing stage: photo and pose to LIP ids, with any parser that is known by name.

Imports no array library: the command line reads ``PARSERS`` to choose one before anything heavy
is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from pipelines.checkpoint_files import check_file
from pipelines.errors import ConfigError, ItemError
from pipelines.layout import Artifact
from pipelines.stage import Outputs

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.flags import Flag
    from pipelines.types import Image, ParseMap, Pose


@dataclass(frozen=True)
class ParserInfo:
    """A parser as data; ``target`` is ``module:factory``, see ``ParserFactory``."""

    target: str
    family: str = ""
    """Family of its weights in ``weights/manifest.toml``; empty: it needs none, and no device."""
    extra: str = ""
    """Extra of the package that must be installed (``pip install 'vtonctl[yolo]'``), if any."""
    package: str = ""
    """Package to look for, to know whether the extra is installed."""
    terms: str = ""
    """Licence of that package where it is stricter than ours."""
    summary: str = ""
    figure: float = 0.0
    """What a parser without weights scores by the protocol that the weights' first figures have."""


PARSERS: dict[str, ParserInfo] = {
    "ours": ParserInfo(
        "pipelines.segmentation.parser:load_parser",
        family="parser.ours",
        summary="a compact network that sees photo and pose, with bundled weights",
    ),
    "geometric": ParserInfo(
        "pipelines.preprocess.geometric_parser:load_parser",
        summary="pose and colours of the photo itself, no weights",
        figure=0.76,
    ),
    "yolo": ParserInfo(
        "pipelines.segmentation.yolo_parser:load_parser",
        family="parser.yolo",
        extra="yolo",
        package="ultralytics",
        terms="AGPL-3.0",
        summary="YOLO instance segmentation of 8 body parts, by ultralytics (AGPL-3.0)",
    ),
    "maskrcnn": ParserInfo(
        "pipelines.segmentation.maskrcnn:load_parser",
        family="parser.maskrcnn",
        summary="Mask R-CNN over 15 kinds of clothes and body parts, merged by the pose",
    ),
}
"""Parsers by name; of equally good ones the first is preferred."""


@dataclass(frozen=True, eq=False)
class ParsedPerson:
    """A parse with its doubts; ``score`` is 1 where there are none."""

    parse: ParseMap
    score: float
    flags: tuple[Flag, ...]


class Parser(Protocol):
    """A parser ready to use; deterministic on one machine."""

    def __call__(self, image: Image, pose: Pose, /) -> ParsedPerson:
        """LIP20 ids of the image's size for the person of ``pose``. Raises ``ItemError``."""
        ...


class ParserFactory(Protocol):
    """Loads a parser, once per process."""

    def __call__(self, *, weights: Path | None, device: str, precision: str) -> Parser:
        """Load ``weights`` (None for a parser that needs none) onto ``device``.

        ``device`` is ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; ``precision`` is ``fp32`` or
        ``bf16``. Raises ``InputError`` for weights that cannot be used.
        """
        ...


def find_parser(name: str) -> ParserInfo:
    """The parser of a name. Raises ``ConfigError`` for an unknown one."""
    if name not in PARSERS:
        raise ConfigError(
            f"unknown parser {name!r}",
            code="unknown_name",
            hint=f"Known: auto, {', '.join(PARSERS)}.",
        )
    return PARSERS[name]


class ParseStage:
    """Image and pose to parse, with a parser of ``PARSERS``.

    ``weights`` must have the hash ``weights_sha256``: what a run has planned with is what it uses.
    """

    def __init__(
        self,
        *,
        parser: str = "geometric",
        weights: Path | None = None,
        weights_sha256: str = "",
        device: str = "cpu",
        precision: str = "fp32",
    ) -> None:
        if weights is not None and weights_sha256:
            check_file(weights, weights_sha256)
        module, _, factory = find_parser(parser).target.partition(":")
        load: ParserFactory = getattr(import_module(module), factory)
        self.parser = load(weights=weights, device=device, precision=precision)
        self._record = {"parser": parser}
        if weights is not None:
            kind = device.partition(":")[0]
            self._record |= {"weights": weights.stem, "device": kind, "precision": precision}

    def __call__(self, batch: Sequence[Mapping[Artifact, Any]]) -> list[Outputs | ItemError]:
        """One result per item, in order; an item's failure is returned, not raised."""
        return [self._one(item) for item in batch]

    def _one(self, item: Mapping[Artifact, Any]) -> Outputs | ItemError:
        try:
            parsed = self.parser(item[Artifact.IMAGE], item[Artifact.POSE])
        except ItemError as error:
            return error
        values = {Artifact.PARSE: parsed.parse}
        return Outputs(values, parsed.flags, parsed.score, self._record)
