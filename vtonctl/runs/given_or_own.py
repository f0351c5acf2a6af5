"""Poses, label maps and masks: the data set's own, or ours where it has none or so wished."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines import codecs
from pipelines.errors import ItemError, UsageError
from pipelines.layout import Artifact
from pipelines.stage import Stage
from vtonctl.runs.dataroot import DataRoot
from vtonctl.runs.item_files import label_set, read_bytes

WISHES = ("auto", "given", "own")
"""``given`` by the data set, our ``own``, or ``auto``: given where there is one, else own."""
_NOT_THERE = ("missing_input", "no_person")


def check_wish(option: str, wish: str) -> None:
    """Raise ``UsageError`` for a wish that is none of ``WISHES``."""
    if wish not in WISHES:
        raise UsageError(f"unknown {option} {wish!r}", hint=f"Known: {', '.join(WISHES)}.")


def read_artifact(data: DataRoot, artifact: Artifact, item: str) -> Any:
    """One file's value, maps in LIP20. Raises ``ItemError``, ``ListError``."""
    path, encoding = data.path(artifact, item), data.layout.place(artifact).encoding
    return codecs.decode(read_bytes(path), encoding, labels=label_set(data.layout), name=str(path))


def lacks_some(data: DataRoot, artifact: Artifact, wish: str, items: Collection[str]) -> bool:
    """Whether some of our own will be needed for these items."""
    if wish != "auto":
        return wish == "own"
    if artifact not in data.layout.places:
        return True
    return not set(items) <= set(data.layout.items(data.root, data.split, artifact))


@dataclass
class GivenOrOwn:
    """One artifact of a data set, by a wish; ``counts`` tells how many came from where."""

    data: DataRoot
    artifact: Artifact
    wish: str
    make: Callable[[], Stage] | None
    """Loads the stage that makes our own, when the first is needed; None: there is none."""
    counts: dict[str, int] = field(default_factory=lambda: {"given": 0, "own": 0})
    _stage: Stage | None = None

    def find(self, item: str, inputs: Mapping[Artifact, Any]) -> Any:
        """The value of an item; ``inputs`` is what the stage takes. Raises ``ItemError``."""
        value = self.given(item) if self.wish != "own" else None
        origin = "given" if value is not None else "own"
        if value is None:
            value = self._own(item, inputs)
        self.counts[origin] += 1
        return value

    def given(self, item: str) -> Any:
        """The data set's own value, whatever the wish; None if it has none.

        Raises ``ItemError`` for a file that cannot be read.
        """
        if self.artifact not in self.data.layout.places:
            return None
        try:
            return read_artifact(self.data, self.artifact, item)
        except ItemError as error:
            if error.code in _NOT_THERE:
                return None
            raise

    def _own(self, item: str, inputs: Mapping[Artifact, Any]) -> Any:
        if self.wish == "given" or self.make is None:
            raise ItemError(
                f"{item}: the data set has no {self.artifact.value}.", code="missing_input"
            )
        if self._stage is None:
            self._stage = self.make()
        found = self._stage([inputs])[0]
        if isinstance(found, ItemError):
            raise found
        return found.values[self.artifact]
