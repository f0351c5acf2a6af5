"""The parsing stage: photo and pose to LIP ids, with any parser that is known by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from pipelines.errors import ConfigError, ItemError
from pipelines.flags import Flag
from pipelines.layout import Artifact
from pipelines.stage import Outputs
from pipelines.types import Image, ParseMap, Pose

PARSERS: dict[str, str] = {
    "geometric": "pipelines.preprocess.geometric_parser:parse_person",
}
"""``module:function`` by name; the function takes image and pose and returns ParsedPerson."""


@dataclass(frozen=True, eq=False)
class ParsedPerson:
    """A parse with its doubts; ``score`` is 1 where there are none."""

    parse: ParseMap
    score: float
    flags: tuple[Flag, ...]


class ParseStage:
    """Image and pose to parse, with a parser of ``PARSERS``."""

    def __init__(self, *, parser: str = "geometric") -> None:
        if parser not in PARSERS:
            raise ConfigError(
                f"unknown parser {parser!r}",
                code="unknown_name",
                hint=f"Known: {', '.join(PARSERS)}.",
            )
        module, _, function = PARSERS[parser].partition(":")
        self._parse: Callable[[Image, Pose], ParsedPerson] = getattr(
            import_module(module), function
        )

    def __call__(self, batch: Sequence[Mapping[Artifact, Any]]) -> list[Outputs | ItemError]:
        """One result per item, in order; an item's failure is returned, not raised."""
        return [self._one(item) for item in batch]

    def _one(self, item: Mapping[Artifact, Any]) -> Outputs | ItemError:
        try:
            parsed = self._parse(item[Artifact.IMAGE], item[Artifact.POSE])
        except ItemError as error:
            return error
        return Outputs({Artifact.PARSE: parsed.parse}, parsed.flags, parsed.score)
