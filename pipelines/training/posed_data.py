"""Examples of persons in two poses: as a data set shows them, or with turned limbs.

Where a data set has two photos of a person in one garment, one is the source and the other the
target. Where it has one, that is the target, and the source is made of it (``another_pose``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines import device as devices
from pipelines.body import scaled
from pipelines.networks.pictures import resized
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.training.another_pose import another_pose
from pipelines.training.tryon_data import Example, check_aspect
from pipelines.types import ParseMap, Size

VERSION = 3
"""Raised when equal photos would give other sources."""

PosedDerive = Callable[[PersonInputs, PersonInputs, GarmentInputs], Mapping[str, NDArray[Any]]]
"""Arrays of one example, from source, target and the garment that the target shows. Names, shapes
and types are the same for all. Raises ``ItemError``."""


@dataclass(frozen=True)
class PosedRecipe:
    """How a system that changes poses derives its arrays; ``depends`` (JSON values) says what on.

    A photo without another pose is the target of ``sources`` rows, made at ``size``; they are
    drawn by the example's name, so that equal files give equal rows.
    """

    derive: PosedDerive
    depends: Mapping[str, Any]
    size: Size
    sources: int = 1

    @property
    def key(self) -> Mapping[str, Any]:
        """What the arrays depend on, with how sources are made."""
        return {**self.depends, "posed": VERSION, "sources": self.sources, "at": list(self.size)}

    @property
    def at_most(self) -> int:
        """Rows of one example, at most."""
        return self.sources

    def rows(self, example: Example) -> Iterator[Mapping[str, NDArray[Any]]]:
        """One row of two photos, ``sources`` of one. Raises ``ItemError``."""
        if example.posed is not None:
            yield self.derive(example.person, example.posed, example.garment)
            return
        target = at_size(example.person, self.size)
        for number in range(self.sources):
            rng = np.random.default_rng(devices.mix_seed(*example.name.encode(), number))
            yield self.derive(another_pose(target, rng), target, example.garment)


def at_size(person: PersonInputs, size: Size) -> PersonInputs:
    """A person's photo, labels and joints at another size of the same proportion.

    Raises ``ItemError`` (``size_mismatch``) where the proportion is another.
    """
    height, width = person.image.shape[:2]
    check_aspect("the photo", (height, width), size)
    return PersonInputs(
        resized(person.image, size),
        scaled(person.pose, size.width / width, size.height / height),
        ParseMap(resized(person.parse.ids, size, nearest=True), person.parse.labels),
    )
