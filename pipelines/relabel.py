"""Moving a label map from one label set to another, and mirroring one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipelines.labels import Labels, merge_table, mirror_table
from pipelines.types import ParseMap


def relabel(parse: ParseMap, target: type[Labels]) -> ParseMap:
    """The same map in the ids of ``target``; the map itself where it is in that set already.

    Raises ``ValueError`` where no merge leads there, or for an id outside the map's own set.
    """
    if parse.labels is target:
        return parse
    return ParseMap(_through(parse, merge_table(parse.labels, target)), target)


def mirror(parse: ParseMap) -> ParseMap:
    """The map of the horizontally flipped image: left and right labels change places."""
    swapped = _through(parse, mirror_table(parse.labels))
    return ParseMap(np.ascontiguousarray(swapped[:, ::-1]), parse.labels)


def _through(parse: ParseMap, table: Mapping[int, int]) -> NDArray[np.uint8]:
    present = np.flatnonzero(np.bincount(parse.ids.ravel(), minlength=256))
    strange = [int(label) for label in present if int(label) not in table]
    if strange:
        raise ValueError(f"ids {strange} are not in {parse.labels.__name__}")
    lookup = np.zeros(256, np.uint8)
    lookup[list(table)] = list(table.values())
    return lookup[parse.ids]
