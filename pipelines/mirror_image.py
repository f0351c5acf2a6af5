"""A person in the mirror, and what networks found there brought back.

Networks that were trained on mirrored examples, too, find about as much in a mirror image as in the
picture itself, and not the same: the mean of two such looks is better than either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipelines.body import mirror_pose
from pipelines.labels import Labels, mirror_table
from pipelines.stage import PersonInputs
from pipelines.types import ParseMap

if TYPE_CHECKING:
    from torch import Tensor


def mirrored(person: PersonInputs) -> PersonInputs:
    """The horizontally flipped photo with its pose and labels; ids of no label (255) stay."""
    swap = np.arange(256, dtype=np.uint8)
    for label, other in mirror_table(person.parse.labels).items():
        swap[label] = other
    ids = np.ascontiguousarray(swap[person.parse.ids[:, ::-1]])
    return PersonInputs(
        image=np.ascontiguousarray(person.image[:, ::-1]),
        pose=mirror_pose(person.pose, person.image.shape[1]),
        parse=ParseMap(ids, person.parse.labels),
    )


def mirrored_grid(grid: Tensor) -> Tensor:
    """The sampling grid ``[B, H, W, 2]`` (x, y in -1..1) by which the mirror image of a picture
    becomes the mirror image of what the grid makes of the picture; its own inverse.
    """  # noqa: D205 - one sentence
    return grid.flip(2) * grid.new_tensor([-1.0, 1.0])


def mirror_order(labels: type[Labels]) -> list[int]:
    """For each id the one that stands in its place in a mirror image; unused ones stay."""
    table = mirror_table(labels)
    return [table.get(label, label) for label in range(max(labels) + 1)]
